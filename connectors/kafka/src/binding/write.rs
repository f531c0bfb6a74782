//! Events to headers.

use rdkafka::message::{Header, OwnedHeaders};
use serde::Deserialize;
use tidegate_connector::Headers;
use tidegate_event::{Event, Form};

use super::{CONTENT_TYPE, EVENTS, STRUCTURED, begins};

/// How events are written.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Mode {
    /// Attributes in `ce_` headers, data as the value.
    #[default]
    Binary,
    /// The whole event as the value.
    Structured,
}

/// Whether an event goes whole.
pub(crate) fn is_structured(event: &Event, mode: Mode) -> bool {
    let carries_another = || event.datacontenttype().is_some_and(|text| begins(text, EVENTS));
    mode == Mode::Structured || carries_another()
}

/// The headers of an event, those of `pass` that its context has among them.
pub(crate) fn headers(event: &Event, structured: bool, pass: &Headers) -> OwnedHeaders {
    let put = |headers: OwnedHeaders, key: &str, value: &str| headers.insert(Header { key, value: Some(value) });
    let mut headers =
        if structured { put(OwnedHeaders::new_with_capacity(1), CONTENT_TYPE, STRUCTURED) } else { attributes(event) };
    for (name, context) in pass.pairs() {
        if let Some(value) = event.context(context) {
            headers = put(headers, name, value);
        }
    }
    headers
}

fn attributes(event: &Event) -> OwnedHeaders {
    let put = |headers: OwnedHeaders, key: &str, value: &str| headers.insert(Header { key, value: Some(value) });
    let mut headers = OwnedHeaders::new_with_capacity(8);
    headers = put(headers, "ce_specversion", "1.0");
    headers = put(headers, "ce_id", event.id());
    headers = put(headers, "ce_source", event.source());
    headers = put(headers, "ce_type", event.ty());
    let optional = [("ce_subject", event.subject()), ("ce_time", event.time()), ("ce_dataschema", event.dataschema())];
    for (key, value) in optional {
        if let Some(value) = value {
            headers = put(headers, key, value);
        }
    }
    let mut name = String::new();
    for (extension, value) in event.extensions() {
        name.clear();
        name.push_str(super::PREFIX);
        name.push_str(extension);
        headers = put(headers, &name, &value.into_canonical());
    }
    match content_type(event) {
        Some(text) => put(headers, CONTENT_TYPE, text),
        None => headers,
    }
}

/// JSON and text without a content type get one: nothing else would tell what they are.
fn content_type(event: &Event) -> Option<&str> {
    let implied = || match event.data()?.form {
        Form::Json => Some("application/json"),
        Form::Text => Some("text/plain"),
        Form::Binary => None,
    };
    event.datacontenttype().or_else(implied)
}
