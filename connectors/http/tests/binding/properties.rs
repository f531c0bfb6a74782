//! Any event survives any mode; no message, however made, does worse than be refused.
#![allow(clippy::unwrap_used, reason = "tests")]

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue};
use proptest::prelude::*;
use tidegate_connector_http::binding::{self, Mode};
use tidegate_event::{Event, Form, Value};

/// Text that attributes may hold, of what headers stumble over.
fn text() -> impl Strategy<Value = String> {
    let allowed = |text: &String| {
        let fits = |c: char| !c.is_control() && c as u32 & 0xFFFE != 0xFFFE && !(0xFDD0..=0xFDEF).contains(&(c as u32));
        !text.is_empty() && text.chars().all(fits)
    };
    prop_oneof!["[a-z0-9]{1,20}", "[ %\"\\\\a-f0-9é😀,;]{1,20}", any::<String>().prop_filter("control", allowed)]
}

fn value() -> impl Strategy<Value = Value<'static>> {
    prop_oneof![
        text().prop_map(|text| Value::String(text.into())),
        Just(Value::String("".into())),
        any::<i32>().prop_map(Value::Integer),
        any::<bool>().prop_map(Value::Boolean),
        prop::collection::vec(any::<u8>(), 0..20).prop_map(|bytes| Value::Binary(bytes.into())),
        Just(Value::Timestamp("2026-01-05T17:31:00Z".into())),
        Just(Value::Uri("urn:a%20b".into())),
    ]
}

fn data() -> impl Strategy<Value = Option<(Form, Vec<u8>)>> {
    prop_oneof![
        Just(None),
        prop::collection::vec(any::<u8>(), 0..60).prop_map(|bytes| Some((Form::Binary, bytes))),
        any::<String>().prop_map(|text| Some((Form::Text, text.into_bytes()))),
        prop_oneof![Just("[1, {\"a\": \"\\u00e9\"}]"), Just("\"x\""), Just("null")]
            .prop_map(|json| Some((Form::Json, json.as_bytes().to_vec()))),
    ]
}

prop_compose! {
    fn event()(
        id in text(),
        ty in text(),
        source in prop_oneof![Just("/a%20b"), Just("urn:uuid:1"), Just("#f"), Just("http://[::1]/x?y")],
        subject in prop::option::of(text()),
        media_type in prop::option::of(prop_oneof![
            Just("application/json"), Just("text/plain; charset=\"utf-8\""), Just("image/png"),
            Just("application/cloudevents+json"), Just("application/cloudevents-batch+avro"), Just("x/y+json"),
        ]),
        extensions in prop::collection::vec(("x[a-z0-9]{0,10}", value()), 0..6),
        data in data(),
    ) -> Event {
        let mut event = Event::builder().id(&id).source(source).ty(&ty);
        if let Some(subject) = &subject {
            event = event.subject(subject);
        }
        if let Some(media_type) = media_type {
            event = event.datacontenttype(media_type);
        }
        for (name, value) in extensions {
            event = event.extension(&name, value);
        }
        if let Some((form, bytes)) = data {
            event = event.data(form, bytes);
        }
        event.build().unwrap()
    }
}

/// Attributes and bytes; where the event has no content type, one may have been told.
fn check_same(before: &Event, after: &Event, mode: Mode) {
    let mut attributes = [before, after].map(tidegate_event::binary::attributes);
    for attributes in &mut attributes {
        attributes.retain(|(name, _)| name != "datacontenttype" || before.datacontenttype().is_some());
        attributes.sort();
    }
    assert_eq!(attributes[0], attributes[1], "{mode:?}");
    let bytes = |event: &Event| event.data().map(|data| data.bytes.to_vec());
    match (bytes(before), bytes(after)) {
        // What HTTP cannot tell apart: no data, and empty data.
        (None, Some(after)) if mode == Mode::Binary && before.datacontenttype().is_some() => assert_eq!(after, b""),
        (Some(before), None) if mode == Mode::Binary => assert_eq!(before, b""),
        (before, after) => assert_eq!(before, after, "{mode:?}"),
    }
}

/// Headers of names and values that mean something, and of any bytes that HTTP allows.
fn headers() -> impl Strategy<Value = HeaderMap> {
    let name = prop_oneof![
        4 => prop::sample::select(&[
            "ce-specversion", "ce-id", "ce-source", "ce-type", "ce-subject", "ce-time", "ce-dataschema", "ce-ext",
            "ce-", "ce-a-b", "ce-data", "ce-datacontenttype", "content-type", "content-length",
        ][..]).prop_map(str::to_owned),
        1 => "ce-[a-z0-9_.-]{0,300}",
    ];
    let value = prop_oneof![
        2 => prop::sample::select(&[
            "1.0", "1", "/s", "t", "", "application/cloudevents+json", "application/cloudevents-batch+json", "text/plain",
            "application/json", "2026-01-05T17:31:00Z", "%", "%E2%82%AC", "\"a\\\"b\"", "\"",
        ][..]).prop_map(|text| text.as_bytes().to_vec()),
        1 => prop::collection::vec(prop_oneof![32u8..127, 128u8..=255, Just(9), Just(b'%'), Just(b'"')], 0..40),
    ];
    prop::collection::vec((name, value), 0..12).prop_map(|all| {
        let mut headers = HeaderMap::new();
        for (name, value) in all {
            headers.append(HeaderName::try_from(name).unwrap(), HeaderValue::from_bytes(&value).unwrap());
        }
        headers
    })
}

fn body() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        prop::collection::vec(any::<u8>(), 0..100),
        r#"[\[\]{}",:a0 \\]{0,60}"#.prop_map(String::into_bytes),
        event().prop_map(|event| binding::encode(&event, Mode::Structured).1.to_vec()),
        prop::collection::vec(event(), 0..4).prop_map(|events| binding::encode_batch(&events).1.to_vec()),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_event_comes_back_in_any_mode(event in event()) {
        for mode in [Mode::Binary, Mode::Structured, Mode::Batched] {
            let (headers, body) = binding::encode(&event, mode);
            let received = binding::decode(&headers, body).unwrap();
            prop_assert_eq!(received.events.len(), 1);
            check_same(&event, &received.events[0], mode);
        }
    }

    #[test]
    fn any_batch_comes_back(events in prop::collection::vec(event(), 0..8)) {
        let (headers, body) = binding::encode_batch(&events);
        let received = binding::decode(&headers, body).unwrap();
        prop_assert_eq!(received.mode, Mode::Batched);
        prop_assert_eq!(received.events.len(), events.len());
        for (before, after) in events.iter().zip(&received.events) {
            check_same(before, after, Mode::Batched);
        }
    }

    #[test]
    fn any_message_is_read_or_refused(headers in headers(), body in body()) {
        match binding::decode(&headers, Bytes::from(body)) {
            Ok(received) => {
                prop_assert_eq!(binding::mode(&headers), Some(received.mode));
                for event in &received.events {
                    for mode in [Mode::Binary, Mode::Structured, Mode::Batched] {
                        let (headers, body) = binding::encode(event, mode);
                        check_same(event, &binding::decode(&headers, body).unwrap().events[0], mode);
                    }
                }
            }
            Err(error) => prop_assert!(matches!(error.status().as_u16(), 400 | 415), "{}", error),
        }
    }
}
