//! The source: one lane for each lane of the queue.

use async_trait::async_trait;
use tidegate_connector::ledger::Batch;
use tidegate_connector::{
    Delivery, LANE_BATCH_BYTES, LANE_BATCH_EVENTS, Lag, LagGauge, Lane, Ledger, Settled, Settlement, Source,
    SourceError,
};

use crate::queue::{Message, Queue, State};

#[derive(Debug)]
pub(crate) struct MemorySource {
    queue: Queue,
    next_lane: usize,
}

impl MemorySource {
    pub(crate) fn new(queue: Queue) -> Self {
        Self { queue, next_lane: 0 }
    }
}

#[async_trait]
impl Source for MemorySource {
    /// Ends after the last lane there is; waits for a lane that another source still reads.
    async fn lane(&mut self) -> Result<Option<Box<dyn Lane>>, SourceError> {
        let index = self.next_lane;
        let free = |state: &mut State| match state.lanes.get_mut(index) {
            None => Some(None),
            Some(log) if log.taken => None,
            Some(log) => {
                log.taken = true;
                Some(Some(log.base))
            }
        };
        let Some(start) = self.queue.wait(free).await else { return Ok(None) };
        self.next_lane += 1;
        Ok(Some(Box::new(MemoryLane::new(self.queue.clone(), index, start))))
    }
}

struct MemoryLane {
    queue: Queue,
    index: usize,
    name: String,
    position: usize,
    ledger: Ledger<usize>,
}

impl MemoryLane {
    fn new(queue: Queue, index: usize, start: usize) -> Self {
        let committing = queue.clone();
        let ledger = Ledger::with_commit(start, move |&position| {
            committing.change(|state| state.commit(index, position));
            Ok(())
        });
        Self { name: format!("{}/{index}", queue.name()), queue, index, position: start, ledger }
    }

    /// What is ready: a batch, the end, or a failure as told; nothing while there is nothing.
    fn ready(&self, state: &mut State) -> Option<Result<Option<Batch<usize>>, SourceError>> {
        if state.faults.source_transient > 0 {
            state.faults.source_transient -= 1;
            return Some(Err(SourceError::Transient { place: self.name.clone(), cause: "failing as told".into() }));
        }
        let log = &state.lanes[self.index];
        let from = self.position.saturating_sub(log.base);
        if from >= log.messages.len() {
            return state.finished.then_some(Ok(None));
        }
        let mut batch = Batch { events: Vec::new(), malformed: Vec::new(), behind: Vec::new(), end: self.position };
        let mut bytes = 0;
        for message in log.messages.range(from..).take(LANE_BATCH_EVENTS) {
            bytes += match message {
                Message::Event(event) => event.size(),
                Message::Malformed(malformed) => malformed.message.len(),
            };
            if bytes > LANE_BATCH_BYTES && batch.end > self.position {
                break;
            }
            batch.end += 1;
            match message {
                Message::Event(event) => {
                    batch.events.push(event.clone());
                    batch.behind.push(batch.end);
                }
                Message::Malformed(malformed) => {
                    let mut malformed = malformed.clone();
                    malformed.before = batch.events.len();
                    batch.malformed.push(malformed);
                }
            }
        }
        Some(Ok(Some(batch)))
    }
}

#[async_trait]
impl Lane for MemoryLane {
    fn name(&self) -> &str {
        &self.name
    }

    fn lag(&self) -> Option<LagGauge> {
        let (queue, index, ledger) = (self.queue.clone(), self.index, self.ledger.clone());
        Some(LagGauge::new(move || {
            let delivered = ledger.resume();
            let end = queue.lock().lanes.get(index).map_or(0, |log| log.base + log.messages.len());
            let waiting = end.saturating_sub(delivered);
            Lag { events: Some(waiting as u64), ..Lag::default() }
        }))
    }

    async fn next(&mut self) -> Result<Option<Delivery>, SourceError> {
        loop {
            if let Some(rewind) = self.ledger.rewind() {
                tokio::time::sleep_until(rewind.not_before).await;
                self.position = rewind.position;
                self.ledger.rewound(&rewind);
            }
            let ready = tokio::select! {
                biased;
                () = self.ledger.wait_for_rewind() => continue,
                ready = self.queue.wait(|state| self.ready(state)) => ready?,
            };
            let Some(batch) = ready else { return Ok(None) };
            let (count, end) = (batch.events.len() as u64, batch.end);
            // None: nacked this moment.
            let Some(delivery) = self.ledger.deliver(batch) else { continue };
            self.position = end;
            self.queue.change(|state| state.counts.delivered += count);
            return Ok(Some(Delivery {
                settlement: Box::new(Counted { inner: Some(delivery.settlement), queue: self.queue.clone() }),
                ..delivery
            }));
        }
    }

    async fn close(self: Box<Self>) -> Result<(), SourceError> {
        Ok(())
    }
}

impl Drop for MemoryLane {
    fn drop(&mut self) {
        let index = self.index;
        self.queue.change(|state| state.lanes[index].taken = false);
    }
}

/// A settlement that counts nacks.
struct Counted {
    inner: Option<Box<dyn Settlement>>,
    queue: Queue,
}

#[async_trait]
impl Settlement for Counted {
    async fn settle(mut self: Box<Self>, outcome: Settled) -> Result<(), SourceError> {
        if outcome != Settled::Ack {
            self.queue.change(|state| state.counts.nacked += 1);
        }
        match self.inner.take() {
            Some(inner) => inner.settle(outcome).await,
            None => Ok(()),
        }
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        if self.inner.take().is_some() {
            self.queue.change(|state| state.counts.nacked += 1);
        }
    }
}
