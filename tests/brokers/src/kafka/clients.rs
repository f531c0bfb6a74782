//! What tests do with a broker themselves: topics, writing, reading everything.
//!
//! Plain clients of their own, so that nothing of what is tested takes part.

#![allow(clippy::expect_used, clippy::panic, reason = "for tests: what goes wrong here fails them")]

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use rdkafka::ClientConfig;
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::{ClientContext, DefaultClientContext};
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer as _, ConsumerContext};
use rdkafka::error::KafkaError;
use rdkafka::message::{Header, Headers as _, Message as _, OwnedHeaders};
use rdkafka::producer::{BaseProducer, BaseRecord, DeliveryResult, Producer as _, ProducerContext};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};

use super::Kafka;

const PATIENCE: Duration = Duration::from_secs(60);

/// A message, as written or read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Record {
    /// Where it is to go, or where it stands; by its key where none is said.
    pub partition: Option<i32>,
    /// Where it stands.
    pub offset: i64,
    /// Its key.
    pub key: Option<Vec<u8>>,
    /// Its value; `None` is a tombstone.
    pub value: Option<Vec<u8>>,
    /// Its headers, in order.
    pub headers: Vec<(String, Option<Vec<u8>>)>,
}

impl Record {
    /// A message with this value.
    pub fn new(value: impl Into<Vec<u8>>) -> Record {
        Record { value: Some(value.into()), ..Record::default() }
    }

    /// The same with a key.
    #[must_use]
    pub fn key(self, key: impl Into<Vec<u8>>) -> Record {
        Record { key: Some(key.into()), ..self }
    }

    /// The same in this partition.
    #[must_use]
    pub fn partition(self, partition: i32) -> Record {
        Record { partition: Some(partition), ..self }
    }

    /// The same with one header more.
    #[must_use]
    pub fn header(mut self, name: &str, value: impl Into<Vec<u8>>) -> Record {
        self.headers.push((name.to_owned(), Some(value.into())));
        self
    }
}

/// A client that is silent about brokers that come and go: tests do that on purpose.
#[derive(Debug)]
struct Silent;

impl ClientContext for Silent {
    fn log(&self, _: RDKafkaLogLevel, _: &str, _: &str) {}
    fn error(&self, _: KafkaError, _: &str) {}
}
impl ConsumerContext for Silent {}

/// Whether a broker answers there.
pub(super) fn answers(address: &str) -> bool {
    let client = config(address).create_with_context::<_, BaseConsumer<Silent>>(Silent);
    let metadata = client.and_then(|client| client.fetch_metadata(None, Duration::from_secs(1)).map(drop));
    metadata.is_ok()
}

fn config(address: &str) -> ClientConfig {
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", address).set("reconnect.backoff.max.ms", "500").set("log_level", "0");
    config
}

impl Kafka {
    /// Makes a topic.
    ///
    /// # Panics
    /// When the broker does not.
    pub fn topic(&self, name: &str, partitions: i32) {
        self.topic_with(name, partitions, &[]);
    }

    /// The same with settings of the topic.
    ///
    /// # Panics
    /// When the broker does not.
    pub fn topic_with(&self, name: &str, partitions: i32, settings: &[(&str, &str)]) {
        let mut topic = NewTopic::new(name, partitions, TopicReplication::Fixed(1));
        for (setting, value) in settings {
            topic = topic.set(setting, value);
        }
        let made = self.admin(async |admin| {
            let options = AdminOptions::new().operation_timeout(Some(PATIENCE)).request_timeout(Some(PATIENCE));
            admin.create_topics([&topic], &options).await.map(|results| results.into_iter().collect::<Vec<_>>())
        });
        match made.as_deref() {
            Ok([Ok(_)]) => {}
            other => panic!("topic {name}: {other:?}"),
        }
        self.until_known(name, partitions);
    }

    /// A topic is made before every part of the broker knows it.
    fn until_known(&self, name: &str, partitions: i32) {
        let began = Instant::now();
        let client: BaseConsumer<Silent> = config(&self.plain()).create_with_context(Silent).expect("a client");
        loop {
            let metadata = client.fetch_metadata(Some(name), PATIENCE).expect("metadata");
            let topic = metadata.topics().iter().find(|topic| topic.name() == name);
            let led = topic.map_or(0, |topic| topic.partitions().iter().filter(|part| part.leader() >= 0).count());
            if i32::try_from(led) == Ok(partitions) {
                return;
            }
            assert!(began.elapsed() < PATIENCE, "topic {name} has {led} of {partitions} partitions");
        }
    }

