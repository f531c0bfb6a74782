//! What a component says on its outside: written by `build`, shown by `inspect`, and refused where the module says something else.

use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::support::{example, run};

const DOCUMENTS: &str = "\
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
spec: {phase: Validate, wasm: {module: file:guard.wasm}}
";

/// The label of order-guard is the last section of the component, so it can be changed in place.
fn relabelled(from: &str, to: &str) -> Vec<u8> {
    assert_eq!(from.len(), to.len(), "lengths of sections must stay");
    let mut component = fs::read(example("order-guard")).expect("a built module");
    let place =
        component.windows(from.len()).rposition(|window| window == from.as_bytes()).expect("it is on the label");
    component[place..place + to.len()].copy_from_slice(to.as_bytes());
    component
}

/// Where the label begins: the id of a custom section, its length (2 bytes or 3), the length of its name, its name.
fn unlabelled() -> Vec<u8> {
    let mut component = fs::read(example("order-guard")).expect("a built module");
    let name = b"\x0etidegate:label";
    let place = component.windows(name.len()).rposition(|window| window == name).expect("a label");
    let id = component[..place].iter().rposition(|byte| *byte == 0).expect("a custom section");
    component.truncate(id);
    component
}

fn inspect(component: &[u8], args: &[&str]) -> Value {
    let dir = tempfile::tempdir().expect("a folder");
    fs::write(dir.path().join("m.wasm"), component).expect("write");
    let said = run(dir.path(), &[&["inspect", "m.wasm", "-o", "json"], args].concat()).fine();
    serde_json::from_str(&said).expect("JSON")
}

#[test]
fn inspect_reads_the_label_and_runs_nothing() {
    // A module that would trap if it ran is told just as well: this one says a version that it does not have.
    let told = inspect(&relabelled(r#""version":"0.1.0""#, r#""version":"0.7.0""#), &[]);
    assert_eq!((&told["name"], &told["version"]), (&"order-guard".into(), &"0.7.0".into()));
    assert_eq!(told["sdk"], "tidegate-guest 0.1.0");
    assert!(told["toolchain"].as_str().is_some_and(|rustc| rustc.starts_with("rustc 1.")), "{told}");
    assert!(told["source"].as_str().is_some_and(|digest| digest.starts_with("sha256:")), "{told}");
    assert_eq!(told["configSchema"]["title"], "order-guard");
    assert_eq!(told["needs"], Value::Null);
    let asked = inspect(&fs::read(example("order-guard")).expect("a built module"), &["--config", "{}"]);
    assert_eq!(asked["needs"], serde_json::json!(["attributes", "data"]));
}

#[test]
fn a_module_without_a_label_is_known_when_it_is_asked() {
    let told = inspect(&unlabelled(), &[]);
    assert_eq!((&told["name"], &told["configSchema"]), (&Value::Null, &Value::Null));
    let asked = inspect(&unlabelled(), &["--config", "{}"]);
    assert_eq!((&asked["name"], &asked["version"]), (&"order-guard".into(), &"0.1.0".into()));
    assert_eq!(asked["configSchema"]["title"], "order-guard");
}

#[test]
fn a_label_that_disagrees_is_refused_with_both() {
    for (from, to, told) in [
        (r#""version":"0.1.0""#, r#""version":"0.7.0""#, ["`0.7.0`", "`0.1.0`"]),
        (r#""name":"order-guard""#, r#""name":"older-guard""#, ["`older-guard`", "`order-guard`"]),
        ("The type of orders", "Any type of orders", ["config schema on its label", "describes itself with"]),
        (r#""kinds":["filter"]"#, r#""kinds":[        ]"#, ["by its label", "exports filter"]),
    ] {
        let dir = tempfile::tempdir().expect("a folder");
        fs::write(dir.path().join("a.yaml"), DOCUMENTS).expect("write");
        fs::write(dir.path().join("guard.wasm"), relabelled(from, to)).expect("write");
        let ran = run(dir.path(), &["validate", "--dev", "."]).ended(1);
        let said = format!("{}{}", ran.stdout, ran.stderr);
        for told in told.iter().chain(&["is not what its label says", "C207", "build it again"]) {
            assert!(said.contains(told), "{to}: {told}: {said}");
        }
    }
}

#[test]
fn a_module_without_a_label_goes_live_like_any() {
    let dir = tempfile::tempdir().expect("a folder");
    fs::write(dir.path().join("a.yaml"), DOCUMENTS).expect("write");
    fs::write(dir.path().join("guard.wasm"), unlabelled()).expect("write");
    let said = run(dir.path(), &["validate", "--dev", "."]).fine();
    assert!(said.contains("order-guard 0.1.0"), "{said}");
}

#[test]
fn a_label_that_cannot_be_read_is_refused() {
    let dir = tempfile::tempdir().expect("a folder");
    fs::write(dir.path().join("m.wasm"), relabelled(r#""kinds":["filter"]"#, r#""kinds":["filte_"]"#)).expect("write");
    let ran = run(Path::new(dir.path()), &["inspect", "m.wasm"]).ended(1);
    assert!(ran.stderr.contains("tidegate:label") && ran.stderr.contains("filte_"), "{}", ran.stderr);
}
