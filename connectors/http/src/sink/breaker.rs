//! The circuit breaker: after so many failures in a row nothing is sent for a time, then one event tries.

use std::time::Duration;

use tokio::time::Instant;

use super::config::BreakerConfig;

/// Whether to send.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Circuit {
    Closed,
    /// One event may try; the others wait for what becomes of it.
    Probing,
    /// Not before this time has passed.
    Open(Duration),
}

/// Counts failures in a row.
#[derive(Debug)]
pub(super) struct Breaker {
    config: BreakerConfig,
    failures: u32,
    open_until: Option<Instant>,
    /// Of the last failure.
    cause: String,
}

impl Breaker {
    pub(super) fn new(config: BreakerConfig) -> Breaker {
        Breaker { config, failures: 0, open_until: None, cause: String::new() }
    }

    pub(super) fn circuit(&self, now: Instant) -> Circuit {
        match self.open_until {
            None => Circuit::Closed,
            Some(until) if until <= now => Circuit::Probing,
            Some(until) => Circuit::Open(until - now),
        }
    }

    /// The service has answered about an event, whatever it said.
    pub(super) fn succeeded(&mut self) {
        self.failures = 0;
        self.open_until = None;
    }

    /// The service did not answer, or not about the event.
    pub(super) fn failed(&mut self, now: Instant, cause: &str) {
        self.failures = self.failures.saturating_add(1);
        if self.failures >= self.config.failures {
            self.open_until = Some(now + self.config.open);
            cause.clone_into(&mut self.cause);
        }
    }

    /// Why it is open.
    pub(super) fn cause(&self) -> String {
        format!("{} (nothing is sent for a while after {} failures in a row)", self.cause, self.failures)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_opens_after_failures_in_a_row_and_one_event_probes() {
        let open = Duration::from_secs(5);
        let mut breaker = Breaker::new(BreakerConfig { failures: 3, open });
        let start = Instant::now();
        breaker.failed(start, "500");
        breaker.failed(start, "500");
        breaker.succeeded();
        breaker.failed(start, "500");
        breaker.failed(start, "500");
        assert_eq!(breaker.circuit(start), Circuit::Closed);
        breaker.failed(start, "500");
        assert_eq!(breaker.circuit(start), Circuit::Open(open));
        let later = start + open;
        assert_eq!(breaker.circuit(later), Circuit::Probing);
        breaker.failed(later, "502");
        assert_eq!(breaker.circuit(later), Circuit::Open(open));
        assert!(breaker.cause().starts_with("502 "), "{}", breaker.cause());
        assert_eq!(breaker.circuit(later + open), Circuit::Probing);
        breaker.succeeded();
        assert_eq!(breaker.circuit(later + open), Circuit::Closed);
    }
}
