//! Where events go: a bounded queue before a writer.
//!
//! Lanes [`send`](Sink::send) batches and hold [`Receipt`]s; one task a sink owns the connector's [`Writer`], groups
//! what has queued up, retries in order and resolves the receipts. Nothing here knows what an event is for.
//!
//! How a sink is delivered to ([`SinkOptions`]: retries, timeout, rate, breaker) is minded here, for every connector alike.

mod breaker;
mod counts;
mod gate;
mod progress;
mod rate;
mod receipt;
mod shard;
mod streams;
mod task;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use tidegate_event::Event;

pub use self::breaker::{Breaker, BreakerOptions, Circuit};
pub use self::counts::{SinkCounts, SinkNumbers};
use self::gate::Gate;
pub use self::progress::{Progress, Trouble};
use self::rate::Limiter;
pub use self::rate::{RateKey, RateLimit};
pub use self::receipt::{Receipt, Refused, Sent};
use self::shard::Shard;
use self::streams::{Streams, UnderWay};
use crate::{Backoff, Participant};

/// Events in one call of [`Writer::write`] at most, unless a single batch is larger.
pub const GROUP_EVENTS: usize = 8192;
/// Bytes in one call of [`Writer::write`] at most, unless a single batch is larger.
pub const GROUP_BYTES: usize = 8 << 20;

/// What a connector implements to be written to. One writer per sink; the framework never calls it concurrently.
#[async_trait]
pub trait Writer: Send {
    /// Writes the events in order and returns once all of them are durable.
    ///
    /// The framework passes what has queued up as one group, so that one fsync or round trip serves many batches: at most
    /// [`GROUP_EVENTS`] or [`GROUP_BYTES`], never nothing. After a failure it passes what is not done again, and what follows
    /// only when that is. It never drops a call before it returned, but for one that has exceeded the sink's timeout when the
    /// sink is given up: the writer is dropped with it.
    async fn write(&mut self, events: &[Event]) -> Result<(), WriteError>;
    /// Called once, last, with nothing left to write.
    async fn close(&mut self) -> Result<(), WriteError>;

    /// Given once, before the first write. A writer that has several requests under way in one call keeps it: it
    /// [asks](Breaker::ask) before each and tells what became of it. Others give it back, and the framework does so call by call.
    fn breaker(&mut self, breaker: Breaker) -> Option<Breaker> {
        Some(breaker)
    }

    /// What the transactions of a source of the same connector need to know to write for this sink. Asked for once, before the first
    /// write. `None`: it cannot take part in any.
    fn participant(&self) -> Option<Participant> {
        None
    }
}

/// Why a write ended early. Events before `written` / `index` are durable, later ones are not.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WriteError {
    /// Worth trying again from `written` on: the framework does, with backoff, in order.
    #[error("{place}: {cause}")]
    Transient {
        /// How many of the events passed are durable.
        written: usize,
        /// Not before this time has passed, where the other side asked for it; else after the sink's own backoff.
        after: Option<Duration>,
        /// The file, topic or address.
        place: String,
        /// What is wrong there.
        cause: String,
    },
    /// This one event will never be taken; the framework goes on behind it.
    #[error("{place}: {cause}")]
    Permanent {
        /// Which of the events passed; those before it are durable.
        index: usize,
        /// The file, topic or address.
        place: String,
        /// What is wrong there.
        cause: String,
    },
    /// The sink is gone for good.
    #[error("{place}: {cause}")]
    Closed {
        /// The file, topic or address.
        place: String,
        /// What is wrong there.
        cause: String,
    },
}

