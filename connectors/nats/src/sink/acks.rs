//! What a stream answers to what was published: one inbox for a writer, a number for each message.

use async_nats::{Message, StatusCode, Subscriber};
use serde::Deserialize;

use tidegate_connector::chain;

use crate::link::Link;

/// Answers to one writer's messages.
#[derive(Debug)]
pub(super) struct Acks {
    /// All that comes here ends with a number.
    prefix: String,
    pub(super) messages: Subscriber,
    next: u64,
}

/// What became of a message.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Answer {
    Stored,
    /// No stream listens to the subject.
    Nobody,
    /// This message will never be taken.
    Never(String),
    /// Not now.
    NotNow(String),
}

#[derive(Deserialize)]
struct PubAck {
    error: Option<ApiError>,
}

#[derive(Deserialize)]
struct ApiError {
    err_code: Option<u64>,
    description: Option<String>,
}

/// Larger than its stream takes.
const MESSAGE_TOO_LARGE: u64 = 10054;
/// Its headers are more than the server's (64 KiB).
const HEADERS_TOO_LARGE: u64 = 10097;

impl Acks {
    pub(super) async fn open(link: &Link) -> Result<Acks, String> {
        let prefix = format!("{}.", link.client.new_inbox());
        let messages = link.client.subscribe(format!("{prefix}*")).await.map_err(|error| chain(&error))?;
        Ok(Acks { prefix, messages, next: 0 })
    }

    /// The number of the first of so many messages; those from before will not be recognised.
    pub(super) fn numbers(&mut self, count: usize) -> u64 {
        let first = self.next;
        self.next += count as u64;
        first
    }

    pub(super) fn reply(&self, number: u64) -> String {
        format!("{}{number}", self.prefix)
    }

    /// Which message this answers, and how.
    pub(super) fn read(&self, message: &Message) -> Option<(u64, Answer)> {
        let number = message.subject.as_str().strip_prefix(&self.prefix)?.parse().ok()?;
        Some((number, answer(message)))
    }
}

fn answer(message: &Message) -> Answer {
    if message.status == Some(StatusCode::NO_RESPONDERS) {
        return Answer::Nobody;
    }
    match serde_json::from_slice::<PubAck>(&message.payload) {
        Ok(PubAck { error: None }) => Answer::Stored,
        Ok(PubAck { error: Some(ApiError { err_code, description }) }) => {
            let said = description.unwrap_or_else(|| "the stream refused it".to_owned());
            match err_code {
                Some(MESSAGE_TOO_LARGE | HEADERS_TOO_LARGE) => Answer::Never(said),
                Some(_) | None => Answer::NotNow(said),
            }
        }
        Err(_) => Answer::NotNow("the answer is none of a stream".to_owned()),
    }
}
