//! The source's side: one lane, in the order in which replies came.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use tidegate_connector::{Delivery, LagGauge, Lane, Settled, Settlement, Source, SourceError};
use tokio::time::{Instant, sleep_until};

use super::hub::{Hub, Next, Queue};

/// An open `replies` source. Sinks find it until it is dropped.
pub(super) struct RepliesSource {
    hub: Hub,
    id: String,
    queue: Arc<Queue>,
    handed_out: bool,
}

impl RepliesSource {
    pub(super) fn open(hub: &Hub, id: &str) -> RepliesSource {
        RepliesSource { hub: hub.clone(), id: id.to_owned(), queue: hub.open(id), handed_out: false }
    }
}

impl Drop for RepliesSource {
    fn drop(&mut self) {
        self.hub.close(&self.id, &self.queue);
    }
}

#[async_trait]
impl Source for RepliesSource {
    async fn lane(&mut self) -> Result<Option<Box<dyn Lane>>, SourceError> {
        if self.handed_out {
            std::future::pending::<()>().await;
        }
        self.handed_out = true;
        Ok(Some(Box::new(RepliesLane { name: self.id.clone(), queue: self.queue.clone() })))
    }
}

struct RepliesLane {
    name: String,
    queue: Arc<Queue>,
}

#[async_trait]
impl Lane for RepliesLane {
    fn name(&self) -> &str {
        &self.name
    }

    fn lag(&self) -> Option<LagGauge> {
        let queue = self.queue.clone();
        Some(LagGauge::new(move || queue.lag()))
    }

    async fn next(&mut self) -> Result<Option<Delivery>, SourceError> {
        loop {
            match self.queue.next(Instant::now()) {
                Next::Batch { events, epoch } => {
                    let debt = Debt { queue: self.queue.clone(), epoch, count: events.len(), settled: false };
                    return Ok(Some(Delivery { events, malformed: Vec::new(), settlement: Box::new(debt) }));
                }
                Next::Later(until) => {
                    tokio::select! {
                        () = sleep_until(until) => {}
                        () = self.queue.changed() => {}
                    }
                }
                Next::Nothing => self.queue.changed().await,
            }
        }
    }

    /// There is no position: what is not settled is posted again by its sink.
    async fn close(self: Box<Self>) -> Result<(), SourceError> {
        Ok(())
    }
}

impl Drop for RepliesLane {
    /// Without its lane nothing of the queue moves: sinks are told, and wait for the source to be opened again.
    fn drop(&mut self) {
        self.queue.close();
    }
}

struct Debt {
    queue: Arc<Queue>,
    epoch: u64,
    count: usize,
    settled: bool,
}

#[async_trait]
impl Settlement for Debt {
    async fn settle(mut self: Box<Self>, outcome: Settled) -> Result<(), SourceError> {
        self.settled = true;
        match outcome {
            Settled::Ack => self.queue.ack(self.epoch, self.count),
            Settled::Nack { events, delay } => self.queue.nack(self.epoch, events.min(self.count), delay),
        }
        Ok(())
    }
}

impl Drop for Debt {
    fn drop(&mut self) {
        if !self.settled {
            self.queue.nack(self.epoch, 0, Duration::ZERO);
        }
    }
}
