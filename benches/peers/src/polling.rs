//! How a consumer of Kafka takes messages: from one queue for all partitions (`BaseConsumer::poll`), or from a queue a partition, as the
//! connector does. Nothing is done with the messages but looking at them; what counts is CPU time a message.

use std::{
    process::{Command, ExitCode, Stdio},
    sync::{
        Arc, Condvar, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use rdkafka::{
    ClientConfig, Message as _, Offset, TopicPartitionList,
    consumer::{BaseConsumer, CommitMode, Consumer as _},
    message::Headers as _,
};
use tidegate_brokers::kafka::Kafka;

use crate::{cores::Core, kafka, measure::median_of, party::Party, relay::EVENTS, report::Report};

/// First argument of this program when it is to read: `WAY BROKERS GROUP`.
pub(crate) const COMMAND: &str = "poll-kafka";

const IN: &str = "polled";
const PARTITIONS: i32 = 4;
const ROUNDS: usize = 5;
const WAYS: [&str; 2] = ["one-queue", "split-queues"];
const PATIENCE: Duration = Duration::from_secs(120);

pub(crate) fn run(report: &mut Report) {
    report.section(&format!(
        "Kafka: {EVENTS} messages of 1 KiB read from {PARTITIONS} partitions; CPU time of the process a message"
    ));
    let broker = Kafka::start().unwrap_or_else(|error| panic!("{error}"));
    broker.topic(IN, PARTITIONS);
    broker.write(IN, (0..EVENTS).map(kafka::record));
    let mut rounds = Vec::new();
    for round in 0..ROUNDS {
        let mut row = [0.0; 2];
        for way in (0..2).map(|way| (way + round) % 2) {
            row[way] = read(&broker, WAYS[way], &format!("{round}-{way}"));
        }
        rounds.push(row);
    }
    report.figure("kafka_one_queue_cpu", median_of(&rounds, |row| row[0]), "us/event");
    report.figure("kafka_split_queues_cpu", median_of(&rounds, |row| row[1]), "us/event");
    report.ratio("kafka_split_by_one_queue", median_of(&rounds, |row| row[1] / row[0]), 1.1);
}

/// Microseconds of CPU time a message, from the start of the process until it has committed all.
fn read(broker: &Kafka, way: &'static str, group: &str) -> f64 {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args([COMMAND, way, &broker.plain(), group]).stdin(Stdio::null());
    let folder = tempfile::tempdir().unwrap();
    let mut party = Party::start(way, Core::Proxy, &mut command, folder.path().join("log"));
    let committed = || (0..PARTITIONS).filter_map(|partition| broker.committed(group, IN, partition)).sum::<i64>();
    let began = Instant::now();
    while usize::try_from(committed()).unwrap() < EVENTS {
        assert!(began.elapsed() < PATIENCE, "{} messages were read:\n{}", committed(), party.log());
        party.assert_alive();
        thread::sleep(Duration::from_millis(50));
    }
    let cpu = party.cpu();
    party.stop();
    cpu.as_secs_f64() * 1e6 / EVENTS as f64
}

/// Reads all, commits, and sleeps until it is killed.
pub(crate) fn reader(args: &[String]) -> ExitCode {
    let [way, brokers, group] = args else { panic!("WAY BROKERS GROUP") };
    let consumer: BaseConsumer = ClientConfig::new()
        .set("bootstrap.servers", brokers)
        .set("group.id", group)
        .set("enable.auto.commit", "false")
        .set("enable.auto.offset.store", "false")
        .set("isolation.level", "read_committed")
        .set("queued.max.messages.kbytes", "4096")
        .set("fetch.queue.backoff.ms", "20")
        .create()
        .unwrap();
    let consumer = Arc::new(consumer);
    let next = if way == WAYS[0] { one_queue(&consumer) } else { split_queues(&consumer) };
    let mut positions = TopicPartitionList::new();
    for (partition, next) in (0..).zip(next) {
        positions.add_partition_offset(IN, partition, Offset::Offset(next)).unwrap();
    }
    consumer.commit(&positions, CommitMode::Sync).unwrap();
    loop {
        thread::sleep(Duration::from_secs(1));
    }
}

fn assign(consumer: &BaseConsumer) {
    let mut all = TopicPartitionList::new();
    for partition in 0..PARTITIONS {
        all.add_partition_offset(IN, partition, Offset::Beginning).unwrap();
    }
    consumer.assign(&all).unwrap();
}

/// What has been read, by partition.
#[derive(Default)]
struct Read {
    next: [i64; PARTITIONS as usize],
    messages: usize,
    bytes: usize,
}

impl Read {
    fn take(&mut self, message: &rdkafka::message::BorrowedMessage<'_>) {
        self.next[usize::try_from(message.partition()).unwrap()] = message.offset() + 1;
        self.messages += 1;
        // Looked at, so that nothing of it is left out.
        self.bytes += message.payload_len() + message.headers().map_or(0, |headers| headers.count());
    }
}

fn one_queue(consumer: &BaseConsumer) -> [i64; PARTITIONS as usize] {
    assign(consumer);
    let mut read = Read::default();
    while read.messages < EVENTS {
        if let Some(message) = consumer.poll(Duration::from_millis(100)) {
            read.take(&message.unwrap());
        }
    }
    assert!(read.bytes > EVENTS);
    read.next
}

fn split_queues(consumer: &Arc<BaseConsumer>) -> [i64; PARTITIONS as usize] {
    let news = Arc::new((Mutex::new(false), Condvar::new()));
    let queues: Vec<_> = (0..PARTITIONS)
        .map(|partition| {
            let mut queue = consumer.split_partition_queue(IN, partition).unwrap();
            let news = news.clone();
            queue.set_nonempty_callback(move || {
                *news.0.lock().unwrap() = true;
                news.1.notify_one();
            });
            queue
        })
        .collect();
    assign(consumer);
    // As the connector's thread does for its group.
    let done = Arc::new(AtomicBool::new(false));
    let (served, ends) = (consumer.clone(), done.clone());
    let serves = thread::spawn(move || {
        while !ends.load(Ordering::Acquire) {
            assert!(served.poll(Duration::from_millis(100)).is_none(), "a message came past its partition's queue");
        }
    });
    let mut read = Read::default();
    while read.messages < EVENTS {
        let before = read.messages;
        for queue in &queues {
            while let Some(message) = queue.poll(Duration::ZERO) {
                read.take(&message.unwrap());
            }
        }
        if read.messages == before {
            let waiting = news.0.lock().unwrap();
            let (mut came, _) = news.1.wait_timeout_while(waiting, Duration::from_millis(100), |came| !*came).unwrap();
            *came = false;
        }
    }
    done.store(true, Ordering::Release);
    serves.join().unwrap();
    assert!(read.bytes > EVENTS);
    read.next
}
