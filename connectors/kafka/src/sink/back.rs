//! What a sink has written, read back: its own topic, from the oldest message that is still there to the newest there was when
//! it was opened. No group, no position of anybody moves.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use rdkafka::client::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::{BaseConsumer, Consumer as _, ConsumerContext};
use rdkafka::error::KafkaError;
use rdkafka::message::{BorrowedMessage, Message as _};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};
use tidegate_connector::connector::{ReadBack, ReadBackError, Record, Unreadable};
use tidegate_connector::{Headers, LANE_BATCH_BYTES, LANE_BATCH_EVENTS, MALFORMED_BYTES, SourceError};
use tidegate_event::json::Validate;

use super::SinkConfig;
use crate::binding::Reader;
use crate::client::{Connection, cause};
use crate::log::ClientLog;

/// How long a broker may take for one answer; the caller may try again.
const ANSWER: Duration = Duration::from_secs(10);

/// Reads one topic to its end.
pub(crate) struct Back(Arc<Mutex<Reading>>);

struct Reading {
    config: SinkConfig,
    topic: String,
    reader: Reader,
    open: Option<Open>,
}

struct Open {
    consumer: BaseConsumer<ReadingLog>,
    /// The ends of the partitions that are not read yet.
    ends: BTreeMap<i32, i64>,
}

struct ReadingLog {
    brokers: Arc<str>,
    log: Arc<ClientLog>,
}

impl ClientContext for ReadingLog {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        self.log.line(level, facility, message);
    }

    fn error(&self, _: KafkaError, reason: &str) {
        self.log.error(&self.brokers, reason);
    }
}

impl ConsumerContext for ReadingLog {}

impl Back {
    pub(crate) fn new(config: SinkConfig) -> Result<Back, ReadBackError> {
        let Some(topic) = config.topic.clone() else {
            return Err(ReadBackError::Cannot { why: "the sink has no `topic` of its own to read".to_owned() });
        };
        let reader = Reader { validate: Validate::Envelope, envelope: None, accept: Headers::default(), key: None };
        Ok(Back(Arc::new(Mutex::new(Reading { config, topic, reader, open: None }))))
    }
}

#[async_trait]
impl ReadBack for Back {
    async fn next(&mut self) -> Result<Option<Vec<Record>>, SourceError> {
        let reading = self.0.clone();
        let read = move || reading.lock().unwrap_or_else(PoisonError::into_inner).next();
        let panicked = |error: tokio::task::JoinError| {
            Err(SourceError::Permanent { place: "reading back".to_owned(), cause: error.to_string() })
        };
        tokio::task::spawn_blocking(read).await.unwrap_or_else(panicked)
    }
}

impl Reading {
    fn next(&mut self) -> Result<Option<Vec<Record>>, SourceError> {
        let mut open = match self.open.take() {
            Some(open) => open,
            None => self.begin().map_err(|cause| self.failed(cause))?,
        };
        let records = open.read(&self.topic, &self.reader);
        self.open = Some(open);
        let records = records.map_err(|error| self.failed(cause(&error)))?;
        Ok((!records.is_empty()).then_some(records))
    }

    fn failed(&self, cause: String) -> SourceError {
        SourceError::Transient { place: format!("{} of {}", self.topic, self.config.connection.brokers), cause }
    }

    fn begin(&self) -> Result<Open, String> {
        let mut config = self.config.connection.client_config()?;
        // There is no group; librdkafka wants a name all the same.
        config.set("group.id", "tidegate.read-back").set("enable.auto.commit", "false");
        config.set("enable.partition.eof", "true").set("auto.offset.reset", "earliest");
        let Connection { brokers, log, .. } = &self.config.connection;
        let context = ReadingLog { brokers: brokers.clone(), log: log.clone() };
        let consumer: BaseConsumer<ReadingLog> =
            config.create_with_context(context).map_err(|error| error.to_string())?;
        let metadata = consumer.fetch_metadata(Some(&self.topic), ANSWER).map_err(|error| cause(&error))?;
        let topic = metadata.topics().iter().find(|topic| topic.name() == self.topic);
        let topic = topic.ok_or_else(|| "the broker does not know it".to_owned())?;
        if topic.partitions().is_empty() {
            return Err("the broker does not know it".to_owned());
        }
        let mut ends = BTreeMap::new();
        let mut from = TopicPartitionList::new();
        for partition in topic.partitions().iter().map(rdkafka::metadata::MetadataPartition::id) {
            let marks = consumer.fetch_watermarks(&self.topic, partition, ANSWER);
            let (low, high) = marks.map_err(|error| cause(&error))?;
            if low < high {
                ends.insert(partition, high);
                from.add_partition_offset(&self.topic, partition, Offset::Offset(low))
                    .map_err(|error| cause(&error))?;
            }
        }
        consumer.assign(&from).map_err(|error| cause(&error))?;
        Ok(Open { consumer, ends })
    }
}

impl Open {
    /// None at the end.
    fn read(&mut self, topic: &str, reader: &Reader) -> Result<Vec<Record>, KafkaError> {
        let mut records = Vec::new();
        let mut bytes = 0;
        while !self.ends.is_empty() && records.len() < LANE_BATCH_EVENTS && bytes < LANE_BATCH_BYTES {
            // What is there goes first.
            let wait = if records.is_empty() { ANSWER } else { Duration::ZERO };
            match self.consumer.poll(wait) {
                None if records.is_empty() => return Err(KafkaError::NoMessageReceived),
                None => break,
                Some(Err(KafkaError::PartitionEOF(partition))) => drop(self.ends.remove(&partition)),
                Some(Err(error)) if records.is_empty() => return Err(error),
                Some(Err(error)) => {
                    tracing::warn!(%error, "reading back");
                    break;
                }
                Some(Ok(message)) => {
                    let Some(end) = self.ends.get(&message.partition()).copied() else { continue };
                    if message.offset() + 1 >= end {
                        self.ends.remove(&message.partition());
                    }
                    if message.offset() < end {
                        bytes += message.payload_len();
                        records.push(record(topic, reader, &message));
                    }
                }
            }
        }
        Ok(records)
    }
}

fn record(topic: &str, reader: &Reader, message: &BorrowedMessage<'_>) -> Record {
    let value = message.payload().map(Bytes::copy_from_slice);
    let unreadable = |problem| {
        let value = message.payload().unwrap_or_default();
        Unreadable { problem, message: Bytes::copy_from_slice(&value[..value.len().min(MALFORMED_BYTES)]) }
    };
    Record {
        lane: format!("{topic}/{}", message.partition()).into(),
        position: u64::try_from(message.offset()).unwrap_or(0),
        message: reader.read(message, value).map_err(unreadable),
    }
}
