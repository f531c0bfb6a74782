//! What holds of every expression and of every text.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

use proptest::prelude::*;
use tidegate_cesql::{DEPTH_MAX, Expression, Fact, FailureKind, LENGTH_MAX, MADE_BYTES_MAX, NODES_MAX, Type, Value};
use tidegate_event::{Event, Value as Typed};

/// Expressions as people and others might write them; all of them parse.
fn expressions() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        "(type|subject|n|flag|missing|EXISTS subject|EXISTS missing)",
        "(TRUE|FALSE|0|1|-1|2147483647|-2147483648)",
        "'(a|ab|b|1|true|\\+1| )'",
    ];
    leaf.prop_recursive(5, 48, 3, |inner| {
        let binary = "(AND|OR|XOR|=|!=|<|<=|>|>=|\\+|-|\\*|/|%)";
        prop_oneof![
            (inner.clone(), binary, inner.clone()).prop_map(|(x, o, y)| format!("({x}) {o} ({y})")),
            (inner.clone(), binary, inner.clone()).prop_map(|(x, o, y)| format!("{x} {o} {y}")),
            (inner.clone(), "(LIKE|NOT LIKE)", "[ab%_]{0,4}").prop_map(|(x, o, p)| format!("({x}) {o} '{p}'")),
            (inner.clone(), "(IN|NOT IN)", prop::collection::vec(inner.clone(), 1..4))
                .prop_map(|(x, o, set)| format!("({x}) {o} ({})", set.join(", "))),
            ("(NOT|-)", inner.clone()).prop_map(|(o, x)| format!("{o} ({x})")),
            ("(LENGTH|LOWER|TRIM|ABS|INT|BOOL|STRING|IS_INT|FOO)", inner.clone())
                .prop_map(|(f, x)| format!("{f}({x})")),
            ("(CONCAT|LEFT|RIGHT|SUBSTRING)", inner.clone(), inner).prop_map(|(f, x, y)| format!("{f}({x}, {y})")),
        ]
    })
}

fn events() -> impl Strategy<Value = Event> {
    let text = || prop_oneof!["[ab]{1,3}", "-?[01]", "(true|TRUE|false)"];
    let n = prop_oneof![Just(0), Just(1), Just(-1), Just(i32::MAX), Just(i32::MIN)];
    (text(), prop::option::of(text()), n, any::<bool>()).prop_map(|(ty, subject, n, flag)| {
        let event = Event::builder().id("1").source("/s").ty(&ty);
        let event = event.extension("n", Typed::Integer(n)).extension("flag", Typed::Boolean(flag));
        match subject {
            Some(subject) => event.subject(&subject).build().unwrap(),
            None => event.build().unwrap(),
        }
    })
}

fn holds(fact: &Fact, event: &Event) -> bool {
    let value = |name: &str| event.attribute(name);
    match fact {
        Fact::OneOf { attribute, values } => value(attribute).is_some_and(|value| values.iter().any(|v| *v == value)),
        Fact::Prefix { attribute, text } => value(attribute).is_some_and(|value| value.starts_with(text)),
        Fact::Suffix { attribute, text } => value(attribute).is_some_and(|value| value.ends_with(text)),
        Fact::All(facts) => facts.iter().all(|fact| holds(fact, event)),
        Fact::Any(facts) => facts.iter().any(|fact| holds(fact, event)),
    }
}

