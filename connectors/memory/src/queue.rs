//! A queue and the handle tests and embedders hold.
//!
//! A lane of a queue is a log with a committed position; what lies before that position is let go of.

use std::collections::{BTreeSet, VecDeque};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tidegate_connector::Malformed;
use tidegate_event::Event;
use tokio::sync::Notify;

/// Messages in a lane of a queue, not yet settled, at most.
pub const QUEUE_EVENTS_MAX: usize = 1 << 20;

/// A queue of events in memory; clones are handles to the same one.
#[derive(Clone, Debug)]
pub struct Queue(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    name: String,
    state: Mutex<State>,
    changed: Notify,
}

#[derive(Debug)]
pub(crate) struct State {
    pub(crate) lanes: Vec<Log>,
    pub(crate) counts: Counts,
    /// No more will be pushed: lanes end.
    pub(crate) finished: bool,
    pub(crate) faults: Faults,
    capacity: usize,
}

/// One lane: messages from `base` on.
#[derive(Debug, Default)]
pub(crate) struct Log {
    /// The position of the first message kept, and the committed one: everything before is settled.
    pub(crate) base: usize,
    pub(crate) messages: VecDeque<Message>,
    /// A source reads it.
    pub(crate) taken: bool,
}

#[derive(Clone, Debug)]
pub(crate) enum Message {
    Event(Event),
    Malformed(Malformed),
}

/// What a writer or a lane is told to do wrong.
#[derive(Debug, Default)]
pub(crate) struct Faults {
    pub(crate) held: bool,
    pub(crate) closed: bool,
    /// The next so many writes fail after writing so many events.
    pub(crate) transient: usize,
    pub(crate) written_before_failing: usize,
    pub(crate) refused_ids: BTreeSet<String>,
    /// The next so many calls of `Lane::next` fail.
    pub(crate) source_transient: usize,
}

/// What has happened to a queue so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Events handed to lanes, redelivered ones again.
    pub delivered: u64,
    /// Messages (events and malformed ones) settled for good, over all lanes.
    pub settled: u64,
    /// Deliveries nacked or dropped unsettled.
    pub nacked: u64,
    /// Events taken by the sink, discarded ones too.
    pub written: u64,
    /// Calls of the sink's writer.
    pub writes: u64,
}

/// A push that does not fit; nothing of it was pushed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the queue holds {capacity} unsettled messages, which is its limit")]
pub struct Full {
    /// The limit, per lane.
    pub capacity: usize,
}

impl Queue {
    pub(crate) fn new(name: &str) -> Self {
        let state = State {
            lanes: vec![Log::default()],
            counts: Counts::default(),
            finished: false,
            faults: Faults::default(),
            capacity: QUEUE_EVENTS_MAX,
        };
        Queue(Arc::new(Shared { name: name.to_owned(), state: Mutex::new(state), changed: Notify::new() }))
    }

    /// As in documents.
    pub fn name(&self) -> &str {
        &self.0.name
    }

    /// Makes it have at least this many lanes; there is always one.
    pub fn set_lanes(&self, lanes: usize) {
        self.change(|state| {
            let lanes = lanes.max(state.lanes.len());
            state.lanes.resize_with(lanes, Log::default);
        });
    }

    /// Bounds each lane to this many unsettled messages. Default: [`QUEUE_EVENTS_MAX`].
    pub fn set_capacity(&self, events: usize) {
        self.change(|state| state.capacity = events);
    }

    /// Appends events, each to the lane of its ordering key (without a key: the first). All of them or none.
    pub fn push(&self, events: impl IntoIterator<Item = Event>) -> Result<(), Full> {
        let events: Vec<Event> = events.into_iter().collect();
        self.change(|state| {
            let mut added = vec![0; state.lanes.len()];
            for event in &events {
                added[state.lane_of(event)] += 1;
            }
            let fits = state.lanes.iter().zip(added).all(|(log, n)| log.messages.len() + n <= state.capacity);
            if !fits {
                return Err(Full { capacity: state.capacity });
            }
            for event in events {
                let lane = state.lane_of(&event);
                state.lanes[lane].messages.push_back(Message::Event(event));
            }
            Ok(())
        })
    }

