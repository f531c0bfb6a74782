//! Expressions and patterns in documents: what is taken, and where in them mistakes are shown.

use super::{bad, document, good, run, surroundings};
use crate::spec::{Bound, Case, Clause, Condition, Effect, Range, Scalar, Test};

fn with(entry: &str) -> String {
    let spec = format!("\n  match:\n  - {entry}\n  phase: Admit\n  wasm: {{module: file:p.wasm}}\n");
    surroundings() + &document("FilterPolicy", "p", &spec)
}

fn filters(condition: &str) -> String {
    with(&format!("filters: [{condition}]"))
}

fn only(text: &str) -> Condition {
    let documents = good(text);
    let [condition] = &documents.policies[0].matches[0].filters[..] else { panic!("one condition") };
    condition.clone()
}

#[test]
fn expressions_are_read_by_both_names_and_beside_filters() {
    for entry in [
        "filters: [{cesql: \"type = 'a'\"}]",
        "filters: [{sql: \"type = 'a'\"}]",
        "cesql: type = 'a'",
        "sql: type = 'a'",
    ] {
        let Condition::Cesql(expression) = only(&with(entry)) else { panic!("{entry}") };
        assert_eq!(expression.text(), "type = 'a'");
    }
    let both = good(&with("{filters: [{exact: {type: a}}], cesql: n > 5, pattern: {subject: [b]}}"));
    assert_eq!(both.policies[0].matches[0].filters.len(), 3);
}

/// What is underlined, of the first mistake.
fn underlined(text: &str) -> String {
    let report = run(&[("bad.yaml", text)], true).unwrap_err();
    let place = report.diagnostics[0].place.clone().unwrap();
    let line = text.lines().nth(place.line - 1).unwrap();
    line.chars().skip(place.column - 1).take(place.length).collect()
}

