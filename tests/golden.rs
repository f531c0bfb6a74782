//! Every example filter through the real host: the samples beside it become exactly what is written beside them.
//!
//! An example is `events.jsonl`, `policy.yaml` and `expected.jsonl`: the events that go on, or for a matcher the names of each.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::rig::host::Start;
use crate::support::{example, root};

const AROUND: &str = "\
apiVersion: tidegate.dev/v1alpha1
kind: Source
metadata: {name: events, namespace: shop}
spec: {file: {path: events.jsonl}}
---
apiVersion: tidegate.dev/v1alpha1
kind: Sink
metadata: {name: dead, namespace: shop}
spec: {file: {path: dead.jsonl}}
---
apiVersion: tidegate.dev/v1alpha1
kind: Route
metadata: {name: orders, namespace: shop}
spec:
  from: [{name: events}]
  deadLetter: {sink: dead}
  to:
";

#[test]
fn minimal() {
    events_come_out("minimal");
}

#[test]
fn order_guard() {
    events_come_out("order-guard");
}

#[test]
fn redact_fields() {
    events_come_out("redact-fields");
}

#[test]
fn route_by_region() {
    names_come_out("route-by-region");
}

#[test]
fn dedupe_window() {
    events_come_out("dedupe-window");
}

#[test]
fn split_batch() {
    events_come_out("split-batch");
}

#[test]
fn schema_guard() {
    events_or_rejects_come_out("schema-guard");
}

#[test]
fn known_orders() {
    events_come_out("known-orders");
}

#[test]
fn large_orders() {
    events_come_out("large-orders");
}

#[test]
fn order_guard_in_go() {
    events_come_out("go/order-guard");
}

#[test]
fn redact_fields_in_go() {
    events_come_out("go/redact-fields");
}

#[test]
fn enrich_in_go() {
    events_come_out("go/enrich");
}

#[test]
fn dedupe_window_in_go() {
    events_come_out("go/dedupe-window");
}

#[test]
fn minimal_in_assemblyscript() {
    events_come_out("assemblyscript/minimal");
}

#[test]
fn order_guard_in_assemblyscript() {
    events_come_out("assemblyscript/order-guard");
}

#[test]
fn dedupe_window_in_assemblyscript() {
    events_come_out("assemblyscript/dedupe-window");
}

#[test]
fn route_by_region_in_assemblyscript() {
    names_come_out("assemblyscript/route-by-region");
}

#[test]
fn no_example_is_forgotten() {
    let here = include_str!("golden.rs");
    for language in ["", "go/", "assemblyscript/"] {
        for entry in fs::read_dir(root().join("filters-examples").join(language)).expect("the examples") {
            let path = entry.expect("an entry").path();
            if path.join("policy.yaml").is_file() {
                let name = path.file_name().and_then(|name| name.to_str()).expect("a name").to_owned();
                assert!(here.contains(&format!("_come_out(\"{language}{name}\")")), "{language}{name} has no test");
            }
        }
    }
}

fn events_come_out(name: &str) {
    let dir = tempfile::tempdir().expect("a folder");
    host(name, dir.path(), &[("out", "{sink: out}")]);
    let expected = read(&root().join("filters-examples").join(name).join("expected.jsonl"));
    assert_eq!(read(&dir.path().join("docs/out.jsonl")), expected);
    assert_eq!(read(&dir.path().join("docs/dead.jsonl")), Vec::<Value>::new());
}

/// What is not expected to come out is rejected, and all of it is in the dead letter.
fn events_or_rejects_come_out(name: &str) {
    let dir = tempfile::tempdir().expect("a folder");
    host(name, dir.path(), &[("out", "{sink: out}")]);
    let example = root().join("filters-examples").join(name);
    let expected = read(&example.join("expected.jsonl"));
    assert_eq!(read(&dir.path().join("docs/out.jsonl")), expected);
    let ids = |events: Vec<Value>| -> Vec<Value> { events.iter().map(|event| event["id"].clone()).collect() };
    let mut rejected = ids(read(&example.join("events.jsonl")));
    rejected.retain(|id| !expected.iter().any(|event| event["id"] == *id));
    assert!(!rejected.is_empty(), "the samples show no reject");
    assert_eq!(ids(read(&dir.path().join("docs/dead.jsonl"))), rejected);
}

/// One sink for each name that is expected: an event is where its names say, and nowhere else.
fn names_come_out(name: &str) {
    let dir = tempfile::tempdir().expect("a folder");
    let mut wanted: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for line in read(&root().join("filters-examples").join(name).join("expected.jsonl")) {
        let id = line["id"].as_str().expect("an id").to_owned();
        for name in line["names"].as_array().expect("names") {
            wanted.entry(name.as_str().expect("a name").to_owned()).or_default().push(id.clone());
        }
    }
    assert!(!wanted.is_empty(), "the samples name nothing");
    let sinks: Vec<(String, String)> = wanted
        .keys()
        .enumerate()
        .map(|(at, name)| (format!("out-{at}"), format!("{{sink: out-{at}, names: [{name}]}}")))
        .collect();
    let targets: Vec<(&str, &str)> = sinks.iter().map(|(sink, target)| (sink.as_str(), target.as_str())).collect();
    host(name, dir.path(), &targets);
    for ((sink, _), ids) in sinks.iter().zip(wanted.values()) {
        let out = read(&dir.path().join(format!("docs/{sink}.jsonl")));
        let out: Vec<&str> = out.iter().map(|event| event["id"].as_str().expect("an id")).collect();
        assert_eq!(out, *ids, "{sink}");
    }
}

/// Runs the example's policy over its samples; `targets` are sinks and what a route says about them.
fn host(name: &str, dir: &Path, targets: &[(&str, &str)]) {
    let (from, docs) = (root().join("filters-examples").join(name), dir.join("docs"));
    let modules = docs.join("target/tidegate");
    fs::create_dir_all(&modules).expect("folders");
    let short = name.rsplit('/').next().expect("a name");
    // A policy that decides by a condition has no module.
    if fs::read_to_string(from.join("policy.yaml")).expect("the policy").contains("wasm:") {
        fs::copy(example(name), modules.join(format!("{short}.wasm"))).expect("the module");
    }
    for file in ["policy.yaml", "events.jsonl"] {
        fs::copy(from.join(file), docs.join(file)).expect("the example");
    }
    let mut around = AROUND.to_owned();
    for (_, target) in targets {
        around.push_str(&format!("  - {target}\n"));
    }
    for (sink, _) in targets {
        around.push_str(&format!(
            "---\napiVersion: tidegate.dev/v1alpha1\nkind: Sink\nmetadata: {{name: {sink}, namespace: shop}}\nspec: {{file: {{path: {sink}.jsonl}}}}\n"
        ));
    }
    fs::write(docs.join("around.yaml"), around).expect("write");
    // A compiler that is built for tests needs far longer for a whole Go runtime.
    let env = [("TIDEGATE_COMPILE_LIMITS", "60s,2048Mi")];
    let host = Start { args: &["--dev", "--once"], env: &env, ..Start::new(dir) }.spawn();
    let status = host.ended();
    assert!(status.success(), "{}", fs::read_to_string(dir.join("host.log")).unwrap_or_default());
}

fn read(path: &Path) -> Vec<Value> {
    let text = fs::read_to_string(path).unwrap_or_default();
    text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
}