proptest! {
    #[test]
    fn a_filter_passes_what_comes_to_true_without_errors(text in expressions(), event in events()) {
        let expression = Expression::parse(&text).unwrap_or_else(|problem| panic!("{text}: {problem}"));
        let evaluation = expression.evaluate(&event);
        let passes = evaluation.errors.is_empty() && evaluation.value == Value::Boolean(true);
        prop_assert_eq!(expression.passes(&event) == Ok(true), passes);
        match (evaluation.errors.first(), expression.passes(&event)) {
            (Some(first), told) => prop_assert_eq!(told, Err(first.kind)),
            (None, Err(told)) => {
                prop_assert_eq!(told, FailureKind::Generic);
                prop_assert_ne!(evaluation.value.type_of(), Type::Boolean);
            }
            (None, Ok(told)) => prop_assert_eq!(&evaluation.value, &Value::Boolean(told)),
        }
        if let Some(type_of) = expression.result() {
            prop_assert_eq!(evaluation.value.type_of(), type_of);
        }
        if let Some(fact) = expression.fact() && passes {
            prop_assert!(holds(fact, &event), "{:?}", fact);
        }
        for error in evaluation.errors {
            let line = text.lines().nth(error.place.line - 1).unwrap();
            prop_assert!(error.place.column - 1 + error.place.length <= line.chars().count(), "{:?}", error);
        }
    }

    #[test]
    fn no_text_is_too_much(text in r#"([a-z0-9_ '"\\()<>=!,+*/%\-]|AND|NOT|IN|LIKE|EXISTS|é|
){0,60}"#) {
        match Expression::parse(&text) {
            Ok(expression) => drop(expression.evaluate(&Event::builder().id("1").source("/s").ty("t").build().unwrap())),
            Err(problem) => {
                prop_assert!(problem.place.line <= text.matches('\n').count() + 1);
                prop_assert!(!problem.problem.is_empty());
            }
        }
    }
}

fn event() -> Event {
    Event::builder().id("1").source("/s").ty("t").build().unwrap()
}

#[test]
fn texts_are_bounded() {
    let good = format!("'{}'", "a".repeat(LENGTH_MAX - 2));
    assert!(Expression::parse(&good).is_ok());
    assert!(Expression::parse(&format!("{good} ")).unwrap_err().problem.contains("bytes"));
}

#[test]
fn nesting_is_bounded_whatever_nests() {
    let nested = |open: &str, close: &str, depth: usize| format!("{}1{}", open.repeat(depth), close.repeat(depth));
    for (open, close) in [("(", ")"), ("ABS(", ")"), ("1 IN (", ")"), ("(-(", "))")] {
        let each = open.matches('(').count();
        assert!(Expression::parse(&nested(open, close, DEPTH_MAX / each)).is_ok(), "{open}");
        let problem = Expression::parse(&nested(open, close, DEPTH_MAX / each + 1)).unwrap_err().problem;
        assert!(problem.contains("nested"), "{open}: {problem}");
    }
    // What only opens is no different.
    assert!(Expression::parse(&"(".repeat(LENGTH_MAX)).unwrap_err().problem.contains("nested"));
}

#[test]
fn chains_are_bounded_by_their_operators() {
    for chain in ["1 + ", "TRUE AND ", "TRUE OR ", "NOT ", "- ", "1 = ", "type = 'a' AND subject = 'b' OR "] {
        let some = format!("{}TRUE", chain.repeat(100));
        let expression = Expression::parse(&some).unwrap_or_else(|problem| panic!("{chain}: {problem}"));
        drop(expression.evaluate(&event()));
        let many = format!("{}TRUE", chain.repeat((LENGTH_MAX - 4) / chain.len()));
        let told = Expression::parse(&many);
        assert!(told.is_ok() || told.is_err_and(|error| error.problem.contains(&NODES_MAX.to_string())), "{chain}");
    }
}

#[test]
fn what_an_evaluation_makes_is_bounded() {
    let large = "x".repeat(MADE_BYTES_MAX / 4);
    let event = Event::builder().id("1").source("/s").ty("t").extension("x", Typed::String(large.into()));
    let event = event.build().unwrap();
    let good = Expression::parse("LENGTH(CONCAT(x, x)) > 0").unwrap();
    assert_eq!(good.passes(&event), Ok(true));
    let bad = Expression::parse("LENGTH(CONCAT(x, x, x, x, x)) > 0").unwrap();
    assert_eq!(bad.passes(&event), Err(FailureKind::Generic));
    let doubled = "CONCAT(CONCAT(x, x), CONCAT(x, x), CONCAT(x, x))";
    assert_eq!(Expression::parse(&format!("{doubled} = ''")).unwrap().passes(&event), Err(FailureKind::Generic));
    // Attributes that are only looked at are none of it.
    let looked = Expression::parse("x LIKE 'xx%x' AND LENGTH(LEFT(TRIM(x), 5)) = 5 AND x = x").unwrap();
    assert_eq!(looked.passes(&event), Ok(true));
}
