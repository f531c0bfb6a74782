//! Where events come from: sources, lanes, deliveries and the duty to settle them.
//!
//! Nothing here retries: after `Transient` the host calls again. Nothing here knows what happens to an event.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use bytes::Bytes;
use tidegate_event::Event;

use crate::{Commit, Committed, LagGauge, Part};

/// A place events come from; opened once per host, whatever the number of routes that name it.
#[async_trait]
pub trait Source: Send {
    /// Waits for the next lane: at start one after another, later when a broker assigns one. `None`: there will be no more.
    /// Cancel-safe. A transient error is followed by another call, after a backoff.
    async fn lane(&mut self) -> Result<Option<Box<dyn Lane>>, SourceError>;

    /// What tells whether it is in place without a lane, asked for once, before the first `lane`. `None`: it is in place once it has
    /// given one.
    fn standby(&self) -> Option<Standby> {
        None
    }
}

/// Tells at any time, from any thread, whether a source waits well: connected, and without a lane only because others have them all (a
/// member of a group with more members than partitions). It must be cheap and never wait.
#[derive(Clone)]
pub struct Standby(Arc<dyn Fn() -> bool + Send + Sync>);

impl Standby {
    /// Tells what `tell` does.
    pub fn new(tell: impl Fn() -> bool + Send + Sync + 'static) -> Standby {
        Standby(Arc::new(tell))
    }

    /// As it is now.
    pub fn now(&self) -> bool {
        (self.0)()
    }
}

impl fmt::Debug for Standby {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Standby").field(&self.now()).finish()
    }
}

/// An ordered stream of events: a file, a partition, a consumer.
#[async_trait]
pub trait Lane: Send {
    /// What operators know it by: `orders.jsonl`, `orders/3`.
    fn name(&self) -> &str;

    /// What tells how far it is behind its stream; asked for once, before the first `next`. `None`: it cannot say, and the host
    /// tells what is delivered and not settled.
    fn lag(&self) -> Option<LagGauge> {
        None
    }

    /// Told once, before the first `next`, where the host itself has kept how far the lane is settled, together with what its policies
    /// remember: `mark` is what [`Settlement::mark`] gave last. A lane whose own position is behind goes on there.
    ///
    /// Says whether what is remembered is all there was. The default: a lane without positions, which nobody else goes on with.
    async fn resume(&mut self, mark: &[u8]) -> Result<Resumed, SourceError> {
        let _ = mark;
        Ok(Resumed::Here)
    }

    /// The next batch: at most [`LANE_BATCH_EVENTS`] events or [`LANE_BATCH_BYTES`], or what is ready; waits when nothing is.
    /// A delivery may consist of malformed messages only.
    ///
    /// `None`: nothing is left to deliver (file read to the end without `follow`, partition revoked); what was delivered may
    /// still be settled. If something of it is nacked, the next call delivers that again, where the lane still can.
    ///
    /// Cancel-safe: a call that is dropped before it returned loses nothing. After `Transient` the host calls again, after
    /// a backoff.
    async fn next(&mut self) -> Result<Option<Delivery>, SourceError>;

    /// Waits until the lane is over though nobody asks for its next batch (a partition taken away while the lane is paused). What is
    /// delivered may still be settled; nothing comes again. The default: for ever. Cancel-safe.
    async fn ended(&mut self) {
        std::future::pending().await
    }

    /// Called last, after everything delivered was settled or dropped: makes the position durable.
    async fn close(self: Box<Self>) -> Result<(), SourceError>;
}

/// How a lane goes on from where this host left it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Resumed {
    /// From there: nobody else has settled anything of it since.
    Here,
    /// Somebody else has had it, or its stream is another: what this host remembers of it is not all there was.
    Elsewhere,
}

/// Events in one batch of a lane at most (malformed messages count too).
pub const LANE_BATCH_EVENTS: usize = 1024;
/// Bytes in one batch of a lane at most; a larger event goes alone.
pub const LANE_BATCH_BYTES: usize = 4 << 20;

/// Why a source or lane could not go on. Fields, not sentences: `place` is what an operator can look up.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SourceError {
    /// Worth trying again: the host does, with backoff.
    #[error("{place}: {cause}")]
    Transient {
        /// The file, partition or address.
        place: String,
        /// What is wrong there.
        cause: String,
    },
    /// Will not heal by itself: the lane pauses until a person acts.
    #[error("{place}: {cause}")]
    Permanent {
        /// The file, partition or address.
        place: String,
        /// What is wrong there.
        cause: String,
    },
}

/// A batch and the duty to settle it. Dropped unsettled it is a nack: everything in it will be delivered again.
#[must_use = "a delivery dropped unsettled is delivered again"]
pub struct Delivery {
    /// In stream order.
    pub events: Vec<Event>,
    /// Messages that are no events, in stream order, each with the number of `events` before it.
    pub malformed: Vec<Malformed>,
    /// Settles events and malformed messages together.
    pub settlement: Box<dyn Settlement>,
}

