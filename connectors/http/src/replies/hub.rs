//! Where sinks find the sources that take their replies, and what waits in each.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tidegate_connector::{LANE_BATCH_BYTES, LANE_BATCH_EVENTS, Lag};
use tidegate_event::Event;
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore, oneshot};
use tokio::time::Instant;

/// Events that wait or are under way in one source, at most.
const QUEUE_EVENTS_MAX: usize = 4096;
/// Bytes of them, at most; a larger event passes alone.
const QUEUE_BYTES_MAX: usize = 16 << 20;

/// The `replies` sources that are open, by id. Clones are handles to the same one.
#[derive(Clone, Debug, Default)]
pub struct Hub {
    open: Arc<Mutex<HashMap<String, Arc<Queue>>>>,
}

impl Hub {
    /// A queue under this id; one that was there before is closed.
    pub(super) fn open(&self, id: &str) -> Arc<Queue> {
        let queue = Arc::new(Queue::default());
        let before = self.lock().insert(id.to_owned(), queue.clone());
        if let Some(before) = before {
            before.close();
        }
        queue
    }

    /// Takes a queue out, unless another stands in its place by now.
    pub(super) fn close(&self, id: &str, queue: &Arc<Queue>) {
        queue.close();
        let mut open = self.lock();
        if open.get(id).is_some_and(|present| Arc::ptr_eq(present, queue)) {
            open.remove(id);
        }
    }

    pub(super) fn find(&self, id: &str) -> Option<Arc<Queue>> {
        self.lock().get(id).cloned()
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Arc<Queue>>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The replies of one source, in the order they came, from the oldest that is not settled.
#[derive(Debug)]
pub(super) struct Queue {
    events: Arc<Semaphore>,
    bytes: Arc<Semaphore>,
    log: Mutex<Log>,
    changed: Notify,
}

#[derive(Debug, Default)]
struct Log {
    entries: VecDeque<Entry>,
    /// How many of the entries are delivered and not settled.
    delivered: usize,
    /// Counts nacks: what was delivered before one is void.
    epoch: u64,
    not_before: Option<Instant>,
    closed: bool,
}

#[derive(Debug)]
struct Entry {
    event: Event,
    /// Told when it is settled; dropped when it never will be.
    settled: oneshot::Sender<()>,
    _room: [OwnedSemaphorePermit; 2],
}

/// What a lane delivers next.
#[derive(Debug)]
pub(super) enum Next {
    Batch {
        events: Vec<Event>,
        epoch: u64,
    },
    /// Nothing before then.
    Later(Instant),
    Nothing,
}

impl Default for Queue {
    fn default() -> Self {
        Queue {
            events: Arc::new(Semaphore::new(QUEUE_EVENTS_MAX)),
            bytes: Arc::new(Semaphore::new(QUEUE_BYTES_MAX)),
            log: Mutex::default(),
            changed: Notify::new(),
        }
    }
}

impl Queue {
    fn lock(&self) -> MutexGuard<'_, Log> {
        self.log.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Appends an event once there is room; what comes back tells when it is settled. `None`: the queue is closed.
    pub(super) async fn push(&self, event: Event) -> Option<oneshot::Receiver<()>> {
        let size = event.size().min(QUEUE_BYTES_MAX) as u32;
        let events = self.events.clone().acquire_owned().await.ok()?;
        let bytes = self.bytes.clone().acquire_many_owned(size).await.ok()?;
        let (settled, told) = oneshot::channel();
        let mut log = self.lock();
        if log.closed {
            return None;
        }
        log.entries.push_back(Entry { event, settled, _room: [events, bytes] });
        drop(log);
        self.changed.notify_one();
        Some(told)
    }

    /// Nothing of it will be settled any more: whoever waits is told.
    pub(super) fn close(&self) {
        self.events.close();
        self.bytes.close();
        let mut log = self.lock();
        log.closed = true;
        log.epoch += 1;
        log.delivered = 0;
        let entries = std::mem::take(&mut log.entries);
        drop(log);
        drop(entries);
        self.changed.notify_one();
    }

    pub(super) async fn changed(&self) {
        self.changed.notified().await;
    }

    /// What waits and is not delivered.
    pub(super) fn lag(&self) -> Lag {
        let log = self.lock();
        Lag { events: Some((log.entries.len() - log.delivered) as u64), ..Lag::default() }
    }

    /// The next batch; it counts as delivered.
    pub(super) fn next(&self, now: Instant) -> Next {
        let mut log = self.lock();
        if let Some(until) = log.not_before.filter(|until| *until > now) {
            return Next::Later(until);
        }
        log.not_before = None;
        let mut events = Vec::new();
        let mut bytes = 0;
        for entry in log.entries.iter().skip(log.delivered).take(LANE_BATCH_EVENTS) {
            bytes += entry.event.size();
            if bytes > LANE_BATCH_BYTES && !events.is_empty() {
                break;
            }
            events.push(entry.event.clone());
        }
        if events.is_empty() {
            return Next::Nothing;
        }
        log.delivered += events.len();
        Next::Batch { events, epoch: log.epoch }
    }

    /// The oldest `count` that were delivered are settled. Void if they were delivered before a nack.
    pub(super) fn ack(&self, epoch: u64, count: usize) {
        let mut log = self.lock();
        if log.epoch == epoch {
            log.settle(count);
        }
    }

    /// As above; and everything behind them comes again.
    pub(super) fn nack(&self, epoch: u64, count: usize, delay: Duration) {
        let mut log = self.lock();
        if log.epoch != epoch {
            return;
        }
        log.settle(count);
        log.delivered = 0;
        log.epoch += 1;
        log.not_before = Some(Instant::now() + delay);
        drop(log);
        self.changed.notify_one();
    }
}

impl Log {
    fn settle(&mut self, count: usize) {
        let count = count.min(self.delivered);
        self.delivered -= count;
        for entry in self.entries.drain(..count) {
            // Whoever posted may have given up waiting; settled it is.
            let _ = entry.settled.send(());
        }
    }
}
