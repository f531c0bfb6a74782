//! How often requests may come: a bucket of `burst` requests, refilled evenly (GCRA: one number is the whole state).

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Shared by all connections of a listener.
#[derive(Debug)]
pub(super) struct Rate {
    /// Between two requests at the full rate.
    interval_ns: u64,
    /// How far ahead of the even rate requests may come.
    tolerance_ns: u64,
    /// When the next request is due at the even rate, since the listener began.
    due_ns: AtomicU64,
}

impl Rate {
    /// `None` where a number is out of range.
    pub(super) fn new(requests: u32, per: Duration, burst: u32) -> Option<Rate> {
        let per = u64::try_from(per.as_nanos()).ok()?;
        let interval_ns = per.checked_div(u64::from(requests))?.max(1);
        let tolerance_ns = interval_ns.checked_mul(u64::from(burst).checked_sub(1)?)?;
        Some(Rate { interval_ns, tolerance_ns, due_ns: AtomicU64::new(0) })
    }

    /// Requests a minute, for a sender that asks.
    pub(super) fn per_minute(&self) -> u64 {
        (60_000_000_000 / self.interval_ns).max(1)
    }

    /// Takes one request from the bucket; the error is how long until there is one.
    pub(super) fn take(&self, since_start: Duration) -> Result<(), Duration> {
        let now = u64::try_from(since_start.as_nanos()).unwrap_or(u64::MAX);
        let mut due = self.due_ns.load(Ordering::Relaxed);
        loop {
            let allowed_from = due.saturating_sub(self.tolerance_ns);
            if now < allowed_from {
                return Err(Duration::from_nanos(allowed_from - now));
            }
            let next = due.max(now).saturating_add(self.interval_ns);
            match self.due_ns.compare_exchange_weak(due, next, Ordering::Relaxed, Ordering::Relaxed) {
                Ok(_) => return Ok(()),
                Err(changed) => due = changed,
            }
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn a_burst_is_let_through_then_an_even_rate() {
        let rate = Rate::new(10, Duration::from_secs(1), 3).unwrap();
        let at = |ms| rate.take(Duration::from_millis(ms)).map_err(|wait| wait.as_millis());
        assert_eq!([at(0), at(0), at(0), at(0)], [Ok(()), Ok(()), Ok(()), Err(100)]);
        assert_eq!([at(60), at(100), at(100)], [Err(40), Ok(()), Err(100)]);
        assert_eq!([at(9000), at(9000), at(9000), at(9000)], [Ok(()), Ok(()), Ok(()), Err(100)]);
        assert_eq!(rate.per_minute(), 600);
    }
}
