//! Events as CloudEvents JSON: what example files hold.
//!
//! Reads and writes the JSON event format as far as samples need it; the host's codec is the complete one.

use serde_json::{Map, Value as Json};

use super::build::EventBuilder;
use crate::{Event, Form, Value};

/// One event a line, in CloudEvents JSON.
///
/// # Panics
/// If a line is not an object of strings, numbers and booleans beside `data`: a sample file is part of the test.
pub fn events_from_json_lines(lines: &str) -> Vec<Event<'static>> {
    lines.lines().filter(|line| !line.trim().is_empty()).map(from_json).collect()
}

#[expect(clippy::panic, reason = "for tests: says which line is wrong")]
fn from_json(line: &str) -> Event<'static> {
    let Ok(Json::Object(object)) = serde_json::from_str(line) else { panic!("not a JSON object: {line}") };
    let mut builder = EventBuilder::blank();
    for (name, value) in &object {
        builder = match (name.as_str(), value) {
            ("specversion", _) => builder,
            ("data", Json::String(text)) if !is_json(&object) => builder.data(Form::Text, text.as_bytes()),
            ("data", value) => builder.data(Form::Json, value.to_string().as_bytes()),
            ("id", Json::String(s)) => builder.id(s),
            ("source", Json::String(s)) => builder.source(s),
            ("type", Json::String(s)) => builder.ty(s),
            ("subject", Json::String(s)) => builder.subject(s),
            ("time", Json::String(s)) => builder.time(s),
            ("datacontenttype", Json::String(s)) => builder.datacontenttype(s),
            ("dataschema", Json::String(s)) => builder.dataschema(s),
            (name, Json::String(s)) => builder.extension(name, s),
            (name, Json::Bool(b)) => builder.extension(name, *b),
            (name, Json::Number(n)) => match n.as_i64().and_then(|n| i32::try_from(n).ok()) {
                Some(n) => builder.extension(name, n),
                None => panic!("`{name}` is no 32-bit integer: {line}"),
            },
            (name, _) => panic!("`{name}` has no value that an attribute can have: {line}"),
        };
    }
    builder.build()
}

/// Without a content type, data is JSON.
fn is_json(object: &Map<String, Json>) -> bool {
    match object.get("datacontenttype").and_then(Json::as_str) {
        Some(media_type) => media_type.ends_with("/json") || media_type.ends_with("+json"),
        None => true,
    }
}

/// An event in CloudEvents JSON, to compare with what is expected.
pub fn to_json(event: &Event<'_>) -> Json {
    let mut object = Map::new();
    object.insert("specversion".into(), "1.0".into());
    let attributes = [
        ("id", Some(event.id())),
        ("source", Some(event.source())),
        ("type", Some(event.ty())),
        ("subject", event.subject()),
        ("time", event.time()),
        ("datacontenttype", event.datacontenttype()),
        ("dataschema", event.dataschema()),
    ];
    for (name, value) in attributes {
        if let Some(value) = value {
            object.insert(name.into(), value.into());
        }
    }
    for (name, value) in event.extensions() {
        object.insert(name.into(), extension(value));
    }
    if let Some(data) = event.data() {
        let text = || String::from_utf8_lossy(data.bytes).into_owned();
        let value = match data.form {
            Form::Json => serde_json::from_slice(data.bytes).unwrap_or_else(|_| text().into()),
            Form::Text | Form::Binary => text().into(),
        };
        object.insert("data".into(), value);
    }
    Json::Object(object)
}

fn extension(value: Value<'_>) -> Json {
    match value {
        Value::String(s) | Value::Uri(s) | Value::UriRef(s) | Value::Timestamp(s) => s.into(),
        Value::Integer(i) => i.into(),
        Value::Boolean(b) => b.into(),
        Value::Binary(b) => String::from_utf8_lossy(b).into_owned().into(),
    }
}
