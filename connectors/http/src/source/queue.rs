//! What waits for one lane, bounded; and whether the lane takes anything at all.

use std::collections::VecDeque;
use std::mem;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use tidegate_connector::{LANE_BATCH_BYTES, LANE_BATCH_EVENTS, Lag};
use tidegate_event::Event;
use tokio::time::Instant;

use super::config::Bound;
use super::waiter::{Outcome, Ticket, Why};

/// Events that wait in a lane before requests are taken together: then there is more to win by it than to lose.
const TOGETHER_FROM: usize = 32;

/// The queue of one lane.
#[derive(Debug)]
pub(super) struct Queue {
    bound: Bound,
    state: Mutex<State>,
}

#[derive(Debug)]
pub(super) struct State {
    waiting: VecDeque<(Event, Ticket)>,
    bytes: usize,
    condition: Condition,
    /// Nacks so far: what was delivered before the last one is void.
    nacks: u64,
    /// Of the lane's `next`.
    waker: Option<Waker>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Condition {
    Taking,
    /// Nacked, and not asked for more since; not before this time, the host said.
    Held(Instant),
    Closed,
}

/// What a lane takes at once.
#[derive(Debug)]
pub(super) struct Taken {
    pub(super) events: Vec<Event>,
    pub(super) tickets: Vec<Ticket>,
    pub(super) nacks: u64,
}

impl Queue {
    pub(super) fn new(bound: Bound) -> Arc<Queue> {
        let state = State { waiting: VecDeque::new(), bytes: 0, condition: Condition::Taking, nacks: 0, waker: None };
        Arc::new(Queue { bound, state: Mutex::new(state) })
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether so much more fits. A queue that is empty takes anything, so that what is larger than the bound can pass.
    pub(super) fn room(&self, state: &State, events: usize, bytes: usize) -> Result<(), Outcome> {
        let again = |after, why| Err(Outcome::Again { after, why });
        match state.condition {
            Condition::Closed => again(Duration::ZERO, Why::Closing),
            Condition::Held(until) => again(until.saturating_duration_since(Instant::now()), Why::Held),
            Condition::Taking => {
                let fits = state.waiting.len() + events <= self.bound.events && state.bytes + bytes <= self.bound.bytes;
                if fits || state.waiting.is_empty() { Ok(()) } else { again(Duration::ZERO, Why::Full) }
            }
        }
    }

    /// The next batch, or `None` once closed. Asking ends a hold.
    pub(super) fn poll_take(&self, cx: &Context<'_>) -> Poll<Option<Taken>> {
        let mut state = self.lock();
        match state.condition {
            Condition::Closed => return Poll::Ready(None),
            Condition::Held(_) => state.condition = Condition::Taking,
            Condition::Taking => {}
        }
        if state.waiting.is_empty() {
            if !state.waker.as_ref().is_some_and(|waker| waker.will_wake(cx.waker())) {
                state.waker = Some(cx.waker().clone());
            }
            return Poll::Pending;
        }
        Poll::Ready(Some(state.take()))
    }

    /// What waits for the lane: what is nacked is its sender's again.
    pub(super) fn lag(&self) -> Lag {
        Lag { events: Some(self.lock().waiting.len() as u64), ..Lag::default() }
    }

    /// Whether what was delivered after so many nacks still counts.
    pub(super) fn is_void(&self, nacks: u64) -> bool {
        self.lock().nacks != nacks
    }

    /// Nothing that was delivered since `nacks` counts any more, and what waits is sent back: else it would overtake.
    pub(super) fn nack(&self, nacks: u64, delay: Duration) {
        let mut state = self.lock();
        if state.nacks != nacks {
            return;
        }
        state.nacks += 1;
        if state.condition != Condition::Closed {
            state.condition = Condition::Held(Instant::now() + delay);
        }
        let waiting = state.empty();
        drop(state);
        send_back(waiting, delay, &Why::Held);
    }

    /// Nothing is taken any more; what waits is sent back.
    pub(super) fn close(&self) {
        let mut state = self.lock();
        state.condition = Condition::Closed;
        let waiting = state.empty();
        drop(state);
        send_back(waiting, Duration::ZERO, &Why::Closing);
    }
}

impl State {
    pub(super) fn push(&mut self, event: Event, ticket: Ticket) {
        self.bytes += event.size();
        self.waiting.push_back((event, ticket));
    }

    /// To be woken once the lock is given back.
    pub(super) fn waker(&mut self) -> Option<Waker> {
        self.waker.take()
    }

    fn empty(&mut self) -> VecDeque<(Event, Ticket)> {
        self.bytes = 0;
        mem::take(&mut self.waiting)
    }

    /// One request, so that nobody waits for the end of another's; of many that wait, as many as fit.
    fn take(&mut self) -> Taken {
        let count = self.waiting.len().min(LANE_BATCH_EVENTS);
        let first = self.waiting.front().map(|(_, ticket)| ticket.request());
        let together = self.waiting.len() >= TOGETHER_FROM;
        let mut taken =
            Taken { events: Vec::with_capacity(count), tickets: Vec::with_capacity(count), nacks: self.nacks };
        let mut bytes = 0;
        while taken.events.len() < count {
            let Some((event, ticket)) = self.waiting.front() else { break };
            if !together && Some(ticket.request()) != first {
                break;
            }
            let size = event.size();
            if bytes + size > LANE_BATCH_BYTES && !taken.events.is_empty() {
                break;
            }
            bytes += size;
            if let Some((event, ticket)) = self.waiting.pop_front() {
                taken.events.push(event);
                taken.tickets.push(ticket);
            }
        }
        self.bytes -= bytes.min(self.bytes);
        taken
    }
}

fn send_back(waiting: VecDeque<(Event, Ticket)>, after: Duration, why: &Why) {
    for (_, ticket) in waiting {
        ticket.settle(Some(Outcome::Again { after, why: why.clone() }));
    }
}
