//! What the tests share: a stream in, a stream out, one for dead letters, the documents between them, and the ledger of all of it.

use std::fs::{self, File};
use std::io::{BufWriter, Write as _};

use async_nats::jetstream::message::PublishMessage;
use async_nats::jetstream::{self, consumer::pull, stream};
use futures_util::StreamExt;
use tempfile::TempDir;
use tidegate_brokers::nats::NatsServer;
use tokio::runtime::Runtime;

use crate::oracle::{self, Ledgers};
use crate::rig::docs::Docs;
use crate::rig::guests::{Guest, drops_guilty, stamp};
use crate::rig::host::{Host, Start};
use crate::rig::request::get;

/// Events a lane has in flight at most: the default of the host.
pub const WINDOW: usize = 4096;

/// A line through a host, and what was sent through it.
pub struct Line {
    pub server: NatsServer,
    pub dir: TempDir,
    /// Where hosts find the server.
    url: String,
    /// Further keys of the source and of the sinks, in YAML's flow style.
    pub source: &'static str,
    pub sink: &'static str,
    runtime: Runtime,
    outside: Option<jetstream::Context>,
    ledger: BufWriter<File>,
    produced: usize,
    published: usize,
}

impl Line {
    pub fn new() -> Line {
        let server = NatsServer::start().unwrap();
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let dir = tempfile::tempdir().unwrap();
        let ledger = BufWriter::new(File::create(dir.path().join("ledger")).unwrap());
        fs::create_dir_all(dir.path().join("docs")).unwrap();
        let put = |name: &str, guest: Guest| fs::write(dir.path().join("docs").join(name), guest.component()).unwrap();
        put("drop.wasm", drops_guilty());
        put("trap.wasm", Guest::filter().guilty("unreachable"));
        put("stamp.wasm", stamp(1));
        let url = server.url();
        let mut line =
            Line { server, dir, url, source: "", sink: "", runtime, outside: None, ledger, produced: 0, published: 0 };
        for name in ["IN", "OUT", "DLQ"] {
            line.stream(name);
        }
        line
    }

    /// Hosts reach the server there.
    pub fn through(mut self, address: std::net::SocketAddr) -> Line {
        self.url = format!("nats://{address}");
        self
    }

    fn stream(&mut self, name: &str) {
        let config =
            stream::Config { name: name.into(), subjects: vec![format!("{name}.>")], ..stream::Config::default() };
        let outside = self.outside();
        self.runtime.block_on(outside.create_stream(config)).unwrap();
    }

    /// Another program at the server.
    pub fn outside(&mut self) -> jetstream::Context {
        let url = self.server.url();
        let connect = || self.runtime.block_on(async { jetstream::new(async_nats::connect(url).await.unwrap()) });
        self.outside.get_or_insert_with(connect).clone()
    }

    pub fn block_on<T>(&self, future: impl Future<Output = T>) -> T {
        self.runtime.block_on(future)
    }

    /// The documents without policies.
    pub fn docs(&self) -> Docs {
        let Line { url, source, sink, .. } = self;
        let to = |subject: &str| {
            let nats = format!("nats: {{servers: ['{url}'], subject: {subject}.events, {sink}}}");
            format!("{{{nats}, retry: {{delay: 50ms, maxDelay: 500ms}}}}")
        };
        Docs::new()
            .doc("Source", "in", &format!("{{nats: {{servers: ['{url}'], stream: IN, consumer: c, {source}}}}}"))
            .doc("Sink", "out", &to("OUT"))
            .doc("Sink", "dlq", &to("DLQ"))
            .route("main", "in", "out")
    }

    /// Every 10th event is dropped by a filter, every 97th traps one; a transform stamps the others with the version.
    pub fn deploy(&self, version: usize) {
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
        self.put(&docs);
    }

    /// At once, as a reader sees it.
    pub fn put(&self, docs: &Docs) {
        fs::write(self.dir.path().join("new"), docs.text()).unwrap();
        fs::rename(self.dir.path().join("new"), self.dir.path().join("docs/all.yaml")).unwrap();
    }

    /// Its log begins anew: what an earlier host said in it is not taken for this one's.
    pub fn spawn(&self) -> Host {
        // There is none before the first.
        let _ = fs::remove_file(self.dir.path().join("host.log"));
        Start { args: &["--dev", "--admin", "127.0.0.1:0"], ..Start::new(self.dir.path()) }.spawn()
    }

    /// A host that is ready.
    pub fn start(&self) -> Host {
        let mut host = self.spawn();
        let admin = host.admin();
        host.until("the host is ready", || get(&admin, "/readyz").ok().filter(|answer| answer.status == 200));
        host
    }

