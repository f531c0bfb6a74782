//! One group: who is posted when, and what the framework is told.
//!
//! Events of one ordering key go one after another, each only once the one before it is done with; different keys go at the same
//! time, up to `concurrency`. When an event is to be tried again, what follows it in its key waits, and the other keys go on. When
//! the whole service is in trouble (it says so, or the breaker opens), nothing new is begun.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use tidegate_connector::{Breaker, BreakerOptions, Circuit, Progress, Trouble, WriteError};
use tidegate_event::Event;
use tokio::time::Instant;

use super::config::Unkeyed;
use super::outcome::{Outcome, Retry, Scope};

/// Posts events as one request.
pub(super) trait Post: Sync {
    /// `events` is one event, or a batch.
    fn post(&self, events: &[Event]) -> impl Future<Output = Posted> + Send;
}

/// What became of the events of one request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Posted {
    /// The same for all.
    All(Outcome),
    /// Each its own, in their order.
    Each(Vec<Outcome>),
    /// The batch is refused because of some event in it.
    Split(String),
}

/// How events are sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sending {
    /// Each in a request of its own.
    Single { concurrency: usize, unkeyed: Unkeyed },
    /// Consecutive events together, one request after another.
    Batched { events: usize, bytes: usize },
}

/// Sends groups; remembers between calls what the framework cannot be told.
#[derive(Debug)]
pub(super) struct Dispatch {
    sending: Sending,
    place: String,
    progress: Progress,
    breaker: Breaker,
    /// The service asked for a pause until then, by what it answered.
    pause: Option<(Instant, String)>,
}

/// What one call has brought.
#[derive(Debug, Default)]
struct Round {
    failed: Vec<(usize, Retry)>,
    closed: Option<String>,
    /// Nothing new is to be begun.
    halted: AtomicBool,
}

impl Dispatch {
    pub(super) fn new(sending: Sending, place: String) -> Dispatch {
        let breaker = Breaker::new(BreakerOptions::default());
        Dispatch { sending, place, progress: Progress::default(), breaker, pause: None }
    }

    /// The sink's breaker, from now on.
    pub(super) fn mind(&mut self, breaker: Breaker) {
        self.breaker = breaker;
    }

    /// As [`Writer::write`](tidegate_connector::Writer::write).
    pub(super) async fn write(&mut self, post: &impl Post, events: &[Event]) -> Result<(), WriteError> {
        self.progress.begin(events);
        let circuit = match self.may_send() {
            Ok(circuit) => circuit,
            Err(trouble) => return self.progress.end(events, &self.place, Some(trouble)),
        };
        let mut round = Round::default();
        if circuit == Circuit::Probing
            && let Some(first) = (0..events.len()).find(|&index| self.progress.is_open(index))
        {
            let results = self.chain(post, events, vec![first], &round).await;
            self.record(results, &mut round);
        }
        if !round.halted.load(Ordering::Relaxed) {
            match self.sending {
                Sending::Single { concurrency, unkeyed } => {
                    self.singly(post, events, concurrency, unkeyed, &mut round).await;
                }
                Sending::Batched { events: count, bytes } => {
                    self.batched(post, events, count, bytes, &mut round).await;
                }
            }
        }
        self.conclude(events, round)
    }

    /// What nothing was sent can only be held, with this reason.
    pub(super) fn hold(&mut self, events: &[Event], retry: Retry) -> Result<(), WriteError> {
        self.progress.begin(events);
        self.progress.end(events, &self.place, Some(Trouble { cause: retry.cause, after: retry.after }))
    }

    /// Whether it is more than a try; or why nothing may be sent now.
    fn may_send(&mut self) -> Result<Circuit, Trouble> {
        if let Some((until, cause)) = &self.pause {
            let left = until.saturating_duration_since(Instant::now());
            if left > Duration::ZERO {
                return Err(Trouble { cause: cause.clone(), after: Some(left) });
            }
            self.pause = None;
        }
        match self.breaker.ask(Instant::now) {
            circuit @ (Circuit::Closed | Circuit::Probing) => Ok(circuit),
            Circuit::Open(left) => Err(Trouble { cause: self.breaker.cause(), after: Some(left) }),
        }
    }

    async fn singly(
        &mut self,
        post: &impl Post,
        events: &[Event],
        concurrency: usize,
        unkeyed: Unkeyed,
        round: &mut Round,
    ) {
        // Most groups are one event, which needs no order.
        let chains =
            if events.len() == 1 && self.progress.is_open(0) { vec![vec![0]] } else { self.chains(events, unkeyed) };
        let mut chains = chains.into_iter();
        if chains.len() == 1 {
            let chain = chains.next().unwrap_or_default();
            let results = self.chain(post, events, chain, round).await;
            return self.record(results, round);
        }
        let mut results = Vec::with_capacity(events.len());
        let mut running = FuturesUnordered::new();
        loop {
            while running.len() < concurrency
                && let Some(chain) = chains.next()
            {
                running.push(self.chain(post, events, chain, round));
            }
            match running.next().await {
                Some(ended) => results.extend(ended),
                None => break,
            }
        }
        drop(running);
        self.record(results, round);
    }

    /// The open events, by what orders them; in the order of their first.
    fn chains(&self, events: &[Event], unkeyed: Unkeyed) -> Vec<Vec<usize>> {
        let mut chains: Vec<Vec<usize>> = Vec::new();
        let mut by_key: HashMap<Key<'_>, usize> = HashMap::new();
        for (index, event) in events.iter().enumerate().filter(|&(index, _)| self.progress.is_open(index)) {
            let chain = match Key::of(event, unkeyed) {
                Some(key) => *by_key.entry(key).or_insert(chains.len()),
                None => chains.len(),
            };
            match chains.get_mut(chain) {
                Some(chain) => chain.push(index),
                None => chains.push(vec![index]),
            }
        }
        chains
    }