    /// On a thread of its own: tests may be within a runtime, or without.
    fn admin<T: Send>(&self, task: impl AsyncFnOnce(&AdminClient<DefaultClientContext>) -> T + Send) -> T {
        let admin: AdminClient<DefaultClientContext> = config(&self.plain()).create().expect("an admin client");
        let run = || {
            let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
            runtime.block_on(task(&admin))
        };
        std::thread::scope(|scope| scope.spawn(run).join().expect("the admin client"))
    }

    /// Writes messages and waits until all of them are there; those of one partition in order.
    ///
    /// # Panics
    /// When one is not taken.
    pub fn write(&self, topic: &str, records: impl IntoIterator<Item = Record>) {
        self.writer().write(topic, records);
    }

    /// Something to write with more than once.
    ///
    /// # Panics
    /// When there is none to be had.
    pub fn writer(&self) -> Writer {
        let failed = Arc::default();
        let mut config = config(&self.plain());
        config.set("enable.idempotence", "true").set("linger.ms", "1").set("queue.buffering.max.messages", "1000000");
        let context = Reports { failed: Arc::clone(&failed) };
        Writer { producer: config.create_with_context(context).expect("a producer"), failed }
    }

    /// Everything a topic holds now, partition by partition; of transactions only what is committed.
    ///
    /// # Panics
    /// When the broker does not answer.
    pub fn read(&self, topic: &str) -> Vec<Record> {
        let mut config = config(&self.plain());
        config.set("group.id", "tests").set("enable.auto.commit", "false").set("isolation.level", "read_committed");
        config.set("enable.partition.eof", "true").set("auto.offset.reset", "earliest");
        let consumer: BaseConsumer<Silent> = config.create_with_context(Silent).expect("a consumer");
        let metadata = consumer.fetch_metadata(Some(topic), PATIENCE).expect("metadata");
        let partitions = metadata.topics()[0].partitions().len();
        let mut assignment = TopicPartitionList::new();
        for partition in 0..i32::try_from(partitions).expect("few partitions") {
            assignment.add_partition_offset(topic, partition, Offset::Beginning).expect("an offset");
        }
        consumer.assign(&assignment).expect("an assignment");
        let mut records = Vec::new();
        let mut ends = 0;
        while ends < partitions {
            match consumer.poll(PATIENCE) {
                Some(Ok(message)) => records.push(record(&message)),
                Some(Err(KafkaError::PartitionEOF(_))) => ends += 1,
                Some(Err(error)) => panic!("reading {topic}: {error}"),
                None => panic!("reading {topic}: no answer"),
            }
        }
        records.sort_by_key(|record| (record.partition, record.offset));
        records
    }

    /// How many messages a topic holds; the marks that transactions leave count too.
    ///
    /// # Panics
    /// When the broker does not answer.
    pub fn count(&self, topic: &str) -> usize {
        watermarks(&config(&self.plain()).create_with_context(Silent).expect("a client"), topic)
    }

    /// How many offsets of a topic are taken, by open and aborted transactions too; [`count`](Kafka::count) ends before what is open.
    ///
    /// # Panics
    /// When the broker does not answer.
    pub fn written(&self, topic: &str) -> usize {
        let mut config = config(&self.plain());
        config.set("isolation.level", "read_uncommitted");
        watermarks(&config.create_with_context(Silent).expect("a client"), topic)
    }

    /// The offset that a group has committed in a partition.
    ///
    /// # Panics
    /// When the broker does not answer.
    pub fn committed(&self, group: &str, topic: &str, partition: i32) -> Option<i64> {
        self.group(group, topic).committed(partition..partition + 1).pop()?
    }

    /// Something to look with more than once at what a group has committed.
    ///
    /// # Panics
    /// When there is none to be had.
    pub fn group(&self, group: &str, topic: &str) -> Group {
        let mut config = config(&self.plain());
        let client = config.set("group.id", group).create_with_context(Silent).expect("a client");
        Group { client, topic: topic.to_owned() }
    }
}

fn watermarks(client: &BaseConsumer<Silent>, topic: &str) -> usize {
    let metadata = client.fetch_metadata(Some(topic), PATIENCE).expect("metadata");
    let ends = metadata.topics()[0].partitions().iter().map(|partition| {
        let (low, high) = client.fetch_watermarks(topic, partition.id(), PATIENCE).expect("watermarks");
        usize::try_from(high - low).expect("more than nothing")
    });
    ends.sum()
}

/// Looks at what a group has committed; is no member of it.
pub struct Group {
    client: BaseConsumer<Silent>,
    topic: String,
}

impl std::fmt::Debug for Group {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Group").field("topic", &self.topic).finish_non_exhaustive()
    }
}

