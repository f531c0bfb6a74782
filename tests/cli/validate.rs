//! `validate`: good documents are listed, bad ones explained, all mistakes at once.

use std::fs;
use std::path::Path;

use tempfile::TempDir;

use crate::support::{example, run};

const GOOD: &str = "\
apiVersion: tidegate.dev/v1alpha1
kind: Source
metadata: {name: orders, namespace: shop}
spec: {file: {path: in.jsonl}}
---
apiVersion: tidegate.dev/v1alpha1
kind: Sink
metadata: {name: out, namespace: shop}
spec: {file: {path: out.jsonl}}
---
apiVersion: tidegate.dev/v1alpha1
kind: Route
metadata: {name: orders, namespace: shop}
spec: {from: [{name: orders}], to: [{sink: out}]}
---
apiVersion: tidegate.dev/v1alpha1
kind: FilterPolicy
metadata: {name: guard, namespace: shop}
spec:
  wasm: {module: file:guard.wasm}
  phase: Validate
";

fn folder(documents: &[(&str, &str)]) -> TempDir {
    let dir = tempfile::tempdir().expect("a folder");
    for (name, text) in documents {
        fs::write(dir.path().join(name), text).expect("write");
    }
    dir
}

#[test]
fn good_documents_are_listed_and_nothing_is_opened() {
    let dir = folder(&[("a.yaml", GOOD)]);
    fs::copy(example("order-guard"), dir.path().join("guard.wasm")).expect("copy");
    let said = run(dir.path(), &["validate", "--dev", "."]).fine();
    for wanted in ["shop/orders", "shop/out", "orders → out", "order-guard 0.1.0", "No mistakes in 1 file."] {
        assert!(said.contains(wanted), "{wanted}: {said}");
    }
    let json = run(dir.path(), &["validate", "--dev", ".", "-o", "json"]).fine();
    let json: serde_json::Value = serde_json::from_str(&json).expect("JSON");
    assert_eq!(json["valid"], true);
    assert_eq!(json["policies"][0]["module"], "order-guard");
    let mut names: Vec<_> = fs::read_dir(dir.path()).expect("read").map(|e| e.expect("entry").file_name()).collect();
    names.sort();
    assert_eq!(names, ["a.yaml", "guard.wasm"], "validate leaves nothing behind");
}

#[test]
fn what_a_policy_may_keep_is_shown() {
    for (state, shown, json) in [
        ("", "keeps 16.0 MiB a lane, as long as it says", r#"{"maxBytes":16777216,"ttlMs":null}"#),
        (
            "\n  state: {maxBytes: 1Gi, ttl: 36h}",
            "keeps 1024.0 MiB a lane, 36h at most",
            r#"{"maxBytes":1073741824,"ttlMs":129600000}"#,
        ),
    ] {
        let policy = format!("{{module: file:guard.wasm, capabilities: [state]}}{state}");
        let dir = folder(&[("a.yaml", &GOOD.replace("{module: file:guard.wasm}", &policy))]);
        fs::copy(example("dedupe-window"), dir.path().join("guard.wasm")).expect("copy");
        let said = run(dir.path(), &["validate", "--dev", "."]).fine();
        assert!(said.contains(shown), "{said}");
        let said = run(dir.path(), &["validate", "--dev", ".", "-o", "json"]).fine();
        let said: serde_json::Value = serde_json::from_str(&said).expect("JSON");
        assert_eq!(said["policies"][0]["state"].to_string(), json);
    }
}

#[test]
fn all_mistakes_of_all_files_come_in_one_run() {
    let misspelt = GOOD.replace("path: in.jsonl", "pth: in.jsonl").replace("sink: out", "sink: oout");
    let other = "apiVersion: tidegate.dev/v1alpha1\nkind: Sinc\nmetadata: {name: x}\nspec: {}\n";
    let dir = folder(&[("a.yaml", &misspelt), ("b.yaml", other)]);
    let ran = run(dir.path(), &["validate", "--dev", "a.yaml", "b.yaml"]).ended(1);
    insta::assert_snapshot!("mistakes", ran.stdout);
}

#[test]
fn a_digest_is_asked_for_outside_development() {
    let dir = folder(&[("a.yaml", GOOD)]);
    fs::copy(example("order-guard"), dir.path().join("guard.wasm")).expect("copy");
    let ran = run(dir.path(), &["validate", "."]).ended(1);
    assert!(ran.stdout.contains("digest") && ran.stdout.contains("1 mistake in 1 file"), "{}", ran.stdout);
}

#[test]
fn a_module_that_is_none_is_a_mistake_at_its_place() {
    let dir = folder(&[("a.yaml", GOOD), ("guard.wasm", "not Wasm")]);
    let ran = run(dir.path(), &["validate", "--dev", ".", "-o", "json"]).ended(1);
    let json: serde_json::Value = serde_json::from_str(&ran.stdout).expect("JSON");
    assert_eq!(json["valid"], false);
    let mistake = &json["mistakes"][0];
    assert_eq!((mistake["line"].as_u64(), mistake["code"].as_str()), (Some(20), Some("C205")), "{json:#}");
}

#[test]
fn an_empty_folder_is_no_set_of_documents() {
    let dir = folder(&[]);
    let ran = run(dir.path(), &["validate", "."]).ended(1);
    assert!(ran.stderr.contains("no documents in ."), "{}", ran.stderr);
    assert!(Path::new(dir.path()).read_dir().expect("read").next().is_none());
}
