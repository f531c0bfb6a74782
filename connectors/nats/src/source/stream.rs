//! The lane over a stream: what came is delivered in order, settled message by message, and delivered again from here.
//!
//! A nacked message is not given back to the server, which would deliver it after those behind it: the lane keeps what is behind
//! (the reader says every third of the wait that we are at it) and delivers all of it again itself, in order.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use tidegate_connector::ledger::Batch;
use tidegate_connector::{
    Delivery, Lag, LagGauge, Lane, Ledger, MALFORMED_BYTES, Malformed, Settled, Settlement, SourceError,
};
use tokio::sync::OnceCell;
use tokio::task::JoinHandle;
use tokio::time::Instant;

use super::held::{Answer, One, Shared};
use super::reader::Reader;
use crate::binding::{Origin, Reading};
use crate::config::StreamConfig;
use crate::config::connection::Opened;
use crate::link::Link;

const ACK: Bytes = Bytes::from_static(b"+ACK");
const TERM: Bytes = Bytes::from_static(b"+TERM");
const NAK: Bytes = Bytes::from_static(b"-NAK");

pub(super) struct StreamLane {
    name: String,
    reader: Reader,
    reading: Reading,
    ledger: Ledger<u64>,
    shared: Arc<Shared>,
    task: Option<JoinHandle<()>>,
}

impl StreamLane {
    pub(super) fn new(id: &str, connection: Opened, config: StreamConfig, reading: Reading) -> StreamLane {
        let consumer = config.consumer.clone().unwrap_or_else(|| format!("tidegate_{}", id.replace(['/', '.'], "_")));
        let shared = Arc::new(Shared::new(config.ack_wait, config.max_ack_pending));
        let name = format!("{}/{consumer}", config.stream);
        let ledger = Ledger::new(0);
        let (held, stream, servers) = (Arc::downgrade(&shared), config.stream.clone(), connection.servers.join(", "));
        ledger.place_with(move |&behind| {
            let held = held.upgrade()?;
            let held = held.lock();
            held.find_number(behind - 1).map(|one| place(&servers, &stream, one))
        });
        let reader = Reader {
            id: id.to_owned(),
            connection,
            config,
            consumer,
            link: Arc::new(OnceCell::new()),
            shared: shared.clone(),
        };
        StreamLane { name, reader, reading, ledger, shared, task: None }
    }

    /// What is ready, if anything.
    fn take(&mut self) -> Option<Delivery> {
        let (first, batch) = self.shared.lock().next_batch();
        if batch.is_empty() {
            return None;
        }
        let mut events = Vec::with_capacity(batch.len());
        let mut behind = Vec::with_capacity(batch.len());
        let mut malformed = Vec::new();
        for (one, number) in batch.iter().zip(first + 1..) {
            match self.decode(one) {
                Ok(event) => {
                    events.push(event);
                    behind.push(number);
                }
                Err(problem) => {
                    self.shared.lock().is_no_event(number - 1);
                    malformed.push(Malformed {
                        before: events.len(),
                        place: self.place(one),
                        problem,
                        message: one.message.payload.slice(..one.message.payload.len().min(MALFORMED_BYTES)),
                    });
                }
            }
        }
        let end = first + batch.len() as u64;
        let delivery = self.ledger.deliver(Batch { events, malformed, behind, end })?;
        self.shared.lock().advance(batch.len());
        let settlement = Settle {
            inner: delivery.settlement,
            ledger: self.ledger.clone(),
            shared: self.shared.clone(),
            link: self.reader.link.clone(),
        };
        Some(Delivery { settlement: Box::new(settlement), ..delivery })
    }

    fn decode(&self, one: &One) -> Result<tidegate_event::Event, String> {
        let message = &one.message;
        if let Some(problem) = &message.description {
            return Err(problem.clone());
        }
        let stream = Some((self.reader.config.stream.as_str(), one.sequence));
        let origin = Origin { subject: message.subject.as_str(), stream };
        self.reading.decode(message.headers.as_ref(), &message.payload, origin)
    }

    fn place(&self, one: &One) -> String {
        place(&self.reader.connection.servers.join(", "), &self.reader.config.stream, one)
    }

