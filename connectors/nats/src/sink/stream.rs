//! Publishing to streams: many messages on their way at once, each answered for itself.
//!
//! The messages of a connection are stored in the order they were sent. When the connection is lost, what was stored is a beginning of
//! what was sent; the rest is sent again, and what of it had been stored without our hearing of it the stream drops as a duplicate, by its
//! message id. When a stream refuses one in the middle (full, or nobody listens to its subject), those behind it that were under
//! way have been stored before it: with `inFlight: 1` nothing is under way behind one that is not answered.

use std::time::Duration;

use futures_util::StreamExt;
use tidegate_connector::WriteError;
use tidegate_event::Event;
use tokio::time::{Instant, sleep_until};

use super::acks::{Acks, Answer};
use super::{NatsWriter, Outgoing, transient};
use crate::link::Link;

/// What is known of a group while it is being written.
struct Progress {
    /// One an event.
    done: Vec<bool>,
    sent: usize,
    /// Sent and not answered.
    open: usize,
    /// The first that failed, and how.
    failed: Option<(usize, Failed)>,
}

enum Failed {
    Now { place: String, cause: String },
    Ever { place: String, cause: String },
}

impl NatsWriter {
    pub(super) async fn write_stream(
        &mut self,
        events: &[Event],
        in_flight: usize,
        ack_timeout: Duration,
    ) -> Result<(), WriteError> {
        let link = self.link().await?;
        let mut acks = match self.acks.take() {
            Some(acks) => acks,
            None => Acks::open(&link).await.map_err(|cause| transient(0, &link.place, cause))?,
        };
        let mut progress = Progress { done: vec![false; events.len()], sent: 0, open: 0, failed: None };
        let mut ids = Vec::with_capacity(events.len());
        self.send(events, in_flight, ack_timeout, &link, &mut acks, &mut progress, &mut ids).await;
        self.acks = Some(acks);
        self.outcome(progress, &ids)
    }

    #[expect(clippy::too_many_arguments, reason = "the parts of one write, split only to be read")]
    async fn send(
        &self,
        events: &[Event],
        in_flight: usize,
        ack_timeout: Duration,
        link: &Link,
        acks: &mut Acks,
        progress: &mut Progress,
        ids: &mut Vec<Option<String>>,
    ) {
        let mut state = link.state.clone();
        let losses = state.borrow().losses;
        let first = acks.numbers(events.len());
        let mut heard = Instant::now();
        loop {
            let more = progress.sent < events.len() && progress.failed.is_none();
            if !more && progress.open == 0 {
                return;
            }
            if more && progress.open < in_flight {
                let index = progress.sent;
                progress.sent += 1;
                let message = match self.outgoing(&events[index], link) {
                    Ok(message) => message,
                    Err((place, cause)) => {
                        ids.push(None);
                        progress.failed = Some((index, Failed::Ever { place, cause }));
                        continue;
                    }
                };
                let Outgoing { subject, headers, payload, id } = message;
                if id.as_ref().is_some_and(|id| self.ahead.contains(id)) {
                    progress.done[index] = true;
                    ids.push(id);
                    continue;
                }
                ids.push(id);
                if progress.open == 0 {
                    heard = Instant::now();
                }
                progress.open += 1;
                let reply = acks.reply(first + index as u64);
                tokio::select! {
                    sent = link.client.publish_with_reply_and_headers(subject, reply, headers, payload) => {
                        if let Err(error) = sent {
                            progress.fail_now(index, &link.place, error.to_string());
                            return;
                        }
                    }
                    _ = state.wait_for(|state| state.losses != losses) => {
                        progress.fail_now(index, &link.place, link.trouble());
                        return;
                    }
                }
                // Answers are taken in when there are some; else the next is sent.
                while let Some(Some(message)) = futures_util::FutureExt::now_or_never(acks.messages.next()) {
                    heard = Instant::now();
                    progress.answered(acks.read(&message), first, events, self, link);
                }
                continue;
            }
            tokio::select! {
                message = acks.messages.next() => match message {
                    Some(message) => {
                        heard = Instant::now();
                        progress.answered(acks.read(&message), first, events, self, link);
                    }
                    None => {
                        let first_open = progress.first_open();
                        progress.fail_now(first_open, &link.place, "the subscription ended".to_owned());
                        return;
                    }
                },
                _ = state.wait_for(|state| state.losses != losses) => {
                    let first_open = progress.first_open();
                    progress.fail_now(first_open, &link.place, link.trouble());
                    return;
                }
                () = sleep_until(heard + ack_timeout) => {
                    let first_open = progress.first_open();
                    let place = self.place_of(&events[first_open], link);
                    progress.fail_now(first_open, &place, format!("no answer from a stream within {ack_timeout:?}"));
                    return;
                }
            }
        }
    }

    /// What the framework is told, and what is remembered for the next call.
    fn outcome(&mut self, progress: Progress, ids: &[Option<String>]) -> Result<(), WriteError> {
        let Progress { done, failed, .. } = progress;
        let Some((index, failed)) = failed else {
            self.ahead.clear();
            return Ok(());
        };
        let behind = ids.iter().zip(&done).skip(index + 1).filter(|(_, done)| **done);
        self.ahead = behind.filter_map(|(id, _)| id.clone()).collect();
        Err(match failed {
            Failed::Now { place, cause } => WriteError::Transient { written: index, after: None, place, cause },
            Failed::Ever { place, cause } => WriteError::Permanent { index, place, cause },
        })
    }

    fn place_of(&self, event: &Event, link: &Link) -> String {
        let subject = event.context(tidegate_connector::DESTINATION).or(self.parts.subject.as_deref());
        format!("{} {}", link.place, subject.unwrap_or_default())
    }
}

impl Progress {
    fn first_open(&self) -> usize {
        self.done.iter().position(|done| !done).unwrap_or(self.done.len().saturating_sub(1))
    }

    /// The first failure counts: what is behind it is sent again anyway.
    fn fail_now(&mut self, index: usize, place: &str, cause: String) {
        let index = index.min(self.first_open());
        if self.failed.as_ref().is_none_or(|(other, _)| index <= *other) {
            self.failed = Some((index, Failed::Now { place: place.to_owned(), cause }));
        }
    }

    fn answered(
        &mut self,
        answer: Option<(u64, Answer)>,
        first: u64,
        events: &[Event],
        writer: &NatsWriter,
        link: &Link,
    ) {
        let Some((number, answer)) = answer else { return };
        let Some(index) = number.checked_sub(first).map(|index| index as usize).filter(|index| *index < events.len())
        else {
            return; // Of an earlier call, which was told that nothing came.
        };
        self.open = self.open.saturating_sub(1);
        let failed = match answer {
            Answer::Stored => {
                self.done[index] = true;
                return;
            }
            Answer::Nobody => {
                let cause = "no stream takes this subject; make one, or set `jetstream: false`".to_owned();
                Failed::Now { place: writer.place_of(&events[index], link), cause }
            }
            Answer::NotNow(cause) => Failed::Now { place: writer.place_of(&events[index], link), cause },
            Answer::Never(cause) => Failed::Ever { place: writer.place_of(&events[index], link), cause },
        };
        if self.failed.as_ref().is_none_or(|(other, _)| index < *other) {
            self.failed = Some((index, failed));
        }
    }
}
