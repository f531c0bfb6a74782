//! Events under way while a rollout changes: a stream of files, who produces into it, and what became of all of it.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::thread::JoinHandle;
use std::time::Duration;

use serde_json::Value;

use crate::admin_api::{Running, document};
use crate::oracle::{self, Ledgers};
use crate::rig::host::lines;
use crate::rig::request::request;

const KEYS: usize = 199; // prime to one in twenty: every key has its guilty events
/// Events that wait for the host at any time: it never runs dry.
const AHEAD: usize = 3_000;

pub fn key(number: usize) -> String {
    format!("customer-{}", number * 7 % KEYS)
}

pub fn line(number: usize, is_guilty: bool) -> String {
    let subject = if is_guilty { "\"subject\":\"guilty\"," } else { "" };
    let key = key(number);
    format!(
        "{{\"specversion\":\"1.0\",\"id\":\"e{number}\",\"source\":\"/test\",\"type\":\"test.event\",{subject}\
         \"partitionkey\":\"{key}\",\"data\":{{\"n\":{number}}}}}\n"
    )
}

/// A folder for it: empty files, and a folder for documents.
pub fn folder() -> tempfile::TempDir {
    let dir = tempfile::tempdir().expect("a folder");
    for name in ["in.jsonl", "out.jsonl", "dlq.jsonl"] {
        fs::write(dir.path().join(name), "").expect("write");
    }
    fs::create_dir(dir.path().join("docs")).expect("a folder");
    dir
}

/// `in.jsonl` → `out.jsonl`, with the dead letter `dlq.jsonl`.
pub fn stream(folder: &Path) -> String {
    let file = |name: &str| folder.join(name).display().to_string();
    [
        document("Source", "in", &format!("{{file: {{path: '{}', follow: true}}}}", file("in.jsonl"))),
        document("Sink", "out", &format!("{{file: {{path: '{}'}}}}", file("out.jsonl"))),
        document("Sink", "dlq", &format!("{{file: {{path: '{}'}}}}", file("dlq.jsonl"))),
        document("Route", "main", "{from: [{name: in}], to: [{sink: out}], deadLetter: {sink: dlq}}"),
    ]
    .concat()
}

/// Writes the stream and a policy where a host watches.
pub fn deploy(folder: &Path, policy: &str) {
    fs::write(folder.join("new.yaml"), stream(folder) + policy).expect("write");
    fs::rename(folder.join("new.yaml"), folder.join("docs/all.yaml")).expect("rename");
}

/// Appends events of these numbers.
pub fn feed(folder: &Path, numbers: std::ops::Range<usize>, is_guilty: fn(usize) -> bool) {
    let text: String = numbers.map(|number| line(number, is_guilty(number))).collect();
    let mut input = File::options().append(true).open(folder.join("in.jsonl")).expect("the input");
    input.write_all(text.as_bytes()).expect("write");
}

/// Produces for as long as it is there.
pub struct Load {
    stop: Arc<AtomicBool>,
    producer: JoinHandle<usize>,
}

impl Load {
    pub fn start(folder: &Path, is_guilty: fn(usize) -> bool) -> Load {
        let stop = Arc::new(AtomicBool::new(false));
        let (folder, stopped) = (folder.to_owned(), stop.clone());
        let produce = move || {
            let mut number = 0;
            while !stopped.load(SeqCst) {
                let end = settled(&folder) + AHEAD;
                while number < end {
                    feed(&folder, number..number + 250, is_guilty);
                    number += 250;
                }
                std::thread::sleep(Duration::from_millis(10));
            }
            number
        };
        Load { stop, producer: std::thread::spawn(produce) }
    }

    /// Ends it, and waits for the last of its events. Returns how many there were.
    pub fn stop(self, running: &mut Running) -> usize {
        self.stop.store(true, SeqCst);
        let produced = self.producer.join().expect("the producer");
        until_settled(running, produced);
        produced
    }
}

/// Events of the sink and of the dead letter so far.
pub fn settled(folder: &Path) -> usize {
    lines(&folder.join("out.jsonl")) + lines(&folder.join("dlq.jsonl"))
}

pub fn until_settled(running: &mut Running, count: usize) {
    let folder: PathBuf = running.dir.path().to_owned();
    running.host.until(&format!("{count} events settled"), || (settled(&folder) >= count).then_some(()));
}

/// Waits for something of the status.
pub fn until<T>(running: &mut Running, what: &str, mut look: impl FnMut(&Value) -> Option<T>) -> T {
    let (address, token) = (running.address.clone(), format!("Bearer {}", running.token));
    running.host.until(what, || {
        let answer = request(&address, "GET", "/v1/status", &[("authorization", token.as_str())], "").ok()?;
        look(&serde_json::from_str(&answer.body).ok()?)
    })
}

pub fn read(folder: &Path, name: &str) -> Vec<Value> {
    let text = fs::read_to_string(folder.join(name)).unwrap_or_default();
    text.lines().map(|line| serde_json::from_str(line).expect("a whole line")).collect()
}

pub fn number(event: &Value) -> usize {
    event["id"].as_str().and_then(|id| id[1..].parse().ok()).expect("an id of ours")
}

/// Of each change, the newest first: what was done, by whom, and how it ended.
pub fn changes(running: &Running) -> Value {
    let told = |change: &Value| serde_json::json!([change["action"], change["who"], change["outcome"]]);
    running.get("/v1/history")["changes"].as_array().expect("a list").iter().map(told).collect()
}

/// Nothing lost, doubled or out of order.
pub fn check(folder: &Path, produced: usize) {
    let resting: BTreeSet<usize> = read(folder, "dlq.jsonl").iter().map(number).collect();
    let mut ledger = String::new();
    for number in 0..produced {
        let expect = if resting.contains(&number) { "dead_lettered" } else { "delivered" };
        ledger += &format!("{{\"id\":\"e{number}\",\"key\":\"{}\",\"expect\":\"{expect}\"}}\n", key(number));
    }
    fs::write(folder.join("produced.jsonl"), ledger).expect("write");
    let ledgers = Ledgers {
        produced: vec![folder.join("produced.jsonl")],
        delivered: vec![folder.join("out.jsonl")],
        dead_lettered: vec![folder.join("dlq.jsonl")],
        ..Ledgers::default()
    };
    oracle::check("rollout", &ledgers);
}
