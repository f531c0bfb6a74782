//! What a lane has delivered and not yet settled: the position that is safe to commit, and where to go back to.
//!
//! Most lanes are positions in something that can be read again (a file, a partition). Such a lane gives each batch to
//! [`Ledger::deliver`], asks [`Ledger::rewind`] before it reads on, and commits [`Ledger::committed`]. The ledger owns the rules of
//! [`Settlement`]: a nack voids everything delivered after it, a dropped delivery is a nack, and the
//! committed position never passes an unsettled event. It does no I/O.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::Notify;
use tokio::time::Instant;

use crate::{Delivery, Malformed, Settled, Settlement, SourceError};

/// The unsettled deliveries of one lane; `P` is a position in its stream. Clones are handles to the same ledger.
#[derive(Debug)]
pub struct Ledger<P>(Arc<Shared<P>>);

impl<P> Clone for Ledger<P> {
    fn clone(&self) -> Self {
        Ledger(self.0.clone())
    }
}

/// How a position is told to the host.
type Marks<P> = Box<dyn Fn(&P) -> Option<Vec<u8>> + Send + Sync>;

/// What an operator looks up, for the position behind an event.
type Places<P> = Box<dyn Fn(&P) -> Option<String> + Send + Sync>;

type OnChange<P> = Box<dyn Fn(&P) -> Result<(), SourceError> + Send + Sync>;

struct Shared<P> {
    state: Mutex<State<P>>,
    rewound: Notify,
    on_commit: Option<OnChange<P>>,
    marks: OnceLock<Marks<P>>,
    places: OnceLock<Places<P>>,
}

impl<P: std::fmt::Debug> std::fmt::Debug for Shared<P> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Shared").field("state", &self.state).finish_non_exhaustive()
    }
}

#[derive(Debug)]
struct State<P> {
    /// In stream order.
    outstanding: VecDeque<Outstanding<P>>,
    /// Where the stream goes on after everything outstanding.
    resume: P,
    /// The lane has to go back to `resume`, not before this time.
    rewind: Option<Instant>,
    /// Nacks so far: tells a rewind from a later one.
    nacks: u64,
    next_number: u64,
}

#[derive(Debug)]
struct Outstanding<P> {
    number: u64,
    acked: bool,
    start: P,
    /// The position behind each event.
    behind: Vec<P>,
}

/// Where a lane has to go back to.
#[derive(Clone, Debug)]
pub struct Rewind<P> {
    /// The position of the first event to deliver again.
    pub position: P,
    /// Nothing may be delivered before.
    pub not_before: Instant,
    nacks: u64,
}

/// A batch on its way to [`Ledger::deliver`].
#[derive(Debug)]
pub struct Batch<P> {
    /// In stream order.
    pub events: Vec<tidegate_event::Event>,
    /// In stream order.
    pub malformed: Vec<Malformed>,
    /// The position behind each of the events.
    pub behind: Vec<P>,
    /// The position behind the whole batch.
    pub end: P,
}

impl<P: Clone + Send + 'static> Ledger<P> {
    /// A ledger of a lane that starts at `start`.
    pub fn new(start: P) -> Self {
        Self::build(start, None)
    }

    /// The same; `on_commit` is called, under the ledger's lock and in order, whenever the committed position has moved forward. It
    /// must be short. Its error is what [`Settlement::settle`] returns.
    pub fn with_commit(start: P, on_commit: impl Fn(&P) -> Result<(), SourceError> + Send + Sync + 'static) -> Self {
        Self::build(start, Some(Box::new(on_commit)))
    }

    fn build(start: P, on_commit: Option<OnChange<P>>) -> Self {
        let state = State { outstanding: VecDeque::new(), resume: start, rewind: None, nacks: 0, next_number: 0 };
        Ledger(Arc::new(Shared {
            state: Mutex::new(state),
            rewound: Notify::new(),
            on_commit,
            marks: OnceLock::new(),
            places: OnceLock::new(),
        }))
    }

    /// From now on settlements tell the host positions in this form ([`Settlement::mark`]).
    pub fn mark_with(&self, marks: impl Fn(&P) -> Option<Vec<u8>> + Send + Sync + 'static) {
        // Said once; said again it stays as it was.
        let _ = self.0.marks.set(Box::new(marks));
    }

    /// From now on settlements tell where an event stands ([`Settlement::place`]), by the position behind it. It must not call the ledger.
    pub fn place_with(&self, places: impl Fn(&P) -> Option<String> + Send + Sync + 'static) {
        // Said once; said again it stays as it was.
        let _ = self.0.places.set(Box::new(places));
    }

    /// Hands a batch out; its settlement reports back here.
    ///
    /// While a rewind is pending the batch is from beyond it: it is not entered, and `None` tells the lane to rewind first.
    pub fn deliver(&self, batch: Batch<P>) -> Option<Delivery> {
        let mut state = self.0.lock();
        if state.rewind.is_some() {
            return None;
        }
        let number = state.next_number;
        state.next_number += 1;
        let start = std::mem::replace(&mut state.resume, batch.end);
        state.outstanding.push_back(Outstanding { number, acked: false, start, behind: batch.behind });
        drop(state);
        let settlement = Box::new(Ticket { number, ledger: Some(self.clone()) });
        Some(Delivery { events: batch.events, malformed: batch.malformed, settlement })
    }

    /// The lane skips to `position` without delivering anything between (blank lines; a file that was cut).
    pub fn skip_to(&self, position: P) {
        let mut state = self.0.lock();
        if state.rewind.is_none() {
            state.resume = position;
        }
    }

    /// If something was nacked: where to go back to. The lane goes there, waits until `not_before`, and then calls
    /// [`Ledger::rewound`]; until then nothing can be delivered.
    pub fn rewind(&self) -> Option<Rewind<P>> {
        let state = self.0.lock();
        let not_before = state.rewind?;
        Some(Rewind { position: state.resume.clone(), not_before, nacks: state.nacks })
    }

    /// The lane stands where this rewind told it to. If there was another nack meanwhile, that one is still pending.
    pub fn rewound(&self, rewind: &Rewind<P>) {
        let mut state = self.0.lock();
        if state.nacks == rewind.nacks {
            state.rewind = None;
        }
    }

    /// Waits until a rewind is due or pending. Cancel-safe.
    pub async fn wait_for_rewind(&self) {
        loop {
            let notified = self.0.rewound.notified();
            if self.0.lock().rewind.is_some() {
                return;
            }
            notified.await;
        }
    }

    /// Everything before this position is settled: it is safe to make durable.
    pub fn committed(&self) -> P {
        self.0.lock().committed()
    }

    /// Where the stream goes on behind everything delivered; what was nacked is not delivered any more. Of use for a
    /// [`LagGauge`](crate::LagGauge), which can hold a clone of the ledger.
    pub fn resume(&self) -> P {
        self.0.lock().resume.clone()
    }

    /// Deliveries handed out and not settled.
    pub fn outstanding(&self) -> usize {
        self.0.lock().outstanding.len()
    }
}

