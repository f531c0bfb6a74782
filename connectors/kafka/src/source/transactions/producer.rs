//! The producer of transactions: one after the other, each written and committed, or without effect. Blocking.

use std::cell::Cell;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use rdkafka::config::FromClientConfigAndContext as _;
use rdkafka::consumer::ConsumerGroupMetadata;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::producer::Producer as _;
use rdkafka::topic_partition_list::TopicPartitionList;
use tidegate_event::Event;

use crate::client::cause;
use crate::sink::{
    MESSAGE_BYTES, MESSAGE_BYTES_DEFAULT, Outcome, Producer, Refusal, Reporter, Reports, SinkConfig, UNKNOWN_AFTER_MS,
    hand_over, says,
};
use crate::source::config::{SourceConfig, Transactional};

/// How long one call may wait for the brokers before it is looked at again.
const CALL: Duration = Duration::from_secs(5);
/// A transaction is handed over within milliseconds; what is ready goes then, full or not.
const LINGER_MS: &str = "5";
/// How soon it is seen that a message is refused.
const LOOK: Duration = Duration::from_millis(20);
/// How long the reports of what is taken back with a refused message are waited for.
const REST: Duration = Duration::from_secs(1);
/// How long to wait for room in librdkafka's queue.
const ROOM: Duration = Duration::from_millis(2);

/// One message of a transaction.
#[derive(Clone, Copy)]
pub(super) struct Item<'a> {
    pub(super) sink: &'a SinkConfig,
    pub(super) event: &'a Event,
}

/// Positions, and the member that has read so far; the error is why they may not be committed.
pub(super) type Positions = Result<(TopicPartitionList, ConsumerGroupMetadata), String>;

/// Why a transaction had no effect. But for `Unknown` it is still to be [aborted](Transacting::abort).
#[derive(Debug)]
pub(super) enum Failure {
    /// For these messages, which will never be taken; with the reason.
    Refused(Vec<(usize, String)>),
    /// Batches with these messages are larger than a broker takes: it may take them one by one.
    TooLarge(Vec<usize>),
    /// For another reason.
    Aborted(String),
    /// It may have had its effect after all.
    Unknown(String),
}

/// A producer, made when it is needed, and anew where that may help.
pub(super) struct Transacting {
    config: Arc<SourceConfig>,
    name: String,
    producer: Option<Producer>,
    /// A broker has refused a batch: the sequence of its partition has a gap, which only a new producer closes.
    has_gap: Cell<bool>,
    reports: Arc<Reports>,
}

impl Transacting {
    pub(super) fn new(config: Arc<SourceConfig>, name: String) -> Transacting {
        Transacting { config, name, producer: None, has_gap: Cell::new(false), reports: Arc::default() }
    }

    fn transactional(&self) -> Result<&Transactional, String> {
        self.config.transactional.as_ref().ok_or_else(|| "the source has no transactions".to_owned())
    }

    fn brokers(&self) -> &str {
        &self.config.connection.brokers
    }

    /// Makes the producer. What one of the same name had begun is over then, one way or the other.
    pub(super) fn ready(&mut self) -> Result<(), String> {
        if self.producer.is_some() {
            return Ok(());
        }
        let source = self.config.clone();
        let transactional = source.transactional.as_ref().ok_or("the source has no transactions")?;
        let mut config = source.connection.client_config()?;
        config
            .set("transactional.id", &self.name)
            .set("transaction.timeout.ms", transactional.timeout.as_millis().to_string())
            .set("enable.idempotence", "true")
            .set("acks", "all")
            .set("partitioner", "murmur2_random")
            .set("topic.metadata.propagation.max.ms", UNKNOWN_AFTER_MS)
            .set("linger.ms", LINGER_MS)
            // Each sink has a limit of its own.
            .set("message.max.bytes", MESSAGE_BYTES.1.0.to_string())
            .set("batch.size", MESSAGE_BYTES_DEFAULT.0.to_string())
            .set("compression.type", transactional.compression.name());
        self.reports = Arc::default();
        let made = Producer::from_config_and_context(&config, Reporter::new(&self.reports, &source.connection));
        let producer = made.map_err(|error| self.place(&error.to_string()))?;
        let began = Instant::now();
        while let Err(error) = producer.init_transactions(CALL) {
            if !is_retriable(&error) || began.elapsed() > transactional.timeout {
                let said = self.reports.take_complaint().unwrap_or_else(|| said(&error));
                return Err(self.place(&said));
            }
        }
        self.producer = Some(producer);
        Ok(())
    }

    fn place(&self, cause: &str) -> String {
        format!("{}: {cause}", self.brokers())
    }

