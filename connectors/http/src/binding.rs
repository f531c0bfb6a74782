//! How an HTTP message carries events: CloudEvents HTTP protocol binding 1.0.2, both ways. Knows no connection.

use bytes::Bytes;
use http::{HeaderMap, StatusCode};
use tidegate_event::Event;

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
pub enum BindingError {
    /// Placeholder, completed by the owner.
    #[error("{0}")]
    Invalid(String),
}

impl BindingError {
    /// 400 for what is malformed, 415 for a content type that carries no events here.
    pub fn status(&self) -> StatusCode {
        todo!()
    }
}

/// The mode that the headers tell of; `None` where the message is no CloudEvent at all (no `ce-` header, another content type).
pub fn mode(_headers: &HeaderMap) -> Option<Mode> {
    todo!()
}

/// Reads a message. All of a batch is good, or the error names the first that is not.
pub fn decode(_headers: &HeaderMap, _body: Bytes) -> Result<Received, BindingError> {
    todo!()
}

/// One event as a message; `Batched` is a batch of one. The headers have the content type and, in binary mode, `ce-*`.
pub fn encode(_event: &Event, _mode: Mode) -> (HeaderMap, Bytes) {
    todo!()
}

/// Events as one batched message.
pub fn encode_batch(_events: &[Event]) -> (HeaderMap, Bytes) {
    todo!()
}
