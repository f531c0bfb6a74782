use tidegate_guest::Form;
use tidegate_guest::testing::{event, run_filter};

use super::*;

const ORDER: &str = r#"{
    "type": "object", "required": ["amount"], "additionalProperties": false,
    "properties": {
        "amount": {"type": "number", "exclusiveMinimum": 0},
        "region": {"enum": ["eu", "us"]},
        "items": {"type": "array", "maxItems": 2, "items": {"type": "object", "required": ["sku"]}}
    }
}"#;

/// `""` is kept; else the reason.
fn guard(schema: &str, data: &str) -> String {
    let event = event().data(Form::Json, data.as_bytes()).build();
    match run_filter::<schema_guard>(&format!(r#"{{"schema": {schema}}}"#), &[event]).unwrap().remove(0) {
        Verdict::Keep => String::new(),
        Verdict::Reject(reason) => reason.into_owned(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn what_does_not_fit_is_rejected_with_its_place() {
    for (data, reason) in [
        (r#"{"amount": 1, "region": "eu", "items": [{"sku": "a"}]}"#, ""),
        ("{", "the data is not JSON"),
        ("[]", "the data: of the wrong type"),
        ("{}", "the data: a required member is missing"),
        (r#"{"amount": 0}"#, "/amount: too small"),
        (r#"{"amount": "1"}"#, "/amount: of the wrong type"),
        (r#"{"amount": 1, "region": "mars"}"#, "/region: not one of the values it can have"),
        (r#"{"amount": 1, "items": [{"sku": "a"}, {}]}"#, "/items/*: a required member is missing"),
        (r#"{"amount": 1, "items": [1, 2, 3]}"#, "/items: too long"),
        (r#"{"amount": 1, "card": "4111"}"#, "/*: not allowed"),
    ] {
        assert_eq!(guard(ORDER, data), reason, "{data}");
    }
}

#[test]
fn keywords_mean_what_the_specification_says() {
    for (schema, fits, does_not) in [
        ("true", "1", ""),
        ("false", "", "1"),
        (r#"{"type": ["integer", "null"]}"#, "1.0", "1.5"),
        (r#"{"type": ["integer", "null"]}"#, "null", "\"1\""),
        (r#"{"const": {"a": [1]}}"#, r#"{"a": [1.0]}"#, r#"{"a": [1], "b": 2}"#),
        (r#"{"minLength": 2, "maxLength": 2}"#, "\"üß\"", "\"u\""),
        (r#"{"minimum": 1, "maximum": 2}"#, "2", "2.1"),
        (r#"{"exclusiveMaximum": 2}"#, "1.9", "2"),
        (r#"{"minItems": 1}"#, "[0]", "[]"),
        (r#"{"minimum": 10}"#, "\"not a number\"", "9"),
        (r#"{"additionalProperties": {"type": "string"}}"#, r#"{"a": "b"}"#, r#"{"a": 1}"#),
    ] {
        if !fits.is_empty() {
            assert_eq!(guard(schema, fits), "", "{schema}: {fits}");
        }
        if !does_not.is_empty() {
            assert_ne!(guard(schema, does_not), "", "{schema}: {does_not}");
        }
    }
}

#[test]
fn a_keyword_that_is_not_known_is_refused_when_it_is_deployed() {
    for (config, told) in [
        (r#"{"schema": {"pattern": "^a"}}"#, "unknown field `pattern`"),
        (r##"{"schema": {"properties": {"a": {"$ref": "#"}}}}"##, "unknown field `$ref`"),
        (r#"{"schema": "object"}"#, "a schema: an object, `true` or `false`"),
        ("{}", "missing field `schema`"),
    ] {
        let refused = run_filter::<schema_guard>(config, &[]).unwrap_err();
        assert!(refused.contains(told), "{config}: {refused}");
    }
}
