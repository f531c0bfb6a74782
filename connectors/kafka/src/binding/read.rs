//! Messages to events.

use std::borrow::Cow;
use std::fmt::{Display, Write as _};

use bytes::Bytes;
use percent_encoding::{AsciiSet, CONTROLS, percent_encode};
use rdkafka::message::{Header, Headers as _, Message};
use tidegate_connector::Headers;
use tidegate_connector::envelope::Envelope;
use tidegate_event::json::{self, Validate};
use tidegate_event::{Event, binary};

use super::{BATCHES, CONTENT_TYPE, EVENTS, PREFIX, begins};

/// Headers that most events have: specversion, id, source, type, subject, time, an extension or two.
const HEADERS_TYPICAL: usize = 8;
/// Percent signs too: what is escaped can be told from what looks like it.
const ESCAPED: &AsciiSet = &CONTROLS.add(b'%').add(b' ');

/// What a message is, by its headers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Carried<'a> {
    /// A whole event as its value.
    Structured,
    /// Attributes in its headers; with the content type.
    Binary(Option<&'a str>),
    /// No event: for an envelope.
    Other,
}

/// What of a source's configuration reading needs.
#[derive(Debug)]
pub(crate) struct Reader {
    pub(crate) validate: Validate,
    pub(crate) envelope: Option<Envelope>,
    pub(crate) accept: Headers,
    /// The extension that a message's key becomes.
    pub(crate) key: Option<String>,
}

fn headers<M: Message>(message: &M) -> impl Iterator<Item = Header<'_, &[u8]>> {
    message.headers().into_iter().flat_map(|headers| headers.iter())
}

/// The value of a header as text; the problem names the header.
fn value_of<'a>(header: &Header<'a, &'a [u8]>) -> Result<&'a str, String> {
    let value = header.value.ok_or_else(|| format!("header `{}` has no value", header.key))?;
    std::str::from_utf8(value).map_err(|_| format!("header `{}` is not UTF-8", header.key))
}

/// Which mode the headers tell of.
fn carried<M: Message>(message: &M) -> Result<Carried<'_>, String> {
    let mut content_type = None;
    let mut attributes = false;
    for header in headers(message) {
        if header.key.eq_ignore_ascii_case(CONTENT_TYPE) {
            if content_type.replace(value_of(&header)?).is_some() {
                return Err(format!("header `{CONTENT_TYPE}` is given twice"));
            }
        } else {
            attributes |= header.key.starts_with(PREFIX);
        }
    }
    match content_type {
        Some(text) if begins(text, BATCHES) => Err(format!("content type `{text}`: Kafka has no batched mode")),
        Some(text) if begins(text, EVENTS) => structured(text),
        _ if attributes => Ok(Carried::Binary(content_type)),
        _ => Ok(Carried::Other),
    }
}

/// JSON in UTF-8 is read; other formats are not.
fn structured(content_type: &str) -> Result<Carried<'_>, String> {
    let (essence, parameters) = content_type.split_once(';').unwrap_or((content_type, ""));
    if !essence[EVENTS.len()..].trim().eq_ignore_ascii_case("+json") {
        return Err(format!("content type `{content_type}` is not supported, only `{EVENTS}+json`"));
    }
    let charset = parameters.split(';').filter_map(|parameter| parameter.split_once('='));
    let charset = charset.filter(|(name, _)| name.trim().eq_ignore_ascii_case("charset")).map(|(_, value)| value);
    match charset.map(|value| value.trim().trim_matches('"')).next() {
        Some(other) if !["utf-8", "utf8", "us-ascii"].iter().any(|name| other.eq_ignore_ascii_case(name)) => {
            Err(format!("charset `{other}` is not supported: JSON is UTF-8"))
        }
        _ => Ok(Carried::Structured),
    }
}

impl Reader {
    /// A message as an event, with its context. `value` is the message's own value; the error says what is wrong with it.
    pub(crate) fn read<M: Message>(&self, message: &M, value: Option<Bytes>) -> Result<Event, String> {
        let event = match carried(message)? {
            Carried::Structured => {
                let value = value.ok_or("a structured event without a value")?;
                json::decode(&value, self.validate).map_err(|error| error.to_string())?
            }
            Carried::Binary(content_type) => read_binary(message, content_type, value)?,
            Carried::Other => self.wrap(message, value)?,
        };
        self.with_context(self.with_key(event, message), message)
    }

    /// A key that no extension can have stays context.
    fn with_key<M: Message>(&self, event: Event, message: &M) -> Event {
        let (Some(name), Some(key)) = (&self.key, message.key()) else { return event };
        if event.attribute(name).is_some() {
            return event;
        }
        event.clone().with_extensions(&[(name, &shown_key(key))]).unwrap_or(event)
    }

    fn wrap<M: Message>(&self, message: &M, value: Option<Bytes>) -> Result<Event, String> {
        let Some(envelope) = &self.envelope else {
            let problem = "no CloudEvent: neither a `ce_` header nor a content type `application/cloudevents+json`";
            return Err(problem.to_owned());
        };
        let value = value.ok_or("no value (a tombstone): there is nothing to make data of")?;
        let key = message.key().map(shown_key).unwrap_or_default();
        let known: [&dyn Display; 4] = [&message.topic(), &message.partition(), &message.offset(), &key];
        envelope.wrap(value, &known)
    }

    fn with_context<M: Message>(&self, event: Event, message: &M) -> Result<Event, String> {
        let mut numbers = String::with_capacity(24);
        // Writing to a string does not fail.
        let _ = write!(numbers, "{}", message.partition());
        let split = numbers.len();
        let _ = write!(numbers, "{}", message.offset());
        let (partition, offset) = numbers.split_at(split);
        let key = message.key().map(shown_key);
        let mut context: Vec<(&str, &str)> = Vec::with_capacity(4);
        if let Some(key) = &key {
            context.push(("key", key));
        }
        context.extend([("topic", message.topic()), ("partition", partition), ("offset", offset)]);
        if !self.accept.is_empty() {
            for header in headers(message) {
                if let Some(name) = self.accept.context(header.key) {
                    context.push((name, value_of(&header)?));
                }
            }
        }
        Ok(event.with_context(&context))
    }
}

fn read_binary<M: Message>(message: &M, content_type: Option<&str>, value: Option<Bytes>) -> Result<Event, String> {
    let mut attributes: Vec<(&str, &str)> = Vec::with_capacity(HEADERS_TYPICAL);
    for header in headers(message) {
        let Some(name) = header.key.strip_prefix(PREFIX) else { continue };
        if name == "datacontenttype" {
            return Err(format!("header `{}` must not be there: `{CONTENT_TYPE}` says it", header.key));
        }
        attributes.push((name, value_of(&header)?));
    }
    attributes.extend(content_type.map(|text| ("datacontenttype", text)));
    binary::decode(attributes, value).map_err(|error| error.to_string())
}

/// A key as text.
fn shown_key(key: &[u8]) -> Cow<'_, str> {
    match std::str::from_utf8(key) {
        Ok(text) => Cow::Borrowed(text),
        Err(_) => percent_encode(key, ESCAPED).into(),
    }
}
