//! Rollouts that promote themselves, by the program itself under load: through all steps, back from one of them, and over a restart.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use serde_json::{Value, json};

use super::load::{self, Load, changes, deploy, feed, key, number, read, stream, until, until_settled};
use super::{after, before, meets, modules, stamps};
use crate::admin_api::{Running, document};
use crate::rig::request::request;

fn none(_: usize) -> bool {
    false
}

/// One in four of the keys that only the second step brings.
fn only_of_the_second_step(number: usize) -> bool {
    number.is_multiple_of(4) && !meets(&key(number), 10)
}

fn rollout(baseline: &str, steps: &str) -> String {
    format!(
        ", rollout: {{percent: 10, baseline: '{baseline}', promote: {{after: 1s, steps: {steps}, minEvents: 300}}}}"
    )
}

fn percent(status: &Value) -> u64 {
    status["rollouts"][0]["percent"].as_u64().unwrap_or_default()
}

fn until_percent(host: &mut Running, wanted: u64) -> Value {
    until(host, &format!("{wanted} %"), |status| (percent(status) == wanted).then(|| status.clone()))
}

fn until_done(host: &mut Running) -> Value {
    until(host, "done", |status| (status["rollouts"][0]["promote"]["done"] == true).then(|| status.clone()))
}

/// No key that met the new module met the old one again, and the keys of each step came before those of the next.
fn check_that_keys_only_go_on(folder: &Path, steps: &[u8]) {
    let mut met: BTreeMap<String, usize> = BTreeMap::new();
    for event in read(folder, "out.jsonl") {
        let number = number(&event);
        let since = met.get(&key(number));
        match event["x1"].as_str() {
            Some("2.0") => {
                met.entry(key(number)).or_insert(number);
            }
            Some("1.0") => assert_eq!(since, None, "e{number}: its key {} went back", key(number)),
            other => panic!("e{number} was stamped {other:?}"),
        }
    }
    let first = |step: u8, before: u8| {
        let of = met.iter().filter(|(key, _)| meets(key, step) && !meets(key, before));
        of.map(|(_, number)| *number).min()
    };
    let firsts: Vec<Option<usize>> =
        steps.iter().zip([0].iter().chain(steps)).map(|(step, before)| first(*step, *before)).collect();
    assert!(firsts.iter().all(Option::is_some) && firsts.is_sorted(), "steps began at {firsts:?}");
}

/// What a done rollout leaves: its changes by the host, and nothing that runs beside the module.
fn check_that_it_is_done(host: &Running, status: &Value, digest: &str) {
    assert_eq!(percent(status), 100);
    assert_eq!(
        (&status["rollouts"][0]["wanted"], &status["rollouts"][0]["promote"]["next"]),
        (&json!(10), &json!(null))
    );
    assert_eq!((&status["policies"][0]["digest"], &status["policies"][0]["rollout"]), (&json!(digest), &json!(null)));
    let history = host.get("/v1/history");
    let reasons: Vec<&str> = (0..3).map(|at| history["changes"][at]["reason"].as_str().expect("a reason")).collect();
    for (reason, (begins, says)) in reasons.into_iter().zip([
        ("default/stamp for all keys: ", "at 100 %"),
        ("default/stamp at 100 %: ", "at 40 %"),
        ("default/stamp at 40 %: ", "at 10 %"),
    ]) {
        assert!(
            reason.starts_with(begins) && reason.contains(says) && reason.contains("no abort condition"),
            "{reason}"
        );
    }
    let metrics = request(&host.address, "GET", "/metrics", &[], "").expect("metrics").body;
    assert!(metrics.contains("tidegate_rollout_percent{policy=\"default/stamp\"} 100"), "{metrics}");
    assert!(!metrics.contains("tidegate_rollout_next_percent{"), "{metrics}");
    let said = host.run(&["status"]).fine();
    assert!(said.contains("default/stamp is done: its `rollout` can be taken out"), "{said}");
}

