//! Events from parts, in binary mode, changed, and to and from `cloudevents-sdk`.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

use bytes::Bytes;
use tidegate_event::{Event, EventBuilder, Form, InvalidEvent, Value, binary, json};

fn minimal() -> EventBuilder {
    Event::builder().id("1").source("/s").ty("t")
}

fn full() -> Event {
    let event =
        minimal().subject("s").time("2026-01-05T17:31:00Z").datacontenttype("text/plain").dataschema("http://x/y");
    let event = event
        .extension("text", Value::String("é".into()))
        .extension("number", Value::Integer(-7))
        .extension("yes", Value::Boolean(true))
        .extension("raw", Value::Binary((&b"\xFF\0"[..]).into()))
        .extension("uri", Value::Uri("http://x".into()))
        .extension("ref", Value::UriRef("/x".into()))
        .extension("at", Value::Timestamp("2026-01-05T17:31:00+01:00".into()));
    event.context("key", "k").data(Form::Text, "hello").build().unwrap()
}

fn encoded(event: &Event) -> String {
    let mut out = Vec::new();
    json::encode(event, &mut out);
    String::from_utf8(out).unwrap()
}

#[test]
fn a_builder_keeps_every_part() {
    let event = full();
    assert_eq!((event.id(), event.source(), event.ty(), event.subject()), ("1", "/s", "t", Some("s")));
    assert_eq!((event.time(), event.dataschema()), (Some("2026-01-05T17:31:00Z"), Some("http://x/y")));
    assert_eq!(event.extension("raw"), Some(Value::Binary((&b"\xFF\0"[..]).into())));
    assert_eq!(event.extension("at"), Some(Value::Timestamp("2026-01-05T17:31:00+01:00".into())));
    let canonical = |name| event.attribute(name).map(String::from);
    assert_eq!(canonical("raw").as_deref(), Some("/wA="));
    assert_eq!(canonical("number").as_deref(), Some("-7"));
    assert_eq!(canonical("yes").as_deref(), Some("true"));
    assert_eq!(canonical("specversion").as_deref(), Some("1.0"));
    assert_eq!(canonical("none"), None);
    assert_eq!((event.context("key"), event.context("none")), (Some("k"), None));
    assert_eq!(event.data().map(|data| data.bytes), Some(&b"hello"[..]));
    assert_eq!(
        encoded(&event),
        r#"{"specversion":"1.0","id":"1","source":"/s","type":"t","subject":"s","time":"2026-01-05T17:31:00Z","datacontenttype":"text/plain","dataschema":"http://x/y","text":"é","number":-7,"yes":true,"raw":"/wA=","uri":"http://x","ref":"/x","at":"2026-01-05T17:31:00+01:00","data":"hello"}"#
    );
}

#[test]
fn a_builder_refuses_what_is_no_event() {
    let refused =
        |builder: EventBuilder, expected: &str| assert_eq!(builder.build().unwrap_err().to_string(), expected);
    refused(Event::builder().source("/s").ty("t"), "attribute `id` is missing");
    refused(minimal().id(""), "attribute `id` is empty");
    refused(minimal().subject("\0"), "attribute `subject` holds a control character or noncharacter");
    refused(minimal().extension("id", Value::Integer(1)), "attribute `id` has a name that is not for extensions");
    refused(minimal().extension("data", Value::Integer(1)), "attribute `data` has a name that is not for extensions");
    refused(minimal().extension("a", Value::Uri("/x".into())), "attribute `a` is not an absolute URI");
    refused(minimal().extension("a", Value::Timestamp("x".into())), "attribute `a` is not an RFC 3339 timestamp");
    refused(minimal().data(Form::Text, &b"\xFF"[..]), "data is said to be text, and not UTF-8");
    refused(
        minimal().context(&"n".repeat(256), ""),
        &format!("attribute `{}…` has a name of more than 255 bytes", "n".repeat(64)),
    );
    let many = (0..129).fold(minimal(), |event, n| event.extension(&format!("e{n}"), Value::Integer(n)));
    refused(many, "more than 128 extension attributes");
}

