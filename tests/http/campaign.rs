//! A million events over 200 connections while the host is killed five times and its policies change fifty times: what was
//! answered with 2xx is there, and in order.

use std::fs::{self, File};
use std::io::{BufWriter, Write as _};
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::time::Duration;

use tokio::task::JoinSet;

use super::client::{Client, free_address};
use crate::oracle::{self, Ledgers};
use crate::rig::docs::Docs;
use crate::rig::guests::{Guest, drops_guilty, stamp};
use crate::rig::host::{Host, Start};

const CONNECTIONS: usize = 200;
const KILLS: usize = 5;
const CHANGES: usize = 50;
/// `TIDEGATE_EVENTS=10000` makes it short while one works on it.
const EVENTS: usize = 1_000_000;
/// Events of one request; every tenth connection posts them one by one.
const BATCH: usize = 100;
/// Events of a connection that posts them one by one, for one of the others.
const SINGLES: usize = 20;

fn event(connection: usize, number: usize) -> (String, &'static str) {
    // Every 10th event is dropped by a filter, every 97th traps one.
    let (ty, subject, expect) = match (number % 97, number % 10) {
        (0, _) => ("test.trap", r#""subject":"s","#, "dead_lettered"),
        (_, 0) => ("test.drop", r#""subject":"s","#, "dropped"),
        (_, _) => ("test.pass", "", "delivered"),
    };
    let event = format!(
        "{{\"specversion\":\"1.0\",\"id\":\"{connection}-{number}\",\"source\":\"/test\",\"type\":\"{ty}\",{subject}\"partitionkey\":\"{connection}\",\"data\":{number}}}"
    );
    (event, expect)
}

fn deploy(dir: &Path, address: SocketAddr, version: usize) {
    let only = |ty: &str| format!("match: [{{filters: [{{exact: {{type: {ty}}}}}]}}], failure: {{onTrap: DeadLetter}}");
    let stamp = format!(
        "phase: Transform, wasm: {{module: 'file:stamp.wasm', config: 'x1={version}', mayWrite: {{attributes: [x1]}}}}"
    );
    let docs = Docs::new()
        .doc("Source", "in", &format!("{{http: {{listen: '{address}'}}}}"))
        .doc("Sink", "out", "{file: {path: ../out.jsonl}}")
        .doc("Sink", "dlq", "{file: {path: ../dlq.jsonl}}")
        .route("main", "in", "out")
        .policy("drop", "drop.wasm", &only("test.drop"))
        .policy("trap", "trap.wasm", &only("test.trap"))
        .policy("stamp", "", &stamp);
    fs::write(dir.join("new"), docs.text()).unwrap();
    fs::rename(dir.join("new"), dir.join("docs/all.yaml")).unwrap();
}

/// What all producers have done so far.
#[derive(Debug, Default)]
struct Progress {
    answered: AtomicUsize,
    /// Events sent once more, because it is not known whether they came through.
    repeated: AtomicUsize,
}

/// Posts its events in order, each until it is answered with 2xx. Returns its ledger.
async fn produce(address: SocketAddr, connection: usize, events: usize, progress: Arc<Progress>) -> String {
    let mut client = Client::new(address);
    let mut ledger = String::new();
    let batch = if connection.is_multiple_of(10) { 1 } else { BATCH };
    let mut number = 0;
    while number < events {
        let (bodies, expects): (Vec<String>, Vec<&str>) =
            (number..events.min(number + batch)).map(|number| event(connection, number)).unzip();
        for (at, expect) in expects.iter().enumerate() {
            let id = number + at;
            ledger += &format!("{{\"id\":\"{connection}-{id}\",\"key\":\"{connection}\",\"expect\":\"{expect}\"}}\n");
        }
        loop {
            let answer = match &bodies[..] {
                [single] if batch == 1 => client.post_event(single).await,
                bodies => client.post_batch(bodies).await,
            };
            match answer {
                Ok(answer) if answer.status.is_success() => break,
                Ok(answer) => {
                    assert_eq!(answer.status.as_u16(), 503, "{}", answer.text());
                    assert!(answer.retry_after.is_some(), "503 without Retry-After");
                }
                // Killed, or not yet back.
                Err(_) => {}
            }
            progress.repeated.fetch_add(bodies.len(), SeqCst);
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        progress.answered.fetch_add(bodies.len(), SeqCst);
        number += bodies.len();
    }
    ledger
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn what_was_answered_survives_kills_and_swaps() {
    let events =
        std::env::var("TIDEGATE_EVENTS").map_or(EVENTS, |text| text.parse().expect("TIDEGATE_EVENTS is a number"));
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    fs::create_dir(dir.join("docs")).unwrap();
    let put = |name: &str, guest: Guest| fs::write(dir.join("docs").join(name), guest.component()).unwrap();
    put("drop.wasm", drops_guilty());
    put("trap.wasm", Guest::filter().guilty("unreachable"));
    put("stamp.wasm", stamp(1));
    let address = free_address();
    deploy(dir, address, 0);

    let progress = Arc::new(Progress::default());
    let mut producers = JoinSet::new();
    let share = events / (CONNECTIONS * 9 / 10);
    let mut total = 0;
    for connection in 0..CONNECTIONS {
        let events = if connection.is_multiple_of(10) { share / SINGLES } else { share };
        total += events;
        producers.spawn(produce(address, connection, events, progress.clone()));
    }

    let watched = progress.clone();
    let path = dir.to_owned();
    let host = tokio::task::spawn_blocking(move || {
        let start = Start { args: &["--dev"], ..Start::new(&path) };
        let mut host = start.spawn();
        let (mut kills, mut changes) = (0, 0);
        // Spread over the whole of it; the last ones well before its end.
        while kills < KILLS || changes < CHANGES {
            let answered = watched.answered.load(SeqCst);
            if changes < CHANGES && answered > total * (changes + 1) / (CHANGES + 2) {
                changes += 1;
                deploy(&path, address, changes);
            }
            if kills < KILLS && answered > total * (kills + 1) / (KILLS + 2) {
                kills += 1;
                host.kill();
                host = start.spawn();
            }
            assert!(host.alive(), "the host ended\n{}", host.log());
            std::thread::sleep(Duration::from_millis(2));
        }
        host
    });
    let mut ledger = BufWriter::new(File::create(dir.join("produced.jsonl")).unwrap());
    while let Some(lines) = producers.join_next().await {
        ledger.write_all(lines.unwrap().as_bytes()).unwrap();
    }
    ledger.flush().unwrap();
    let host: Host = host.await.unwrap();
    let log = host.log();
    assert!(host.stop().success());

    let swaps = log.matches("generation is live").count();
    println!("{total} events, {KILLS} kills, {CHANGES} changes of which {swaps} were seen by a running host");
    let ledgers = Ledgers {
        produced: vec![dir.join("produced.jsonl")],
        delivered: vec![dir.join("out.jsonl")],
        dead_lettered: vec![dir.join("dlq.jsonl")],
        duplicates_max: progress.repeated.load(SeqCst),
    };
    let line = oracle::check("http_kill_nine", &ledgers);
    assert!(oracle::number(&line, "dead_lettered") > 0 && oracle::number(&line, "dropped") > 0, "{line}");
}
