//! Messages and events (CloudEvents NATS binding): structured as 1.0.2 has it, binary headers as its later drafts do.
//!
//! A message is an event if its content type says so (structured), or a header `ce-…` does (binary). One that says nothing is
//! taken for a structured event, or wrapped where the source has an `envelope`.

use std::borrow::Cow;
use std::fmt::Display;

use async_nats::HeaderMap;
use bytes::Bytes;
use percent_encoding::{AsciiSet, CONTROLS, percent_decode_str, utf8_percent_encode};
use tidegate_connector::Headers;
use tidegate_connector::envelope::Envelope;
use tidegate_event::json::{self, Validate};
use tidegate_event::{Event, Form, binary};

/// What templates of an `envelope:` may name over a stream.
pub(crate) const STREAM_NAMES: &[&str] = &["subject", "stream", "sequence"];
/// What they may name over plain subjects.
pub(crate) const SUBJECT_NAMES: &[&str] = &["subject"];

const PREFIX: &str = "ce-";
const CONTENT_TYPE: &str = "content-type";
const STRUCTURED: &str = "application/cloudevents+json";
/// Space, double quote and percent; what is not ASCII is always escaped.
const ESCAPED: &AsciiSet = &CONTROLS.add(b' ').add(b'"').add(b'%');

/// How an event is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    /// The whole event as JSON.
    Structured,
    /// Attributes as headers, data as payload.
    Binary,
}

/// How messages are read.
#[derive(Clone, Debug)]
pub(crate) struct Reading {
    pub(crate) validate: Validate,
    pub(crate) envelope: Option<Envelope>,
    /// Those that become context.
    pub(crate) headers: Headers,
}

/// Where a message was.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Origin<'a> {
    pub(crate) subject: &'a str,
    /// Name and sequence, where a stream kept it.
    pub(crate) stream: Option<(&'a str, u64)>,
}

impl Reading {
    /// The event of a message, with its context; the error says what is wrong with the message.
    pub(crate) fn decode(
        &self,
        headers: Option<&HeaderMap>,
        payload: &Bytes,
        origin: Origin<'_>,
    ) -> Result<Event, String> {
        let content_type = headers.map_or(Ok(None), content_type)?;
        let marked = headers.is_some_and(|headers| headers.iter().any(|(name, _)| attribute(name.as_ref()).is_some()));
        let event = match (kind(content_type), headers) {
            (Kind::Event, _) => self.structured(payload)?,
            (Kind::Unreadable, _) => {
                let said = content_type.unwrap_or_default();
                return Err(format!("content type `{said}` is not supported; send `{STRUCTURED}`"));
            }
            (Kind::Data, Some(headers)) if marked => decode_binary(headers, content_type, payload)?,
            (Kind::Data, _) => match &self.envelope {
                Some(envelope) => wrap(envelope, payload, origin)?,
                None => self.structured(payload)?,
            },
        };
        Ok(self.with_context(event, headers, origin))
    }

    fn structured(&self, payload: &Bytes) -> Result<Event, String> {
        json::decode(payload, self.validate).map_err(|error| error.to_string())
    }

    fn with_context(&self, event: Event, headers: Option<&HeaderMap>, origin: Origin<'_>) -> Event {
        let sequence = origin.stream.map(|(_, sequence)| sequence.to_string());
        let mut context = vec![("subject", origin.subject)];
        if let (Some((stream, _)), Some(sequence)) = (origin.stream, &sequence) {
            context.extend([("stream", stream), ("sequence", sequence.as_str())]);
        }
        if let Some(headers) = headers.filter(|_| !self.headers.is_empty()) {
            for (name, values) in headers.iter() {
                if let (Some(context_name), Some(value)) = (self.headers.context(name.as_ref()), values.first()) {
                    context.push((context_name, value.as_str()));
                }
            }
        }
        event.with_context(&context)
    }
}

fn wrap(envelope: &Envelope, payload: &Bytes, origin: Origin<'_>) -> Result<Event, String> {
    match origin.stream {
        Some((stream, sequence)) => {
            let values: [&dyn Display; 3] = [&origin.subject, &stream, &sequence];
            envelope.wrap(payload.clone(), &values)
        }
        None => envelope.wrap(payload.clone(), &[&origin.subject as &dyn Display]),
    }
}

