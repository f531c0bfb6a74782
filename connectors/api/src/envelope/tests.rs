//! What rules accept, and what they make of messages.
#![allow(clippy::unwrap_used, reason = "tests")]

use serde_json::{Value as Json, json};

use super::*;

const TRANSPORT: Transport<'static> = Transport { names: &["file", "offset"], default_id: "${file}:${offset}" };

fn rule(extra: Json) -> EnvelopeConfig {
    let mut rule = json!({"type": "t", "source": "/s"});
    rule.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
    serde_json::from_value(rule).unwrap()
}

/// Wraps `message` and shows one attribute, or what is wrong.
fn check(extra: Json, message: &str, attribute: &str, expected: Result<&str, &str>) {
    let envelope = Envelope::compile(&rule(extra), TRANSPORT).unwrap();
    let got = envelope.wrap(Bytes::copy_from_slice(message.as_bytes()), &[&"orders.log", &7]);
    let got = got.map(|event| event.attribute(attribute).unwrap_or_default().into_owned());
    assert_eq!(got.as_deref().map_err(String::as_str), expected, "{attribute} of {message}");
}

#[test]
fn templates_take_literals_fields_transport_and_hash() {
    check(json!({}), "{}", "id", Ok("orders.log:7"));
    check(json!({}), "{}", "datacontenttype", Ok("application/json"));
    check(json!({"id": "a$$b"}), "{}", "id", Ok("a$b"));
    check(json!({"id": "n-${data.a.b}"}), r#"{"x": [1], "a": {"b": 12}}"#, "id", Ok("n-12"));
    check(json!({"id": "${data.a.1}"}), r#"{"a": ["x", "y"]}"#, "id", Ok("y"));
    check(json!({"id": "${data.\u{e9}}"}), r#"{"\u00e9": true}"#, "id", Ok("true"));
    check(json!({"extensions": {"partitionkey": "${data.c}"}}), r#"{"c": "ada"}"#, "partitionkey", Ok("ada"));
    check(json!({"id": "${hash}"}), "{}", "id", Ok("44136fa355b3678a"));
}

#[test]
fn a_message_that_does_not_fit_names_the_field() {
    check(json!({"id": "${data.a.b}"}), r#"{"a": {}}"#, "id", Err("field `a.b` is missing"));
    check(json!({"id": "${data.a}"}), r#"{"a": null}"#, "id", Err("field `a` is null"));
    check(json!({"id": "${data.a}"}), r#"{"a": {}}"#, "id", Err("field `a` is no string, number or boolean"));
    check(json!({}), r#"{"a": 1"#, "id", Err("no JSON: EOF while parsing an object at line 1 column 7"));
    check(json!({}), "{} {}", "id", Err("no JSON: trailing characters at line 1 column 4"));
}

#[test]
fn the_message_becomes_the_data_in_the_form_of_its_content_type() {
    for (content_type, form) in [
        ("application/json; charset=utf-8", Form::Json),
        ("application/vnd.acme+json", Form::Json),
        ("text/csv", Form::Text),
        ("application/octet-stream", Form::Binary),
    ] {
        let envelope = Envelope::compile(&rule(json!({"datacontenttype": content_type})), TRANSPORT).unwrap();
        let event = envelope.wrap("[1, 2]".into(), &[&"f", &0]).unwrap();
        let data = event.data().unwrap();
        assert_eq!((data.form, data.bytes), (form, &b"[1, 2]"[..]), "{content_type}");
    }
    let text = Envelope::compile(&rule(json!({"datacontenttype": "text/plain"})), TRANSPORT).unwrap();
    assert_eq!(text.wrap(Bytes::from_static(b"a\xff"), &[&"f", &0]).unwrap_err(), "invalid UTF-8 at byte 1");
}

#[test]
fn mistakes_in_a_rule_are_all_found_with_place_and_hint() {
    let errors = Envelope::compile(
        &rule(json!({"id": "${ofset}", "subject": "${data.x", "time": "$5", "extensions": {"Bad": ""}})),
        TRANSPORT,
    )
    .unwrap_err();
    let shown: Vec<_> = errors.iter().map(|e| (e.pointer.as_str(), e.hint.as_deref())).collect();
    assert_eq!(
        shown,
        [
            ("/id", Some("did you mean `${offset}`?")),
            ("/subject", None),
            ("/time", Some("write `$$` for a dollar sign")),
            ("/extensions/Bad", None),
        ]
    );
}
