//! Plain requests become events by an explicit rule: a preset (`generic`, `github`), or templates over method, path, query,
//! headers and JSON fields of the body.

use bytes::Bytes;
use serde::Deserialize;
use tidegate_connector::ConfigError;
use tidegate_event::Event;

/// `envelope:` of a source. Placeholder, completed by the owner.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct RequestEnvelopeConfig(serde_json::Value);

/// A rule, compiled once.
#[derive(Clone, Debug)]
pub(crate) struct RequestEnvelope {}

impl RequestEnvelope {
    /// Pointers of the errors are relative to the rule.
    pub(crate) fn compile(_config: &RequestEnvelopeConfig) -> Result<RequestEnvelope, Vec<ConfigError>> {
        todo!()
    }

    /// The request as an event; the error says what of the request the rule does not fit.
    pub(crate) fn wrap(&self, _request: &http::request::Parts, _body: Bytes) -> Result<Event, String> {
        todo!()
    }
}
