//! The commands that talk to a host, as a person uses them: deploy, look, go back, ask why.

use std::fs;

use serde_json::Value;

use super::{Running, document, event_line, guard, guilty_line, line};

#[test]
fn a_filter_is_planned_applied_explained_and_taken_back() {
    let mut host = Running::api();
    let dir = host.dir.path().to_owned();
    fs::create_dir(dir.join("policies")).expect("a folder");
    fs::write(dir.join("policies/line.yaml"), line(&dir)).expect("write");
    let applied = host.run(&["apply", "policies", "--reason", "the line"]).fine();
    assert!(
        applied.starts_with("+ Route default/main\n+ Sink default/out\n+ Source default/in\ngeneration "),
        "{applied}"
    );
    let first = host.generation();

    let policy = document("FilterPolicy", "guard", "{phase: Validate, wasm: {module: 'file:guard.wasm'}}");
    fs::write(dir.join("policies/guard.yaml"), policy).expect("write");
    fs::write(dir.join("policies/guard.wasm"), guard().component()).expect("write");
    fs::write(dir.join("sample.jsonl"), event_line("s1") + &guilty_line("s2") + &guilty_line("s3")).expect("write");
    let planned = host.run(&["plan", "policies", "--sample", "sample.jsonl"]).fine();
    for words in ["+ FilterPolicy default/guard", "now dropped", "default/guard: has a subject", "s2"] {
        assert!(planned.contains(words), "{words}:\n{planned}");
    }
    assert_eq!(host.generation(), first, "a plan changes nothing");

    host.run(&["apply", "policies", "--reason", "no subjects"]).fine();
    let second = host.generation();
    host.feed(&(guilty_line("bad") + &event_line("good")));
    host.delivered(1);
    let said = host.run(&["explain", "bad"]).fine();
    for words in ["dropped by default/guard: has a subject", &second, "default/main", "yes"] {
        assert!(said.contains(words), "{words}:\n{said}");
    }
    let said = host.run(&["explain", "never"]).ended(1).stdout;
    assert!(said.contains("not retained"), "{said}");
    fs::write(dir.join("one.json"), guilty_line("again")).expect("write");
    let said = host.run(&["explain", "--event", "one.json"]).fine();
    assert!(said.contains("dropped by default/guard: has a subject"), "{said}");
    assert_eq!(host.out().len(), 1, "nothing is sent by asking");

    let said = host.run(&["diff", &first]).fine();
    assert!(said.contains("+kind: FilterPolicy") || said.contains("+  \"kind\": \"FilterPolicy\""), "{said}");
    let said = host.run(&["status"]).fine();
    for words in ["Programmed", "default/guard", "default/main", "owned by the api"] {
        assert!(said.contains(words), "{words}:\n{said}");
    }
    let back = host.run(&["rollback", "--reason", "too strict"]).fine();
    assert!(back.starts_with("- FilterPolicy default/guard\ngeneration "), "{back}");
    assert_eq!(host.generation(), first);
    host.feed(&guilty_line("now"));
    host.delivered(2);
    let said = host.run(&["history"]).fine();
    for words in ["too strict", "rolled back by 4", "rollback", "the line", "no subjects", "3 added"] {
        assert!(said.contains(words), "{words}:\n{said}");
    }
    let json: Value = serde_json::from_str(&host.run(&["history", "-o", "json"]).fine()).expect("JSON");
    assert_eq!(json["changes"].as_array().map(Vec::len), Some(4), "{json}");
    let yaml = host.run(&["status", "-o", "yaml"]).fine();
    assert!(yaml.contains("conditions:\n"), "{yaml}");
    host.run(&["pause", "main", "--reason", "maintenance"]).fine();
    host.run(&["resume", "main"]).fine();
    let json: Value = serde_json::from_str(&host.run(&["history", "-o", "json"]).fine()).expect("JSON");
    let did = |at: usize| ["who", "action", "reason", "outcome"].map(|key| json["changes"][at][key].as_str());
    assert_eq!(did(1), [Some("local"), Some("pause"), Some("default/main: maintenance"), Some("paused")], "{json}");
    assert_eq!(did(0), [Some("local"), Some("resume"), Some("default/main"), Some("running")], "{json}");
    assert!(host.host.stop().success());
}

#[test]
fn what_is_refused_ends_with_1_and_its_reasons() {
    let host = Running::api();
    let dir = host.dir.path();
    fs::write(dir.join("bad.yaml"), document("Route", "main", "{from: [{name: in}], to: [{sink: out}]}"))
        .expect("write");
    let ran = host.run(&["apply", "bad.yaml"]).ended(1);
    assert!(ran.stderr.starts_with("error[P125]: ") && ran.stdout.is_empty(), "{ran:?}");
    assert!(ran.stderr.contains("\n  Route default/main:") && !ran.stderr.contains("state"), "{ran:?}");
    let ran = host.run(&["rollback", "ffffffff"]).ended(1);
    assert!(ran.stderr.contains("ffffffff"), "{ran:?}");
    let ran = host.run(&["pause", "none"]).ended(1);
    assert!(ran.stderr.contains("there is no route default/none"), "{ran:?}");
    let shop = line(dir).replace("metadata: {", "metadata: {namespace: shop, ");
    host.apply(&[shop]);
    let ran = host.run(&["pause", "main"]).ended(1);
    assert!(ran.stderr.contains("there is no route default/main: did you mean shop/main?"), "{ran:?}");
    let state = dir.join("nowhere").display().to_string();
    let ran = crate::support::run(dir, &["status", "--admin", &host.address, "--state-dir", &state]).ended(1);
    assert!(ran.stderr.contains("token") && ran.stderr.contains("--state-dir"), "{ran:?}");
    let state = dir.join("state").display().to_string();
    let mut told = crate::support::tidegate(dir, &["status"]);
    let told = told.env("TIDEGATE_ADMIN", &host.address).env("TIDEGATE_STATE_DIR", &state).output().expect("it runs");
    assert!(told.status.success(), "where the host is stands in the environment: {told:?}");
    let ran = crate::support::run(dir, &["status", "--admin", "127.0.0.1:1"]).ended(1);
    assert!(ran.stderr.contains("no host answers"), "{ran:?}");
    assert!(host.host.stop().success());
}
