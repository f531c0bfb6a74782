//! One writer of a sink: its part of the queue, and the handle to the task that owns it.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tidegate_event::Event;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, watch};

use super::counts::{Oldest, SinkCounts};
use super::gate::Gate;
use super::streams::UnderWay;
use super::task::{Job, Task};
use super::{Receipt, Sent, SinkOptions, Writer};

#[derive(Debug)]
pub(super) struct Shard {
    /// Gone once nothing more is taken.
    jobs: Mutex<Option<mpsc::Sender<Job>>>,
    shared: Arc<Shared>,
    ended: watch::Receiver<bool>,
}

/// What handles and task share.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) name: String,
    /// Bounds, one permit an event and one a byte. Fair: a large batch waits its turn and is not starved.
    event_permits: Arc<Semaphore>,
    byte_permits: Arc<Semaphore>,
    events_max: u32,
    bytes_max: u32,
    trouble: Mutex<Option<String>>,
    pub(super) counts: Arc<SinkCounts>,
    pub(super) oldest: Oldest,
    given_up: watch::Sender<bool>,
}

impl Shared {
    /// Waits until nobody wants the sink to try again. Cancel-safe.
    pub(super) async fn given_up(&self) {
        // The sender is here: it cannot be gone.
        let _ = self.given_up.subscribe().wait_for(|given_up| *given_up).await;
    }

    pub(super) fn set_trouble(&self, trouble: Option<String>) -> Option<String> {
        std::mem::replace(&mut *self.trouble.lock().unwrap_or_else(PoisonError::into_inner), trouble)
    }
}

/// Room in a queue that was taken; `None` where the sink is gone.
pub(super) type Room = Option<([OwnedSemaphorePermit; 2], usize)>;

impl Shard {
    pub(super) fn start(name: &str, writer: Box<dyn Writer>, gate: Gate, options: &SinkOptions) -> Shard {
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
            counts: options.counts.clone(),
            oldest: Oldest::default(),
            given_up: watch::Sender::new(false),
        });
        // A job holds at least one event permit, so a channel of that capacity is never full.
        let (jobs, queue) = mpsc::channel(events_max as usize);
        let (ended_tx, ended) = watch::channel(false);
        let task = Task::new(shared.clone(), writer, gate, options.clone());
        tokio::spawn(async move {
            task.run(queue).await;
            // Nobody may be listening any more.
            let _ = ended_tx.send(true);
        });
        Shard { jobs: Mutex::new(Some(jobs)), shared, ended }
    }

    pub(super) async fn send(&self, events: Vec<Event>, streams: Vec<UnderWay>) -> Receipt {
        let room = self.room(&events).await;
        self.put(events, streams, room)
    }

    /// Waits until the queue has room. Cancel-safe.
    pub(super) async fn room(&self, events: &[Event]) -> Room {
        let shared = &*self.shared;
        let bytes = events.iter().map(Event::size).sum::<usize>();
        let wanted_events = events.len().min(shared.events_max as usize) as u32;
        let wanted_bytes = bytes.min(shared.bytes_max as usize) as u32;
        // The semaphores are never closed; were they, the sink would be gone.
        let event_permit = shared.event_permits.clone().acquire_many_owned(wanted_events).await.ok()?;
        let byte_permit = shared.byte_permits.clone().acquire_many_owned(wanted_bytes).await.ok()?;
        Some(([event_permit, byte_permit], bytes))
    }

    /// Puts events into the queue where there is room for them.
    pub(super) fn put(&self, events: Vec<Event>, streams: Vec<UnderWay>, room: Room) -> Receipt {
        let Some((permits, bytes)) = room else { return self.closed() };
        let count = events.len();
        let (job, receipt) = Job::new(events, bytes, streams, permits);
        // Counted before the task can be done with it.
        match self.jobs().as_ref().map(mpsc::Sender::try_reserve) {
            Some(Ok(place)) => {
                self.shared.counts.accepted(count);
                place.send(job);
                receipt
            }
            Some(Err(_)) | None => self.closed(),
        }
    }

    fn jobs(&self) -> MutexGuard<'_, Option<mpsc::Sender<Job>>> {
        self.jobs.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn closed(&self) -> Receipt {
        Receipt::resolved(Sent { refused: Vec::new(), closed: Some(format!("sink {}: closed", self.shared.name)) })
    }

    pub(super) fn trouble(&self) -> Option<String> {
        self.shared.trouble.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(super) fn lag(&self) -> std::time::Duration {
        self.shared.oldest.age()
    }

    pub(super) fn pending_events(&self) -> usize {
        self.shared.events_max as usize - self.shared.event_permits.available_permits()
    }

    pub(super) fn ended(&self) -> impl Future<Output = ()> + Send + use<> {
        let mut ended = self.ended.clone();
        async move {
            // An error means that the task is gone, which is the end as well.
            let _ = ended.wait_for(|ended| *ended).await;
        }
    }

    pub(super) fn give_up(&self) -> impl FnOnce() + Send + use<> {
        let shared = self.shared.clone();
        move || {
            shared.given_up.send_replace(true);
        }
    }

    /// Refuses whatever is sent from now on.
    pub(super) fn finish(&self) {
        self.jobs().take();
    }
}
