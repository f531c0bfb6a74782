//! What the tests share: a topic in, a topic out, one for dead letters, the documents between them, and the ledger of all of it.

use std::fs::{self, File};
use std::io::{BufWriter, Write as _};
use std::path::{Path, PathBuf};

use tempfile::TempDir;
use tidegate_brokers::kafka::Kafka;
use tidegate_brokers::kafka::clients::{Group, Record, Writer};

use crate::oracle::{self, Ledgers};
use crate::rig::docs::Docs;
use crate::rig::guests::{Guest, drops_guilty, stamp};
use crate::rig::host::{Host, Start, admin_of};

/// Events of one key are in order; there are more keys than partitions.
const KEYS: usize = 16;
/// Events a lane has in flight at most: the default of the host.
pub const WINDOW: usize = 4096;

/// A line through a host, and what was sent through it.
pub struct Line<'a> {
    pub kafka: &'a Kafka,
    pub name: &'static str,
    pub partitions: i32,
    /// Further keys of the source and of the sinks, in YAML's flow style.
    pub source: String,
    pub sink: String,
    /// How both sinks are delivered to.
    pub delivery: &'static str,
    brokers: String,
    dir: TempDir,
    writer: Writer,
    group: Group,
    ledger: BufWriter<File>,
    produced: usize,
    malformed: usize,
}