#[test]
fn a_rollout_of_a_folder_goes_through_its_steps_by_itself_and_no_key_goes_back() {
    let dir = load::folder();
    let folder = dir.path().to_owned();
    let [before, after] = modules(&folder.join("docs"));
    deploy(&folder, &stamps("before.wasm", &before, ""));
    let mut host = Running::again(dir, "docs", &[]);
    let load = Load::start(&folder, none);
    until_settled(&mut host, 1_000);
    let policy = stamps("after.wasm", &after, &rollout(&before, "[10, 40, 100]"));
    deploy(&folder, &policy);
    until(&mut host, "it has begun", |status| {
        let promote = &status["rollouts"][0]["promote"];
        promote.is_object().then(|| assert_eq!(promote["steps"], json!([10, 40, 100]), "{status}"))
    });
    // A document of its own changes nothing of it.
    let more = document("Sink", "more", &format!("{{file: {{path: '{}'}}}}", folder.join("more.jsonl").display()));
    deploy(&folder, &(policy.clone() + &more));
    let status = until_done(&mut host);
    let at = load::settled(&folder);
    until_settled(&mut host, at + 2_000);
    let produced = load.stop(&mut host);
    check_that_it_is_done(&host, &status, &after);
    let promoted = |change: &Value| change[0] == "promote";
    let changes = changes(&host);
    let promoted: Vec<&Value> = changes.as_array().expect("a list").iter().filter(|change| promoted(change)).collect();
    assert_eq!(promoted, [&json!(["promote", "rollout promotion", "live"]); 3], "{changes}");
    check_that_keys_only_go_on(&folder, &[10, 40, 100]);
    load::check(&folder, produced);
    assert_eq!(read(&folder, "dlq.jsonl").len(), 0);

    // It stays done over a restart; and without `rollout` the documents are what runs already.
    let mut host = host.restart("docs", &[]);
    assert_eq!(host.generation(), status["generation"].as_str().expect("a generation"));
    until_done(&mut host);
    deploy(&folder, &(stamps("after.wasm", &after, "") + &more));
    let cleaned = until(&mut host, "no rollout", |status| (status["rollouts"] == json!([])).then(|| status.clone()));
    assert_eq!(cleaned["generation"], status["generation"]);
    assert!(host.host.stop().success());
}

#[test]
fn a_rollout_of_the_api_goes_through_its_steps_and_documents_that_come_again_change_nothing() {
    let dir = load::folder();
    let folder = dir.path().to_owned();
    let mut host = Running::again(dir, "", &["--documents-from-api"]);
    let [first, second] = [host.upload(&before()), host.upload(&after())];
    host.apply(&[stream(&folder), stamps("a.wasm", &first, "")]);
    let load = Load::start(&folder, none);
    until_settled(&mut host, 1_000);
    let policy = stamps("a.wasm", &second, &rollout(&first, "[10, 40, 100]"));
    let changed = host.apply(std::slice::from_ref(&policy));
    let said = &changed["policies"][0]["rollout"];
    assert_eq!((&said["percent"], &said["steps"], &said["afterSeconds"]), (&json!(10), &json!([40, 100]), &json!(1.0)));
    until(&mut host, "the second step", |status| (percent(status) >= 40).then_some(()));
    host.apply(std::slice::from_ref(&policy));
    let status = until_done(&mut host);
    let at = load::settled(&folder);
    until_settled(&mut host, at + 2_000);
    let produced = load.stop(&mut host);
    check_that_it_is_done(&host, &status, &second);
    let expected = json!([
        ["promote", "rollout promotion", "live"],
        ["promote", "rollout promotion", "live"],
        ["promote", "rollout promotion", "live"],
        ["apply", "local", "live"],
        ["apply", "local", "live"],
        ["start", "api", "live"]
    ]);
    assert_eq!(changes(&host), expected, "that it came again is no change");
    check_that_keys_only_go_on(&folder, &[10, 40, 100]);
    load::check(&folder, produced);

    let document = "/v1/documents/FilterPolicy/default/stamp";
    assert!(host.call("GET", document, &[], "").body.contains("percent: 10"), "the document is as it was written");
    host.run(&["promote", "stamp"]).fine();
    assert!(!host.call("GET", document, &[], "").body.contains("rollout"));
    assert_eq!(host.generation(), status["generation"].as_str().expect("a generation"));
    assert!(host.host.stop().success());
}

