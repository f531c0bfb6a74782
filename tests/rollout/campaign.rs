//! The whole of it, by the program itself under load: a module that fails on one event in twenty is taken back, and stays so.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};

use serde_json::{Value, json};

use super::{meets, modules, stamps};
use crate::admin_api::{Running, document};
use crate::oracle::{self, Ledgers};
use crate::rig::host::lines;
use crate::rig::request::request;

const PERCENT: u8 = 20;
const KEYS: usize = 199; // prime to one in twenty: every key has its guilty events
/// Events that wait for the host at any time: it never runs dry.
const AHEAD: usize = 3_000;

fn key(number: usize) -> String {
    format!("customer-{}", number * 7 % KEYS)
}

/// One in twenty, of all keys.
fn is_guilty(number: usize) -> bool {
    number % 20 == 7
}

fn line(number: usize) -> String {
    let subject = if is_guilty(number) { "\"subject\":\"guilty\"," } else { "" };
    let key = key(number);
    format!(
        "{{\"specversion\":\"1.0\",\"id\":\"e{number}\",\"source\":\"/test\",\"type\":\"test.event\",{subject}\
         \"partitionkey\":\"{key}\",\"data\":{{\"n\":{number}}}}}\n"
    )
}

/// `in.jsonl` → `out.jsonl`, with the dead letter `dlq.jsonl`.
fn stream(folder: &Path) -> String {
    let file = |name: &str| folder.join(name).display().to_string();
    [
        document("Source", "in", &format!("{{file: {{path: '{}', follow: true}}}}", file("in.jsonl"))),
        document("Sink", "out", &format!("{{file: {{path: '{}'}}}}", file("out.jsonl"))),
        document("Sink", "dlq", &format!("{{file: {{path: '{}'}}}}", file("dlq.jsonl"))),
        document("Route", "main", "{from: [{name: in}], to: [{sink: out}], deadLetter: {sink: dlq}}"),
    ]
    .concat()
}

fn deploy(folder: &Path, policy: &str) {
    fs::write(folder.join("new.yaml"), stream(folder) + policy).expect("write");
    fs::rename(folder.join("new.yaml"), folder.join("docs/all.yaml")).expect("rename");
}

/// Appends events for as long as it is asked to, `AHEAD` of what came out. Returns how many.
fn produce(folder: PathBuf, done: &AtomicUsize, stop: &AtomicBool, from: usize) -> usize {
    let mut input = File::options().append(true).open(folder.join("in.jsonl")).expect("the input");
    let mut number = from;
    while !stop.load(SeqCst) {
        if number >= done.load(SeqCst) + AHEAD {
            std::thread::sleep(std::time::Duration::from_millis(1));
            continue;
        }
        let text: String = (number..number + 250).map(line).collect();
        input.write_all(text.as_bytes()).expect("write");
        number += 250;
    }
    number
}

fn read(folder: &Path, name: &str) -> Vec<Value> {
    let text = fs::read_to_string(folder.join(name)).unwrap_or_default();
    text.lines().map(|line| serde_json::from_str(line).expect("a whole line")).collect()
}

fn number(event: &Value) -> usize {
    event["id"].as_str().and_then(|id| id[1..].parse().ok()).expect("an id of ours")
}

/// Events of the sink and of the dead letter so far.
fn settled(folder: &Path) -> usize {
    lines(&folder.join("out.jsonl")) + lines(&folder.join("dlq.jsonl"))
}

/// Waits for something of the status.
fn until<T>(running: &mut Running, what: &str, mut look: impl FnMut(&Value) -> Option<T>) -> T {
    let (address, token) = (running.address.clone(), format!("Bearer {}", running.token));
    running.host.until(what, || {
        let answer = request(&address, "GET", "/v1/status", &[("authorization", token.as_str())], "").ok()?;
        look(&serde_json::from_str(&answer.body).ok()?)
    })
}