    /// One after another, until one is to be tried again.
    async fn chain(
        &self,
        post: &impl Post,
        events: &[Event],
        chain: Vec<usize>,
        round: &Round,
    ) -> Vec<(usize, Outcome)> {
        let mut results = Vec::with_capacity(chain.len());
        for index in chain {
            if round.halted.load(Ordering::Relaxed) {
                break;
            }
            let outcome = match post.post(std::slice::from_ref(&events[index])).await {
                Posted::All(outcome) => outcome,
                Posted::Split(cause) => Outcome::Refused(cause),
                Posted::Each(outcomes) => outcomes.into_iter().next().unwrap_or(Outcome::Delivered),
            };
            self.note(&outcome, round);
            let goes_on = matches!(outcome, Outcome::Delivered | Outcome::Refused(_));
            results.push((index, outcome));
            if !goes_on {
                break;
            }
        }
        results
    }

    async fn batched(&mut self, post: &impl Post, events: &[Event], count: usize, bytes: usize, round: &mut Round) {
        let mut from = 0;
        while let Some(batch) = self.batch(events, from, count, bytes) {
            from = batch.end;
            // The parts of the batch still to be sent, the next one last.
            let mut parts = vec![batch];
            while let Some(part) = parts.pop() {
                if round.halted.load(Ordering::Relaxed) || !round.failed.is_empty() {
                    return;
                }
                let outcomes = match post.post(&events[part.clone()]).await {
                    Posted::All(outcome) => vec![outcome; part.len()],
                    Posted::Each(outcomes) => outcomes,
                    Posted::Split(cause) if part.len() == 1 => vec![Outcome::Refused(cause)],
                    Posted::Split(_) => {
                        let middle = part.start + part.len() / 2;
                        parts.push(middle..part.end);
                        parts.push(part.start..middle);
                        continue;
                    }
                };
                // One request is one failure, however many events it had.
                let worst = outcomes.iter().max_by_key(|outcome| severity(outcome));
                if let Some(worst) = worst {
                    self.note(worst, round);
                }
                self.record(part.zip(outcomes).collect(), round);
            }
        }
    }

    /// The next open events in a row, from `from` on.
    fn batch(&self, events: &[Event], from: usize, count: usize, bytes: usize) -> Option<std::ops::Range<usize>> {
        let start = (from..events.len()).find(|&index| self.progress.is_open(index))?;
        let mut size = events[start].size();
        let mut end = start + 1;
        while end < events.len() && end - start < count && self.progress.is_open(end) {
            size += events[end].size();
            if size > bytes {
                break;
            }
            end += 1;
        }
        Some(start..end)
    }

    /// What an outcome says about the service.
    fn note(&self, outcome: &Outcome, round: &Round) {
        match outcome {
            Outcome::Delivered | Outcome::Refused(_) => self.breaker.succeeded(),
            Outcome::Retry(retry) => {
                self.breaker.failed(Instant::now(), &retry.cause);
                if retry.scope == Scope::Service || self.breaker.is_open() {
                    round.halted.store(true, Ordering::Relaxed);
                }
            }
            Outcome::Closed(_) => round.halted.store(true, Ordering::Relaxed),
        }
    }

    fn record(&mut self, results: Vec<(usize, Outcome)>, round: &mut Round) {
        for (index, outcome) in results {
            match outcome {
                Outcome::Delivered => self.progress.delivered(index),
                Outcome::Refused(cause) => self.progress.refused(index, cause),
                Outcome::Retry(retry) => round.failed.push((index, retry)),
                Outcome::Closed(cause) => round.closed = Some(cause),
            }
        }
    }

    fn conclude(&mut self, events: &[Event], round: Round) -> Result<(), WriteError> {
        if let Some(cause) = round.closed {
            return Err(WriteError::Closed { place: self.place.clone(), cause });
        }
        let after = round.failed.iter().filter_map(|(_, retry)| retry.after).max();
        // The framework calls the first open event the one in trouble.
        let first = round.failed.into_iter().min_by_key(|(index, _)| *index);
        let trouble = first.map(|(_, retry)| Trouble { cause: retry.cause, after });
        if let Some(Trouble { cause, after: Some(after) }) = &trouble {
            self.pause = Some((Instant::now() + *after, cause.clone()));
        }
        self.progress.end(events, &self.place, trouble)
    }
}

fn severity(outcome: &Outcome) -> u8 {
    match outcome {
        Outcome::Delivered => 0,
        Outcome::Refused(_) => 1,
        Outcome::Retry(_) => 2,
        Outcome::Closed(_) => 3,
    }
}

/// What orders an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Key<'a> {
    Ordering(&'a str),
    /// Who it came from, where that is known (`peer`).
    Connection(&'a str),
    /// All others.
    Others,
}

impl<'a> Key<'a> {
    fn of(event: &'a Event, unkeyed: Unkeyed) -> Option<Key<'a>> {
        match (event.ordering_key(), unkeyed) {
            (Some(key), _) => Some(Key::Ordering(key)),
            (None, Unkeyed::Concurrent) => None,
            (None, Unkeyed::Ordered) => Some(event.context("peer").map_or(Key::Others, Key::Connection)),
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests;
