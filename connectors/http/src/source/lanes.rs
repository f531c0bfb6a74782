//! Which lane an event goes to, and putting the events of a request there: all of them, or none.
//!
//! Events with the same ordering key go to the same lane, those without one to the lane of their connection.

use std::hash::{BuildHasher, RandomState};
use std::sync::{Arc, MutexGuard};

use tidegate_event::Event;

use super::config::Bound;
use super::queue::{Queue, State};
use super::waiter::{Outcome, Ticket, Waiter};

/// The queues of all lanes.
#[derive(Debug)]
pub(super) struct Lanes {
    queues: Vec<Arc<Queue>>,
    /// Seeded anew by each process: nobody can choose keys that all go to one lane.
    hash: RandomState,
}

impl Lanes {
    pub(super) fn new(count: usize, bound: Bound) -> Lanes {
        Lanes { queues: (0..count).map(|_| Queue::new(bound)).collect(), hash: RandomState::new() }
    }

    pub(super) fn queue(&self, lane: usize) -> &Arc<Queue> {
        &self.queues[lane]
    }

    fn of(&self, event: &Event, otherwise: usize) -> usize {
        let Some(key) = event.ordering_key() else { return otherwise };
        // Less than the number of lanes, which is a `usize`.
        (self.hash.hash_one(key) % self.queues.len() as u64) as usize
    }

    /// Puts the events of one request into their lanes, in order. They go nowhere if a lane has no room or stands still.
    pub(super) fn offer(&self, mut events: Vec<Event>, otherwise: usize) -> Result<Arc<Waiter>, Outcome> {
        if events.len() == 1
            && let Some(event) = events.pop()
        {
            return self.offer_one(event, otherwise);
        }
        let lanes: Vec<usize> = events.iter().map(|event| self.of(event, otherwise)).collect();
        let mut shares = vec![(0, 0); self.queues.len()];
        for (event, lane) in events.iter().zip(&lanes) {
            shares[*lane].0 += 1;
            shares[*lane].1 += event.size();
        }
        // Always locked in the order of lanes, so that two requests never wait for each other.
        let mut locked: Vec<Option<MutexGuard<'_, State>>> = Vec::with_capacity(self.queues.len());
        for (queue, (count, bytes)) in self.queues.iter().zip(shares) {
            locked.push(if count > 0 {
                let state = queue.lock();
                queue.room(&state, count, bytes)?;
                Some(state)
            } else {
                None
            });
        }
        let waiter = Waiter::new(events.len());
        for (index, (event, lane)) in (0..).zip(events.into_iter().zip(lanes)) {
            if let Some(state) = &mut locked[lane] {
                state.push(event, Ticket::new(waiter.clone(), index));
            }
        }
        for mut state in locked.into_iter().flatten() {
            let waker = state.waker();
            drop(state);
            if let Some(waker) = waker {
                waker.wake();
            }
        }
        Ok(waiter)
    }

    fn offer_one(&self, event: Event, otherwise: usize) -> Result<Arc<Waiter>, Outcome> {
        let queue = &self.queues[self.of(&event, otherwise)];
        let mut state = queue.lock();
        queue.room(&state, 1, event.size())?;
        let waiter = Waiter::new(1);
        state.push(event, Ticket::new(waiter.clone(), 0));
        let waker = state.waker();
        drop(state);
        if let Some(waker) = waker {
            waker.wake();
        }
        Ok(waiter)
    }
}
