//! Event patterns, from documents to answers.

use tidegate_cesql::FailureKind;
use tidegate_event::{Event, Form, Value};
use tidegate_policy::spec::Condition;
use tidegate_policy::{ConfigProblem, ConnectorCheck, File, Options, Role};

use crate::{
    Matcher,
    payload::Arena,
    seen::{Payload, Seen},
};

struct Memory;

impl ConnectorCheck for Memory {
    fn names(&self) -> Vec<String> {
        vec!["memory".into()]
    }

    fn has_topics(&self, _: &str) -> bool {
        false
    }

    fn check(&self, _: &str, _: Role, _: &serde_json::Value) -> Vec<ConfigProblem> {
        Vec::new()
    }
}

/// A condition as a document says it.
pub(super) fn read(condition: &str) -> Condition {
    let text = format!(
        "apiVersion: tidegate.dev/v1alpha1\nkind: Source\nmetadata: {{name: in}}\nspec: {{memory: {{}}}}\n---\n\
         apiVersion: tidegate.dev/v1alpha1\nkind: Sink\nmetadata: {{name: out}}\nspec: {{memory: {{}}}}\n---\n\
         apiVersion: tidegate.dev/v1alpha1\nkind: Route\nmetadata: {{name: r}}\n\
         spec: {{from: [{{name: in}}], to: [{{sink: out, when: {condition}}}]}}\n"
    );
    let file = File { path: "d.yaml".into(), text };
    let options = Options { connectors: &Memory, development: true };
    let documents = tidegate_policy::check(&[file], &options).unwrap_or_else(|report| panic!("{condition}: {report}"));
    documents.routes[0].to[0].when.clone().unwrap()
}

pub(super) fn with_data(data: &str) -> Event {
    Event::builder().id("1").source("/s").ty("t").data(Form::Json, data.to_owned()).build().unwrap()
}

#[track_caller]
fn data(pattern: &str, data: &str, holds: bool) {
    let matcher = Matcher::condition(Some(&read(&format!("{{pattern: {{data: {pattern}}}}}"))));
    assert_eq!(matcher.holds(&with_data(data)), holds, "{pattern} of {data}");
}

#[track_caller]
fn subject(tests: &str, subject: &str, holds: bool) {
    let matcher = Matcher::condition(Some(&read(&format!("{{pattern: {{subject: {tests}}}}}"))));
    let event = Event::builder().id("1").source("/s").ty("t");
    let event = if subject.is_empty() { event } else { event.subject(subject) };
    assert_eq!(matcher.holds(&event.build().unwrap()), holds, "{tests} of {subject:?}");
    // The same of text in the payload, where it means the same.
    let text = serde_json::to_string(subject).unwrap();
    if !subject.is_empty() && !tests.contains("numeric") && !tests.contains('5') && !tests.contains("true") {
        data(&format!("{{x: {tests}}}"), &format!("{{\"x\": {text}}}"), holds);
    }
}

