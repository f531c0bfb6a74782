//! A request that waits until its events are settled. Knows no HTTP.
//!
//! Each of its events travels with a [`Ticket`]; whoever ends the event tells the ticket how. A ticket that is dropped
//! untold says that the event has to be sent again, so that no request waits for something that is nowhere.

use std::future::poll_fn;
use std::mem;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Poll, Waker};
use std::time::Duration;

use tidegate_connector::Fate;

/// How an event ended, but for being delivered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// The host decided so; never [`Fate::Held`].
    Fate(Fate),
    /// It was not taken: to be sent again, not before so long.
    Again { after: Duration, why: Why },
}

/// Why an event has to be sent again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Why {
    /// Its lane stands still.
    Held,
    /// It, or something before it, was held by a policy or sink, which said why.
    HeldBy(Arc<str>, Arc<str>),
    /// Its lane's queue has no room.
    Full,
    /// The listener is about to end.
    Closing,
    /// The host let go of it untold: it stops, and had no more time.
    LetGo,
}

/// Shared by a request and its tickets.
#[derive(Debug)]
pub(super) struct Waiter(Mutex<Waiting>);

#[derive(Debug)]
struct Waiting {
    /// Events not settled yet.
    open: usize,
    /// By position in the request, in no order; what was simply delivered is not among them.
    outcomes: Vec<(u32, Outcome)>,
    expired: bool,
    waker: Option<Waker>,
}

/// What a request waited for.
#[derive(Debug)]
pub(super) enum Waited {
    /// Everything is settled: what was not simply delivered, by position.
    Settled(Vec<(u32, Outcome)>),
    /// It took too long.
    Expired,
}

impl Waiter {
    /// For a request of so many events.
    pub(super) fn new(events: usize) -> Arc<Waiter> {
        let waiting = Waiting { open: events, outcomes: Vec::new(), expired: false, waker: None };
        Arc::new(Waiter(Mutex::new(waiting)))
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Until every ticket was told, or [`expire`](Self::expire).
    pub(super) async fn wait(&self) -> Waited {
        poll_fn(|cx| {
            let mut waiting = self.lock();
            if waiting.open == 0 {
                return Poll::Ready(Waited::Settled(mem::take(&mut waiting.outcomes)));
            }
            if waiting.expired {
                return Poll::Ready(Waited::Expired);
            }
            if !waiting.waker.as_ref().is_some_and(|waker| waker.will_wake(cx.waker())) {
                waiting.waker = Some(cx.waker().clone());
            }
            Poll::Pending
        })
        .await
    }

    /// Ends the waiting; the events go on.
    pub(super) fn expire(&self) {
        let mut waiting = self.lock();
        waiting.expired = true;
        let waker = waiting.waker.take();
        drop(waiting);
        wake(waker);
    }

    fn settle(&self, index: u32, outcome: Option<Outcome>) {
        let mut waiting = self.lock();
        waiting.open -= 1;
        if let Some(outcome) = outcome {
            waiting.outcomes.push((index, outcome));
        }
        let waker = if waiting.open == 0 { waiting.waker.take() } else { None };
        drop(waiting);
        wake(waker);
    }
}

fn wake(waker: Option<Waker>) {
    if let Some(waker) = waker {
        waker.wake();
    }
}

/// One event of a request.
#[derive(Debug)]
pub(super) struct Ticket {
    /// `None` once told.
    waiter: Option<Arc<Waiter>>,
    index: u32,
}

impl Ticket {
    /// For the event at `index` of the request; one for each of them.
    pub(super) fn new(waiter: Arc<Waiter>, index: u32) -> Ticket {
        Ticket { waiter: Some(waiter), index }
    }

    /// Which request it is of: the same for all of its events, and no other that is open.
    pub(super) fn request(&self) -> *const Waiter {
        self.waiter.as_ref().map_or(std::ptr::null(), Arc::as_ptr)
    }

    /// Tells how the event ended; `None` is delivered.
    pub(super) fn settle(mut self, outcome: Option<Outcome>) {
        if let Some(waiter) = self.waiter.take() {
            waiter.settle(self.index, outcome);
        }
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        if let Some(waiter) = self.waiter.take() {
            waiter.settle(self.index, Some(Outcome::Again { after: Duration::ZERO, why: Why::LetGo }));
        }
    }
}