    /// Writes messages in order, and positions, as one. `careful`: these messages go in batches of their own.
    /// `wanted`: whether anybody waits for it.
    pub(super) fn write(
        &mut self,
        items: &[Item<'_>],
        careful: &BTreeSet<usize>,
        positions: impl FnOnce() -> Positions,
        wanted: impl Fn() -> bool,
    ) -> Result<(), Failure> {
        self.ready().map_err(Failure::Aborted)?;
        let Some(producer) = &self.producer else { return Err(Failure::Aborted("no producer".to_owned())) };
        let aborted = |error: &KafkaError| Failure::Aborted(self.place(&said(error)));
        producer.begin_transaction().map_err(|error| aborted(&error))?;
        self.send(producer, items, careful)?;
        let (offsets, member) = positions().map_err(|cause| Failure::Aborted(self.place(&cause)))?;
        let began = Instant::now();
        let timeout = self.transactional().map_err(Failure::Aborted)?.timeout;
        while let Err(error) = producer.send_offsets_to_transaction(&offsets, &member, CALL) {
            if !is_retriable(&error) || began.elapsed() > timeout {
                return Err(aborted(&error));
            }
        }
        loop {
            let Err(error) = producer.commit_transaction(CALL) else { return Ok(()) };
            let cause = self.place(&said(&error));
            if !is_retriable(&error) || !wanted() {
                // One that a broker lets abort was not committed.
                return Err(if self.abort() { Failure::Aborted(cause) } else { Failure::Unknown(cause) });
            }
            tracing::warn!(group = self.config.group, "a transaction is not committed yet: {cause}");
        }
    }

    /// Hands all messages over, and waits until a broker has them.
    fn send(&self, producer: &Producer, items: &[Item<'_>], careful: &BTreeSet<usize>) -> Result<(), Failure> {
        let mut buffer = Vec::new();
        let mut refused = Vec::new();
        let mut now = None;
        for (index, item) in items.iter().enumerate() {
            let alone = careful.contains(&index);
            if alone {
                self.flush(producer)?;
            }
            match self.hand_over(producer, &mut buffer, item, index) {
                Ok(()) => {}
                Err(Refusal::Event(cause)) => refused.push((index, self.place(&cause))),
                Err(Refusal::Now(cause) | Refusal::Full(cause)) => {
                    now = Some(cause);
                    break;
                }
            }
            if alone {
                self.flush(producer)?;
                if self.reports.has_failed() {
                    break;
                }
            }
        }
        self.flush(producer)?;
        let mut too_large = Vec::new();
        let mut taken_back = None;
        for (index, code) in self.reports.take() {
            let Some(code) = code else { continue };
            self.has_gap.set(true);
            let cause = self.place(&says(items[index].sink, items[index].event, code));
            match Outcome::of(code) {
                // With another, which says why.
                Outcome::Again if is_taken_back(code) => taken_back = taken_back.or(Some(cause)),
                Outcome::TooLarge if !careful.contains(&index) => too_large.push(index),
                Outcome::TooLarge | Outcome::Refused => refused.push((index, cause)),
                Outcome::Again | Outcome::Broken => now = now.or(Some(cause)),
            }
        }
        match (refused.is_empty(), too_large.is_empty(), now.or(taken_back)) {
            (false, _, _) => Err(Failure::Refused(refused)),
            (true, false, _) => Err(Failure::TooLarge(too_large)),
            (true, true, Some(cause)) => Err(Failure::Aborted(cause)),
            (true, true, None) => Ok(()),
        }
    }

    fn hand_over(
        &self,
        producer: &Producer,
        buffer: &mut Vec<u8>,
        item: &Item<'_>,
        index: usize,
    ) -> Result<(), Refusal> {
        let began = Instant::now();
        loop {
            self.reports.expect_one();
            let Err(refusal) = hand_over(producer, item.sink, buffer, item.event, index) else { return Ok(()) };
            self.reports.expect_one_less();
            if !matches!(refusal, Refusal::Full(_)) || began.elapsed() > CALL {
                return Err(refusal);
            }
            thread::sleep(ROOM);
        }
    }

    /// Waits until all that was handed over is reported. When something went wrong, librdkafka takes back what it has not sent.
    fn flush(&self, producer: &Producer) -> Result<(), Failure> {
        let timeout = self.transactional().map_err(Failure::Aborted)?.timeout;
        let began = Instant::now();
        let mut failed = None;
        while let Err(error) = producer.flush(LOOK) {
            if failed.is_none() && self.reports.has_failed() {
                failed = Some(Instant::now());
            }
            if failed.is_some_and(|failed| failed.elapsed() > REST) {
                break;
            }
            if began.elapsed() > timeout {
                let said = self.reports.take_complaint().unwrap_or_else(|| cause(&error));
                return Err(Failure::Aborted(self.place(&format!("nothing written for {timeout:?}: {said}"))));
            }
        }
        Ok(())
    }

    /// Ends a transaction without effect; whether a broker has confirmed that. If not, the producer is given up: the next one of
    /// its name ends what this one had begun.
    pub(super) fn abort(&mut self) -> bool {
        let Some(producer) = &self.producer else { return false };
        let aborted = producer.abort_transaction(CALL).and_then(|()| producer.flush(CALL));
        self.reports.take();
        let has_gap = self.has_gap.take();
        if aborted.is_err() || has_gap || self.reports.take_refusal() {
            self.producer = None;
        }
        aborted.is_ok()
    }
}

fn is_taken_back(code: RDKafkaErrorCode) -> bool {
    matches!(code, RDKafkaErrorCode::PurgeQueue | RDKafkaErrorCode::PurgeInflight)
}

fn is_retriable(error: &KafkaError) -> bool {
    matches!(error, KafkaError::Transaction(error) if error.is_retriable())
}

/// What librdkafka says is wrong, in its own words.
fn said(error: &KafkaError) -> String {
    if let KafkaError::Transaction(error) = error { error.string() } else { cause(error) }
}