impl fmt::Debug for Delivery {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Delivery")
            .field("events", &self.events.len())
            .field("malformed", &self.malformed)
            .finish_non_exhaustive()
    }
}

/// A message that could not be read as an event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Malformed {
    /// How many of the delivery's `events` come before it.
    pub before: usize,
    /// Where it stands: `orders.jsonl: line 17 (byte 2048)`.
    pub place: String,
    /// What is wrong with it.
    pub problem: String,
    /// As received; cut to [`MALFORMED_BYTES`] where larger.
    pub message: Bytes,
}

/// Bytes kept of a malformed message (it rests in the dead letter as evidence).
pub const MALFORMED_BYTES: usize = 64 << 10;

/// How a delivery ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Settled {
    /// Everything is durable, dropped on purpose, or dead-lettered.
    Ack,
    /// The first `events` are done, and the malformed messages among them; the rest comes again, not before `delay`.
    ///
    /// A malformed message whose `before` equals `events` is part of the rest. Everything the lane delivered after this
    /// comes again too, so that order holds: what the host still holds of it is void, and settling it does nothing.
    Nack {
        /// How many events of the delivery are done.
        events: usize,
        /// How long the lane waits before it delivers the rest again.
        delay: Duration,
    },
}

/// What became of one event, for a source that answers whoever sent it. Where several routes took it, the worst of them, in
/// the order given here.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fate {
    /// A policy dropped it on purpose, or no target wanted it.
    Dropped {
        /// The policy or route.
        by: Arc<str>,
        /// What it said, if anything.
        reason: Option<Arc<str>>,
    },
    /// It rests in a dead-letter sink.
    DeadLettered {
        /// The policy, route or sink to blame.
        by: Arc<str>,
        /// What it said.
        reason: Arc<str>,
    },
    /// It is refused, and kept nowhere.
    Rejected {
        /// The policy or route.
        by: Arc<str>,
        /// What it said.
        reason: Arc<str>,
    },
    /// It could not be decided or delivered for now, and holds what is behind it; it is not among those settled.
    Held {
        /// The policy or sink.
        by: Arc<str>,
        /// What it said.
        reason: Arc<str>,
    },
}

/// The duty to settle one delivery, in the lane's order. Dropping it is `Nack { events: 0 }` without delay.
#[async_trait]
pub trait Settlement: Send {
    /// When the oldest of its events came to where the lane reads it, by the broker's clock: the age of what is not settled is
    /// told from it. `None`: when the host took the delivery.
    fn since(&self) -> Option<SystemTime> {
        None
    }

    /// Where an event of the delivery stands in its stream, as in [`Malformed::place`]: `orders/3@17 of broker:9092`. Asked only of events that
    /// failed, before the delivery is settled. `None`: its place says nothing, or is not known.
    fn place(&self, event: usize) -> Option<String> {
        let _ = event;
        None
    }

    /// Whether [`report`](Settlement::report) is wanted. Most sources have nobody to tell, and telling costs.
    fn answers(&self) -> bool {
        false
    }

    /// Told right before [`settle`](Settlement::settle) where [`answers`](Settlement::answers) says so: the events that were not
    /// simply delivered, by position, ascending, each once. What is not among them and is settled was delivered.
    fn report(&mut self, fates: Vec<(usize, Fate)>) {
        drop(fates);
    }

    /// Whether what comes of the events is to be [committed](Settlement::commit) together with their position, instead of being sent
    /// to its sinks: exactly once. The same for all deliveries of a lane.
    fn is_transactional(&self) -> bool {
        false
    }

    /// Writes `parts`, and the position that `outcome` leads to, as one: all of it or nothing. Called where
    /// [`is_transactional`](Settlement::is_transactional) says so, when the delivery is the oldest of its lane that is not settled, and again after a
    /// refusal. After [`Committed::Done`] it is settled with the same outcome; after [`Committed::Aborted`] it is nacked.
    fn commit(&mut self, parts: Vec<Part>, outcome: Settled) -> Commit {
        drop((parts, outcome));
        Box::pin(std::future::ready(Committed::Aborted { cause: "the source has no transactions".to_owned() }))
    }

    /// The position that `outcome` leads to, for [`Lane::resume`]; asked for when the delivery is the oldest of its lane that is not settled,
    /// right before it is. `None`: the lane has no position to go back to.
    fn mark(&self, outcome: Settled) -> Option<Vec<u8>> {
        let _ = outcome;
        None
    }

    /// Records the outcome. What is acked survives a crash once the lane's position is durable, which may be a little later
    /// (then it is delivered again: at least once) but is certain after [`Lane::close`].
    async fn settle(self: Box<Self>, outcome: Settled) -> Result<(), SourceError>;
}
