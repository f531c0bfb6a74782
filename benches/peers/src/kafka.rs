//! Kafka to Kafka: the host beside a plain loop over librdkafka, with the same settings of the client.

use std::{
    process::{Command, ExitCode, Stdio},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
    time::Duration,
};

use rdkafka::{
    ClientConfig, ClientContext, Message, Offset, TopicPartitionList,
    consumer::{BaseConsumer, CommitMode, Consumer},
    error::KafkaError,
    message::{BorrowedMessage, DeliveryResult},
    producer::{BaseProducer, BaseRecord, ProducerContext},
    types::RDKafkaErrorCode,
};
use tidegate_brokers::kafka::{Kafka, clients::Record};

use crate::{
    relay::{self, Broker, EVENTS},
    report::Report,
};

/// First argument of this program when it is to be the plain loop.
pub(crate) const COMMAND: &str = "relay-kafka";

const IN: &str = "orders";
/// Messages between two commits; each waits until everything before it is durable.
const COMMIT_EVERY: usize = 8192;

struct Local {
    kafka: Kafka,
}

impl Broker for Local {
    const NAME: &'static str = "kafka";

    fn make_out(&self, name: &str) {
        self.kafka.topic(name, 1);
    }

    fn count(&self, out: &str) -> usize {
        self.kafka.count(out)
    }

    /// Goes with the broker.
    fn remove_out(&self, _: &str) {}

    fn source(&self, reader: &str) -> String {
        format!("{{kafka: {{brokers: [\"{}\"], topics: [{IN}], group: {reader}}}}}", self.kafka.plain())
    }

    fn sink(&self, out: &str) -> String {
        format!("{{kafka: {{brokers: [\"{}\"], topic: {out}}}}}", self.kafka.plain())
    }

    fn bare(&self, reader: &str, out: &str) -> Command {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args([COMMAND, &self.kafka.plain(), reader, out]).stdin(Stdio::null());
        command
    }
}

pub(crate) fn run(report: &mut Report) {
    let kafka = Kafka::start().unwrap_or_else(|error| panic!("{error}"));
    kafka.topic(IN, 1);
    kafka.write(IN, (0..EVENTS).map(record));
    relay::run(report, &Local { kafka });
}

pub(crate) fn record(n: usize) -> Record {
    let (attributes, data) = relay::order(n);
    let key = format!("customer-{}", n * 7 % 1000);
    let record = Record::new(data).key(key).header("content-type", "application/json");
    attributes.into_iter().fold(record, |record, (name, value)| record.header(&format!("ce_{name}"), value))
}

/// Counts what is durable.
struct Durable(Arc<AtomicUsize>);

impl ClientContext for Durable {}
impl ProducerContext for Durable {
    type DeliveryOpaque = ();

    fn delivery(&self, result: &DeliveryResult<'_>, (): ()) {
        assert!(result.is_ok(), "a message was not written");
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

/// The plain loop: `BROKERS GROUP OUT`. Sleeps when it is done, until it is killed.
pub(crate) fn bare(args: &[String]) -> ExitCode {
    let [brokers, group, out] = args else { panic!("BROKERS GROUP OUT") };
    let consumer: BaseConsumer = ClientConfig::new()
        .set("bootstrap.servers", brokers)
        .set("group.id", group)
        .set("enable.auto.commit", "false")
        .set("enable.auto.offset.store", "false")
        .set("auto.offset.reset", "earliest")
        .set("partition.assignment.strategy", "cooperative-sticky")
        .set("isolation.level", "read_committed")
        .set("queued.max.messages.kbytes", "4096")
        .set("fetch.queue.backoff.ms", "20")
        .create()
        .unwrap();
    let durable = Arc::new(AtomicUsize::new(0));
    let producer: BaseProducer<Durable> = ClientConfig::new()
        .set("bootstrap.servers", brokers)
        .set("enable.idempotence", "true")
        .set("acks", "all")
        .set("partitioner", "murmur2_random")
        .set("linger.ms", "1")
        .set("message.max.bytes", "1000000")
        .set("batch.size", "1000000")
        .create_with_context(Durable(durable.clone()))
        .unwrap();
    consumer.subscribe(&[IN]).unwrap();
    let mut sent = 0;
    while sent < EVENTS {
        let Some(message) = consumer.poll(Duration::from_millis(100)) else { continue };
        let message = message.unwrap();
        send(&producer, out, &message);
        sent += 1;
        if sent % COMMIT_EVERY == 0 || sent == EVENTS {
            while durable.load(Ordering::Relaxed) < sent {
                producer.poll(Duration::from_millis(10));
            }
            let mut position = TopicPartitionList::new();
            let next = Offset::Offset(message.offset() + 1);
            position.add_partition_offset(IN, message.partition(), next).unwrap();
            consumer.commit(&position, CommitMode::Async).unwrap();
        }
    }
    loop {
        thread::sleep(Duration::from_secs(1));
    }
}

/// Key, data and headers as they came.
fn send(producer: &BaseProducer<Durable>, out: &str, message: &BorrowedMessage<'_>) {
    let mut record: BaseRecord<'_, [u8], [u8]> = BaseRecord::to(out);
    record.key = message.key();
    record.payload = message.payload();
    record.headers = message.headers().map(rdkafka::message::BorrowedHeaders::detach);
    loop {
        match producer.send(record) {
            Ok(()) => break,
            Err((KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull), again)) => {
                producer.poll(Duration::from_millis(10));
                record = again;
            }
            Err((error, _)) => panic!("{error}"),
        }
    }
    producer.poll(Duration::ZERO);
}
