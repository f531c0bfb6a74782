//! What of a group is done, for writers whose events end out of order (those of several keys, or partitions): the framework is told
//! a prefix.
//!
//! The framework calls again with what it was told is not done, a suffix of the same group; one event less than that where it
//! gave up on the first. What this remembers of that suffix is not sent again. Should a caller come with something else after all,
//! the fingerprints of what is done do not fit, and everything is sent: twice rather than never.

use std::collections::VecDeque;
use std::hash::{BuildHasher, RandomState};
use std::time::Duration;

use tidegate_event::Event;

use super::WriteError;

/// What has become of an event.
#[derive(Clone, Debug, PartialEq, Eq)]
enum State {
    Open,
    Delivered,
    Refused(String),
}

/// Why what is open is not delivered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trouble {
    /// What is wrong, without the place.
    pub cause: String,
    /// Not before this time has passed, where the other side asked for it.
    pub after: Option<Duration>,
}

impl Trouble {
    /// Without a wish of the other side.
    pub fn new(cause: impl Into<String>) -> Trouble {
        Trouble { cause: cause.into(), after: None }
    }
}

/// The states of the events that the framework knows as not done.
#[derive(Debug, Default)]
pub struct Progress {
    states: VecDeque<State>,
    /// Of the same events; filled when a group ends early.
    prints: VecDeque<u64>,
    hasher: RandomState,
}

impl Progress {
    /// A call of the framework begins, with these events.
    pub fn begin(&mut self, events: &[Event]) {
        if self.prints.len() == events.len() + 1 {
            self.drop_front(1);
        }
        if self.prints.len() != events.len() || !self.fits(events) {
            self.states.clear();
            self.states.resize(events.len(), State::Open);
        }
        self.prints.clear();
    }

    fn fits(&self, events: &[Event]) -> bool {
        events.iter().zip(&self.prints).all(|(event, print)| self.print(event) == *print)
    }

    fn print(&self, event: &Event) -> u64 {
        self.hasher.hash_one((event.id(), event.source()))
    }

    fn drop_front(&mut self, count: usize) {
        self.states.drain(..count);
        self.prints.drain(..count);
    }

    /// Whether an event of the call is still to be written; by its position in the call, as below.
    pub fn is_open(&self, index: usize) -> bool {
        self.states[index] == State::Open
    }

    /// Whether any is.
    pub fn has_open(&self) -> bool {
        self.states.contains(&State::Open)
    }

    /// The event is durable.
    pub fn delivered(&mut self, index: usize) {
        self.states[index] = State::Delivered;
    }

    /// The event will never be taken.
    pub fn refused(&mut self, index: usize, cause: String) {
        self.states[index] = State::Refused(cause);
    }