    /// Publishes so many events more, and writes into the ledger what is to become of them.
    pub fn produce(&mut self, count: usize) {
        self.produce_with(count, |number| match (number % 97, number % 10) {
            (0, _) => ("test.trap", "dead_lettered"),
            (_, 0) => ("test.drop", "dropped"),
            (_, _) => ("test.pass", "delivered"),
        });
    }

    /// The same with a type for each, and what is to become of it.
    pub fn produce_with(&mut self, count: usize, kind: impl Fn(usize) -> (&'static str, &'static str)) {
        let mut messages = Vec::with_capacity(count);
        for number in self.produced..self.produced + count {
            let (ty, expect) = kind(number);
            // What the guests look for.
            let subject = if ty == "test.pass" { "" } else { r#""subject":"s","# };
            messages.push(format!(
                "{{\"specversion\":\"1.0\",\"id\":\"{number}\",\"source\":\"/test\",\"type\":\"{ty}\",{subject}\"data\":{{\"n\":{number}}}}}"
            ));
            writeln!(self.ledger, "{{\"id\":\"{number}\",\"key\":\"in\",\"expect\":\"{expect}\"}}").unwrap();
        }
        self.produced += count;
        self.publish("IN.events", messages);
    }

    /// Each is stored when this returns, once, also where the server ends meanwhile.
    pub fn publish(&mut self, subject: &str, messages: Vec<String>) {
        let outside = self.outside();
        for chunk in messages.chunks(2000) {
            let first = self.published;
            self.published += chunk.len();
            while self.runtime.block_on(publish(&outside, subject, first, chunk)).is_err() {
                std::thread::sleep(std::time::Duration::from_millis(20));
            }
        }
    }

    pub fn produced(&self) -> usize {
        self.produced
    }

    /// Messages in a stream.
    pub fn count(&mut self, name: &str) -> usize {
        let outside = self.outside();
        let count = async { outside.get_stream(name).await.ok().map(|stream| stream.cached_info().state.messages) };
        self.runtime.block_on(count).unwrap_or(0) as usize
    }

    /// What the consumer has delivered and not heard of, and what it has not delivered.
    pub fn open(&mut self) -> Option<(usize, u64)> {
        let outside = self.outside();
        self.runtime.block_on(async {
            let stream = outside.get_stream("IN").await.ok()?;
            let info = stream.consumer_info("c").await.ok()?;
            // The server tells a consumer a moment later of what it has just stored.
            let untold = stream.cached_info().state.last_sequence.saturating_sub(info.delivered.stream_sequence);
            Some((info.num_ack_pending, info.num_pending.max(untold)))
        })
    }

    /// Waits until everything is settled.
    pub fn finish(&mut self, host: &mut Host) {
        host.until("all is settled", || (self.open() == Some((0, 0))).then_some(()));
    }

    /// Ids of what a stream holds, in order.
    pub fn ids(&mut self, name: &str) -> Vec<String> {
        self.payloads(name).iter().map(|event| event["id"].as_str().unwrap().to_owned()).collect()
    }

    /// What a stream holds, in order.
    pub fn payloads(&mut self, name: &str) -> Vec<serde_json::Value> {
        let count = self.count(name);
        let outside = self.outside();
        self.runtime.block_on(async {
            let stream = outside.get_stream_no_info(name).await.unwrap();
            let consumer = stream.create_consumer(pull::OrderedConfig::default()).await.unwrap();
            let messages = consumer.messages().await.unwrap().take(count);
            messages.map(|message| serde_json::from_slice(&message.unwrap().payload).unwrap()).collect().await
        })
    }

    /// Fails unless every event is where it belongs.
    pub fn check(&mut self, name: &str, duplicates_max: usize) -> String {
        self.ledger.flush().unwrap();
        let dir = self.dir.path().to_owned();
        let mut dump = |stream: &str| {
            let path = dir.join(stream);
            let mut file = BufWriter::new(File::create(&path).unwrap());
            for id in self.ids(stream) {
                writeln!(file, "{{\"id\":\"{id}\"}}").unwrap();
            }
            file.flush().unwrap();
            vec![path]
        };
        let ledgers = Ledgers {
            delivered: dump("OUT"),
            dead_lettered: dump("DLQ"),
            produced: vec![dir.join("ledger")],
            duplicates_max,
        };
        oracle::check(name, &ledgers)
    }
}

/// What is published again has the same message id, so that the stream knows it.
async fn publish(
    outside: &jetstream::Context,
    subject: &str,
    first: usize,
    messages: &[String],
) -> Result<(), jetstream::context::PublishError> {
    let mut acks = Vec::with_capacity(messages.len());
    for (message, number) in messages.iter().zip(first..) {
        let message = PublishMessage::build().payload(message.clone().into()).message_id(number.to_string());
        acks.push(outside.send_publish(subject.to_owned(), message).await?);
    }
    for ack in acks {
        ack.await?;
    }
    Ok(())
}