impl<'a> Line<'a> {
    /// Topics are named after it.
    pub fn new(kafka: &'a Kafka, name: &'static str, partitions: i32) -> Line<'a> {
        for (topic, partitions) in [("in", partitions), ("out", partitions), ("dlq", 1)] {
            kafka.topic(&format!("{name}.{topic}"), partitions);
        }
        let dir = tempfile::tempdir().unwrap();
        let ledger = BufWriter::new(File::create(dir.path().join("ledger")).unwrap());
        let writer = kafka.writer();
        let group = kafka.group(name, &format!("{name}.in"));
        let brokers = kafka.plain();
        let (source, sink, delivery) = (String::new(), String::new(), "retry: {delay: 100ms, maxDelay: 1s}");
        Line {
            kafka,
            name,
            partitions,
            source,
            sink,
            delivery,
            brokers,
            dir,
            writer,
            group,
            ledger,
            produced: 0,
            malformed: 0,
        }
    }

    /// The same, exactly once; others wait for what a frozen host has begun for no longer than `timeout`.
    pub fn exactly_once(mut self, timeout: &str) -> Self {
        self.source = format!("sessionTimeout: 2s, delivery: exactlyOnce, transaction: {{timeout: {timeout}}}");
        self.delivery = "";
        self
    }

    /// Hosts reach the broker there.
    pub fn through(mut self, address: std::net::SocketAddr) -> Self {
        self.brokers = address.to_string();
        self
    }

    pub fn topic(&self, which: &str) -> String {
        format!("{}.{which}", self.name)
    }

    /// A folder for a host of its own, with documents of the first version.
    pub fn host_dir(&self, host: usize) -> PathBuf {
        let dir = self.dir.path().join(format!("host-{host}"));
        if !dir.exists() {
            fs::create_dir_all(dir.join("docs")).unwrap();
            let put = |name: &str, guest: Guest| fs::write(dir.join("docs").join(name), guest.component()).unwrap();
            put("drop.wasm", drops_guilty());
            put("trap.wasm", Guest::filter().guilty("unreachable"));
            put("stamp.wasm", stamp(1));
            self.deploy(&dir, 0);
        }
        dir
    }

    /// Every 10th event is dropped by a filter, every 97th traps one; a transform stamps the others with the version.
    pub fn deploy(&self, dir: &Path, version: usize) {
        let only =
            |ty: &str| format!("match: [{{filters: [{{exact: {{type: {ty}}}}}]}}], failure: {{onTrap: DeadLetter}}");
        let stamp = format!(
            "phase: Transform, wasm: {{module: 'file:stamp.wasm', config: 'x1={version}', mayWrite: {{attributes: [x1]}}}}"
        );
        let docs = self
            .docs()
            .policy("drop", "drop.wasm", &only("test.drop"))
            .policy("trap", "trap.wasm", &only("test.trap"))
            .policy("stamp", "", &stamp);
        self.put(dir, &docs);
    }

    /// The documents without policies.
    pub fn docs(&self) -> Docs {
        let brokers = &self.brokers;
        let kafka = |rest: String| format!("{{kafka: {{brokers: ['{brokers}'], {rest}}}}}");
        let sink = |topic: &str| {
            let Line { sink, delivery, .. } = self;
            let kafka = format!("kafka: {{brokers: ['{brokers}'], topic: {}, {sink}}}", self.topic(topic));
            format!("{{{kafka}, {delivery}}}")
        };
        let source = format!("topics: [{}], group: {}, {}", self.topic("in"), self.name, self.source);
        Docs::new()
            .doc("Source", "in", &kafka(source))
            .doc("Sink", "out", &sink("out"))
            .doc("Sink", "dlq", &sink("dlq"))
            .route("main", "in", "out")
    }

    /// At once, as a reader sees it.
    pub fn put(&self, dir: &Path, docs: &Docs) {
        fs::write(dir.join("new"), docs.text()).unwrap();
        fs::rename(dir.join("new"), dir.join("docs/all.yaml")).unwrap();
    }

    /// A host that is ready: it has a lane.
    pub fn start(&self, host: usize) -> Host {
        let log = self.host_dir(host).join("host.log");
        let mut host = self.spawn(host);
        host.until("a lane", || {
            // Behind what an earlier host has logged, if there was one.
            let answer = crate::rig::request::get(&admin_of(&log)?, "/readyz").ok()?;
            (answer.status == 200).then_some(())
        });
        host
    }

    pub fn spawn(&self, host: usize) -> Host {
        let dir = self.host_dir(host);
        Start { args: &["--dev", "--admin", "127.0.0.1:0"], ..Start::new(&dir) }.spawn()
    }

    /// Writes so many events more, and into the ledger what is to become of them.
    pub fn produce(&mut self, count: usize) {
        self.produce_with(count, |number| match (number % 97, number % 10) {
            (0, _) => ("test.trap", "dead_lettered"),
            (_, 0) => ("test.drop", "dropped"),
            (_, _) => ("test.pass", "delivered"),
        });
    }

    /// The same with a type for each, and what is to become of it.
    pub fn produce_with(&mut self, count: usize, kind: impl Fn(usize) -> (&'static str, &'static str)) {
        let mut records = Vec::with_capacity(count);
        for number in self.produced..self.produced + count {
            let (ty, expect) = kind(number);
            // What the guests look for.
            let subject = if ty == "test.pass" { "" } else { r#""subject":"s","# };
            let key = format!("k{}", number % KEYS);
            let value = format!(
                "{{\"specversion\":\"1.0\",\"id\":\"{number}\",\"source\":\"/test\",\"type\":\"{ty}\",{subject}\"data\":{{\"n\":{number}}}}}"
            );
            writeln!(self.ledger, "{{\"id\":\"{number}\",\"key\":\"{key}\",\"expect\":\"{expect}\"}}").unwrap();
            records.push(Record::new(value).key(key).header("content-type", "application/cloudevents+json"));
        }
        self.produced += count;
        self.writer.write(&self.topic("in"), records);
    }

    /// Writes messages that are none of the ledger's.
    pub fn produce_malformed(&mut self, records: Vec<Record>) {
        self.malformed += records.len();
        self.writer.write(&self.topic("in"), records);
    }

    pub fn produced(&self) -> usize {
        self.produced
    }

    /// Messages of the input that the group has committed.
    pub fn settled(&self) -> usize {
        let committed = self.group.committed(0..self.partitions);
        committed.into_iter().map(|offset| usize::try_from(offset.unwrap_or(0)).unwrap()).sum()
    }

    /// Waits until everything is settled, and that is committed.
    pub fn finish(&self, host: &mut Host) {
        let all = self.produced + self.malformed;
        host.until("all is settled", || (self.settled() >= all).then_some(()));
    }

    /// What the topics hold, as files for the oracle.
    pub fn ledgers(&mut self, duplicates_max: usize) -> Ledgers {
        self.ledger.flush().unwrap();
        let dir = self.dir.path();
        let dump = |which: &str| {
            let path = dir.join(which);
            let mut file = BufWriter::new(File::create(&path).unwrap());
            for record in self.kafka.read(&self.topic(which)) {
                writeln!(file, "{{\"id\":{}}}", serde_json::Value::from(id(&record))).unwrap();
            }
            file.flush().unwrap();
            vec![path]
        };
        Ledgers {
            produced: vec![dir.join("ledger")],
            delivered: dump("out"),
            dead_lettered: dump("dlq"),
            duplicates_max,
        }
    }

    /// Fails unless every event is where it belongs.
    pub fn check(&mut self, duplicates_max: usize) -> String {
        let ledgers = self.ledgers(duplicates_max);
        oracle::check(self.name, &ledgers)
    }
}

/// The id of an event in binary mode.
pub fn id(record: &Record) -> String {
    let found = record.headers.iter().find(|(name, _)| name == "ce_id");
    let (_, value) = found.expect("an event in binary mode");
    String::from_utf8(value.clone().expect("an id")).unwrap()
}
