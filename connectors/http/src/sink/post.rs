//! Requests from events, and outcomes from responses.

use std::sync::Arc;
use std::time::SystemTime;

use base64_simd::STANDARD;
use bytes::Bytes;
use http::header::{self, HeaderName, HeaderValue};
use http::{HeaderMap, Method, Request, StatusCode, Version};
use tidegate_connector::{ConfigError, Place, Secret, SecretConfig, TRACEPARENT, TRACESTATE};
use tidegate_event::Event;

use super::client::{Body, Client, End, Response, Wants};
use super::config::{AuthSource, HeaderSource};
use super::dial::Protocol;
use super::dispatch::{Post, Posted};
use super::outcome::{self, Outcome, Retry};
use super::pacer::Pacer;
use super::results;
use super::target::Target;
use crate::binding::{self, Mode};
use crate::replies::Port;

/// Sent where the document has no `user-agent` of its own.
const AGENT: HeaderValue = HeaderValue::from_static(concat!("tidegate/", env!("CARGO_PKG_VERSION")));
/// Characters of what a service says about a refusal, at most: it becomes a dead letter's reason.
const DETAIL_CHARS: usize = 200;

/// Headers that are the same in every request; secrets are read anew, and made into values when they changed.
#[derive(Debug)]
pub(super) struct Fixed {
    headers: Vec<(HeaderName, HeaderValue)>,
    secrets: Vec<SecretHeader>,
}

#[derive(Debug)]
struct SecretHeader {
    /// Its header's position.
    at: usize,
    secret: Secret,
    form: SecretForm,
    /// What the header was made of.
    seen: Option<Arc<[u8]>>,
}

#[derive(Debug)]
enum SecretForm {
    Plain,
    Bearer,
    /// With the name of the user.
    Basic(String),
}

impl Fixed {
    pub(super) fn compile(
        headers: Vec<(HeaderName, HeaderSource)>,
        auth: Option<AuthSource>,
        place: &Place<'_>,
    ) -> Result<Fixed, Vec<ConfigError>> {
        let mut fixed = Fixed { headers: vec![(header::USER_AGENT, AGENT)], secrets: Vec::new() };
        if headers.iter().any(|(name, _)| name == header::USER_AGENT) {
            fixed.headers.clear();
        }
        for (name, source) in headers {
            match source {
                HeaderSource::Text(value) => fixed.headers.push((name, value)),
                HeaderSource::Secret(secret) => fixed.add_secret(name, &secret, SecretForm::Plain, place)?,
            }
        }
        match auth {
            None => {}
            Some(AuthSource::Bearer(secret)) => {
                fixed.add_secret(header::AUTHORIZATION, &secret, SecretForm::Bearer, place)?;
            }
            Some(AuthSource::Basic { username, password }) => {
                fixed.add_secret(header::AUTHORIZATION, &password, SecretForm::Basic(username), place)?;
            }
        }
        Ok(fixed)
    }

    fn add_secret(
        &mut self,
        name: HeaderName,
        secret: &SecretConfig,
        form: SecretForm,
        place: &Place<'_>,
    ) -> Result<(), Vec<ConfigError>> {
        let secret = Secret::compile(secret, place.base_dir)?;
        self.secrets.push(SecretHeader { at: self.headers.len(), secret, form, seen: None });
        self.headers.push((name, HeaderValue::from_static("")));
        Ok(())
    }

    /// Reads secrets that changed. The error names the secret that is missing.
    pub(super) fn refresh(&mut self) -> Result<(), String> {
        for header in &mut self.secrets {
            let secret = header.secret.read().map_err(|error| format!("secret {error}"))?;
            if header.seen.as_ref().is_some_and(|seen| Arc::ptr_eq(seen, &secret)) {
                continue;
            }
            let bytes = match &header.form {
                SecretForm::Plain => secret.to_vec(),
                SecretForm::Bearer => [b"Bearer ", &*secret].concat(),
                SecretForm::Basic(username) => {
                    let pair = [username.as_bytes(), b":", &*secret].concat();
                    format!("Basic {}", STANDARD.encode_to_string(pair)).into_bytes()
                }
            };
            let (name, slot) = &mut self.headers[header.at];
            let mut value = HeaderValue::from_bytes(&bytes)
                .map_err(|_| format!("the secret for header `{name}` has control characters"))?;
            value.set_sensitive(true);
            *slot = value;
            header.seen = Some(secret);
        }
        Ok(())
    }
}

/// Where replies go.
pub(super) struct ReplyTo {
    pub(super) port: Port,
    /// The sink's own id.
    pub(super) sink: String,
}

/// Makes requests to one target.
pub(super) struct Poster {
    pub(super) client: Client,
    pub(super) target: Target,
    pub(super) mode: Mode,
    pub(super) fixed: Fixed,
    pub(super) pass_headers: Vec<(HeaderName, String)>,
    pub(super) pacer: Pacer,
    pub(super) replies: Option<ReplyTo>,
}

