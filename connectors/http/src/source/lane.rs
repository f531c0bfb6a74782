//! One lane: hands out what waits for it, and tells the requests how their events ended.

use std::future::poll_fn;
use std::mem;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use tidegate_connector::{Delivery, Fate, LagGauge, Lane, Settled, Settlement, SourceError};

use super::listener::OpenLane;
use super::queue::Queue;
use super::waiter::{Outcome, Ticket, Why};

/// A lane of a listener. It never delivers anything twice: what is nacked is sent again by whoever sent it.
#[derive(Debug)]
pub(super) struct HttpLane {
    name: String,
    queue: Arc<Queue>,
    open: Option<OpenLane>,
}

impl HttpLane {
    pub(super) fn new(name: String, queue: Arc<Queue>, open: OpenLane) -> Self {
        Self { name, queue, open: Some(open) }
    }
}

#[async_trait]
impl Lane for HttpLane {
    fn name(&self) -> &str {
        &self.name
    }

    fn lag(&self) -> Option<LagGauge> {
        let queue = self.queue.clone();
        Some(LagGauge::new(move || queue.lag()))
    }

    async fn next(&mut self) -> Result<Option<Delivery>, SourceError> {
        let taken = poll_fn(|cx| self.queue.poll_take(cx)).await;
        Ok(taken.map(|taken| {
            let settlement = HttpSettlement {
                queue: self.queue.clone(),
                nacks: taken.nacks,
                tickets: taken.tickets,
                fates: Vec::new(),
            };
            Delivery { events: taken.events, malformed: Vec::new(), settlement: Box::new(settlement) }
        }))
    }

    /// Sends back what waits. The last lane of a listener waits until its clients have their answers.
    async fn close(mut self: Box<Self>) -> Result<(), SourceError> {
        self.queue.close();
        if let Some(open) = self.open.take() {
            open.close().await;
        }
        Ok(())
    }
}

impl Drop for HttpLane {
    fn drop(&mut self) {
        self.queue.close();
    }
}

struct HttpSettlement {
    queue: Arc<Queue>,
    nacks: u64,
    tickets: Vec<Ticket>,
    fates: Vec<(usize, Fate)>,
}

impl HttpSettlement {
    /// The first `done` as reported, the others back to their senders.
    fn tell(&mut self, done: usize, after: Duration) {
        let mut fates = mem::take(&mut self.fates).into_iter().peekable();
        let mut why = Why::Held;
        for (position, ticket) in mem::take(&mut self.tickets).into_iter().enumerate() {
            let fate = fates.next_if(|(at, _)| *at == position).map(|(_, fate)| fate);
            ticket.settle(match fate {
                Some(Fate::Held { by, reason }) => {
                    why = Why::HeldBy(by, reason);
                    Some(Outcome::Again { after, why: why.clone() })
                }
                Some(_) | None if position >= done => Some(Outcome::Again { after, why: why.clone() }),
                Some(fate @ (Fate::Dropped { .. } | Fate::DeadLettered { .. } | Fate::Rejected { .. })) => {
                    Some(Outcome::Fate(fate))
                }
                None => None,
            });
        }
    }
}

#[async_trait]
impl Settlement for HttpSettlement {
    fn answers(&self) -> bool {
        true
    }

    fn report(&mut self, fates: Vec<(usize, Fate)>) {
        self.fates = fates;
    }

    async fn settle(mut self: Box<Self>, outcome: Settled) -> Result<(), SourceError> {
        match outcome {
            _ if self.queue.is_void(self.nacks) => {
                self.fates.clear();
                self.tell(0, Duration::ZERO);
            }
            Settled::Ack => self.tell(usize::MAX, Duration::ZERO),
            Settled::Nack { events, delay } => {
                self.queue.nack(self.nacks, delay);
                self.tell(events, delay);
            }
        }
        Ok(())
    }
}

/// Unsettled it is a nack; the tickets that are still there tell their requests so.
impl Drop for HttpSettlement {
    fn drop(&mut self) {
        if !self.tickets.is_empty() {
            self.queue.nack(self.nacks, Duration::ZERO);
        }
    }
}