impl<P> Shared<P> {
    fn lock(&self) -> MutexGuard<'_, State<P>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<P: Clone> State<P> {
    fn committed(&self) -> P {
        self.outstanding.front().map_or_else(|| self.resume.clone(), |first| first.start.clone())
    }

    /// Where the stream goes on after a delivery ended so; `None` where it is void.
    fn behind(&self, number: u64, outcome: Settled) -> Option<P> {
        let at = self.outstanding.binary_search_by_key(&number, |o| o.number).ok()?;
        let end = || self.outstanding.get(at + 1).map_or(&self.resume, |next| &next.start);
        let position = match outcome {
            Settled::Ack => end(),
            Settled::Nack { events: 0, .. } => &self.outstanding[at].start,
            Settled::Nack { events, .. } => {
                let behind = &self.outstanding[at].behind;
                behind.get(events - 1).or(behind.last()).unwrap_or(&self.outstanding[at].start)
            }
        };
        Some(position.clone())
    }

    /// The position behind an event of a delivery; `None` where it is void.
    fn behind_event(&self, number: u64, event: usize) -> Option<P> {
        let at = self.outstanding.binary_search_by_key(&number, |o| o.number).ok()?;
        self.outstanding[at].behind.get(event).cloned()
    }

    /// Whether the committed position moved. What a nack voided before is not found and changes nothing.
    fn settle(&mut self, number: u64, outcome: Settled) -> bool {
        let Ok(at) = self.outstanding.binary_search_by_key(&number, |o| o.number) else { return false };
        match outcome {
            Settled::Ack => self.outstanding[at].acked = true,
            Settled::Nack { events, delay } => {
                let nacked = &self.outstanding[at];
                let done = events.min(nacked.behind.len());
                self.resume = if done == 0 { nacked.start.clone() } else { nacked.behind[done - 1].clone() };
                self.outstanding.truncate(at);
                self.rewind = Some(Instant::now() + delay);
                self.nacks += 1;
            }
        }
        let before = self.outstanding.len();
        while self.outstanding.front().is_some_and(|first| first.acked) {
            self.outstanding.pop_front();
        }
        self.outstanding.len() < before || (self.rewind.is_some() && self.outstanding.is_empty())
    }
}

/// The settlement of one delivery.
struct Ticket<P: Clone + Send + 'static> {
    number: u64,
    /// Taken when it is settled.
    ledger: Option<Ledger<P>>,
}

impl<P: Clone + Send + 'static> Ticket<P> {
    fn finish(&mut self, outcome: Settled) -> Result<(), SourceError> {
        let Some(Ledger(shared)) = self.ledger.take() else { return Ok(()) };
        let mut state = shared.lock();
        let moved = state.settle(self.number, outcome);
        let written = match &shared.on_commit {
            Some(on_commit) if moved => on_commit(&state.committed()),
            Some(_) | None => Ok(()),
        };
        if state.rewind.is_some() {
            shared.rewound.notify_waiters();
        }
        written
    }
}

#[async_trait]
impl<P: Clone + Send + 'static> Settlement for Ticket<P> {
    fn mark(&self, outcome: Settled) -> Option<Vec<u8>> {
        let Ledger(shared) = self.ledger.as_ref()?;
        let marks = shared.marks.get()?;
        let position = shared.lock().behind(self.number, outcome)?;
        marks(&position)
    }

    fn place(&self, event: usize) -> Option<String> {
        let Ledger(shared) = self.ledger.as_ref()?;
        let places = shared.places.get()?;
        let behind = shared.lock().behind_event(self.number, event)?;
        places(&behind)
    }

    async fn settle(mut self: Box<Self>, outcome: Settled) -> Result<(), SourceError> {
        self.finish(outcome)
    }
}

impl<P: Clone + Send + 'static> Drop for Ticket<P> {
    fn drop(&mut self) {
        // The position only falls behind here, which is safe whether or not it could be written.
        let _ = self.finish(Settled::Nack { events: 0, delay: Duration::ZERO });
    }
}