#[test]
fn a_module_that_fails_on_five_percent_is_taken_back_and_only_its_keys_ever_saw_it() {
    let dir = tempfile::tempdir().expect("a folder");
    let folder = dir.path().to_owned();
    for name in ["in.jsonl", "out.jsonl", "dlq.jsonl"] {
        fs::write(folder.join(name), "").expect("write");
    }
    fs::create_dir(folder.join("docs")).expect("a folder");
    let [before, after] = modules(&folder.join("docs"));
    deploy(&folder, &stamps("before.wasm", &before, ""));
    let mut host = Running::again(dir, "docs", &[]);
    let first = host.generation();

    let (done, stop) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicBool::new(false)));
    let producer = {
        let (folder, done, stop) = (folder.clone(), done.clone(), stop.clone());
        std::thread::spawn(move || produce(folder, &done, &stop, 0))
    };
    let (out, counted) = (folder.clone(), done.clone());
    host.host.until("the first thousand", || {
        counted.store(settled(&out), SeqCst);
        (settled(&out) >= 1_000).then_some(())
    });
    // Now the rollout, while events flow.
    let rollout = |percent: u8| format!(", rollout: {{percent: {percent}, baseline: '{before}'}}");
    deploy(&folder, &stamps("after.wasm", &after, &rollout(PERCENT)));
    let (out, counted) = (folder.clone(), done.clone());
    let second = until(&mut host, "the rollout is taken back", |status| {
        counted.store(settled(&out), SeqCst);
        let taken = status["rollouts"][0]["takenBack"].is_object() && status["rollouts"][0]["percent"] == 0;
        taken.then(|| status["generation"].as_str().expect("a generation").to_owned())
    });
    // And on: the baseline decides about everything.
    let at = settled(&folder);
    let (out, counted) = (folder.clone(), done.clone());
    host.host.until("two thousand more", || {
        counted.store(settled(&out), SeqCst);
        (settled(&out) >= at + 2_000).then_some(())
    });
    stop.store(true, SeqCst);
    let produced = producer.join().expect("the producer");
    let out = folder.clone();
    host.host.until("the last event", || (settled(&out) >= produced).then_some(()));

    // Who did what, and why.
    let status = host.get("/v1/status");
    let degraded = status["conditions"].as_array().and_then(|all| all.iter().find(|found| found["type"] == "Degraded"));
    let degraded = degraded.expect("the condition");
    assert_eq!((&degraded["status"], &degraded["reason"]), (&json!("True"), &json!("RolloutTakenBack")), "{degraded}");
    let why = status["rollouts"][0]["takenBack"]["why"].as_str().expect("why");
    assert!(why.contains("events failed") && degraded["message"].as_str().expect("words").contains(why), "{why}");
    let history = host.get("/v1/history");
    let told = |change: &Value| json!([change["action"], change["who"], change["outcome"]]);
    let changes: Vec<Value> = history["changes"].as_array().expect("a list").iter().map(told).collect();
    let expected = json!([
        ["abort", "rollout abort", "live"],
        ["apply", "directory", "rolled_back"],
        ["start", "directory", "live"]
    ]);
    assert_eq!(Value::from(changes), expected);
    assert!(second != first && history["changes"][0]["reason"].as_str().expect("a reason").contains(why), "{history}");
    let metrics = request(&host.address, "GET", "/metrics", &[], "").expect("metrics").body;
    assert!(metrics.contains("tidegate_rollout_percent{policy=\"default/stamp\"} 0"), "{metrics}");

    // Only its keys ever saw it; what it failed on rests with its digest, or was delivered when it was gone.
    let (delivered, dead) = (read(&folder, "out.jsonl"), read(&folder, "dlq.jsonl"));
    let by_after = |event: &&Value| event["x1"] == "2.0";
    let saw: BTreeSet<usize> = delivered.iter().filter(by_after).map(number).collect();
    assert!(saw.len() >= 80, "it decided about {} events only", saw.len());
    assert!(saw.iter().all(|number| meets(&key(*number), PERCENT)), "another key met it");
    assert!(delivered.iter().all(|event| by_after(&event) || event["x1"] == "1.0"));
    assert!(!dead.is_empty());
    for letter in &dead {
        let number = number(letter);
        assert!(is_guilty(number) && meets(&key(number), PERCENT), "{letter}");
        assert_eq!(letter["tidegatedigest"], json!(after), "{letter}");
    }
    let last = saw.iter().next_back().copied().expect("some");
    let first_of_it = saw.iter().next().copied().expect("some");
    for event in delivered.iter().filter(|event| !by_after(event)) {
        let number = number(event);
        // Within its time every event of its keys met it.
        let its_own = meets(&key(number), PERCENT) && (first_of_it..last).contains(&number);
        assert!(!its_own, "e{number} met the other version between e{first_of_it} and e{last}");
    }

    // Nothing lost, doubled or out of order.
    let resting: BTreeSet<usize> = dead.iter().map(number).collect();
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

    // A restart does not begin it again, though the folder still says so.
    let mut host = host.restart("docs", &[]);
    let status = host.get("/v1/status");
    assert_eq!((&status["generation"], &status["rollouts"][0]["percent"]), (&json!(second), &json!(0)), "{status}");
    let feed = |host: &Running, from: usize| host.feed(&(from..from + 400).map(line).collect::<String>());
    feed(&host, produced);
    let out = folder.clone();
    host.host.until("what came after the restart", || (settled(&out) >= produced + 400).then_some(()));
    let fresh = read(&folder, "out.jsonl").split_off(delivered.len());
    assert!(fresh.len() == 400 && fresh.iter().all(|event| event["x1"] == "1.0"), "{} events", fresh.len());

    // Nor does another document of the folder; only its own.
    let other = document("Sink", "more", &format!("{{file: {{path: '{}'}}}}", folder.join("more.jsonl").display()));
    deploy(&folder, &(stamps("after.wasm", &after, &rollout(PERCENT)) + &other));
    until(&mut host, "the other document is live", |status| {
        (status["generation"] != json!(second)).then(|| assert_eq!(status["rollouts"][0]["percent"], 0, "{status}"))
    });
    deploy(&folder, &stamps("after.wasm", &after, &rollout(PERCENT + 10)));
    until(&mut host, "its own document is live", |status| {
        (status["rollouts"][0]["percent"] == PERCENT + 10).then(|| {
            assert_eq!(status["rollouts"][0]["takenBack"], Value::Null, "{status}");
        })
    });
    assert!(host.host.stop().success());
}
