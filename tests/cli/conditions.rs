//! Policies without a module, as a person meets them: tested, tried, checked, run, explained.

use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::rig::host::Start;
use crate::support::{root, run};

/// The example, and the word for what decides.
const EXAMPLES: [(&str, &str); 2] = [("known-orders", "cesql"), ("large-orders", "pattern")];

fn path(name: &str, file: &str) -> String {
    root().join("filters-examples").join(name).join(file).display().to_string()
}

fn read(path: &str) -> String {
    fs::read_to_string(path).expect("text")
}

#[test]
fn examples_are_tested_without_building_anything() {
    for (name, word) in EXAMPLES {
        let said = run(Path::new("."), &["test", &path(name, "")]).fine();
        for wanted in ["all passed", "ok    events.jsonl becomes expected.jsonl", word] {
            assert!(said.contains(wanted), "{name}, {wanted}: {said}");
        }
    }
}

#[test]
fn a_case_cannot_give_a_condition_what_only_a_module_takes() {
    let dir = tempfile::tempdir().expect("a folder");
    fs::copy(path("known-orders", "policy.yaml"), dir.path().join("policy.yaml")).expect("copy");
    fs::create_dir(dir.path().join("tests")).expect("a folder");
    let cases = "cases:\n- name: one\n  config: {a: 1}\n  event: {type: com.acme.order.placed}\n  expect: keep\n";
    fs::write(dir.path().join("tests/cases.yaml"), cases).expect("write");
    let said = run(dir.path(), &["test", "."]).ended(1).stdout;
    assert!(said.contains("there is no module that anything could be given to"), "{said}");
}

#[test]
fn eval_asks_the_policy_itself() {
    let (policy, events) = (path("known-orders", "policy.yaml"), path("known-orders", "events.jsonl"));
    let said = run(Path::new("."), &["eval", &policy, "--event", &events]).fine();
    let dropped = "cesql: drop, not: region IN ('eu', 'us') AND INT(priority) < 5";
    assert_eq!(said, format!("1  cesql: keep\n2  {dropped}\n3  {dropped}\n4  cesql: skip\n"));
    let said = run(Path::new("."), &["eval", &policy, "--event", &events, "-o", "json"]).fine();
    let verdicts: Vec<Value> = said.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    assert_eq!((&verdicts[0]["verdict"], &verdicts[1]["interface"]), (&"keep".into(), &"cesql".into()));
    // An error is a failure of the policy.
    let dir = tempfile::tempdir().expect("a folder");
    let event = r#"{"specversion":"1.0","id":"5","source":"/s","type":"com.acme.order.placed","subject":"orders/1"}"#;
    fs::write(dir.path().join("one.json"), event).expect("write");
    let said = run(dir.path(), &["eval", &policy, "--event", "one.json"]).ended(1).stdout;
    assert_eq!(said, "5  cesql: fail, error: the event has no such attribute\n");
    let said = run(dir.path(), &["eval", &policy, "--event", "one.json", "--grant", "log"]).ended(1).stderr;
    assert!(said.contains("has no module that anything could be given to"), "{said}");
    let module = path("order-guard", "policy.yaml");
    let said = run(dir.path(), &["eval", &module, "--event", "one.json"]).ended(1).stderr;
    assert!(said.contains("decides by a module"), "{said}");
}

#[test]
fn examples_go_live_as_documents() {
    for (name, word) in EXAMPLES {
        let dir = tempfile::tempdir().expect("a folder");
        fs::create_dir(dir.path().join("docs")).expect("a folder");
        let flow = read(&root().join("filters-examples/flow.yaml").display().to_string());
        let flow = flow
            .replace("order-guard/events.jsonl", "../in.jsonl")
            .replace("target/out.jsonl", "../out.jsonl")
            .replace("target/failed.jsonl", "../failed.jsonl");
        fs::write(dir.path().join("docs/flow.yaml"), flow).expect("write");
        fs::copy(path(name, "policy.yaml"), dir.path().join("docs/policy.yaml")).expect("copy");
        fs::copy(path(name, "events.jsonl"), dir.path().join("in.jsonl")).expect("copy");
        // A digest is only for modules: no --dev is needed.
        let said = run(dir.path(), &["validate", "docs"]).fine();
        assert!(said.contains(&format!("shop/{name}")) && said.contains(word), "{said}");
        let host = Start { args: &["--once"], ..Start::new(dir.path()) }.spawn();
        assert!(host.ended().success());
        assert_eq!(read(&dir.path().join("out.jsonl").display().to_string()), read(&path(name, "expected.jsonl")));
    }
}

#[test]
fn what_has_nothing_to_look_up_is_told_and_bounded() {
    let dir = tempfile::tempdir().expect("a folder");
    fs::create_dir(dir.path().join("docs")).expect("a folder");
    let document = |kind: &str, name: &str, spec: &str| {
        format!("---\napiVersion: tidegate.dev/v1alpha1\nkind: {kind}\nmetadata: {{name: {name}}}\nspec: {spec}\n")
    };
    let documents = document("Source", "in", "{file: {path: ../in.jsonl}}")
        + &document("Sink", "out", "{file: {path: ../out.jsonl}}")
        + &document("Route", "main", "{from: [{name: in}], to: [{sink: out, when: {not: {exact: {type: a}}}}]}")
        + &document("FilterPolicy", "p", "{phase: Admit, match: [{cesql: n > 5}], pattern: {type: [a]}}")
        + &document("FilterPolicy", "q", "{phase: Admit, match: [{topics: [orders]}], pattern: {type: [a]}}");
    fs::write(dir.path().join("docs/all.yaml"), documents).expect("write");
    fs::write(dir.path().join("in.jsonl"), "").expect("write");
    let said = run(dir.path(), &["validate", "docs"]).fine();
    for wanted in ["note: policy default/p, /spec/match", "note: route default/main, /spec/to/0/when"] {
        assert!(said.contains(wanted), "{wanted}: {said}");
    }
    assert!(!said.contains("default/q, /spec"), "{said}");
    let json: Value = serde_json::from_str(&run(dir.path(), &["validate", "docs", "-o", "json"]).fine()).expect("JSON");
    assert_eq!(json["unindexed"].as_array().map(Vec::len), Some(2), "{json}");
    let host = Start { args: &["--once", "--max-unindexed", "2"], ..Start::new(dir.path()) }.spawn();
    assert!(host.ended().success());
    let mut host = Start { args: &["--once", "--max-unindexed", "1"], ..Start::new(dir.path()) }.spawn();
    host.logged("error[C211]: 2 conditions of the set have nothing that an index could look up", 1);
    assert_eq!(host.ended().code(), Some(1));
}
