//! How far a lane is behind: what it has not settled, and for how long the oldest of that has been there.
//!
//! The lane notes what it knows anyway, once a batch; whoever looks adds what the connector tells of what waits behind that. A batch
//! that is just being taken is in neither for a moment.

use std::{
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, SystemTime},
};

use tidegate_connector::LagGauge;

/// How far a lane, or a route, is behind what came in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Behind {
    /// Events that came and are not settled; `None` where the lane cannot count what waits (files).
    pub events: Option<u64>,
    /// Bytes that wait and are not taken yet, where only these are known.
    pub bytes: Option<u64>,
    /// How long the oldest event that is not settled has been there; zero where all is settled.
    pub age: Duration,
}

impl Behind {
    /// Of several lanes: all that is not settled, and the oldest of it.
    pub fn and(self, other: Behind) -> Behind {
        let sum = |a: Option<u64>, b: Option<u64>| Some(a?.saturating_add(b?));
        Behind {
            // Where one cannot be counted neither can all.
            events: sum(self.events, other.events),
            bytes: match (self.bytes, other.bytes) {
                (None, one) | (one, None) => one,
                (some, other) => sum(some, other),
            },
            age: self.age.max(other.age),
        }
    }
}

/// What a lane notes for whoever looks.
#[derive(Debug)]
pub(crate) struct Unsettled {
    events: AtomicUsize,
    /// When the oldest of what is not settled came: what is in flight, or else what was held and comes again.
    since: Mutex<Option<SystemTime>>,
    gauge: Option<LagGauge>,
}

impl Unsettled {
    pub(crate) fn new(gauge: Option<LagGauge>) -> Unsettled {
        Unsettled { events: AtomicUsize::new(0), since: Mutex::new(None), gauge }
    }

    pub(crate) fn events(&self) -> usize {
        self.events.load(Ordering::Relaxed)
    }

    pub(crate) fn note(&self, events: usize, since: Option<SystemTime>) {
        self.events.store(events, Ordering::Relaxed);
        *self.since.lock().unwrap_or_else(PoisonError::into_inner) = since;
    }

    pub(crate) fn behind(&self, now: SystemTime) -> Behind {
        let waiting = self.gauge.as_ref().map(LagGauge::now);
        let in_flight = self.events() as u64;
        let since = *self.since.lock().unwrap_or_else(PoisonError::into_inner);
        let since = since.into_iter().chain(waiting.and_then(|waiting| waiting.since)).min();
        // A clock that was set back, or a broker's that is ahead, makes no age.
        let age = since.map_or(Duration::ZERO, |since| now.duration_since(since).unwrap_or_default());
        match waiting {
            None => Behind { events: Some(in_flight), bytes: None, age },
            Some(waiting) => {
                let events = waiting.events.map(|waiting| waiting.saturating_add(in_flight));
                Behind { events, bytes: waiting.bytes, age }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use tidegate_connector::Lag;

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn what_waits_is_added_to_what_is_in_flight_and_the_oldest_of_both_counts() {
        let now = SystemTime::UNIX_EPOCH + 100 * SECOND;
        let check = |lag: Option<Lag>, since: Option<u32>, expected: (Option<u64>, Option<u64>, u32)| {
            let unsettled = Unsettled::new(lag.map(|lag| LagGauge::new(move || lag)));
            unsettled.note(3, since.map(|ago| now - ago * SECOND));
            let (events, bytes, age) = expected;
            assert_eq!(unsettled.behind(now), Behind { events, bytes, age: age * SECOND });
        };
        let ago = |seconds: u32| Some(now - seconds * SECOND);
        check(None, None, (Some(3), None, 0));
        check(None, Some(5), (Some(3), None, 5));
        check(Some(Lag { events: Some(10), ..Lag::default() }), Some(5), (Some(13), None, 5));
        check(Some(Lag { bytes: Some(10), ..Lag::default() }), Some(5), (None, Some(10), 5));
        check(Some(Lag { events: Some(1), bytes: None, since: ago(9) }), Some(5), (Some(4), None, 9));
        check(Some(Lag { events: Some(1), bytes: None, since: ago(9) }), None, (Some(4), None, 9));
        let ahead = Some(Lag { events: Some(0), bytes: None, since: Some(now + SECOND) });
        check(ahead, None, (Some(3), None, 0));
    }

    #[test]
    fn several_lanes_are_behind_by_all_of_it_and_by_the_oldest() {
        let behind = |events, bytes, age: u32| Behind { events, bytes, age: age * SECOND };
        assert_eq!(behind(Some(1), None, 3).and(behind(Some(2), None, 2)), behind(Some(3), None, 3));
        assert_eq!(behind(Some(1), None, 0).and(behind(None, Some(9), 2)), behind(None, Some(9), 2));
    }
}
