//! The JSON format against all kinds of input: nothing panics, and serde_json and cloudevents-sdk agree.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

use bytes::Bytes;
use proptest::prelude::*;
use serde_json::{Map, Value as Json};
use tidegate_event::json::{self, Validate};
use tidegate_event::{Event, Form, Value};

fn decode(text: impl Into<Vec<u8>>, validate: Validate) -> Result<Event, json::DecodeError> {
    json::decode(&Bytes::from(text.into()), validate)
}

/// Any JSON value, nested a little.
fn any_json() -> impl Strategy<Value = Json> {
    let leaf = prop_oneof![
        Just(Json::Null),
        any::<bool>().prop_map(Json::from),
        any::<i64>().prop_map(Json::from),
        any::<f64>().prop_map(Json::from),
        any_string().prop_map(Json::from),
    ];
    leaf.prop_recursive(4, 64, 8, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..8).prop_map(Json::from),
            prop::collection::vec((any_string(), inner), 0..8)
                .prop_map(|members| Json::from(members.into_iter().collect::<Map<_, _>>())),
        ]
    })
}

/// Strings with what scanners stumble over.
fn any_string() -> impl Strategy<Value = String> {
    prop_oneof!["[a-z ]{0,90}", r#"["\\{}\[\]:,/a]{0,70}"#, any::<String>(),]
}

/// A valid event as a JSON object.
fn any_event() -> impl Strategy<Value = Map<String, Json>> {
    let extension = prop_oneof![
        "[ -~äß日🎉]{0,70}".prop_map(Json::from),
        any::<i32>().prop_map(Json::from),
        any::<bool>().prop_map(Json::from),
        Just(Json::Null),
    ];
    let data = prop_oneof![
        Just(None),
        any_json().prop_map(|json| Some(("data".to_owned(), json))),
        prop::collection::vec(any::<u8>(), 0..80)
            .prop_map(|bytes| Some(("data_base64".to_owned(), base64_simd::STANDARD.encode_to_string(bytes).into()))),
    ];
    (
        "[ -~äß日🎉]{1,70}",
        "/[a-z0-9/]{0,2}[a-z]{0,60}",
        prop::option::of("[ -~]{1,20}"),
        prop::option::of(prop_oneof![Just("application/json"), Just("text/plain"), Just("application/xml")]),
        prop::collection::vec(("x[a-z0-9]{1,20}", extension), 0..5),
        data,
        any::<u64>(),
    )
        .prop_map(|(id, source, subject, media_type, extensions, data, order)| {
            let mut members: Vec<(String, Json)> = vec![
                ("specversion".into(), "1.0".into()),
                ("id".into(), id.into()),
                ("source".into(), source.into()),
                ("type".into(), "t".into()),
                ("time".into(), "2026-01-05T17:31:00Z".into()),
            ];
            members.extend(subject.map(|subject| ("subject".into(), subject.into())));
            members.extend(media_type.map(|media_type| ("datacontenttype".into(), media_type.into())));
            members.extend(extensions);
            members.extend(data);
            let turn = order as usize % members.len();
            members.rotate_left(turn);
            members.into_iter().collect()
        })
}

/// What serde_json makes of a text, compared with what we read from it.
fn check_against_serde(object: &Map<String, Json>, event: &Event) {
    for name in ["id", "source", "type", "subject", "time", "datacontenttype"] {
        assert_eq!(event.attribute(name).as_deref(), object.get(name).and_then(Json::as_str), "{name}");
    }
    for (name, value) in object.iter().filter(|(name, _)| name.starts_with('x')) {
        let expected = match value {
            Json::String(text) => Some(Value::String(text.into())),
            Json::Bool(boolean) => Some(Value::Boolean(*boolean)),
            Json::Number(number) => Some(Value::Integer(number.as_i64().unwrap() as i32)),
            Json::Null | Json::Array(_) | Json::Object(_) => None,
        };
        assert_eq!(event.extension(name), expected, "{name}");
    }
    let json_type =
        !matches!(object.get("datacontenttype").and_then(Json::as_str), Some("text/plain" | "application/xml"));
    match (object.get("data"), object.get("data_base64"), event.data()) {
        (None, None, None) => {}
        (Some(Json::String(text)), None, Some(data)) if !json_type => {
            assert_eq!((data.form, data.bytes), (Form::Text, text.as_bytes()));
        }
        (Some(json), None, Some(data)) => {
            assert_eq!(data.form, Form::Json);
            assert_eq!(&serde_json::from_slice::<Json>(data.bytes).unwrap(), json);
        }
        (None, Some(Json::String(base64)), Some(data)) => {
            assert_eq!(data.form, Form::Binary);
            assert_eq!(&base64_simd::STANDARD.encode_to_string(data.bytes), base64);
        }
        other => panic!("{other:?}"),
    }
}

fn pretty(object: &Map<String, Json>, style: usize) -> String {
    match style {
        0 => serde_json::to_string(object).unwrap(),
        1 => serde_json::to_string_pretty(object).unwrap(),
        // Every character that is not ASCII, and every letter u, as an escape.
        _ => serde_json::to_string(object)
            .unwrap()
            .chars()
            .map(|c| match c {
                c if c.is_ascii() => c.to_string(),
                c => c.encode_utf16(&mut [0; 2]).iter().map(|unit| format!("\\u{unit:04X}")).collect(),
            })
            .collect(),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, max_global_rejects: 8192, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn valid_events_say_what_serde_json_says(object in any_event(), style in 0usize..3) {
        // 1.0 and 1 are one number to us and two to serde_json: floats keep their own text.
        let text = pretty(&object, style);
        let object: Map<String, Json> = serde_json::from_str(&text).unwrap();
        let event = decode(text, Validate::Full).unwrap();
        check_against_serde(&object, &event);
        prop_assert_eq!(event.size(), {
            let attributes: usize = ["id", "source", "type", "subject", "time", "datacontenttype"]
                .iter().filter_map(|name| event.attribute(name)).map(|value| value.len()).sum();
            let extensions: usize = event.extensions()
                .map(|(name, _)| 6 + name.len() + event.attribute(name).unwrap().len()).sum();
            attributes + extensions + event.data().map_or(0, |data| data.bytes.len())
        });
    }

    #[test]
    fn what_is_written_is_read_back(object in any_event(), style in 0usize..3) {
        let event = decode(pretty(&object, style), Validate::Full).unwrap();
        let mut anew = Vec::new();
        json::encode(&event.clone().with_extensions(&[("changed", "é\"")]).unwrap(), &mut anew);
        let again = decode(anew.clone(), Validate::Full).unwrap();
        prop_assert_eq!(again.extension("changed"), Some(Value::String("é\"".into())));
        prop_assert_eq!(event.id(), again.id());
        prop_assert_eq!(event.data().map(|d| d.form), again.data().map(|d| d.form));
        let mut twice = Vec::new();
        json::encode(&again, &mut twice);
        prop_assert_eq!(String::from_utf8(anew).unwrap(), String::from_utf8(twice).unwrap());
    }

    #[test]
    fn cloudevents_sdk_reads_the_same(object in any_event(), style in 0usize..3) {
        let text = pretty(&object, style);
        // That crate has no null extensions, takes null data for none, wants a string under a content type that is not
        // JSON, and parses base64 under one that is.
        let text_type = matches!(object.get("datacontenttype").and_then(Json::as_str), Some("text/plain" | "application/xml"));
        prop_assume!(!object.values().any(Json::is_null));
        prop_assume!(!text_type || object.get("data").is_none_or(Json::is_string));
        prop_assume!(text_type || !object.contains_key("data_base64"));
        let theirs: cloudevents::Event = serde_json::from_str(&text).unwrap();
        let ours = decode(text, Validate::Full).unwrap();
        let converted = cloudevents::Event::try_from(&ours).unwrap();
        use cloudevents::AttributesReader;
        prop_assert_eq!(converted.id(), theirs.id());
        prop_assert_eq!(converted.source(), theirs.source());
        prop_assert_eq!(converted.subject(), theirs.subject());
        prop_assert_eq!(converted.time(), theirs.time());
        let extensions = |event: &cloudevents::Event| {
            let mut all: Vec<_> = event.iter_extensions().map(|(n, v)| (n.to_owned(), v.clone())).collect();
            all.sort_by(|a, b| a.0.cmp(&b.0));
            all
        };
        prop_assert_eq!(extensions(&converted), extensions(&theirs));
        prop_assert_eq!(converted.data(), theirs.data());
        let back = Event::try_from(&converted).unwrap();
        prop_assert_eq!(back.id(), ours.id());
        prop_assert_eq!(back.data().map(|d| d.form), ours.data().map(|d| d.form));
    }

    #[test]
    fn arbitrary_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let _ = decode(bytes.clone(), Validate::Envelope);
        let _ = json::decode_batch(&Bytes::from(bytes), Validate::Full);
    }

    #[test]
    fn json_like_text_never_panics_and_is_no_event_unless_it_is_json(text in r#"[{}\[\]",:\\a1 ]{0,200}"#) {
        prop_assert!(decode(text, Validate::Full).is_err());
    }

    #[test]
    fn mutated_events_are_events_only_if_they_are_json(
        object in any_event(),
        style in 0usize..3,
        edits in prop::collection::vec((any::<prop::sample::Index>(), prop_oneof![any::<u8>(), Just(b'"'), Just(b'\\'), Just(b'}'), Just(b'[')], 0u8..3), 1..4),
    ) {
        let mut bytes = pretty(&object, style).into_bytes();
        for (at, byte, edit) in edits {
            let at = at.index(bytes.len());
            match edit {
                0 => bytes[at] = byte,
                1 => bytes.insert(at, byte),
                _ => bytes.truncate(at.max(1)),
            }
        }
        let theirs = serde_json::from_slice::<&serde_json::value::RawValue>(&bytes);
        let envelope = decode(bytes.clone(), Validate::Envelope);
        match decode(bytes.clone(), Validate::Full) {
            Ok(event) => {
                prop_assert!(theirs.is_ok());
                prop_assert!(envelope.is_ok());
                // Lone surrogates inside data are text to us and no string to serde_json.
                if let Ok(object) = serde_json::from_slice::<Map<String, Json>>(&bytes) {
                    prop_assert_eq!(object.get("id").and_then(Json::as_str), Some(event.id()));
                }
                let mut out = Vec::new();
                json::encode(&event, &mut out);
                prop_assert!(decode(out, Validate::Full).is_ok());
            }
            Err(json::DecodeError::Syntax { .. }) => {
                // What we call a syntax error is one, but for what we are stricter about.
                let strict = String::from_utf8_lossy(&bytes).contains("\\u");
                prop_assert!(theirs.is_err() || strict || serde_json::from_slice::<Map<String, Json>>(&bytes).is_err());
            }
            Err(json::DecodeError::Invalid(_)) => prop_assert!(theirs.is_ok()),
        }
    }

    #[test]
    fn lines_are_read_as_they_are_one_by_one(
        objects in prop::collection::vec((any_event(), 0usize..3, any::<bool>()), 0..8),
        garbage in prop::collection::vec(any::<u8>(), 0..40),
    ) {
        let mut chunk = Vec::new();
        let mut lines = Vec::new();
        for (object, style, broken) in &objects {
            let start = chunk.len();
            let text = pretty(object, *style);
            chunk.extend_from_slice(text.as_bytes());
            if *broken {
                chunk.extend_from_slice(&garbage);
            }
            lines.push(start..chunk.len());
            chunk.push(b'\n');
        }
        let chunk = Bytes::from(chunk);
        let together = json::decode_lines(&chunk, &lines, Validate::Envelope);
        prop_assert_eq!(together.len(), lines.len());
        for (line, found) in lines.into_iter().zip(together) {
            prop_assert_eq!(json::decode(&chunk.slice(line), Validate::Envelope), found);
        }
    }

    #[test]
    fn batches(objects in prop::collection::vec(any_event(), 0..6), style in 0usize..2) {
        let json = Json::from(objects.into_iter().map(Json::from).collect::<Vec<_>>());
        let text = if style == 0 { json.to_string() } else { serde_json::to_string_pretty(&json).unwrap() };
        let events = json::decode_batch(&Bytes::from(text), Validate::Full).unwrap();
        let mut out = Vec::new();
        json::encode_batch(&events, &mut out);
        prop_assert_eq!(json::decode_batch(&Bytes::from(out), Validate::Full).unwrap().len(), json.as_array().unwrap().len());
    }
}

#[test]
fn lines_out_of_bounds_and_cut_characters_are_errors_of_their_line() {
    let good = r#"{"specversion":"1.0","id":"é","source":"/s","type":"t"}"#;
    let chunk = Bytes::from(format!("{good}\n{good}"));
    let len = good.len();
    let cut = 25..len;
    let found = json::decode_lines(&chunk, &[0..len, cut, len + 1..2 * len + 1, 5..9999], Validate::Envelope);
    let ok: Vec<bool> = found.iter().map(Result::is_ok).collect();
    assert_eq!(ok, [true, false, true, false]);
}

#[test]
fn invalid_utf8_fails_its_line_alone() {
    let good = br#"{"specversion":"1.0","id":"1","source":"/s","type":"t"}"#;
    let mut bad = good.to_vec();
    bad[27] = 0xFF;
    let chunk = Bytes::from([&good[..], &bad, good].concat());
    let len = good.len();
    let found = json::decode_lines(&chunk, &[0..len, len..2 * len, 2 * len..3 * len], Validate::Envelope);
    assert_eq!(found[1], Err(json::DecodeError::Syntax { at: 27, problem: "is not UTF-8" }));
    assert!(found[0].is_ok() && found[2].is_ok());
}

#[test]
fn the_first_bad_event_of_a_batch_is_named() {
    let good = r#"{"specversion":"1.0","id":"1","source":"/s","type":"t"}"#;
    let batch = |text: String| json::decode_batch(&Bytes::from(text), Validate::Envelope).map(|events| events.len());
    assert_eq!(batch("[]".into()), Ok(0));
    assert_eq!(batch(format!(" [ {good} , {good} ] ")), Ok(2));
    assert_eq!(batch(format!("[{good},{{}}]")).unwrap_err().0, 1);
    assert_eq!(batch(format!("[{good},{good}")).unwrap_err().0, 2);
    assert_eq!(batch(format!("[{good},]")).unwrap_err().0, 1);
    assert_eq!(batch(format!("[{good},1]")).unwrap_err().0, 1);
    assert_eq!(batch(good.into()).unwrap_err().0, 0);
    assert_eq!(batch(format!("[{good}]x")).unwrap_err().0, 1);
}