#[test]
fn every_test_of_a_single_value() {
    for (tests, value, holds) in [
        ("[a, b]", "b", true),
        ("[a, b]", "c", false),
        ("[a]", "A", false),
        ("[{prefix: ab}]", "abc", true),
        ("[{prefix: ab}]", "ab", true),
        ("[{prefix: ab}]", "xab", false),
        ("[{prefix: {equals-ignore-case: aB}}]", "Abc", true),
        ("[{prefix: {equals-ignore-case: äB}}]", "ÄbC", true),
        ("[{prefix: {equals-ignore-case: ab}}]", "a", false),
        ("[{suffix: .jpg}]", "a.jpg", true),
        ("[{suffix: .jpg}]", "a.jpg.exe", false),
        ("[{suffix: {equals-ignore-case: .jpg}}]", "a.JPG", true),
        ("[{equals-ignore-case: straße}]", "STRAßE", true),
        ("[{equals-ignore-case: abc}]", "abcd", false),
        ("[{wildcard: 'a*c'}]", "abbc", true),
        ("[{wildcard: 'a*c'}]", "ac", true),
        ("[{wildcard: 'a*c'}]", "acb", false),
        ("[{wildcard: '*b*'}]", "abc", true),
        ("[{wildcard: '*b*'}]", "ac", false),
        ("[{wildcard: 'a*b*c'}]", "a_b_b_c", true),
        ("[{wildcard: 'ab*ba'}]", "aba", false),
        ("[{wildcard: 'a\\*c'}]", "a*c", true),
        ("[{wildcard: 'a\\*c'}]", "abc", false),
        ("[{wildcard: 'a\\\\*'}]", "a\\x", true),
        ("[{anything-but: a}]", "b", true),
        ("[{anything-but: a}]", "a", false),
        ("[{anything-but: [a, b]}]", "b", false),
        ("[{anything-but: [a, b]}]", "c", true),
        ("[{anything-but: {prefix: [a, b]}}]", "bc", false),
        ("[{anything-but: {prefix: [a, b]}}]", "cb", true),
        ("[{anything-but: {suffix: a}}]", "ba", false),
        ("[{anything-but: {equals-ignore-case: [AB]}}]", "ab", false),
        ("[{anything-but: {wildcard: 'a*c'}}]", "abc", false),
        ("[{anything-but: {wildcard: 'a*c'}}]", "abd", true),
        ("[{anything-but: a}]", "", false),
        ("[{cidr: 10.0.0.0/8}]", "10.255.0.1", true),
        ("[{cidr: 10.0.0.0/8}]", "11.0.0.1", false),
        ("[{cidr: 10.0.0.0/8}]", "10", false),
        ("[{cidr: 10.1.2.3/32}]", "10.1.2.3", true),
        ("[{cidr: 0.0.0.0/0}]", "1.2.3.4", true),
        ("[{cidr: 0.0.0.0/0}]", "::1", false),
        ("[{cidr: '2001:db8::/32'}]", "2001:db8:1::1", true),
        ("[{cidr: '2001:db8::/32'}]", "2001:db9::1", false),
        ("[{cidr: '::/0'}]", "::1", true),
        ("[{numeric: ['>', 1, '<=', 3]}]", "3", true),
        ("[{numeric: ['>', 1, '<=', 3]}]", "1", false),
        ("[{numeric: ['=', 3]}]", "3.0", true),
        ("[{numeric: ['<', 0]}]", "-0.5", true),
        ("[{numeric: ['<', 0]}]", "abc", false),
        ("[{numeric: ['>', 0]}]", "inf", false),
        ("[5]", "5", true),
        ("[5]", "5.0", true),
        ("[5]", "6", false),
        ("[true]", "true", true),
        ("[true]", "false", false),
        ("[{exists: true}]", "a", true),
        ("[{exists: true}]", "", false),
        ("[{exists: false}]", "", true),
        ("[{exists: false}]", "a", false),
        ("[{exists: false}, b]", "b", true),
    ] {
        subject(tests, value, holds);
    }
}