    /// The call ends: what the framework is told. `trouble` is why events are open, if any are; `place` what an operator looks up.
    pub fn end(&mut self, events: &[Event], place: &str, trouble: Option<Trouble>) -> Result<(), WriteError> {
        let done = self.states.iter().position(|state| *state != State::Delivered);
        let Some(done) = done else {
            self.states.clear();
            return Ok(());
        };
        self.prints = events.iter().map(|event| self.print(event)).collect();
        let place = place.to_owned();
        if let State::Refused(cause) = &self.states[done] {
            let cause = cause.clone();
            self.drop_front(done + 1);
            return Err(WriteError::Permanent { index: done, place, cause });
        }
        self.drop_front(done);
        // Nothing is left open without a reason; were it, the next call would find out.
        let Trouble { cause, after } = trouble.unwrap_or_else(|| Trouble::new("not sent yet"));
        Err(WriteError::Transient { written: done, after, place, cause })
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn events(count: usize) -> Vec<Event> {
        let event = |n: usize| Event::builder().id(&format!("e{n}")).source("/s").ty("t").build().unwrap();
        (0..count).map(event).collect()
    }

    fn trouble() -> Option<Trouble> {
        Some(Trouble::new("down"))
    }

    /// What one event does in one call.
    #[derive(Clone, Copy, Debug)]
    enum Act {
        Deliver,
        Refuse,
        Fail,
    }

    fn act() -> impl Strategy<Value = Act> {
        prop_oneof![4 => Just(Act::Deliver), 1 => Just(Act::Refuse), 3 => Just(Act::Fail)]
    }

    proptest! {
        /// As the framework calls it, whatever the events do: each is delivered or refused once, none is skipped, and the framework
        /// and this agree on which is which.
        #[test]
        fn every_event_ends_once(
            acts in prop::collection::vec(prop::collection::vec(act(), 12), 1..40),
            count in 1usize..12,
            give_up in prop::bool::ANY,
        ) {
            let events = events(count);
            let mut progress = Progress::default();
            let mut written = 0;
            let mut delivered = vec![0; count];
            let (mut refused, mut told_refused, mut given_up) = (vec![false; count], vec![false; count], vec![false; count]);
            let all_deliver = vec![Act::Deliver; 12];
            let mut calls = acts.iter().chain(std::iter::repeat(&all_deliver));
            while written < count {
                let rest = &events[written..];
                progress.begin(rest);
                for (index, act) in (0..rest.len()).zip(calls.next().unwrap()) {
                    if !progress.is_open(index) {
                        continue;
                    }
                    match act {
                        Act::Deliver => { progress.delivered(index); delivered[written + index] += 1; }
                        Act::Refuse => { progress.refused(index, "no".into()); refused[written + index] = true; }
                        Act::Fail => {}
                    }
                }
                match progress.end(rest, "x", trouble()) {
                    Ok(()) => written = count,
                    Err(WriteError::Transient { written: some, .. }) => {
                        prop_assert!(some < rest.len());
                        written += some;
                        if give_up {
                            given_up[written] = true;
                            written += 1;
                        }
                    }
                    Err(WriteError::Permanent { index, .. }) => {
                        told_refused[written + index] = true;
                        written += index + 1;
                    }
                    Err(WriteError::Closed { .. }) => unreachable!(),
                }
            }
            for index in 0..count {
                let ends = delivered[index] + usize::from(refused[index]) + usize::from(given_up[index]);
                prop_assert_eq!(ends, 1, "event {}", index);
            }
            prop_assert_eq!(refused, told_refused);
        }
    }

    #[test]
    fn a_strange_group_is_sent_whole() {
        let first = events(3);
        let mut progress = Progress::default();
        progress.begin(&first);
        progress.delivered(1);
        progress.delivered(2);
        progress.end(&first, "x", trouble()).unwrap_err();
        let other: Vec<Event> = events(6).split_off(3);
        progress.begin(&other);
        assert!((0..3).all(|index| progress.is_open(index)));
    }

    #[test]
    fn what_is_done_is_told_as_a_prefix_and_not_sent_again() {
        let events = events(5);
        let mut progress = Progress::default();
        progress.begin(&events);
        [0, 2, 4].iter().for_each(|&index| progress.delivered(index));
        progress.refused(1, "no".to_owned());
        let told = progress.end(&events, "x", trouble()).unwrap_err();
        assert_eq!(told, WriteError::Permanent { index: 1, place: "x".to_owned(), cause: "no".to_owned() });
        progress.begin(&events[2..]);
        assert_eq!((0..3).map(|index| progress.is_open(index)).collect::<Vec<_>>(), [false, true, false]);
        let told = progress.end(&events[2..], "x", trouble()).unwrap_err();
        assert!(matches!(told, WriteError::Transient { written: 1, .. }), "{told}");
        progress.begin(&events[3..]);
        assert!(progress.is_open(0) && !progress.is_open(1));
        progress.delivered(0);
        assert_eq!(progress.end(&events[3..], "x", None), Ok(()));
    }

    #[test]
    fn an_event_that_was_given_up_is_not_looked_at_again() {
        let events = events(3);
        let mut progress = Progress::default();
        progress.begin(&events);
        progress.delivered(2);
        progress.end(&events, "x", None).unwrap_err();
        progress.begin(&events[1..]);
        assert!(progress.is_open(0) && !progress.is_open(1));
    }
}