#[test]
fn data_is_written_so_that_the_same_bytes_are_read_back() {
    let check = |media_type: Option<&str>, form: Form, bytes: &'static [u8], expected: &str| {
        let builder = media_type.map_or(minimal(), |media_type| minimal().datacontenttype(media_type));
        let event = builder.data(form, bytes).build().unwrap();
        let text = encoded(&event);
        assert!(text.ends_with(&format!("{expected}}}")), "{text}");
        let again = json::decode(&Bytes::from(text), json::Validate::Full).unwrap();
        assert_eq!(again.data().unwrap().bytes, bytes);
    };
    check(None, Form::Json, b"[1]", r#""datacontenttype":"application/json","data":[1]"#);
    check(None, Form::Json, b"no JSON", r#""data_base64":"bm8gSlNPTg==""#);
    check(None, Form::Text, b"text", r#""datacontenttype":"text/plain","data":"text""#);
    check(None, Form::Binary, b"\xFF", r#""type":"t","data_base64":"/w==""#);
    check(Some("application/json"), Form::Text, b"{}", r#""data":{}"#);
    check(Some("application/json"), Form::Text, b"text", r#""data_base64":"dGV4dA==""#);
    check(Some("application/json"), Form::Binary, b"{}", r#""data_base64":"e30=""#);
    check(Some("text/plain"), Form::Json, b"[1]", r#""data":[1]"#);
    check(Some("text/plain"), Form::Json, b"\"x\"", r#""data":"\"x\"""#);
    check(Some("text/plain"), Form::Text, b"a\"\\\n\x01\xC3\xA9", "\"data\":\"a\\\"\\\\\\n\\u0001é\"");
    check(Some("image/png"), Form::Binary, b"", r#""data_base64":"""#);
}

#[test]
fn context_and_extensions_are_added_and_replaced() {
    let event = full().with_context(&[("key", "k2"), ("offset", "7"), (&"n".repeat(256), "left out")]);
    assert_eq!(event.contexts().collect::<Vec<_>>(), [("key", "k2"), ("offset", "7")]);
    assert_eq!(event, full());
    let event = event.with_extensions(&[("text", "new"), ("partitionkey", "p")]).unwrap();
    assert_eq!(event.attribute("text").as_deref(), Some("new"));
    assert_eq!((event.ordering_key(), event.context("offset")), (Some("k2"), Some("7")));
    assert_eq!(event.data(), full().data());
    let bare = minimal().build().unwrap().with_extensions(&[("partitionkey", "p")]).unwrap();
    assert_eq!(bare.ordering_key(), Some("p"));
    assert!(bare.clone().with_extensions(&[("No", "x")]).is_err());
    assert!(bare.with_extensions(&[("no", "\n")]).is_err());
}

#[test]
fn binary_mode() {
    let attributes = [
        ("specversion", "1.0"),
        ("id", "1"),
        ("source", "/s"),
        ("type", "t"),
        ("datacontenttype", "text/plain"),
        ("x", "7"),
    ];
    let event = binary::decode(attributes, Some(Bytes::from("hi"))).unwrap();
    assert_eq!(event.extension("x"), Some(Value::String("7".into())));
    assert_eq!(event.data().map(|data| data.form), Some(Form::Text));
    let back = binary::attributes(&event);
    assert_eq!(back.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect::<Vec<_>>(), attributes);
    assert_eq!(binary::attributes(&full()).len(), 8 + 7);
}

#[test]
fn binary_mode_data() {
    let form = |media_type: Option<&str>, data: Option<&'static [u8]>| {
        let required = [("specversion", "1.0"), ("id", "1"), ("source", "/s"), ("type", "t")];
        let attributes = required.into_iter().chain(media_type.map(|media_type| ("datacontenttype", media_type)));
        let event = binary::decode(attributes, data.map(Bytes::from_static)).unwrap();
        assert_eq!(event.data().map(|found| found.bytes), data);
        event.data().map(|found| found.form)
    };
    assert_eq!(form(None, None), None);
    assert_eq!(form(None, Some(b"")), Some(Form::Binary));
    assert_eq!(form(Some("application/json"), Some(b"{}")), Some(Form::Json));
    assert_eq!(form(Some("application/json"), Some(b"\xFF")), Some(Form::Binary));
    assert_eq!(form(Some("text/csv; charset=latin1"), Some(b"\xE4")), Some(Form::Binary));
    assert_eq!(form(Some("application/soap+xml"), Some(b"<a/>")), Some(Form::Text));
    assert_eq!(form(Some("application/avro"), Some(b"avro")), Some(Form::Binary));
    let event = minimal().data(Form::Json, "1").build().unwrap();
    let attributes = binary::attributes(&event);
    assert!(attributes.contains(&("datacontenttype".into(), "application/json".into())));
}

#[test]
fn binary_mode_refuses() {
    let refused = |attributes: &[(&str, &str)], expected: InvalidEvent| {
        let attributes = [&[("source", "/s"), ("type", "t")], attributes].concat();
        assert_eq!(binary::decode(attributes, None), Err(expected));
    };
    let attribute = |name: &str, problem| InvalidEvent::Attribute { name: name.into(), problem };
    refused(&[("id", "1")], InvalidEvent::Missing("specversion"));
    refused(&[("id", "1"), ("specversion", "0.3")], InvalidEvent::Specversion("0.3".into()));
    refused(&[("specversion", "1.0")], InvalidEvent::Missing("id"));
    refused(&[("specversion", "1.0"), ("id", "")], attribute("id", "is empty"));
    refused(&[("specversion", "1.0"), ("id", "1"), ("id", "2")], InvalidEvent::Repeated("id".into()));
    refused(&[("x", "1"), ("x", "1")], InvalidEvent::Repeated("x".into()));
    refused(&[("X", "1")], attribute("X", "has a name of other characters than a-z and 0-9"));
}

#[test]
fn cloudevents_sdk_and_back() {
    let event = full();
    let theirs = cloudevents::Event::try_from(&event).unwrap();
    let back = Event::try_from(&theirs).unwrap();
    // Kinds that it does not have became strings; the instant is the same, written otherwise.
    assert_eq!(back.extension("raw"), Some(Value::String("/wA=".into())));
    assert_eq!(back.extension("number"), Some(Value::Integer(-7)));
    assert_eq!(back.time(), Some("2026-01-05T17:31:00+00:00"));
    assert_eq!((back.id(), back.dataschema(), back.data()), (event.id(), event.dataschema(), event.data()));

    let mut large = theirs;
    large.set_extension("large", 1i64 << 40);
    assert_eq!(Event::try_from(&large).unwrap_err().to_string(), "attribute `large` is not a 32-bit integer");
    let broken = minimal().data(Form::Json, "{").build().unwrap();
    assert!(cloudevents::Event::try_from(&broken).is_err());
}

#[test]
fn equality_ignores_context_and_order() {
    let one = minimal().extension("a", Value::Integer(1)).extension("b", Value::Integer(2));
    let two = minimal().extension("b", Value::String("2".into())).extension("a", Value::Integer(1)).context("key", "k");
    assert_eq!(one.clone().build().unwrap(), two.build().unwrap());
    assert_ne!(one.clone().build().unwrap(), minimal().build().unwrap());
    assert_ne!(one.clone().data(Form::Text, "").build().unwrap(), one.build().unwrap());
}
