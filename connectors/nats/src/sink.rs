//! Writing: events as messages, and how it is known that they were taken.

mod acks;
mod read_back;
mod stream;

use std::collections::HashSet;

use async_nats::HeaderMap;
use async_trait::async_trait;
use bytes::Bytes;
use tidegate_connector::{DESTINATION, ENTRY, Headers, WriteError, Writer};
use tidegate_event::Event;

pub(crate) use self::read_back::SubjectLook;
use crate::binding::{self, Mode};
use crate::config::connection::Opened;
use crate::config::{MessageId, To};
use crate::link::{Kept, Link};
use crate::subject::check_name;

pub(crate) struct NatsWriter {
    parts: Parts,
    link: Option<Link>,
    acks: Option<acks::Acks>,
    /// Message ids that a stream took although one before them failed: they are not sent again.
    ahead: HashSet<String>,
}

/// What a writer is made of.
#[derive(Debug)]
pub(crate) struct Parts {
    /// `namespace/name` of the document.
    pub(crate) id: String,
    pub(crate) connection: Opened,
    pub(crate) subject: Option<String>,
    pub(crate) mode: Mode,
    pub(crate) to: To,
    pub(crate) headers: Headers,
}

/// A message ready to be sent.
struct Outgoing {
    subject: String,
    headers: HeaderMap,
    payload: Bytes,
    id: Option<String>,
}

impl NatsWriter {
    pub(crate) fn new(parts: Parts) -> Self {
        Self { parts, link: None, acks: None, ahead: HashSet::new() }
    }

    /// The connection; another one if the last was lost.
    async fn link(&mut self) -> Result<Link, WriteError> {
        if let Some(link) = &self.link
            && link.is_up(0)
        {
            return Ok(link.clone());
        }
        let lost = self.link.take().map(|link| link.trouble());
        self.acks = None;
        let name = format!("tidegate {}", self.parts.id);
        let opened = Link::open(&self.parts.connection, &name, Kept::Once).await;
        let link = opened.map_err(|error| transient(0, &error.place, error.cause))?;
        if let Some(lost) = lost {
            tracing::info!(sink = self.parts.id, "connected again: {lost}");
        }
        Ok(self.link.insert(link).clone())
    }

    /// The message of an event, or why there can be none.
    fn outgoing(&self, event: &Event, link: &Link) -> Result<Outgoing, (String, String)> {
        let own = self.parts.subject.as_deref();
        let Some(subject) = event.context(DESTINATION).or(own) else {
            let cause = "the event names no subject, and the sink has none of its own".to_owned();
            return Err((link.place.to_string(), cause));
        };
        let place = || format!("{} {subject}", link.place);
        check_name(subject).map_err(|problem| (place(), format!("the subject {problem}")))?;
        let (mut headers, payload) = binding::encode(event, self.parts.mode, &self.parts.headers);
        let id = match self.parts.to {
            To::Stream { message_id: MessageId::Event, .. } => {
                let entry = event.context(ENTRY).map_or_else(String::new, |entry| format!(" {entry}"));
                let id = format!("{subject} {} {}{entry}", event.source(), event.id());
                headers.insert(async_nats::header::NATS_MESSAGE_ID, id.as_str());
                Some(id)
            }
            To::Stream { message_id: MessageId::None, .. } | To::Subjects => None,
        };
        let size = header_bytes(&headers) + payload.len();
        let most = link.client.max_payload();
        if size > most {
            return Err((place(), format!("the message has {size} bytes with its headers; the server takes {most}")));
        }
        Ok(Outgoing { subject: subject.to_owned(), headers, payload, id })
    }

    /// Publishes and waits until the server has read all of it.
    async fn write_subjects(&mut self, events: &[Event]) -> Result<(), WriteError> {
        let link = self.link().await?;
        let mut state = link.state.clone();
        let losses = state.borrow().losses;
        let mut refused = None;
        let mut sent = 0;
        for (index, event) in events.iter().enumerate() {
            let message = match self.outgoing(event, &link) {
                Ok(message) => message,
                Err(problem) => {
                    refused = Some((index, problem));
                    break;
                }
            };
            let Outgoing { subject, headers, payload, .. } = message;
            tokio::select! {
                published = link.client.publish_with_headers(subject, headers, payload) => {
                    published.map_err(|error| transient(0, &link.place, error.to_string()))?;
                }
                _ = state.wait_for(|state| state.losses != losses) => {
                    return Err(transient(0, &link.place, link.trouble()));
                }
            }
            sent += 1;
        }
        if sent > 0 {
            link.flush().await.map_err(|cause| transient(0, &link.place, cause))?;
        }
        if !link.is_up(losses) {
            return Err(transient(0, &link.place, link.trouble()));
        }
        match refused {
            Some((index, (place, cause))) => Err(WriteError::Permanent { index, place, cause }),
            None => Ok(()),
        }
    }
}

#[async_trait]
impl Writer for NatsWriter {
    async fn write(&mut self, events: &[Event]) -> Result<(), WriteError> {
        match self.parts.to {
            To::Subjects => self.write_subjects(events).await,
            To::Stream { in_flight, ack_timeout, .. } => self.write_stream(events, in_flight, ack_timeout).await,
        }
    }

    async fn close(&mut self) -> Result<(), WriteError> {
        self.acks = None;
        self.link = None;
        Ok(())
    }
}

fn transient(written: usize, place: &str, cause: String) -> WriteError {
    WriteError::Transient { written, after: None, place: place.to_owned(), cause }
}

/// As the server counts them: a version line, a line each, an empty line.
fn header_bytes(headers: &HeaderMap) -> usize {
    let line = |name: &str, value: &str| name.len() + value.len() + ": \r\n".len();
    let lines = headers.iter().flat_map(|(name, values)| {
        let name: &str = name.as_ref();
        values.iter().map(move |value| line(name, value.as_str()))
    });
    "NATS/1.0\r\n".len() + lines.sum::<usize>() + "\r\n".len()
}
