//! One request, from its head to its answer.

use std::convert::Infallible;
use std::time::Duration;

use bytes::Bytes;
use http::request::Parts;
use http::{HeaderValue, Method, Request, StatusCode, Version, header};
use hyper::body::{Body, Incoming};
use tidegate_event::Event;

use super::answer::{self, Answer, Ids, Refusal};
use super::body::{self, Coding};
use super::connection::{Busy, Connection};
use super::handshake;
use super::waiter::Waited;
use crate::binding::{self, Mode};
use crate::identity::{Denied, Peer};

/// Answers a request. When the client goes away this is dropped, and events that are in their lanes go on.
pub(super) async fn answer(connection: Busy, request: Request<Incoming>) -> Result<Answer, Infallible> {
    let (head, mut body) = request.into_parts();
    let version = head.version;
    Ok(answer_or_refuse(&connection, head, &mut body).await.unwrap_or_else(|refusal| {
        if version < Version::HTTP_2 && (refusal.closes() || !body.is_end_stream()) {
            connection.linger();
        }
        refusal.answer()
    }))
}

async fn answer_or_refuse(connection: &Connection, mut head: Parts, body: &mut Incoming) -> Result<Answer, Refusal> {
    let shared = &*connection.shared;
    let config = &shared.config;
    believe(connection)?;
    if config.path.as_deref().is_some_and(|path| path != head.uri.path()) {
        return Err(Refusal::new(StatusCode::NOT_FOUND, "nothing is received at this path"));
    }
    match head.method {
        Method::POST => {}
        Method::OPTIONS => return handshake::answer(config, &head.headers),
        _ => return Err(handshake::wrong_method()),
    }
    let principal = authenticate(connection, &head).await?;
    // Behind it, so that strangers cannot use up what is meant for those who may send.
    if let Some(rate) = &config.rate
        && let Err(after) = rate.take(shared.elapsed())
    {
        let detail = "more requests than are allowed (rate)";
        return Err(Refusal::again(StatusCode::TOO_MANY_REQUESTS, detail, after));
    }
    let coding = Coding::of(&head.headers)?;
    let mut body = body::read(body, shared).await?;
    believe(connection)?;
    if let Some(signature) = &config.signature {
        signature.check(&head.headers, &body).map_err(|error| match error.status() {
            StatusCode::SERVICE_UNAVAILABLE => {
                Refusal::again(StatusCode::SERVICE_UNAVAILABLE, error.to_string(), Duration::ZERO)
            }
            status => Refusal::new(status, error.to_string()),
        })?;
    }
    if coding == Coding::Gzip {
        body = body::inflate(&body, config.max_body)?;
    }
    let (mode, events) = decode(connection, &mut head, body)?;
    if events.len() > config.max_batch {
        let detail = format!("a batch of {} events; {} are allowed (maxBatch)", events.len(), config.max_batch);
        return Err(Refusal::new(StatusCode::PAYLOAD_TOO_LARGE, detail));
    }
    if events.is_empty() {
        return Ok(answer::empty(StatusCode::NO_CONTENT));
    }
    let events = add_context(connection, &head, principal.as_deref(), events);
    drop(head);
    let ids = (mode == Mode::Batched).then(|| Ids::of(&events));
    let waiter = match shared.lanes.offer(events, connection.lane) {
        Ok(waiter) => waiter,
        Err(outcome) => return Ok(answer::one(Some(&outcome))),
    };
    connection.wait(&waiter);
    let waited = waiter.wait().await;
    connection.waited(&waiter);
    match (waited, ids) {
        (Waited::Settled(outcomes), None) => Ok(answer::one(outcomes.first().map(|(_, outcome)| outcome))),
        (Waited::Settled(outcomes), Some(ids)) => Ok(answer::batch(&ids, outcomes)),
        (Waited::Expired, _) => {
            let detail = "not settled in time (timeout); what was sent goes on, and arrives twice if it is sent again";
            Err(Refusal::again(StatusCode::SERVICE_UNAVAILABLE, detail, Duration::ZERO))
        }
    }
}

/// What comes behind something ambiguous may be somebody else's.
fn believe(connection: &Connection) -> Result<(), Refusal> {
    match connection.refused() {
        None => Ok(()),
        Some(problem) => Err(Refusal::new(StatusCode::BAD_REQUEST, problem).close()),
    }
}

async fn authenticate(connection: &Connection, head: &Parts) -> Result<Option<String>, Refusal> {
    static UNKNOWN: Peer = Peer { certificate: None };
    let peer = connection.proved.get().unwrap_or(&UNKNOWN);
    let Some(auth) = &connection.shared.config.auth else { return Ok(None) };
    match auth.authenticate(&head.headers, peer).await {
        Ok(principal) => Ok(Some(principal)),
        Err(Denied::Unauthenticated { challenge, problem }) => {
            let refusal = Refusal::new(StatusCode::UNAUTHORIZED, problem);
            Err(match HeaderValue::try_from(challenge) {
                Ok(challenge) => refusal.header(header::WWW_AUTHENTICATE, challenge),
                Err(_) => refusal,
            })
        }
        Err(Denied::Forbidden { problem }) => Err(Refusal::new(StatusCode::FORBIDDEN, problem)),
        Err(Denied::Unavailable { problem }) => {
            Err(Refusal::again(StatusCode::SERVICE_UNAVAILABLE, problem, Duration::ZERO))
        }
    }
}

/// CloudEvents as they are, other requests by the rule if there is one. Under a signature the rule takes everything, and without
/// a rule only what is whole in the body is taken: `ce-` headers are not signed.
fn decode(connection: &Connection, head: &mut Parts, body: Bytes) -> Result<(Mode, Vec<Event>), Refusal> {
    let config = &connection.shared.config;
    if let Some(envelope) = &config.envelope
        && (config.signature.is_some() || binding::mode(&head.headers).is_none())
    {
        head.extensions.insert(connection.address);
        let event = envelope.wrap(head, body).map_err(|problem| Refusal::new(StatusCode::BAD_REQUEST, problem))?;
        return Ok((Mode::Binary, vec![event]));
    }
    let received = binding::decode(&head.headers, body);
    let received = received.map_err(|error| Refusal::new(error.status(), error.to_string()))?;
    if config.signature.is_some() && received.mode == Mode::Binary {
        let detail = "ce- headers are not signed: send structured events (application/cloudevents+json)";
        return Err(Refusal::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, detail));
    }
    Ok((received.mode, received.events))
}

/// What only the host can know, and headers that were asked for.
fn add_context(connection: &Connection, head: &Parts, principal: Option<&str>, events: Vec<Event>) -> Vec<Event> {
    let config = &connection.shared.config;
    let mut context = vec![("peer", connection.peer.as_str()), ("path", head.uri.path())];
    context.extend(principal.map(|principal| ("principal", principal)));
    for (header, entry) in &config.accept_headers {
        // The first value; what is no text is left out.
        let value = head.headers.get(header).and_then(|value| std::str::from_utf8(value.as_bytes()).ok());
        context.extend(value.map(|value| (entry.as_str(), value)));
    }
    events.into_iter().map(|event| event.with_context(&context)).collect()
}
