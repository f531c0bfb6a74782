//! How an HTTP message carries events: CloudEvents HTTP protocol binding 1.0.2, both ways. Knows no connection.
//!
//! What the specification leaves open is decided so:
//!
//! - A message is a CloudEvent where its content type begins with `application/cloudevents`, or any header begins with
//!   `ce-`: who sends one of them means an event, and is told what is missing of it.
//! - Structured and batched messages are JSON; another format, or a charset that is not UTF-8, is refused (415). `ce-` headers
//!   beside them are not looked at (section 3.2.3: the body says all).
//! - In binary mode an empty body is no data where there is no content type, or a JSON one (nothing is no JSON value); beside
//!   any other content type it is empty data. Writing keeps to that where it can: only an event without data and with another
//!   content type than JSON arrives with empty data.
//! - An event whose data is itself a CloudEvents message (by its `datacontenttype`) goes in structured mode even where binary is
//!   asked for: its content type would say another mode.

mod headers;
mod media;
mod value;

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderValue, StatusCode};
use tidegate_event::json::{self, DecodeError, Validate};
use tidegate_event::{Event, InvalidEvent};

use self::media::Media;

/// For `tests/fuzz`: envelopes are no part of the crate's face.
#[cfg(feature = "fuzzing")]
#[doc(hidden)]
pub use crate::envelope::wrap_once;

const STRUCTURED: HeaderValue = HeaderValue::from_static("application/cloudevents+json");
const BATCHED: HeaderValue = HeaderValue::from_static("application/cloudevents-batch+json");

/// The three content modes (HTTP binding, section 3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Attributes in `ce-` headers, data as the body.
    Binary,
    /// One event in the body, `application/cloudevents+json`.
    Structured,
    /// Any number of events in the body, `application/cloudevents-batch+json`.
    Batched,
}

/// What a message carries.
#[derive(Clone, Debug)]
pub struct Received {
    /// As which it came.
    pub mode: Mode,
    /// One, but for batches: any number, none too.
    pub events: Vec<Event>,
}

/// Why a message is refused. Names the header, attribute or position.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BindingError {
    /// Neither by its content type nor by its headers.
    #[error("no CloudEvent: no `ce-` header, and the content type is {}", shown(.content_type))]
    NoEvent {
        /// The content type, if there is one.
        content_type: Option<String>,
    },
    /// A format other than JSON.
    #[error("content type `{content_type}` is not supported; send `application/cloudevents{}+json`", batch(.mode))]
    Format {
        /// The content type.
        content_type: String,
        /// Which mode it means.
        mode: Mode,
    },
    /// JSON in another encoding than UTF-8.
    #[error("charset `{0}` is not supported: JSON is UTF-8")]
    Charset(String),
    /// A header whose value is not well formed, or that must not be there.
    #[error("header `{name}` {problem}")]
    Header {
        /// The header, in lower case.
        name: String,
        /// What it does wrong, as the rest of a sentence.
        problem: &'static str,
    },
    /// The headers do not make an event.
    #[error(transparent)]
    Binary(InvalidEvent),
    /// The body is no event.
    #[error(transparent)]
    Structured(DecodeError),
    /// The body is no batch, or something in it is no event.
    #[error("event {index} of the batch: {problem}")]
    Batched {
        /// Which one, from 0.
        index: usize,
        /// What is wrong with it. Bytes are counted from the beginning of that event, or of the batch if what is wrong is
        /// between events.
        problem: DecodeError,
    },
}

impl BindingError {
    /// 400 for what is malformed, 415 for a content type that carries no events here.
    pub fn status(&self) -> StatusCode {
        match self {
            Self::NoEvent { .. } | Self::Format { .. } | Self::Charset(_) => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::Header { .. } | Self::Binary(_) | Self::Structured(_) | Self::Batched { .. } => {
                StatusCode::BAD_REQUEST
            }
        }
    }
}

fn shown(content_type: &Option<String>) -> String {
    content_type.as_ref().map_or_else(|| "missing".to_owned(), |text| format!("`{text}`"))
}

fn batch(mode: &Mode) -> &'static str {
    match mode {
        Mode::Batched => "-batch",
        Mode::Structured | Mode::Binary => "",
    }
}

/// The mode that the headers tell of; `None` where the message is no CloudEvent at all (no `ce-` header, another content type).
pub fn mode(headers: &HeaderMap) -> Option<Mode> {
    let content_type = headers.get(CONTENT_TYPE).map_or(&[][..], HeaderValue::as_bytes);
    media::mode(content_type).or_else(|| headers::any(headers).then_some(Mode::Binary))
}

/// Reads a message. All of a batch is good, or the error names the first that is not.
///
/// JSON is checked whole ([`Validate::Full`]); data in binary mode is opaque, as the specification has it.
pub fn decode(headers: &HeaderMap, body: Bytes) -> Result<Received, BindingError> {
    let content_type = headers::content_type(headers)?;
    let media = content_type.map_or(Ok(Media::Data), media::read)?;
    let (mode, events) = match media {
        Media::Data => (Mode::Binary, vec![headers::decode(headers, content_type, body)?]),
        Media::Event => {
            let event = json::decode(&body, Validate::Full).map_err(BindingError::Structured)?;
            (Mode::Structured, vec![event])
        }
        Media::Batch => {
            let events = json::decode_batch(&body, Validate::Full);
            (Mode::Batched, events.map_err(|(index, problem)| BindingError::Batched { index, problem })?)
        }
    };
    Ok(Received { mode, events })
}

/// One event as a message; `Batched` is a batch of one. The headers have the content type and, in binary mode, `ce-*`.
pub fn encode(event: &Event, mode: Mode) -> (HeaderMap, Bytes) {
    match mode {
        Mode::Binary if event.datacontenttype().is_none_or(|text| media::mode(text.as_bytes()).is_none()) => {
            headers::encode(event)
        }
        Mode::Binary | Mode::Structured => {
            let mut body = Vec::new();
            json::encode(event, &mut body);
            (only(STRUCTURED), body.into())
        }
        Mode::Batched => encode_batch(std::slice::from_ref(event)),
    }
}

/// Events as one batched message.
pub fn encode_batch(events: &[Event]) -> (HeaderMap, Bytes) {
    let mut body = Vec::new();
    json::encode_batch(events, &mut body);
    (only(BATCHED), body.into())
}

fn only(content_type: HeaderValue) -> HeaderMap {
    let mut headers = HeaderMap::with_capacity(1);
    headers.insert(CONTENT_TYPE, content_type);
    headers
}
