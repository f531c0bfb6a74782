//! Plain requests become events by an explicit rule: a preset (`generic`, `github`), or templates over method, path, query,
//! headers and JSON fields of the body.
//!
//! ```yaml
//! envelope: generic
//! ---
//! envelope: github
//! ---
//! envelope:                                # as in `tidegate_connector::envelope`
//!   type: com.acme.${data.kind}
//!   source: /http${path}
//!   id: ${header.X-Order-Id}               # default: ${requestid}
//!   subject: ${query.customer}
//! ```
//!
//! A template may name, besides `${data.PATH}` and `${hash}` of the body:
//!
//! | name | what |
//! |---|---|
//! | `method` | `POST` |
//! | `path` | as sent, percent signs and all |
//! | `host` | the authority of the request, else its `Host` header |
//! | `remote` | the client's address, without the port |
//! | `requestid` | see below |
//! | `header.NAME` | the first header of that name, as text; none that holds credentials |
//! | `query.NAME` | the first parameter of that name, percent signs decoded, `+` a blank |
//!
//! A request without what its rule names is malformed, and the problem names it.
//!
//! `requestid` is what stays the same when a client sends a request again: its `Idempotency-Key` header, else its
//! `X-Request-Id`, else a hash over method, target and body. So without those headers two requests that are equal are the
//! same event. There is no clock and no random number here.
//!
//! The presets: [`generic`] takes every request, [`github`] GitHub's webhooks.

mod generic;
mod github;
mod request;
mod rule;

use std::fmt;

use bytes::Bytes;
use serde::de::value::MapAccessDeserializer;
use serde::{Deserialize, Deserializer, de};
use tidegate_connector::ConfigError;
use tidegate_connector::envelope::EnvelopeConfig;
use tidegate_event::Event;

use self::rule::Rule;

/// `envelope:` of a source, as in the document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum RequestEnvelopeConfig {
    Generic,
    GitHub,
    Rule(Box<EnvelopeConfig>),
}

impl<'de> Deserialize<'de> for RequestEnvelopeConfig {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl<'de> de::Visitor<'de> for Visitor {
            type Value = RequestEnvelopeConfig;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("`generic`, `github` or a rule with `type` and `source`")
            }
            fn visit_str<E: de::Error>(self, name: &str) -> Result<Self::Value, E> {
                match name {
                    "generic" => Ok(RequestEnvelopeConfig::Generic),
                    "github" => Ok(RequestEnvelopeConfig::GitHub),
                    _ => Err(E::unknown_variant(name, &["generic", "github"])),
                }
            }
            fn visit_map<A: de::MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
                let rule = EnvelopeConfig::deserialize(MapAccessDeserializer::new(map))?;
                Ok(RequestEnvelopeConfig::Rule(Box::new(rule)))
            }
        }
        deserializer.deserialize_any(Visitor)
    }
}

/// A rule, compiled once.
#[derive(Clone, Debug)]
pub(crate) struct RequestEnvelope(Kind);

#[derive(Clone, Debug)]
enum Kind {
    Generic,
    GitHub,
    Rule(Box<Rule>),
}

impl RequestEnvelope {
    /// Pointers of the errors are relative to the rule.
    pub(crate) fn compile(config: &RequestEnvelopeConfig) -> Result<RequestEnvelope, Vec<ConfigError>> {
        Ok(RequestEnvelope(match config {
            RequestEnvelopeConfig::Generic => Kind::Generic,
            RequestEnvelopeConfig::GitHub => Kind::GitHub,
            RequestEnvelopeConfig::Rule(rule) => Kind::Rule(Box::new(Rule::compile(rule)?)),
        }))
    }

    /// The request as an event; the error says what of the request the rule does not fit. `remote` is the
    /// [`SocketAddr`](std::net::SocketAddr) among the request's extensions.
    pub(crate) fn wrap(&self, request: &http::request::Parts, body: Bytes) -> Result<Event, String> {
        match &self.0 {
            Kind::Generic => generic::wrap(request, body),
            Kind::GitHub => github::wrap(request, body),
            Kind::Rule(rule) => rule.wrap(request, body),
        }
    }
}

/// For `tests/fuzz`: a rule as in a document, used once.
#[cfg(feature = "fuzzing")]
pub fn wrap_once(rule: &serde_json::Value, request: &http::request::Parts, body: Bytes) -> Result<Event, String> {
    let config = tidegate_connector::config::parse(rule).map_err(|errors| format!("{errors:?}"))?;
    let envelope = RequestEnvelope::compile(&config).map_err(|errors| format!("{errors:?}"))?;
    envelope.wrap(request, body)
}

#[cfg(test)]
mod tests;