/// Bounds of a sink's queue, and how it is delivered to.
#[derive(Clone, Debug)]
pub struct SinkOptions {
    /// Events accepted and not yet durable, at most. A larger batch passes alone, when nothing else is queued.
    pub queue_events: usize,
    /// Bytes accepted and not yet durable, at most. A larger batch passes alone, when nothing else is queued.
    pub queue_bytes: usize,
    /// Tries of one event after the first, without any progress between them; then it is refused. `None`: for ever.
    pub retries: Option<u32>,
    /// How long to wait between them.
    pub backoff: Backoff,
    /// A write that takes longer counts as a failed try: the sink is in trouble and the breaker is told. It is not cut off (what it has
    /// done would be unknown, and what follows could get ahead of it), and what it writes late is durable all the same. `None`: it
    /// may take as long as it takes.
    pub timeout: Option<Duration>,
    /// When nothing is tried for a while.
    pub breaker: BreakerOptions,
    /// What the sink is given at most; `None`: what there is. An event counts once, however often it is tried.
    pub rate: Option<RateLimit>,
    /// What it counts in: those of a sink whose place it takes, or new ones.
    pub counts: Arc<SinkCounts>,
}

impl Default for SinkOptions {
    /// Two full groups, so that one queues while the other is written; retried for ever: nothing is given up unasked. No limits
    /// of time or rate.
    fn default() -> Self {
        Self {
            queue_events: 2 * GROUP_EVENTS,
            queue_bytes: 2 * GROUP_BYTES,
            retries: None,
            backoff: Backoff::default(),
            timeout: None,
            breaker: BreakerOptions::default(),
            rate: None,
            counts: Arc::default(),
        }
    }
}

/// A handle to send with; cheap to clone. Every lane sends through the same queues.
///
/// ```
/// # use tidegate_connector::{Sink, SinkOptions, Writer, WriteError};
/// # struct Null;
/// # #[async_trait::async_trait]
/// # impl Writer for Null {
/// #     async fn write(&mut self, _: &[tidegate_event::Event]) -> Result<(), WriteError> { Ok(()) }
/// #     async fn close(&mut self) -> Result<(), WriteError> { Ok(()) }
/// # }
/// # #[tokio::main(flavor = "current_thread")] async fn main() {
/// let sink = Sink::start("audit", Box::new(Null), SinkOptions::default());
/// let mut receipt = sink.send(Vec::new()).await; // accepted
/// assert!(receipt.wait().await.all_durable());   // durable
/// sink.close().await;
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct Sink {
    name: Arc<str>,
    /// One a writer.
    shards: Arc<[Shard]>,
    streams: Arc<Streams>,
    participant: Option<Participant>,
    counts: Arc<SinkCounts>,
}

impl Sink {
    /// Starts the task that owns the writer; needs a tokio runtime. It ends, closing the writer, when the last handle is gone
    /// or one was [`close`](Sink::close)d, and the queue is empty.
    pub fn start(name: &str, writer: Box<dyn Writer>, options: SinkOptions) -> Sink {
        Sink::start_all(name, vec![writer], options)
    }

    /// The same with several writers, at least one, each with a task and its part of the queue. Events of one stream share a
    /// writer while they are under way: those of one ordering key, else of one sender (context `peer`), else all. Between streams
    /// there is no order, and none waits for another that is slow while a writer is idle.
    pub fn start_all(name: &str, writers: Vec<Box<dyn Writer>>, options: SinkOptions) -> Sink {
        let parts = writers.len().max(1);
        let options = SinkOptions {
            queue_events: options.queue_events.div_ceil(parts),
            queue_bytes: options.queue_bytes.div_ceil(parts),
            ..options
        };
        let participant = writers.first().and_then(|writer| writer.participant());
        let breaker = Breaker::new(options.breaker);
        let limiter = options.rate.map(|limit| Arc::new(Limiter::new(limit)));
        let gates = (0..writers.len()).map(|writer| Gate::new(breaker.of(writer), limiter.clone()));
        let shards = writers.into_iter().zip(gates).map(|(writer, gate)| Shard::start(name, writer, gate, &options));
        let shards = shards.collect();
        Sink { name: name.into(), shards, streams: Streams::new(parts), participant, counts: options.counts }
    }

    /// What it is called in documents, logs and metrics.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What a transaction needs to know to write for it, past its queue; `None`: it cannot take part in any.
    pub fn participant(&self) -> Option<&Participant> {
        self.participant.as_ref()
    }

