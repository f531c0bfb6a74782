//! The circuit breaker of a sink: after so many failures in a row nothing is written for a time, then one write tries.
//!
//! All writers of a sink share one: what one finds out about the other side holds for all. It drops nothing and refuses nothing;
//! what pends, waits.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// When a breaker opens, and for how long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BreakerOptions {
    /// So many failures in a row open it; at least 1.
    pub failures: u32,
    /// Failures older than this do not count.
    pub window: Duration,
    /// Nothing is written for so long; then one write tries.
    pub pause: Duration,
}

impl Default for BreakerOptions {
    /// 10 failures within a minute, 1 s: one that fails now and then is not held up, a dead one is asked about once a second.
    fn default() -> Self {
        Self { failures: 10, window: Duration::from_secs(60), pause: Duration::from_secs(1) }
    }
}

/// Whether to write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Circuit {
    /// Yes.
    Closed,
    /// The one who asks may try, with one write or request; others wait for what becomes of it.
    Probing,
    /// Not before this time has passed.
    Open(Duration),
}

/// A writer's handle to the breaker of its sink. Clones are the same writer's.
#[derive(Clone, Debug)]
pub struct Breaker {
    shared: Arc<Mutex<State>>,
    writer: usize,
}

#[derive(Debug)]
struct State {
    options: BreakerOptions,
    /// Of failures in a row, oldest first; no more than open it.
    failed: VecDeque<Instant>,
    open_until: Option<Instant>,
    /// Who tries.
    prober: Option<usize>,
    /// Of the last failure.
    cause: String,
}

impl Breaker {
    /// Closed, for a sink of one writer.
    pub fn new(options: BreakerOptions) -> Breaker {
        let state = State { options, failed: VecDeque::new(), open_until: None, prober: None, cause: String::new() };
        Breaker { shared: Arc::new(Mutex::new(state)), writer: 0 }
    }

    /// The same breaker in the hands of another writer.
    pub(super) fn of(&self, writer: usize) -> Breaker {
        Breaker { shared: self.shared.clone(), writer }
    }

    /// Asks whether to write; who is told to try has to tell what became of it, or another is asked to after a pause. The time is
    /// read only where it matters.
    pub fn ask(&self, now: impl FnOnce() -> Instant) -> Circuit {
        let mut state = self.lock();
        let Some(until) = state.open_until else { return Circuit::Closed };
        let now = now();
        if until <= now {
            state.open_until = Some(now + state.options.pause);
            state.prober = Some(self.writer);
            Circuit::Probing
        } else if state.prober == Some(self.writer) {
            Circuit::Probing
        } else {
            Circuit::Open(until - now)
        }
    }

    /// Whether nothing more than a try is wanted.
    pub fn is_open(&self) -> bool {
        self.lock().open_until.is_some()
    }

    /// The other side has answered about an event, whatever it said: it closes.
    pub fn succeeded(&self) {
        let mut state = self.lock();
        state.failed.clear();
        state.open_until = None;
        state.prober = None;
    }

    /// The other side did not answer, or not about the event.
    pub fn failed(&self, now: Instant, cause: &str) {
        let mut state = self.lock();
        let State { options, failed, .. } = &mut *state;
        let enough = options.failures.max(1) as usize;
        while failed.len() >= enough || failed.front().is_some_and(|&at| now.duration_since(at) > options.window) {
            failed.pop_front();
        }
        failed.push_back(now);
        let opens = failed.len() == enough || state.open_until.is_some();
        if opens {
            state.open_until = Some(now + state.options.pause);
            state.prober = None;
            cause.clone_into(&mut state.cause);
        }
    }

    /// Why it is open, for a person.
    pub fn cause(&self) -> String {
        let state = self.lock();
        format!("{} (nothing is sent for a while after {} failures in a row)", state.cause, state.options.failures)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn breaker(failures: u32) -> Breaker {
        Breaker::new(BreakerOptions { failures, window: 60 * SECOND, pause: 5 * SECOND })
    }

    #[test]
    fn it_opens_after_failures_in_a_row_and_one_tries() {
        let (breaker, start) = (breaker(3), Instant::now());
        breaker.failed(start, "500");
        breaker.failed(start, "500");
        breaker.succeeded();
        breaker.failed(start, "500");
        breaker.failed(start, "500");
        assert_eq!(breaker.ask(|| start), Circuit::Closed);
        breaker.failed(start, "500");
        assert_eq!(breaker.ask(|| start), Circuit::Open(5 * SECOND));
        let later = start + 5 * SECOND;
        assert_eq!(breaker.ask(|| later), Circuit::Probing);
        breaker.failed(later, "502");
        assert_eq!(breaker.ask(|| later), Circuit::Open(5 * SECOND));
        assert!(breaker.cause().starts_with("502 "), "{}", breaker.cause());
        assert_eq!(breaker.ask(|| later + 5 * SECOND), Circuit::Probing);
        breaker.succeeded();
        assert_eq!(breaker.ask(|| later + 5 * SECOND), Circuit::Closed);
    }

    #[test]
    fn of_several_writers_one_tries_and_another_when_it_hangs() {
        let (first, start) = (breaker(1), Instant::now());
        let second = first.of(1);
        second.failed(start, "down");
        assert_eq!(first.ask(|| start + 2 * SECOND), Circuit::Open(3 * SECOND), "what one finds out holds for all");
        let later = start + 5 * SECOND;
        assert_eq!((first.ask(|| later), second.ask(|| later)), (Circuit::Probing, Circuit::Open(5 * SECOND)));
        assert_eq!(first.ask(|| later), Circuit::Probing, "it is told so again");
        let much_later = start + 10 * SECOND;
        assert_eq!(
            (second.ask(|| much_later), first.ask(|| much_later)),
            (Circuit::Probing, Circuit::Open(5 * SECOND))
        );
    }

    #[test]
    fn old_failures_do_not_count() {
        let (breaker, start) = (breaker(3), Instant::now());
        for failure in 0..20 {
            breaker.failed(start + failure * 31 * SECOND, "now and then");
        }
        assert!(!breaker.is_open());
    }
}
