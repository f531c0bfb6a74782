//! Where events go: a bounded queue before a writer.
//!
//! Lanes [`send`](Sink::send) batches and hold [`Receipt`]s; one task a sink owns the connector's [`Writer`], groups
//! what has queued up, retries in order and resolves the receipts. Nothing here knows what an event is for.

mod receipt;
mod task;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use tidegate_event::Event;
use tokio::sync::{Notify, Semaphore, mpsc, watch};

pub use self::receipt::{Receipt, Sent};
use self::task::{Job, Task};
use crate::Backoff;

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
    /// [`GROUP_EVENTS`] or [`GROUP_BYTES`], never nothing. It never drops a call before it returned.
    async fn write(&mut self, events: &[Event]) -> Result<(), WriteError>;
    /// Called once, last, with nothing left to write.
    async fn close(&mut self) -> Result<(), WriteError>;
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

/// Bounds of a sink's queue and its retries.
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
}

impl Default for SinkOptions {
    /// Two full groups, so that one queues while the other is written; retried for ever: nothing is given up unasked.
    fn default() -> Self {
        Self {
            queue_events: 2 * GROUP_EVENTS,
            queue_bytes: 2 * GROUP_BYTES,
            retries: None,
            backoff: Backoff::default(),
        }
    }
}

/// A handle to send with; cheap to clone. Every lane sends through the same queue.
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
    jobs: mpsc::Sender<Job>,
    shared: Arc<Shared>,
    ended: watch::Receiver<bool>,
}

/// What handles and task share.
#[derive(Debug)]
struct Shared {
    name: String,
    /// Bounds, one permit an event and one a byte. Fair: a large batch waits its turn and is not starved.
    event_permits: Arc<Semaphore>,
    byte_permits: Arc<Semaphore>,
    events_max: u32,
    bytes_max: u32,
    trouble: Mutex<Option<String>>,
    closing: Notify,
}

impl Shared {
    fn set_trouble(&self, trouble: Option<String>) -> Option<String> {
        std::mem::replace(&mut *self.trouble.lock().unwrap_or_else(PoisonError::into_inner), trouble)
    }
}

impl Sink {
    /// Starts the task that owns the writer; needs a tokio runtime. It ends, closing the writer, when the last handle is gone
    /// or one was [`close`](Sink::close)d, and the queue is empty.
    pub fn start(name: &str, writer: Box<dyn Writer>, options: SinkOptions) -> Sink {
        // Permits are counted in u32; 2^29 leaves room below the semaphore's own limit on 32-bit targets.
        let bound = |n: usize| n.clamp(1, 1 << 29) as u32;
        let (events_max, bytes_max) = (bound(options.queue_events), bound(options.queue_bytes));
        let shared = Arc::new(Shared {
            name: name.to_owned(),
            event_permits: Arc::new(Semaphore::new(events_max as usize)),
            byte_permits: Arc::new(Semaphore::new(bytes_max as usize)),
            events_max,
            bytes_max,
            trouble: Mutex::new(None),
            closing: Notify::new(),
        });
        // A job holds at least one event permit, so a channel of that capacity is never full.
        let (jobs, queue) = mpsc::channel(events_max as usize);
        let (ended_tx, ended) = watch::channel(false);
        let task = Task::new(shared.clone(), writer, options);
        tokio::spawn(async move {
            task.run(queue).await;
            // Nobody may be listening any more.
            let _ = ended_tx.send(true);
        });
        Sink { jobs, shared, ended }
    }

    /// What it is called in documents, logs and metrics.
    pub fn name(&self) -> &str {
        &self.shared.name
    }

    /// Accepted in order; pending while the queue is full. An empty batch is durable at once.
    ///
    /// Cancel-safe: dropped before it returned, nothing of the batch is sent. Batches sent one after another are written in that
    /// order; those of concurrent calls in the order they were first polled.
    pub async fn send(&self, events: Vec<Event>) -> Receipt {
        if events.is_empty() {
            return Receipt::resolved(Sent::default());
        }
        let bytes = events.iter().map(Event::size).sum::<usize>();
        let shared = &*self.shared;
        let wanted_events = events.len().min(shared.events_max as usize) as u32;
        let wanted_bytes = bytes.min(shared.bytes_max as usize) as u32;
        // The semaphores are never closed; were they, the sink would be gone.
        let Ok(event_permit) = shared.event_permits.clone().acquire_many_owned(wanted_events).await else {
            return self.closed();
        };
        let Ok(byte_permit) = shared.byte_permits.clone().acquire_many_owned(wanted_bytes).await else {
            return self.closed();
        };
        let (job, receipt) = Job::new(events, bytes, [event_permit, byte_permit]);
        match self.jobs.try_send(job) {
            Ok(()) => receipt,
            Err(_) => self.closed(),
        }
    }

    fn closed(&self) -> Receipt {
        Receipt::resolved(Sent { refused: Vec::new(), closed: Some(format!("sink {}: closed", self.name())) })
    }

    /// What it is failing with at the moment, for status. `None`: the last write went well, or none has been tried.
    pub fn trouble(&self) -> Option<String> {
        self.shared.trouble.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Events accepted and not yet durable (a batch larger than the queue counts as the whole queue).
    pub fn pending_events(&self) -> usize {
        self.shared.events_max as usize - self.shared.event_permits.available_permits()
    }

    /// Waits for the sink's task to have ended, without keeping it from that: this is no handle.
    pub fn ended(&self) -> impl Future<Output = ()> + Send + 'static {
        let mut ended = self.ended.clone();
        async move {
            // An error means that the task is gone, which is the end as well.
            let _ = ended.wait_for(|ended| *ended).await;
        }
    }

    /// Refuses whatever is sent from now on, by any handle; waits until everything accepted is durable and the writer closed.
    ///
    /// A sink in trouble may take for ever: the caller bounds it. Dropping the call leaves the task at work.
    pub async fn close(mut self) {
        self.shared.closing.notify_one();
        drop(self.jobs);
        // An error means that the task is gone, which is the end as well.
        let _ = self.ended.wait_for(|ended| *ended).await;
    }
}