#[test]
fn a_rollout_that_fails_at_its_second_step_is_taken_back_and_stays_so() {
    let dir = load::folder();
    let folder = dir.path().to_owned();
    let [before, after] = modules(&folder.join("docs"));
    deploy(&folder, &stamps("before.wasm", &before, ""));
    let mut host = Running::again(dir, "docs", &[]);
    let load = Load::start(&folder, only_of_the_second_step);
    until_settled(&mut host, 1_000);
    deploy(&folder, &stamps("after.wasm", &after, &rollout(&before, "[10, 60, 100]")));
    let status = until(&mut host, "it is taken back", |status| {
        status["rollouts"][0]["takenBack"].is_object().then(|| status.clone())
    });
    let at = load::settled(&folder);
    until_settled(&mut host, at + 2_000);
    let produced = load.stop(&mut host);
    let taken = &status["rollouts"][0];
    assert_eq!((percent(&status), &taken["takenBack"]["percent"]), (0, &json!(60)), "{status}");
    assert_eq!(taken["promote"]["next"], json!(null), "{status}");
    let expected = json!([
        ["abort", "rollout abort", "live"],
        ["promote", "rollout promotion", "rolled_back"],
        ["apply", "directory", "live"],
        ["start", "directory", "live"]
    ]);
    assert_eq!(changes(&host), expected);
    // Only keys of the second step failed, and only on the module on its way.
    let dead = read(&folder, "dlq.jsonl");
    assert!(!dead.is_empty());
    for letter in &dead {
        let key = key(number(letter));
        assert!(meets(&key, 60) && !meets(&key, 10), "{letter}");
        assert_eq!(letter["tidegatedigest"], json!(after), "{letter}");
    }
    load::check(&folder, produced);

    let mut host = host.restart("docs", &[]);
    let again = host.get("/v1/status");
    assert_eq!((&again["generation"], percent(&again)), (&status["generation"], 0), "{again}");
    assert!(again["rollouts"][0]["takenBack"].is_object(), "{again}");
    let delivered = read(&folder, "out.jsonl").len();
    feed(&folder, produced..produced + 400, none);
    until_settled(&mut host, produced + 400);
    let fresh = read(&folder, "out.jsonl").split_off(delivered);
    assert!(fresh.len() == 400 && fresh.iter().all(|event| event["x1"] == "1.0"), "{} events", fresh.len());
    assert!(host.host.stop().success());
}

/// Events come a few at a time, so that it is known where the rollout stands: a step without events lasts.
#[test]
fn a_rollout_goes_on_after_a_restart_where_it_was() {
    let dir = load::folder();
    let folder = dir.path().to_owned();
    let [before, after] = modules(&folder.join("docs"));
    deploy(&folder, &stamps("before.wasm", &before, ""));
    let mut host = Running::again(dir, "docs", &[]);
    deploy(&folder, &stamps("after.wasm", &after, &rollout(&before, "[10, 50, 100]")));
    until_percent(&mut host, 10);
    let mut produced = 0;
    let mut more = |host: &mut Running| {
        feed(&folder, produced..produced + 200, none);
        produced += 200;
        until_settled(host, produced);
        produced
    };
    while percent(&host.get("/v1/status")) == 10 {
        more(&mut host);
    }
    // Fewer came since than a step wants: here it stays.
    let status = until_percent(&mut host, 50);
    let mut host = host.restart("docs", &[]);
    let again = host.get("/v1/status");
    assert_eq!((&again["generation"], percent(&again)), (&status["generation"], 50), "{again}");
    let promote = &again["rollouts"][0]["promote"];
    assert_eq!((&promote["next"]["percent"], &promote["events"]), (&json!(100), &json!(0)), "{again}");
    assert_eq!(changes(&host)[0], json!(["promote", "rollout promotion", "live"]), "a restart is no change");
    let mut produced = 0;
    while host.get("/v1/status")["rollouts"][0]["promote"]["done"] != true {
        produced = more(&mut host);
    }
    check_that_keys_only_go_on(&folder, &[10, 50, 100]);
    load::check(&folder, produced);
    assert!(host.host.stop().success());
}

