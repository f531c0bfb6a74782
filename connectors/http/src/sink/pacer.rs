//! The rate that a service allows (webhook specification, section 4.2.2): requests a minute, evenly spread.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::{Instant, sleep_until};

/// Spreads requests.
#[derive(Debug, Default)]
pub(super) struct Pacer(Mutex<Option<Pace>>);

#[derive(Debug)]
struct Pace {
    interval: Duration,
    /// When the next request may begin.
    next: Instant,
}

impl Pacer {
    /// From now on so many requests a minute; `None`: any number.
    pub(super) fn set(&self, per_minute: Option<u32>) {
        let pace =
            per_minute.map(|rate| Pace { interval: Duration::from_secs(60) / rate.max(1), next: Instant::now() });
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = pace;
    }

    /// Waits for this request's turn.
    pub(super) async fn wait(&self) {
        if let Some(turn) = self.turn(Instant::now()) {
            sleep_until(turn).await;
        }
    }

    fn turn(&self, now: Instant) -> Option<Instant> {
        let mut pace = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let pace = pace.as_mut()?;
        let turn = pace.next.max(now);
        pace.next = turn + pace.interval;
        Some(turn)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn turns_are_spread_over_the_minute() {
        let pacer = Pacer::default();
        let now = Instant::now();
        assert_eq!(pacer.turn(now), None);
        pacer.set(Some(120));
        let start = Instant::now();
        let turns: Vec<Duration> = (0..3).filter_map(|_| pacer.turn(start)).map(|turn| turn - start).collect();
        assert_eq!(turns, [0, 500, 1000].map(Duration::from_millis));
        // An unused turn is not saved up.
        let later = start + Duration::from_secs(60);
        assert_eq!((pacer.turn(later), pacer.turn(later)), (Some(later), Some(later + Duration::from_millis(500))));
        pacer.set(None);
        assert_eq!(pacer.turn(later), None);
    }
}
