//! Binary mode (HTTP binding, section 3.1): attributes as `ce-` headers, `datacontenttype` as `Content-Type`.

use std::borrow::Cow;

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderName, HeaderValue};
use tidegate_event::{Event, Form, binary};

use super::{BindingError, value};

const PREFIX: &str = "ce-";
const SPECVERSION: HeaderName = HeaderName::from_static("ce-specversion");
const ID: HeaderName = HeaderName::from_static("ce-id");
const SOURCE: HeaderName = HeaderName::from_static("ce-source");
const TYPE: HeaderName = HeaderName::from_static("ce-type");
const SUBJECT: HeaderName = HeaderName::from_static("ce-subject");
const TIME: HeaderName = HeaderName::from_static("ce-time");
const DATASCHEMA: HeaderName = HeaderName::from_static("ce-dataschema");

/// Headers that most events have: specversion, id, source, type, content type, two optional ones, an extension or two.
const HEADERS_TYPICAL: usize = 10;

/// Whether anything here says that the message is an event.
pub(super) fn any(headers: &HeaderMap) -> bool {
    headers.keys().any(|name| name.as_str().starts_with(PREFIX))
}

/// The one content type, byte for byte.
pub(super) fn content_type(headers: &HeaderMap) -> Result<Option<&str>, BindingError> {
    let mut values = headers.get_all(CONTENT_TYPE).iter();
    let Some(first) = values.next() else { return Ok(None) };
    if values.next().is_some() {
        return Err(refused(CONTENT_TYPE.as_str(), "is given twice"));
    }
    first.to_str().map(Some).map_err(|_| refused(CONTENT_TYPE.as_str(), "is not a media type"))
}

pub(super) fn decode(headers: &HeaderMap, content_type: Option<&str>, body: Bytes) -> Result<Event, BindingError> {
    let mut attributes: Vec<(&str, Cow<'_, str>)> = Vec::with_capacity(HEADERS_TYPICAL);
    for (name, header) in headers {
        let Some(attribute) = name.as_str().strip_prefix(PREFIX) else { continue };
        if attribute == "datacontenttype" {
            return Err(refused(name.as_str(), "must not be given: `content-type` says it"));
        }
        let value = value::decode(header.as_bytes()).map_err(|problem| refused(name.as_str(), problem))?;
        attributes.push((attribute, value));
    }
    if attributes.is_empty() {
        return Err(BindingError::NoEvent { content_type: content_type.map(str::to_owned) });
    }
    let given = attributes.iter().map(|(name, value)| (*name, &**value));
    let datacontenttype = content_type.map(|text| ("datacontenttype", text));
    let event = binary::decode(given.chain(datacontenttype), data(content_type, body));
    event.map_err(BindingError::Binary)
}

/// Nothing is no JSON value, and data of no type is none if it is nothing.
fn data(content_type: Option<&str>, body: Bytes) -> Option<Bytes> {
    let none = body.is_empty() && content_type.is_none_or(|text| Form::of(text) == Form::Json);
    (!none).then_some(body)
}

/// The event as headers and body. JSON, text and empty data without a content type get one: else nothing would tell what they
/// are.
pub(super) fn encode(event: &Event) -> (HeaderMap, Bytes) {
    let mut headers = HeaderMap::with_capacity(HEADERS_TYPICAL);
    headers.insert(SPECVERSION, HeaderValue::from_static("1.0"));
    headers.insert(ID, value::encode(event.id()));
    headers.insert(SOURCE, value::encode(event.source()));
    headers.insert(TYPE, value::encode(event.ty()));
    for (name, text) in [(SUBJECT, event.subject()), (TIME, event.time()), (DATASCHEMA, event.dataschema())] {
        if let Some(text) = text {
            headers.insert(name, value::encode(text));
        }
    }
    for (name, value) in event.extensions() {
        headers.insert(header_name(name), value::encode(&value.into_canonical()));
    }
    if let Some(content_type) = content_type_of(event) {
        headers.insert(CONTENT_TYPE, content_type);
    }
    (headers, event.data_shared().unwrap_or_default())
}

#[expect(clippy::expect_used, reason = "names the invariant")]
fn content_type_of(event: &Event) -> Option<HeaderValue> {
    if let Some(text) = event.datacontenttype() {
        return Some(HeaderValue::from_str(text).expect("invariant: a media type is printable ASCII"));
    }
    let data = event.data()?;
    match data.form {
        Form::Json => Some(HeaderValue::from_static("application/json")),
        Form::Text => Some(HeaderValue::from_static("text/plain")),
        Form::Binary if data.bytes.is_empty() => Some(HeaderValue::from_static("application/octet-stream")),
        Form::Binary => None,
    }
}

/// Names are at most 255 letters and digits.
#[expect(clippy::expect_used, reason = "names the invariant")]
fn header_name(extension: &str) -> HeaderName {
    let mut name = [0; PREFIX.len() + 255];
    name[..PREFIX.len()].copy_from_slice(PREFIX.as_bytes());
    let name = &mut name[..PREFIX.len() + extension.len()];
    name[PREFIX.len()..].copy_from_slice(extension.as_bytes());
    HeaderName::from_bytes(name).expect("invariant: letters and digits are a header name")
}

fn refused(name: &str, problem: &'static str) -> BindingError {
    BindingError::Header { name: name.to_owned(), problem }
}