    /// Accepted in order; pending while the queue is full. An empty batch is durable at once.
    ///
    /// Cancel-safe: dropped before it returned, nothing of the batch is sent. Batches sent one after another are written in that
    /// order; those of concurrent calls in the order they were first polled.
    pub async fn send(&self, events: Vec<Event>) -> Receipt {
        match (&*self.shards, &events[..]) {
            (_, []) => Receipt::resolved(Sent::default()),
            ([], _) => Receipt::resolved(Sent { refused: Vec::new(), closed: Some("no writer".to_owned()) }),
            ([only], _) => only.send(events, Vec::new()).await,
            (shards, [event]) => {
                let under_way = self.streams.begin(self.streams.place_of(event));
                shards[under_way.writer()].send(events, vec![under_way]).await
            }
            (shards, _) => send_parts(shards, &self.streams, events).await,
        }
    }

    /// What it is failing with at the moment, for status. `None`: the last write went well, or none has been tried.
    pub fn trouble(&self) -> Option<String> {
        self.shards.iter().find_map(Shard::trouble)
    }

    /// Events accepted and not yet durable (a batch larger than the queue counts as the whole queue).
    pub fn pending_events(&self) -> usize {
        self.shards.iter().map(Shard::pending_events).sum()
    }

    /// What it has done.
    pub fn counts(&self) -> &Arc<SinkCounts> {
        &self.counts
    }

    /// For how long the oldest event of what is being written has been there; zero while nothing is.
    pub fn lag(&self) -> Duration {
        self.shards.iter().map(Shard::lag).max().unwrap_or_default()
    }

    /// What makes it give up what it is failing with, once called: a writer that cannot write is gone from then on, and what it had
    /// accepted is not durable. One that can goes on to its end. This is no handle: it keeps no sink open.
    pub fn give_up(&self) -> impl FnOnce() + Send + 'static {
        let all: Vec<_> = self.shards.iter().map(Shard::give_up).collect();
        move || all.into_iter().for_each(|give_up| give_up())
    }

    /// Waits for the sink's tasks to have ended, without keeping them from that: this is no handle.
    pub fn ended(&self) -> impl Future<Output = ()> + Send + 'static {
        let ended: Vec<_> = self.shards.iter().map(Shard::ended).collect();
        async move {
            for ended in ended {
                ended.await;
            }
        }
    }

    /// Refuses whatever is sent from now on, by any handle; waits until everything accepted is durable and the writers closed.
    ///
    /// A sink in trouble may take for ever: the caller bounds it. Dropping the call leaves the tasks at work.
    pub async fn close(self) {
        self.shards.iter().for_each(Shard::finish);
        let ended = self.ended();
        drop(self);
        ended.await;
    }
}

/// Room is taken of one shard after another, always in the same order: two lanes cannot wait for each other. Only then is
/// anything sent.
async fn send_parts(shards: &[Shard], streams: &Arc<Streams>, events: Vec<Event>) -> Receipt {
    let mut under_way: BTreeMap<usize, UnderWay> = BTreeMap::new();
    let mut parts: Vec<Part> = shards.iter().map(|_| Part::default()).collect();
    for (position, event) in events.into_iter().enumerate() {
        let place = streams.place_of(&event);
        let writer = under_way.entry(place).or_insert_with(|| streams.begin(place)).writer();
        parts[writer].events.push(event);
        parts[writer].positions.push(position);
    }
    for (_, under_way) in under_way {
        parts[under_way.writer()].streams.push(under_way);
    }
    let mut ready = Vec::new();
    for (shard, part) in shards.iter().zip(parts).filter(|(_, part)| !part.events.is_empty()) {
        let room = shard.room(&part.events).await;
        ready.push((shard, room, part));
    }
    let sent =
        ready.into_iter().map(|(shard, room, part)| (shard.put(part.events, part.streams, room), part.positions));
    Receipt::of_parts(sent.collect())
}

/// What one writer gets of a batch.
#[derive(Default)]
struct Part {
    events: Vec<Event>,
    positions: Vec<usize>,
    streams: Vec<UnderWay>,
}
