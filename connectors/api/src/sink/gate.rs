//! What a writer passes before it writes: the circuit breaker and the rate of its sink.

use std::sync::Arc;

use tidegate_event::Event;
use tokio::time::Instant;

use super::rate::Limiter;
use super::{Breaker, Circuit, Writer};

/// The gate of one writer.
#[derive(Debug)]
pub(super) struct Gate {
    breaker: Breaker,
    minded: Minded,
    limiter: Option<Arc<Limiter>>,
}

/// Who tells the breaker what became of a write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Minded {
    ByFramework,
    ByWriter,
}

impl Gate {
    pub(super) fn new(breaker: Breaker, limiter: Option<Arc<Limiter>>) -> Gate {
        Gate { breaker, minded: Minded::ByFramework, limiter }
    }

    /// Once, before the first write.
    pub(super) fn introduce(&mut self, writer: &mut dyn Writer) {
        if writer.breaker(self.breaker.clone()).is_none() {
            self.minded = Minded::ByWriter;
        }
    }

    /// Waits until the breaker lets this writer try, and tells why it has to wait. Cancel-safe.
    pub(super) async fn closed(&self, mut waits: impl FnMut(String)) {
        while let Circuit::Open(left) = self.breaker.ask(Instant::now) {
            waits(self.breaker.cause());
            tokio::time::sleep(left).await;
        }
    }

    /// Waits until the first of the events may go; how many may go with it. Dropped while it waits, the events have used up
    /// their room.
    pub(super) async fn admit(&self, events: &[Event]) -> usize {
        let Some(limiter) = &self.limiter else { return events.len() };
        let now = Instant::now();
        let (count, at) = limiter.reserve(events, now);
        if at > now {
            tokio::time::sleep_until(at).await;
        }
        count
    }

    /// Why the breaker is open.
    pub(super) fn cause(&self) -> String {
        self.breaker.cause()
    }

    pub(super) fn succeeded(&self) {
        if self.minded == Minded::ByFramework {
            self.breaker.succeeded();
        }
    }

    pub(super) fn failed(&self, cause: &str) {
        if self.minded == Minded::ByFramework {
            self.breaker.failed(Instant::now(), cause);
        }
    }

    /// The call as such has failed, whatever the writer may tell of what is in it.
    pub(super) fn late(&self, cause: &str) {
        self.breaker.failed(Instant::now(), cause);
    }
}