/// A rollback is a person's word: what it brings back does not go on by itself, until a person says so.
#[test]
fn a_rollout_that_a_rollback_brought_back_waits_for_a_person() {
    let host = Running::api();
    let [first, second] = [host.upload(&before()), host.upload(&after())];
    host.apply(&[crate::admin_api::line(host.dir.path()), stamps("a.wasm", &first, "")]);
    host.apply(&[stamps("a.wasm", &second, &rollout(&first, "[10, 40, 100]"))]);
    let next = || host.get("/v1/status")["rollouts"][0]["promote"]["next"]["percent"].clone();
    let rolled_out = host.generation();
    assert_eq!(next(), json!(40));
    let shown = host.get("/v1/status")["rollouts"][0]["promote"].clone();
    assert_eq!(
        (&shown["next"]["done"], &shown["done"], &shown["minEvents"]),
        (&json!(false), &json!(false), &json!(300))
    );
    assert!(shown["next"]["notBefore"].is_string(), "{shown}");
    let status = host.run(&["status"]).fine();
    assert!(status.contains("default/stamp goes on to 40 % at ") && status.contains("(0 so far)"), "{status}");
    let metrics = request(&host.address, "GET", "/metrics", &[], "").expect("metrics").body;
    assert!(metrics.contains("tidegate_rollout_next_percent{policy=\"default/stamp\"} 40"), "{metrics}");
    assert!(metrics.contains("tidegate_rollout_next_timestamp_seconds{policy=\"default/stamp\"}"), "{metrics}");

    let path = host.dir.path().join("more.jsonl").display().to_string();
    host.apply(&[document("Sink", "more", &format!("{{file: {{path: '{path}'}}}}"))]);
    assert_eq!(next(), json!(40), "another document is none of its own");
    host.run(&["rollback"]).fine();
    assert_eq!((host.generation(), next()), (rolled_out.clone(), json!(null)));
    assert_eq!(host.get("/v1/status")["rollouts"][0]["promote"]["heldBy"], "local");
    let status = host.run(&["status"]).fine();
    assert!(status.contains("default/stamp stays at 10 %: a rollback of local ended there"), "{status}");

    host.run(&["promote", "stamp", "--percent", "10"]).fine();
    assert_eq!((host.generation(), next()), (rolled_out, json!(40)));
    // On from where a person takes it: steps that are passed are taken out of the document.
    let planned = host.run(&["promote", "stamp", "--percent", "30", "--dry-run"]).fine();
    assert!(planned.contains("1 changed"), "{planned}");
    host.run(&["promote", "stamp", "--percent", "30"]).fine();
    assert_eq!(next(), json!(40));
    let text = host.call("GET", "/v1/documents/FilterPolicy/default/stamp", &[], "").body;
    assert!(text.contains("percent: 30") && text.contains("steps: [40, 100]"), "{text}");
    // Stopped is stopped.
    host.run(&["promote", "stamp", "--percent", "0"]).fine();
    assert_eq!(host.get("/v1/status")["rollouts"][0]["promote"], json!(null));
    assert!(host.host.stop().success());
}

/// What would come by itself is said before it is applied.
#[test]
fn a_plan_says_what_comes_by_itself() {
    let host = Running::api();
    let [first, second] = [host.upload(&before()), host.upload(&after())];
    host.apply(&[crate::admin_api::line(host.dir.path()), stamps("a.wasm", &first, "")]);
    let docs = host.dir.path().join("planned");
    std::fs::create_dir(&docs).expect("a folder");
    modules(&docs);
    let policy = stamps("after.wasm", &second, &rollout(&first, "[10, 40, 100]"));
    std::fs::write(docs.join("stamp.yaml"), &policy).expect("write");
    let planned = host.run(&["plan", "planned"]).fine();
    let lines: BTreeSet<&str> = planned.lines().map(str::trim).collect();
    assert!(lines.contains("by itself on to 40 %, 100 %, each after 1s that goes well"), "{planned}");
    assert!(host.host.stop().success());
}