enum Kind {
    Event,
    Data,
    /// Events in a form that is not read here.
    Unreadable,
}

/// Batches are asked for first: `application/cloudevents` is a prefix of their type too.
fn kind(content_type: Option<&str>) -> Kind {
    let Some(content_type) = content_type else { return Kind::Data };
    let essence = content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    match essence.as_str() {
        STRUCTURED => Kind::Event,
        other if other.starts_with("application/cloudevents") => Kind::Unreadable,
        _ => Kind::Data,
    }
}

/// The name of the attribute that a header carries.
fn attribute(header: &str) -> Option<&str> {
    let (prefix, name) = header.split_at_checked(PREFIX.len())?;
    prefix.eq_ignore_ascii_case(PREFIX).then_some(name)
}

fn content_type(headers: &HeaderMap) -> Result<Option<&str>, String> {
    let mut found = None;
    for (name, values) in headers.iter() {
        let name: &str = name.as_ref();
        if name.eq_ignore_ascii_case(CONTENT_TYPE) {
            match (values.as_slice(), found) {
                ([one], None) => found = Some(one.as_str()),
                _ => return Err("header `content-type` is given twice".to_owned()),
            }
        }
    }
    Ok(found)
}

fn decode_binary(headers: &HeaderMap, content_type: Option<&str>, payload: &Bytes) -> Result<Event, String> {
    let mut attributes: Vec<(String, Cow<'_, str>)> = Vec::new();
    for (header, values) in headers.iter() {
        let header: &str = header.as_ref();
        let Some(name) = attribute(header) else { continue };
        let [value] = values.as_slice() else { return Err(format!("header `{header}` is given twice")) };
        let value = percent_decode_str(value.as_str()).decode_utf8();
        let value = value.map_err(|_| format!("header `{header}` is not UTF-8 once its percent signs are decoded"))?;
        attributes.push((name.to_ascii_lowercase(), value));
    }
    let said = attributes.iter().find(|(name, _)| name == "datacontenttype").map(|(_, value)| value.to_string());
    match (&said, content_type) {
        (Some(said), Some(content_type)) if said != content_type => {
            return Err("headers `content-type` and `ce-datacontenttype` differ".to_owned());
        }
        (None, Some(content_type)) => attributes.push(("datacontenttype".to_owned(), content_type.into())),
        (_, _) => {}
    }
    let none = payload.is_empty() && said.as_deref().or(content_type).is_none_or(|text| Form::of(text) == Form::Json);
    let given = attributes.iter().map(|(name, value)| (name.as_str(), &**value));
    binary::decode(given, (!none).then(|| payload.clone())).map_err(|error| error.to_string())
}

/// An event as headers and payload; `headers` are those of its context that travel on.
pub(crate) fn encode(event: &Event, mode: Mode, headers: &Headers) -> (HeaderMap, Bytes) {
    let whole = event.datacontenttype().is_some_and(|text| !matches!(kind(Some(text)), Kind::Data));
    let (mut out, payload) = match mode {
        // Data that looks like an event itself would be taken for the event.
        Mode::Binary if !whole => encode_binary(event),
        Mode::Binary | Mode::Structured => {
            let mut out = HeaderMap::new();
            out.insert(CONTENT_TYPE, STRUCTURED);
            let mut payload = Vec::new();
            json::encode(event, &mut payload);
            (out, Bytes::from(payload))
        }
    };
    for (name, context) in headers.pairs() {
        if let Some(value) = event.context(context).filter(|value| !value.contains(['\r', '\n'])) {
            out.insert(name, value);
        }
    }
    (out, payload)
}

fn encode_binary(event: &Event) -> (HeaderMap, Bytes) {
    let mut out = HeaderMap::new();
    for (name, value) in binary::attributes(event) {
        if name == "datacontenttype" {
            out.insert(CONTENT_TYPE, value.as_str());
        }
        out.insert(format!("{PREFIX}{name}"), utf8_percent_encode(&value, ESCAPED).to_string());
    }
    (out, event.data_shared().unwrap_or_default())
}

#[cfg(test)]
mod tests;