#[test]
fn mistakes_of_an_expression_are_shown_within_it() {
    insta::assert_snapshot!(bad(&filters("{cesql: \"type = 'a' && subject = 'b'\"}")), @r#"
    error[P154]: expected an operator or the end, found '&'
      bad.yaml:26:35
      26 │   - filters: [{cesql: "type = 'a' && subject = 'b'"}]
         │                                   ^
    hint: write `AND`
    "#);
    let lines = "filters:\n    - cesql: |\n        type = 'a'\n        AND LENGHT(subject) > 5";
    let folded = "filters:\n    - cesql: >-\n        type = 'a'\n          AND x == 5";
    for (text, wanted) in [
        (filters("{cesql: sorce = 'a'}"), "sorce"),
        (filters("{cesql: type = 'sorce' AND sorce = 'a'}"), "sorce"),
        (filters("{cesql: \"type = 'a' AND EXISTS subjct\"}"), "subjct"),
        (with(lines), "LENGHT"),
        // Where the text is not there literally, it is the whole of it.
        (filters("{cesql: \"type = \\x27a\\x27 AND AND\"}"), "\"type = \\x27a\\x27 AND AND\""),
        (with("cesql: 'type = ''a'' AND AND'"), "'type = ''a'' AND AND'"),
    ] {
        assert_eq!(underlined(&text), wanted, "{}", bad(&text));
    }
    assert!(bad(&with(folded)).contains("compared with a single `=`"));
}

#[test]
fn expressions_that_cannot_decide_are_refused() {
    for (expression, says) in [
        ("LENGTH(type)", "this comes to a value of the type Integer"),
        ("UPPER(type)", "this comes to a value of the type String"),
        ("n / 0 = 1", "a division by zero"),
        ("n < 'ten'", "'ten' is no Integer"),
        ("data = 'a'", "`data` is not an attribute"),
    ] {
        let shown = bad(&filters(&format!("{{cesql: \"{expression}\"}}")));
        assert!(shown.contains("[P155]") && shown.contains(says), "{expression}: {shown}");
    }
    // An attribute alone may be a truth value.
    good(&filters("{cesql: flag}"));
}

#[test]
fn patterns_are_read_as_they_are_written() {
    let pattern = "{type: [a, {prefix: b}], data: {n: [1, 2.5, true, null], deep: {x: [{exists: false}]}}}";
    let Condition::Pattern(read) = only(&filters(&format!("{{pattern: {pattern}}}"))) else { panic!() };
    let text = |text: &str| Test::Equal(Scalar::String(text.into()));
    let number = |number| Test::Equal(Scalar::Number(number));
    assert_eq!(
        read.clauses,
        [
            Clause::Field("type".into(), vec![text("a"), Test::Prefix("b".into(), Case::Counts)]),
            Clause::Inside(
                "data".into(),
                vec![
                    Clause::Field(
                        "n".into(),
                        vec![number(1.0), number(2.5), Test::Equal(Scalar::Boolean(true)), Test::Equal(Scalar::Null)]
                    ),
                    Clause::Inside("deep".into(), vec![Clause::Field("x".into(), vec![Test::Exists(false)])]),
                ]
            ),
        ]
    );
}

#[test]
fn every_test_of_a_pattern_has_its_form() {
    let bound = |at, included| Some(Bound { at, included });
    let cases = [
        ("{suffix: b}", Test::Suffix("b".into(), Case::Counts)),
        ("{prefix: {equals-ignore-case: b}}", Test::Prefix("b".into(), Case::Ignored)),
        ("{equals-ignore-case: b}", Test::EqualIgnoringCase("b".into())),
        ("{wildcard: a*b}", Test::Wildcard(vec!["a".into(), "b".into()])),
        ("{wildcard: '*\\**'}", Test::Wildcard(vec!["".into(), "*".into(), "".into()])),
        ("{wildcard: ab}", Test::Equal(Scalar::String("ab".into()))),
        ("{numeric: ['>', 0, '<=', 5]}", Test::Numeric(Range { from: bound(0.0, false), to: bound(5.0, true) })),
        ("{numeric: ['=', 3]}", Test::Numeric(Range { from: bound(3.0, true), to: bound(3.0, true) })),
        ("{cidr: 10.0.0.0/8}", Test::Cidr([10, 0, 0, 0].into(), 8)),
        ("{exists: true}", Test::Exists(true)),
        ("{anything-but: a}", Test::AnythingBut(vec![Test::Equal(Scalar::String("a".into()))])),
        ("{anything-but: [1]}", Test::AnythingBut(vec![Test::Equal(Scalar::Number(1.0))])),
        ("{anything-but: {prefix: a}}", Test::AnythingBut(vec![Test::Prefix("a".into(), Case::Counts)])),
        ("{anything-but: {suffix: [a]}}", Test::AnythingBut(vec![Test::Suffix("a".into(), Case::Counts)])),
        ("{anything-but: {equals-ignore-case: [a]}}", Test::AnythingBut(vec![Test::EqualIgnoringCase("a".into())])),
        ("{anything-but: {wildcard: 'a*'}}", Test::AnythingBut(vec![Test::Wildcard(vec!["a".into(), "".into()])])),
    ];
    for (written, test) in cases {
        let Condition::Pattern(read) = only(&filters(&format!("{{pattern: {{subject: [{written}]}}}}"))) else {
            panic!("{written}")
        };
        assert_eq!(read.clauses, [Clause::Field("subject".into(), vec![test])], "{written}");
    }
}

#[test]
fn patterns_that_say_nothing_or_cost_too_much_are_refused() {
    let many = format!("{{subject: [{}]}}", vec!["a"; 1_100].join(", "));
    let deep = format!("{{data: {}[a]{}}}", "{a: ".repeat(16), "}".repeat(16));
    let stars = format!("{{subject: [{{wildcard: '{}'}}]}}", "*a".repeat(9));
    for (pattern, says) in [
        ("{}", "an empty pattern says nothing"),
        ("{subject: []}", "can be nothing"),
        ("{subject: a}", "what it may be is a list"),
        ("{subject: {prefix: a}}", "attributes are no objects"),
        ("{sorce: [a]}", "did you mean `source`?"),
        ("{Subject: [a]}", "names of attributes are lower-case letters"),
        ("{subject: [[a]]}", "a list in a list"),
        ("{subject: [{prefix: a, suffix: b}]}", "exactly one key"),
        ("{subject: [{prefx: a}]}", "did you mean `prefix`?"),
        ("{subject: [{prefix: ''}]}", "`prefix` of nothing"),
        ("{subject: [{wildcard: 'a**b'}]}", "two stars beside each other"),
        ("{subject: [{wildcard: 'a\\b'}]}", "a backslash before neither"),
        ("{subject: [{numeric: ['>']}]}", "no comparison of numbers"),
        ("{subject: [{numeric: ['>', 5, '>', 6]}]}", "two bounds of the same side"),
        ("{subject: [{numeric: ['>', 5, '<', 5]}]}", "no number is within"),
        ("{subject: [{numeric: ['~', 5]}]}", "no comparison of numbers"),
        ("{subject: [{cidr: 10.0.0.0/33}]}", "no network"),
        ("{subject: [{anything-but: []}]}", "`anything-but` nothing"),
        ("{subject: [{anything-but: {exists: true}}]}", "it takes prefix, suffix"),
        ("{$or: [{subject: [a]}]}", "at least two alternatives"),
        (&many, "more than 1024 conditions"),
        (&deep, "nested more than 16 deep"),
        (&stars, "9 stars; 8 is the most"),
    ] {
        let shown = bad(&filters(&format!("{{pattern: {pattern}}}")));
        assert!(shown.contains(says), "{pattern}: {shown}");
    }
}

#[test]
fn names_have_exceptions() {
    let route = |names: &str| {
        surroundings()
            + &document("Route", "r", &format!("{{from: [{{name: orders}}], to: [{{sink: billing, names: {names}}}]}}"))
    };
    let documents = good(&route("[\"orders/>\", \"!orders/test/*\"]"));
    let target = &documents.routes.iter().find(|route| &*route.meta.id.name == "r").unwrap().to[0];
    let effects: Vec<_> = target.names.iter().map(|pattern| (pattern.effect, pattern.levels.len())).collect();
    assert_eq!(effects, [(Effect::Includes, 2), (Effect::Excludes, 3)]);
    assert!(documents.fingerprint_input().contains("!orders/test/*"));
    for (names, says) in [
        ("[\"!orders/test\"]", "has exceptions only"),
        ("[\"a\", \"!\"]", "a level cannot be empty"),
        ("[\"a\", \"!>/b\"]", "can only be the last level"),
    ] {
        let shown = bad(&route(names));
        assert!(shown.contains("[P140]") && shown.contains(says), "{names}: {shown}");
    }
}