    /// A reader that ended with an error begins again when the host asks again.
    fn read(&mut self) {
        if self.task.as_ref().is_none_or(JoinHandle::is_finished) {
            self.task = Some(tokio::spawn(self.reader.clone().run()));
        }
    }
}

#[async_trait]
impl Lane for StreamLane {
    fn name(&self) -> &str {
        &self.name
    }

    fn lag(&self) -> Option<LagGauge> {
        // The ledger knows at once of what was given back; the lane itself goes back only when it is asked for more.
        let (shared, ledger) = (Arc::downgrade(&self.shared), self.ledger.clone());
        Some(LagGauge::new(move || shared.upgrade().map_or_else(Lag::default, |shared| shared.lag(ledger.resume()))))
    }

    async fn next(&mut self) -> Result<Option<Delivery>, SourceError> {
        loop {
            self.read();
            if let Some(rewind) = self.ledger.rewind() {
                tokio::time::sleep_until(rewind.not_before).await;
                self.shared.lock().rewind(rewind.position);
                self.ledger.rewound(&rewind);
                continue;
            }
            if let Some(delivery) = self.take() {
                self.shared.wanted.notify_one();
                return Ok(Some(delivery));
            }
            let (stale, error) = {
                let mut held = self.shared.lock();
                (held.stale, held.error.take())
            };
            if let Some(error) = error {
                return Err(error);
            }
            if stale {
                self.shared.wanted.notify_one();
            }
            tokio::select! {
                () = self.shared.arrived.notified() => {}
                () = self.ledger.wait_for_rewind() => {}
            }
        }
    }

    async fn close(mut self: Box<Self>) -> Result<(), SourceError> {
        if let Some(task) = self.task.take() {
            task.abort();
            // Its subscription ends with it: what is given back would come to it otherwise.
            let _ = task.await;
        }
        let Some(link) = self.reader.link.get() else { return Ok(()) };
        let confirmed = self.reader.confirm(link).await;
        // What was to be tried again later is sent to nobody before that.
        let wait = self.ledger.rewind().map(|rewind| rewind.not_before.saturating_duration_since(Instant::now()));
        // No longer than a server waits anyway: older ones would send what is behind it first.
        let nak = nak(wait.unwrap_or_default().min(self.reader.config.ack_wait));
        let rest = self.shared.lock().rest();
        for reply in rest {
            // Who is next gets it then; if this is not heard, after the wait for acknowledgements.
            if !link.tell(reply, nak.clone()).await {
                break;
            }
        }
        // What was said is on its way when the connection ends.
        let _ = link.flush().await;
        confirmed
    }
}

impl Drop for StreamLane {
    fn drop(&mut self) {
        if let Some(task) = &self.task {
            task.abort();
        }
    }
}

/// Where a message stands, as an operator looks it up.
fn place(servers: &str, stream: &str, one: &One) -> String {
    format!("{servers} {stream}/{}@{}", one.message.subject, one.sequence)
}

/// Tells the server what was settled. What it does not hear of it sends again, and is answered then.
pub(super) async fn acknowledge(shared: &Shared, link: &Link) {
    loop {
        let Some((reply, how)) = shared.lock().next_ack() else { return };
        link.tell(reply, said(how)).await;
    }
}

/// As the server understands it.
pub(super) fn said(how: Answer) -> Bytes {
    match how {
        Answer::Ack => ACK,
        Answer::Term => TERM,
    }
}

/// Gives back what is not done, for nobody to get before so long.
fn nak(wait: Duration) -> Bytes {
    match wait.as_nanos() {
        0 => NAK,
        nanoseconds => Bytes::from(format!("-NAK {{\"delay\": {nanoseconds}}}")),
    }
}

struct Settle {
    inner: Box<dyn Settlement>,
    ledger: Ledger<u64>,
    shared: Arc<Shared>,
    link: Arc<OnceCell<Link>>,
}

#[async_trait]
impl Settlement for Settle {
    fn place(&self, event: usize) -> Option<String> {
        self.inner.place(event)
    }

    async fn settle(self: Box<Self>, outcome: Settled) -> Result<(), SourceError> {
        let Settle { inner, ledger, shared, link } = *self;
        inner.settle(outcome).await?;
        shared.lock().settled(ledger.committed());
        if let Some(link) = link.get() {
            acknowledge(&shared, link).await;
        }
        Ok(())
    }
}
