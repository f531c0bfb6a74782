//! Waiting between tries: exponential, with jitter, bounded.

use std::hash::{BuildHasher, RandomState};
use std::time::Duration;

/// Delays double from `first` to `max`; each is shortened by up to a half, at random.
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
}

impl Default for Backoff {
    /// 100 ms to 10 s: a restarting broker is met within a second, a dead one is asked six times a minute.
    fn default() -> Self {
        Self { first: Duration::from_millis(100), max: Duration::from_secs(10) }
    }
}

impl Backoff {
    /// How long to wait after failure number `failures` in a row, counted from 0.
    pub fn delay(&self, failures: u32) -> Duration {
        let whole = self.first.saturating_mul(1u32.checked_shl(failures).unwrap_or(u32::MAX)).min(self.max);
        // Jitter keeps many hosts from asking a broker that came back all at once. RandomState is the standard
        // library's only source of randomness; one hash a failure is cheap enough.
        let random = RandomState::new().hash_one(failures) as u32;
        whole.mul_f64(1.0 - f64::from(random) / f64::from(u32::MAX) / 2.0)
    }
}