impl Poster {
    fn request(&self, events: &[Event], protocol: Protocol) -> Request<Body> {
        let (mut headers, body) = match (events, self.mode) {
            ([event], mode) => binding::encode(event, mode),
            (events, _) => binding::encode_batch(events),
        };
        for (name, value) in &self.fixed.headers {
            headers.insert(name.clone(), value.clone());
        }
        if let [event] = events {
            for (name, context) in &self.pass_headers {
                if let Some(value) = event.context(context)
                    && let Ok(value) = HeaderValue::from_str(value)
                {
                    headers.insert(name.clone(), value);
                }
            }
            trace(&mut headers, event);
        }
        let mut request = Request::new(Body::new(body));
        *request.method_mut() = Method::POST;
        *request.headers_mut() = headers;
        self.target.address(&mut request, protocol);
        request
    }

    async fn send(&self, events: &[Event]) -> Posted {
        self.pacer.wait().await;
        let wants = if self.replies.is_some() { Wants::Body } else { Wants::Status };
        let response = self.client.exchange(&|protocol| self.request(events, protocol), wants).await;
        let response = match response {
            Ok(response) => response,
            Err(cause) => return Posted::All(Outcome::Retry(Retry::new(cause))),
        };
        if response.status.is_success() {
            return Posted::All(match &self.replies {
                None => Outcome::Delivered,
                Some(replies) => self.reply(replies, events, response).await,
            });
        }
        self.refusal(events, &response)
    }

    async fn reply(&self, to: &ReplyTo, events: &[Event], response: Response) -> Outcome {
        if binding::mode(&response.headers).is_none() {
            return Outcome::Delivered;
        }
        match response.end {
            End::Whole => {}
            End::Broken(cause) => return Outcome::Retry(Retry::new(format!("the reply is incomplete: {cause}"))),
            End::TooLarge => return Outcome::Refused("its reply is larger than `maxResponse`".to_owned()),
        }
        match binding::decode(&response.headers, response.body) {
            Ok(received) => of_replies(to.port.pass_on(&to.sink, events, received.events).await),
            Err(error) => Outcome::Refused(format!("its reply is no event: {error}")),
        }
    }

    fn refusal(&self, events: &[Event], response: &Response) -> Posted {
        let now = SystemTime::now();
        if events.len() > 1
            && let Some(outcomes) = results::read(response, events.len(), now)
        {
            return Posted::Each(outcomes);
        }
        match outcome::of_status(response.status, &response.headers, &detail(response), now) {
            // About the way it is sent, not about an event in it.
            refused @ Outcome::Refused(_)
                if response.status == StatusCode::UNSUPPORTED_MEDIA_TYPE || !response.status.is_client_error() =>
            {
                Posted::All(refused)
            }
            Outcome::Refused(cause) => Posted::Split(cause),
            other @ (Outcome::Delivered | Outcome::Retry(_) | Outcome::Closed(_)) => Posted::All(other),
        }
    }
}

fn of_replies(settled: Result<(), String>) -> Outcome {
    settled.map_or_else(|cause| Outcome::Retry(Retry::new(cause)), |()| Outcome::Delivered)
}

impl Post for Poster {
    async fn post(&self, events: &[Event]) -> Posted {
        let Some(replies) = &self.replies else { return self.send(events).await };
        if let Some(cause) = replies.port.loops(&replies.sink, events) {
            return Posted::Split(cause);
        }
        match replies.port.still_pending(events).await {
            Some(settled) => Posted::All(of_replies(settled)),
            None => self.send(events).await,
        }
    }
}

/// While the host traces, the hop of an event that has a span goes by that span, whatever hop it came by; the event's own
/// `ce-traceparent` stays as it is (Distributed Tracing extension: the former is of the hop, the latter of the whole way).
fn trace(headers: &mut HeaderMap, event: &Event) {
    let value = |name| event.context(name).and_then(|text| HeaderValue::from_str(text).ok());
    let Some(parent) = value(TRACEPARENT) else { return };
    headers.insert(HeaderName::from_static(TRACEPARENT), parent);
    match value(TRACESTATE) {
        Some(state) => headers.insert(HeaderName::from_static(TRACESTATE), state),
        None => headers.remove(TRACESTATE),
    };
}

impl Target {
    /// Gives a request its URI and what else says where it goes.
    pub(super) fn address(&self, request: &mut Request<Body>, protocol: Protocol) {
        match protocol {
            Protocol::Http1 => {
                *request.uri_mut() = self.origin_form.clone();
                request.headers_mut().insert(header::HOST, self.authority.clone());
            }
            Protocol::Http2 => {
                *request.uri_mut() = self.absolute_form.clone();
                *request.version_mut() = Version::HTTP_2;
            }
        }
    }
}

/// What the service says about it: the `detail` or `title` of a problem (RFC 9457), or its text, shortened.
fn detail(response: &Response) -> String {
    let content_type = response.headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let text = match content_type {
        Some(media) if media.contains("json") => problem(&response.body),
        Some(media) if media.starts_with("text/plain") => Some(String::from_utf8_lossy(&response.body).into_owned()),
        Some(_) | None => None,
    };
    let text = text.unwrap_or_default();
    let clean = text.trim().chars().map(|c| if c.is_control() { ' ' } else { c });
    clean.take(DETAIL_CHARS).collect()
}

fn problem(body: &Bytes) -> Option<String> {
    let problem: serde_json::Value = serde_json::from_slice(body).ok()?;
    let text = problem.get("detail").or_else(|| problem.get("title"))?;
    text.as_str().map(str::to_owned)
}