impl Group {
    /// The offset of each of these partitions.
    ///
    /// # Panics
    /// When the broker does not answer.
    pub fn committed(&self, partitions: std::ops::Range<i32>) -> Vec<Option<i64>> {
        let mut asked = TopicPartitionList::new();
        for partition in partitions {
            asked.add_partition(&self.topic, partition);
        }
        let began = Instant::now();
        let found = loop {
            // A group that is new has no coordinator yet.
            match self.client.committed_offsets(asked.clone(), PATIENCE) {
                Ok(found) => break found,
                Err(error) => assert!(began.elapsed() < PATIENCE, "committed offsets: {error}"),
            }
        };
        let offset = |offset| match offset {
            Offset::Offset(offset) => Some(offset),
            Offset::Beginning | Offset::End | Offset::Stored | Offset::Invalid | Offset::OffsetTail(_) => None,
        };
        found.elements().iter().map(|element| offset(element.offset())).collect()
    }

    /// Commits another offset of a partition, under the metadata of the last commit: as if what was committed since had never reached the
    /// broker. The group has no members.
    ///
    /// # Panics
    /// When the broker does not take it.
    pub fn take_back(&self, partition: i32, offset: i64) {
        let mut asked = TopicPartitionList::new();
        asked.add_partition(&self.topic, partition);
        let found = self.client.committed_offsets(asked, PATIENCE).expect("what is committed");
        let last = found.find_partition(&self.topic, partition).expect("the partition");
        self.commit(partition, offset, last.metadata());
    }

    /// Commits an offset of a partition, as a person does who sets it. The group has no members.
    ///
    /// # Panics
    /// When the broker does not take it.
    pub fn set(&self, partition: i32, offset: i64) {
        self.commit(partition, offset, "");
    }

    fn commit(&self, partition: i32, offset: i64, metadata: &str) {
        let mut offsets = TopicPartitionList::new();
        offsets.add_partition_offset(&self.topic, partition, Offset::Offset(offset)).expect("an offset");
        offsets.find_partition(&self.topic, partition).expect("the partition").set_metadata(metadata);
        let began = Instant::now();
        // A member that is gone may not be missed yet.
        while let Err(error) = self.client.commit(&offsets, CommitMode::Sync) {
            assert!(began.elapsed() < PATIENCE, "committing {offset}: {error}");
            std::thread::sleep(Duration::from_millis(50));
        }
    }
}

fn record(message: &rdkafka::message::BorrowedMessage<'_>) -> Record {
    let headers = message.headers().into_iter().flat_map(|headers| headers.iter());
    Record {
        partition: Some(message.partition()),
        offset: message.offset(),
        key: message.key().map(<[u8]>::to_vec),
        value: message.payload().map(<[u8]>::to_vec),
        headers: headers.map(|header| (header.key.to_owned(), header.value.map(<[u8]>::to_vec))).collect(),
    }
}

/// Writes messages, as a producer of its own.
pub struct Writer {
    producer: BaseProducer<Reports>,
    failed: Arc<Mutex<Option<KafkaError>>>,
}

impl std::fmt::Debug for Writer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Writer").finish_non_exhaustive()
    }
}

impl Writer {
    /// Writes messages and waits until all of them are there; those of one partition in order.
    ///
    /// # Panics
    /// When one is not taken.
    pub fn write(&self, topic: &str, records: impl IntoIterator<Item = Record>) {
        for record in records {
            self.send(topic, &record);
        }
        self.producer.flush(PATIENCE).expect("messages are written");
        let failed = self.failed.lock().unwrap_or_else(PoisonError::into_inner).take();
        assert!(failed.is_none(), "writing to {topic}: {failed:?}");
    }

    fn send(&self, topic: &str, record: &Record) {
        let mut headers = OwnedHeaders::new_with_capacity(record.headers.len());
        for (key, value) in &record.headers {
            headers = headers.insert(Header { key, value: value.as_ref() });
        }
        let mut message: BaseRecord<'_, Vec<u8>, Vec<u8>> = BaseRecord::to(topic).headers(headers);
        message.key = record.key.as_ref();
        message.payload = record.value.as_ref();
        message.partition = record.partition;
        self.producer.send(message).map_err(|(error, _)| error).expect("room in the queue");
    }
}

#[derive(Debug)]
struct Reports {
    failed: Arc<Mutex<Option<KafkaError>>>,
}

impl ClientContext for Reports {
    fn log(&self, _: RDKafkaLogLevel, _: &str, _: &str) {}
    fn error(&self, _: KafkaError, _: &str) {}
}

impl ProducerContext for Reports {
    type DeliveryOpaque = ();

    fn delivery(&self, result: &DeliveryResult<'_>, (): ()) {
        if let Err((error, _)) = result {
            *self.failed.lock().unwrap_or_else(PoisonError::into_inner) = Some(error.clone());
        }
    }
}
