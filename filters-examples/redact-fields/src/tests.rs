use tidegate_guest::Verdict;
use tidegate_guest::testing::{event, events_from_json_lines, run_transform, to_json};

use super::*;

const CONFIG: &str = r#"{"fields": ["card", "customer.email", "items.note"]}"#;

/// What comes out as data, byte for byte.
fn redacted(data: &str) -> String {
    let order = event().data(Form::Json, data.as_bytes()).build();
    let results = run_transform::<redact_fields>(CONFIG, &[order]).unwrap();
    results[0].events[0].text().unwrap().to_owned()
}

#[test]
fn only_what_is_named_changes() {
    for (data, expected) in [
        (r#"{ "card" : 41, "x": 1.50 }"#, r#"{ "card" : "***", "x": 1.50 }"#),
        (r#"{"customer":{"email":"a@b","card":1}}"#, r#"{"customer":{"email":"***","card":1}}"#),
        (
            r#"{"items":[{"note":"a"},{"n":1},{"note":{"b":[]}}]}"#,
            r#"{"items":[{"note":"***"},{"n":1},{"note":"***"}]}"#,
        ),
        (r#"{"c\u0061rd":"escaped"}"#, r#"{"c\u0061rd":"***"}"#),
        (r#"{"card":1,"card":2}"#, r#"{"card":"***","card":"***"}"#),
        (r#"{"customer":"nobody","email":"a@b"}"#, r#"{"customer":"nobody","email":"a@b"}"#),
        (r#"[{"card":1},null,true,-1,2.5,"s"]"#, r#"[{"card":"***"},null,true,-1,2.5,"s"]"#),
    ] {
        assert_eq!(redacted(data), expected);
    }
}

#[test]
fn what_cannot_be_read_is_rejected() {
    for data in ["", "{", r#"{"card":1} {}"#, "plain text"] {
        let order = event().data(Form::Json, data.as_bytes()).build();
        let result = run_transform::<redact_fields>(CONFIG, &[order]).unwrap().remove(0);
        assert!(matches!(result.verdict, Verdict::Reject(_)), "{data:?}: {:?}", result.verdict);
        assert!(result.events.is_empty(), "{data:?}");
    }
}

#[test]
fn no_data_needs_no_redaction() {
    let results = run_transform::<redact_fields>(CONFIG, &[event().build()]).unwrap();
    assert_eq!(results[0].events[0].data(), None);
}

#[test]
fn an_impossible_path_is_refused() {
    let refused = run_transform::<redact_fields>(r#"{"fields": ["a..b"]}"#, &[]).unwrap_err();
    assert_eq!(refused, "`a..b` is no path: names joined by dots");
}

#[test]
fn the_samples_come_out_as_expected() {
    let events = events_from_json_lines(include_str!("../events.jsonl"));
    let results = run_transform::<redact_fields>(CONFIG, &events).unwrap();
    let out: Vec<_> = results.iter().flat_map(|result| &result.events).map(to_json).collect();
    let expected: Vec<_> = events_from_json_lines(include_str!("../expected.jsonl")).iter().map(to_json).collect();
    assert_eq!(out, expected);
}