#[test]
fn values_of_the_payload_have_types() {
    for (pattern, json, holds) in [
        ("{n: [5]}", r#"{"n": 5}"#, true),
        ("{n: [5]}", r#"{"n": 5.0}"#, true),
        ("{n: [300]}", r#"{"n": 3e2}"#, true),
        ("{n: [5]}", r#"{"n": "5"}"#, false),
        ("{n: ['5']}", r#"{"n": 5}"#, false),
        ("{n: [true]}", r#"{"n": true}"#, true),
        ("{n: [true]}", r#"{"n": "true"}"#, false),
        ("{n: [null]}", r#"{"n": null}"#, true),
        ("{n: [null]}", "{}", false),
        ("{n: [{exists: false}]}", "{}", true),
        ("{n: [{exists: false}]}", r#"{"n": null}"#, false),
        ("{n: [{exists: true}]}", r#"{"n": {}}"#, true),
        ("{n: [{exists: true}]}", r#"{"n": []}"#, true),
        ("{n: [{anything-but: 5}]}", r#"{"n": 6}"#, true),
        ("{n: [{anything-but: 5}]}", r#"{"n": "5"}"#, true),
        ("{n: [{anything-but: 5}]}", "{}", false),
        ("{n: [{anything-but: 5}]}", r#"{"n": {}}"#, false),
        ("{n: [{numeric: ['>=', 0]}]}", r#"{"n": "1"}"#, false),
        ("[5]", "5", true),
        ("[5]", "[4, 5]", true),
        ("{a: {b: {c: [1]}}}", r#"{"a": {"b": {"c": 1}}}"#, true),
        ("{a: {b: {c: [1]}}}", r#"{"a": {"b": 1}}"#, false),
        ("{a: {b: [{exists: false}]}}", "{}", true),
        ("{a: [1], b: [2]}", r#"{"a": 1, "b": 3}"#, false),
        ("{a: [1]}", "not json", false),
        ("{$or: [{a: [1]}, {b: [2]}]}", r#"{"b": 2}"#, true),
        ("{$or: [{a: [1]}, {b: [2]}]}", r#"{"b": 1}"#, false),
        ("{x: [1], $or: [{a: [1]}, {b: [2]}]}", r#"{"b": 2}"#, false),
    ] {
        data(pattern, json, holds);
    }
}

#[test]
fn clauses_of_an_object_hold_for_one_element_of_an_array() {
    let items = r#"{"items": [{"sku": "a", "n": 1}, {"sku": "b", "n": 2}]}"#;
    for (pattern, holds) in [
        ("{items: {sku: [a]}}", true),
        ("{items: {sku: [c]}}", false),
        ("{items: {sku: [b], n: [2]}}", true),
        ("{items: {sku: [a], n: [2]}}", false),
        ("{items: {sku: [a], $or: [{n: [2]}, {n: [1]}]}}", true),
        ("{items: {sku: [a], $or: [{n: [2]}, {n: [3]}]}}", false),
        ("{items: {sku: [{anything-but: a}], n: [1]}}", false),
    ] {
        data(pattern, items, holds);
    }
    data("{tags: [b]}", r#"{"tags": ["a", "b"]}"#, true);
    data("{tags: [{anything-but: a}]}", r#"{"tags": ["a"]}"#, false);
    data("{tags: [{anything-but: a}]}", r#"{"tags": ["a", "b"]}"#, true);
    data("{a: {b: [2]}}", r#"{"a": [[{"b": 1}], [{"b": [3, 2]}]]}"#, true);
}

/// Numbers, truth values and bytes of extensions, whether the transport told their types or not.
#[test]
fn attributes_are_compared_in_canonical_form() {
    let event = Event::builder().id("1").source("/s").ty("t").extension("n", Value::Integer(5));
    let event = event.extension("flag", Value::Boolean(true)).extension("text", Value::String("5".into()));
    let event = event.extension("raw", Value::Binary(b"hi!".into())).build().unwrap();
    for pattern in ["{n: [5]}", "{text: [5]}", "{n: ['5']}", "{flag: [true]}", "{flag: ['true']}", "{raw: [aGkh]}"] {
        assert!(Matcher::condition(Some(&read(&format!("{{pattern: {pattern}}}")))).holds(&event), "{pattern}");
    }
}

#[test]
fn the_payload_is_parsed_only_when_needed() {
    let matcher = Matcher::condition(Some(&read("{pattern: {data: {a: [1]}, type: [other]}}")));
    let event = with_data(r#"{"a": 1}"#);
    let (mut arena, mut payload) = (Arena::default(), Payload::Unread);
    let mut seen = Seen { event: &event, wanted: None, arena: &mut arena, payload: &mut payload };
    assert!(!matcher.holds_for(&mut seen) && *seen.payload == Payload::Unread, "the type is another");
    let matcher = Matcher::condition(Some(&read("{pattern: {data: {a: [1]}, type: [t]}}")));
    assert!(matcher.holds_for(&mut seen) && *seen.payload == Payload::At(0));
}

#[test]
fn errors_of_expressions_do_not_match_and_are_counted() {
    let matcher = Matcher::condition(Some(&read("{cesql: n > 5}")));
    let of = |n: Value<'_>| Event::builder().id("1").source("/s").ty("t").extension("n", n).build().unwrap();
    assert!(matcher.holds(&of(Value::Integer(6))));
    assert!(!matcher.holds(&of(Value::Integer(5))));
    assert_eq!(matcher.errors(), 0);
    assert!(!matcher.clone().holds(&of(Value::String("many".into()))));
    assert!(!matcher.holds(&super::event("type=t")));
    assert_eq!(matcher.errors(), 2);
    // A value that is no truth value is an error, too; and what fails is as `false`, also in a `not`.
    let matcher = Matcher::condition(Some(&read("{not: {cesql: n}}")));
    assert!(matcher.holds(&of(Value::Integer(1))));
    assert_eq!(matcher.errors(), 1);
}

#[test]
fn what_decides_by_itself_tells_errors_and_does_not_count_them() {
    let of = |n: Value<'_>| Event::builder().id("1").source("/s").ty("t").extension("n", n).build().unwrap();
    let matcher = Matcher::condition(Some(&read("{cesql: n > 5}")));
    assert_eq!(matcher.decides(&of(Value::Integer(6))), Ok(true));
    assert_eq!(matcher.decides(&of(Value::Integer(5))), Ok(false));
    assert_eq!(matcher.decides(&super::event("type=t")), Err(FailureKind::MissingAttribute));
    assert_eq!(matcher.errors(), 0);
    let matcher = Matcher::condition(Some(&read("{pattern: {data: {a: [1]}}}")));
    assert_eq!(matcher.decides(&with_data(r#"{"a": 1}"#)), Ok(true));
    assert_eq!(matcher.decides(&with_data("none")), Ok(false));
}
