//! Waiting between tries: exponential, with jitter, bounded.

use std::hash::{BuildHasher, RandomState};
use std::time::Duration;

/// Delays double from `first` to `max`; each is shortened at random. Where both are the same, so are all delays.
///
/// ```
/// use std::time::Duration;
/// let backoff = tidegate_connector::Backoff::default();
/// assert!(backoff.delay(0) <= backoff.first);
/// assert!(backoff.delay(63) >= backoff.max / 2);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Backoff {
    /// The delay after the first failure, before it is shortened.
    pub first: Duration,
    /// No delay is longer.
    pub max: Duration,
    /// A delay is shortened by so much of it at most, in percent (up to 100): many hosts must not ask a broker that came back
    /// all at once.
    pub jitter_percent: u8,
}

impl Default for Backoff {
    fn default() -> Self {
        Self::DEFAULT
    }
}

impl Backoff {
    /// 100 ms to 10 s, less up to a half: a restarting broker is met within a second, a dead one is asked six times a minute.
    pub const DEFAULT: Backoff =
        Backoff { first: Duration::from_millis(100), max: Duration::from_secs(10), jitter_percent: 50 };

    /// How long to wait after failure number `failures` in a row, counted from 0.
    pub fn delay(&self, failures: u32) -> Duration {
        let whole = self.first.saturating_mul(1u32.checked_shl(failures).unwrap_or(u32::MAX)).min(self.max);
        // RandomState is the standard library's only source of randomness; one hash a failure is cheap enough.
        let random = f64::from(RandomState::new().hash_one(failures) as u32) / f64::from(u32::MAX);
        whole.mul_f64(1.0 - random * f64::from(self.jitter_percent.min(100)) / 100.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn delays_double_up_to_the_longest_or_stay_the_same() {
        let check = |first, max, seconds: [u32; 6]| {
            let backoff = Backoff { first, max, jitter_percent: 0 };
            let delays = [0, 1, 2, 3, 31, u32::MAX].map(|failures| backoff.delay(failures));
            assert_eq!(delays, seconds.map(|seconds| SECOND * seconds));
        };
        check(SECOND, 10 * SECOND, [1, 2, 4, 8, 10, 10]);
        check(3 * SECOND, 3 * SECOND, [3; 6]);
    }

    #[test]
    fn jitter_shortens_by_so_much_at_most() {
        for jitter_percent in [1, 50, 100, 255] {
            let backoff = Backoff { first: SECOND, max: SECOND, jitter_percent };
            for _ in 0..1000 {
                let delay = backoff.delay(0);
                assert!(delay <= SECOND && delay >= SECOND.mul_f64(1.0 - f64::from(jitter_percent.min(100)) / 100.0));
            }
        }
    }
}
