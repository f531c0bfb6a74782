//! What of a group is done: events of several partitions end out of order, but the framework is told a prefix.
//!
//! The framework calls again with what it was told is not done, a suffix of the same group; one event less than that where it
//! gave up on the first. What this remembers of that suffix is not sent again. Should a caller come with something else after all,
//! the fingerprints do not fit, and everything is sent: twice rather than never.

use std::collections::VecDeque;
use std::hash::{BuildHasher, RandomState};

use tidegate_connector::WriteError;
use tidegate_event::Event;

/// What has become of an event.
#[derive(Clone, Debug, PartialEq, Eq)]
enum State {
    Open,
    Delivered,
    Refused(String),
}

/// Why what is open is not delivered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Trouble(pub(super) String);

/// The states of the events that the framework knows as not done.
#[derive(Debug, Default)]
pub(super) struct Progress {
    states: VecDeque<State>,
    /// Of the same events; filled when a group ends early.
    prints: VecDeque<u64>,
    hasher: RandomState,
}

impl Progress {
    /// A call of the framework begins.
    pub(super) fn begin(&mut self, events: &[Event]) {
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

    pub(super) fn is_open(&self, index: usize) -> bool {
        self.states[index] == State::Open
    }

    pub(super) fn has_open(&self) -> bool {
        self.states.contains(&State::Open)
    }

    pub(super) fn delivered(&mut self, index: usize) {
        self.states[index] = State::Delivered;
    }

    pub(super) fn refused(&mut self, index: usize, cause: String) {
        self.states[index] = State::Refused(cause);
    }

    /// The call ends: what the framework is told. `trouble` is why events are open, if any are.
    pub(super) fn end(&mut self, events: &[Event], place: &str, trouble: Option<Trouble>) -> Result<(), WriteError> {
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
        let Trouble(cause) = trouble.unwrap_or_else(|| Trouble("not sent yet".to_owned()));
        Err(WriteError::Transient { written: done, after: None, place, cause })
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    fn events(count: usize) -> Vec<Event> {
        let event = |n: usize| Event::builder().id(&format!("e{n}")).source("/s").ty("t").build().unwrap();
        (0..count).map(event).collect()
    }

    #[test]
    fn what_is_done_is_told_as_a_prefix_and_not_sent_again() {
        let events = events(5);
        let mut progress = Progress::default();
        progress.begin(&events);
        [0, 2, 4].iter().for_each(|&index| progress.delivered(index));
        progress.refused(1, "no".to_owned());
        let told = progress.end(&events, "x", Some(Trouble("down".to_owned()))).unwrap_err();
        assert_eq!(told, WriteError::Permanent { index: 1, place: "x".to_owned(), cause: "no".to_owned() });
        progress.begin(&events[2..]);
        assert_eq!((0..3).map(|index| progress.is_open(index)).collect::<Vec<_>>(), [false, true, false]);
        let told = progress.end(&events[2..], "x", Some(Trouble("down".to_owned()))).unwrap_err();
        assert!(matches!(told, WriteError::Transient { written: 1, .. }), "{told}");
        progress.begin(&events[3..]);
        assert!(progress.is_open(0) && !progress.is_open(1));
        progress.delivered(0);
        assert_eq!(progress.end(&events[3..], "x", None), Ok(()));
    }

    #[test]
    fn a_strange_group_is_sent_whole() {
        let first = events(3);
        let mut progress = Progress::default();
        progress.begin(&first);
        progress.delivered(1);
        progress.delivered(2);
        progress.end(&first, "x", None).unwrap_err();
        progress.begin(&events(6).split_off(3));
        assert!((0..3).all(|index| progress.is_open(index)));
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
