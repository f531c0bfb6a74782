//! The whole of it, by the program itself under load: a module that fails on one event in twenty is taken back, and stays so.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::load::{self, Load, changes, deploy, key, number, read, until, until_settled};
use super::{meets, modules, stamps};
use crate::admin_api::{Running, document};
use crate::rig::request::request;

const PERCENT: u8 = 20;

/// One in twenty, of all keys.
fn is_guilty(number: usize) -> bool {
    number % 20 == 7
}

#[test]
fn a_module_that_fails_on_five_percent_is_taken_back_and_only_its_keys_ever_saw_it() {
    let dir = load::folder();
    let folder = dir.path().to_owned();
    let [before, after] = modules(&folder.join("docs"));
    deploy(&folder, &stamps("before.wasm", &before, ""));
    let mut host = Running::again(dir, "docs", &[]);
    let first = host.generation();

    let load = Load::start(&folder, is_guilty);
    until_settled(&mut host, 1_000);
    // Now the rollout, while events flow.
    let rollout = |percent: u8| format!(", rollout: {{percent: {percent}, baseline: '{before}'}}");
    deploy(&folder, &stamps("after.wasm", &after, &rollout(PERCENT)));
    let second = until(&mut host, "the rollout is taken back", |status| {
        let taken = status["rollouts"][0]["takenBack"].is_object() && status["rollouts"][0]["percent"] == 0;
        taken.then(|| status["generation"].as_str().expect("a generation").to_owned())
    });
    // And on: the baseline decides about everything.
    let at = load::settled(&folder);
    until_settled(&mut host, at + 2_000);
    let produced = load.stop(&mut host);

    // Who did what, and why.
    let status = host.get("/v1/status");
    let degraded = status["conditions"].as_array().and_then(|all| all.iter().find(|found| found["type"] == "Degraded"));
    let degraded = degraded.expect("the condition");
    assert_eq!((&degraded["status"], &degraded["reason"]), (&json!("True"), &json!("RolloutTakenBack")), "{degraded}");
    let why = status["rollouts"][0]["takenBack"]["why"].as_str().expect("why");
    assert!(why.contains("events failed") && degraded["message"].as_str().expect("words").contains(why), "{why}");
    // What decides comes first, what was taken back is a candidate.
    let shown = host.run(&["status"]).fine();
    let policies: Vec<&str> = shown.lines().filter(|line| line.starts_with("default/stamp ")).take(2).collect();
    let of = |at: usize, words: [&str; 3]| words.iter().all(|words| policies[at].contains(words));
    assert!(of(0, [" baseline ", &before[..19], "all events"]), "{shown}");
    assert!(of(1, [" candidate ", &after[..19], "0 % of the keys"]), "{shown}");
    let log = host.host.log();
    let told = log.lines().rfind(|line| line.contains("policy's baseline is applied")).expect("a line");
    assert!(told.contains(&format!("digest={}", &before[..19])) && !told.contains("module="), "{told}");
    let history = host.get("/v1/history");
    let expected = json!([
        ["abort", "rollout abort", "live"],
        ["apply", "directory", "rolled_back"],
        ["start", "directory", "live"]
    ]);
    assert_eq!(changes(&host), expected);
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

    load::check(&folder, produced);

    // A restart does not begin it again, though the folder still says so.
    let mut host = host.restart("docs", &[]);
    let status = host.get("/v1/status");
    assert_eq!((&status["generation"], &status["rollouts"][0]["percent"]), (&json!(second), &json!(0)), "{status}");
    load::feed(&folder, produced..produced + 400, is_guilty);
    until_settled(&mut host, produced + 400);
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
