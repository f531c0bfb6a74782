//! Events in messages and back, both modes.

#![allow(clippy::unwrap_used, reason = "tests")]

use super::*;
use serde_json::json;
use tidegate_connector::HeadersConfig;
use tidegate_connector::envelope::{EnvelopeConfig, Transport};

const ORIGIN: Origin<'static> = Origin { subject: "orders.eu", stream: Some(("ORDERS", 7)) };

fn reading(envelope: Option<serde_json::Value>, headers: &[&str]) -> Reading {
    let envelope = envelope.map(|rule| {
        let rule: EnvelopeConfig = serde_json::from_value(rule).unwrap();
        let transport = Transport { names: STREAM_NAMES, default_id: "${stream}:${sequence}" };
        Envelope::compile(&rule, transport).unwrap()
    });
    let headers: HeadersConfig = serde_json::from_value(json!(headers)).unwrap();
    Reading { validate: Validate::Envelope, envelope, headers: headers.check("", |_| false).unwrap() }
}

fn headers(pairs: &[(&str, &str)]) -> HeaderMap {
    let mut map = HeaderMap::new();
    pairs.iter().for_each(|(name, value)| map.append(*name, *value));
    map
}

fn decode(reading: &Reading, pairs: &[(&str, &str)], payload: &'static str) -> Result<Event, String> {
    let map = headers(pairs);
    let map = (!pairs.is_empty()).then_some(&map);
    reading.decode(map, &Bytes::from_static(payload.as_bytes()), ORIGIN)
}

const STRUCTURED_EVENT: &str = r#"{"specversion":"1.0","id":"1","source":"/s","type":"t","data":{"n":1}}"#;
const BINARY: [(&str, &str); 4] =
    [("ce-specversion", "1.0"), ("ce-id", "1"), ("ce-source", "/s"), ("Ce-Type", "caf%C3%A9")];

#[test]
fn an_event_is_structured_with_or_without_a_content_type() {
    let plain = reading(None, &[]);
    for pairs in [&[][..], &[("Content-Type", "application/cloudevents+json; charset=utf-8")]] {
        let event = decode(&plain, pairs, STRUCTURED_EVENT).unwrap();
        assert_eq!(
            (event.id(), event.context("subject"), event.context("sequence")),
            ("1", Some("orders.eu"), Some("7"))
        );
    }
}

#[test]
fn binary_headers_are_percent_decoded_and_name_the_content_type_either_way() {
    let plain = reading(None, &[]);
    for header in ["content-type", "ce-datacontenttype"] {
        let mut pairs = BINARY.to_vec();
        pairs.push((header, "application/json"));
        let event = decode(&plain, &pairs, r#"{"n":1}"#).unwrap();
        assert_eq!((event.ty(), event.datacontenttype()), ("café", Some("application/json")));
        assert_eq!(event.data().unwrap().form, Form::Json);
        assert_eq!(decode(&plain, &pairs, "").unwrap().data(), None, "nothing is no JSON value");
    }
}

#[test]
fn what_is_no_event_is_wrapped_or_refused() {
    let rule = json!({"type": "t.${subject}", "source": "/nats/${stream}"});
    let event = decode(&reading(Some(rule), &[]), &[("x", "y")], r#"{"n":1}"#).unwrap();
    assert_eq!((event.id(), event.ty(), event.source()), ("ORDERS:7", "t.orders.eu", "/nats/ORDERS"));
    let plain = reading(None, &[]);
    let twice = [BINARY.as_slice(), &[("ce-id", "2")]].concat();
    let differ = [BINARY.as_slice(), &[("content-type", "a/b"), ("ce-datacontenttype", "c/d")]].concat();
    let torn = [BINARY.as_slice(), &[("ce-x", "%ff")]].concat();
    for (pairs, payload, problem) in [
        (&[][..], "hello", "byte 0"),
        (&[("content-type", "application/cloudevents-batch+json")], "[]", "not supported"),
        (&BINARY[..3], "", "type"),
        (&twice, "", "`ce-id` is given twice"),
        (&differ, "", "differ"),
        (&torn, "", "`ce-x` is not UTF-8"),
    ] {
        let error = decode(&plain, pairs, payload).unwrap_err();
        assert!(error.contains(problem), "{error}");
    }
}

#[test]
fn a_header_named_like_an_attribute_is_only_a_header() {
    let event = decode(
        &reading(None, &["id", "x-tenant"]),
        &[("id", "9"), ("X-Tenant", "a"), ("cookie", "c")],
        STRUCTURED_EVENT,
    );
    let event = event.unwrap();
    assert_eq!((event.id(), event.context("header.id"), event.context("header.x-tenant")), ("1", Some("9"), Some("a")));
    assert_eq!(event.context("header.cookie"), None);
}

#[test]
fn the_trace_of_an_event_is_not_that_of_its_message() {
    let pairs = [BINARY.as_slice(), &[("ce-traceparent", "own"), ("traceparent", "hop")]].concat();
    let event = decode(&reading(None, &[]), &pairs, "").unwrap();
    assert_eq!(event.attribute("traceparent").as_deref(), Some("own"));
    let only = [BINARY.as_slice(), &[("traceparent", "hop")]].concat();
    assert_eq!(decode(&reading(None, &[]), &only, "").unwrap().attribute("traceparent"), None);
    // What the host knows of a hop is for transports that have a place for it.
    let event = event.with_context(&[(tidegate_connector::TRACEPARENT, "span")]);
    let (headers, _) = encode(&event, Mode::Binary, &Headers::default());
    let named = |name: &str| headers.get(name).map(ToString::to_string);
    assert_eq!((named("ce-traceparent").as_deref(), named("traceparent")), (Some("own"), None));
}

#[test]
fn events_survive_both_modes() {
    let plain = reading(None, &["x-tenant"]);
    for (ty, data) in
        [("application/json", &b"{\"n\": 1}"[..]), ("text/plain", b"a"), ("application/cloudevents+json", b"{}")]
    {
        let event = Event::builder().id("ä \"%").source("/s").ty("t").subject("a b").datacontenttype(ty);
        let event = event.extension("partitionkey", tidegate_event::Value::String("k".into()));
        let event =
            event.data(Form::of(ty), data.to_vec()).build().unwrap().with_context(&[("header.x-tenant", "acme")]);
        for mode in [Mode::Structured, Mode::Binary] {
            let (headers, payload) = encode(&event, mode, &plain.headers);
            let back = plain.decode(Some(&headers), &payload, ORIGIN).unwrap();
            assert_eq!(back, event, "{mode:?} {ty}");
            assert_eq!(back.context("header.x-tenant"), Some("acme"));
        }
    }
}