    /// Appends a message that is no event, to the first lane; `before` is set on delivery.
    pub fn push_malformed(&self, malformed: Malformed) -> Result<(), Full> {
        self.change(|state| {
            if state.lanes[0].messages.len() >= state.capacity {
                return Err(Full { capacity: state.capacity });
            }
            state.lanes[0].messages.push_back(Message::Malformed(malformed));
            Ok(())
        })
    }

    /// Nothing more will be pushed: lanes that have delivered everything end.
    pub fn finish(&self) {
        self.change(|state| state.finished = true);
    }

    /// The unsettled events it holds, lane by lane: for a queue that no source reads, all its sink wrote.
    pub fn events(&self) -> Vec<Event> {
        let state = self.lock();
        let messages = state.lanes.iter().flat_map(|log| &log.messages);
        messages
            .filter_map(|message| match message {
                Message::Event(event) => Some(event.clone()),
                Message::Malformed(_) => None,
            })
            .collect()
    }

    /// What has happened so far.
    pub fn counts(&self) -> Counts {
        self.lock().counts
    }

    /// Waits until the counts are as wanted.
    pub async fn wait_for(&self, mut wanted: impl FnMut(&Counts) -> bool) -> Counts {
        self.wait(|state| wanted(&state.counts).then_some(state.counts)).await
    }

    /// The next `times` writes fail as transient, after `written` of their events were taken.
    pub fn fail_writes(&self, times: usize, written: usize) {
        self.change(|state| {
            state.faults.transient = times;
            state.faults.written_before_failing = written;
        });
    }

    /// The next `times` calls for a delivery fail as transient.
    pub fn fail_reads(&self, times: usize) {
        self.change(|state| state.faults.source_transient = times);
    }

    /// Events of this id are refused for good by the sink.
    pub fn refuse(&self, id: &str) {
        self.change(|state| state.faults.refused_ids.insert(id.to_owned()));
    }

    /// Writes wait, as with a sink that hangs, until [`Queue::release`].
    pub fn hold(&self) {
        self.change(|state| state.faults.held = true);
    }

    /// Ends [`Queue::hold`].
    pub fn release(&self) {
        self.change(|state| state.faults.held = false);
    }

    /// The sink is gone for good: every write from now on says so.
    pub fn close_sink(&self) {
        self.change(|state| state.faults.closed = true);
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes the state and wakes whoever waits for it.
    pub(crate) fn change<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        let result = change(&mut self.lock());
        self.0.changed.notify_waiters();
        result
    }

    /// Waits until `look` finds what it looks for. Cancel-safe.
    pub(crate) async fn wait<T>(&self, mut look: impl FnMut(&mut State) -> Option<T>) -> T {
        loop {
            let changed = self.0.changed.notified();
            if let Some(found) = look(&mut self.lock()) {
                return found;
            }
            changed.await;
        }
    }
}

impl State {
    /// The lane of an event's ordering key; fixed within a process.
    pub(crate) fn lane_of(&self, event: &Event) -> usize {
        event.ordering_key().map_or(0, |key| {
            let mut hasher = DefaultHasher::new();
            key.hash(&mut hasher);
            (hasher.finish() % self.lanes.len() as u64) as usize
        })
    }

    /// Appends an event unless its lane is full.
    pub(crate) fn append(&mut self, event: Event) -> Result<(), Full> {
        let lane = self.lane_of(&event);
        if self.lanes[lane].messages.len() >= self.capacity {
            return Err(Full { capacity: self.capacity });
        }
        self.lanes[lane].messages.push_back(Message::Event(event));
        Ok(())
    }

    /// Everything before `position` of a lane is settled.
    pub(crate) fn commit(&mut self, lane: usize, position: usize) {
        let log = &mut self.lanes[lane];
        // A delivery of a lane that was dropped may be settled after its successor went on: never backwards.
        let settled = position.saturating_sub(log.base).min(log.messages.len());
        log.messages.drain(..settled);
        log.base += settled;
        self.counts.settled += settled as u64;
    }
}
