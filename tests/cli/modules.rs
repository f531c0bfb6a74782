//! `build`, `inspect` and `eval` on the example filters.

use std::fs;
use std::path::Path;

use crate::support::{example, root, run, run_with_input};

const ORDER: &str = r#"{"specversion":"1.0","id":"1","source":"/shop/eu","type":"com.acme.order.placed","datacontenttype":"application/json","data":{"region":"eu","amount":49.9,"card":"4111"}}"#;

fn eval(module: &Path, args: &[&str], input: &str, code: i32) -> String {
    let module = module.to_str().expect("a path");
    let ran = run_with_input(Path::new("."), &[&["eval", module, "--event", "-"], args].concat(), input);
    let ran = ran.ended(code);
    format!("{}{}", ran.stdout, ran.stderr)
}

#[test]
fn build_makes_a_component_and_names_its_digest() {
    let dir = tempfile::tempdir().expect("a folder");
    let folder = root().join("filters-examples/minimal");
    let folder = folder.to_str().expect("a path");
    let said = run(dir.path(), &["build", folder, "--out", "m.wasm"]).fine();
    let again = run(dir.path(), &["build", folder, "--out", "again.wasm"]).fine();
    let digest = |said: &str| said.lines().find_map(|line| line.strip_prefix("digest  ")).map(str::to_owned);
    assert!(digest(&said).is_some_and(|digest| digest.starts_with("sha256:") && digest.len() == 71), "{said}");
    assert_eq!(digest(&said), digest(&again), "the same source gives the same bytes");
    let inspected = run(dir.path(), &["inspect", "m.wasm", "-o", "json"]).fine();
    let inspected: serde_json::Value = serde_json::from_str(&inspected).expect("JSON");
    assert_eq!(inspected["digest"].as_str(), digest(&said).as_deref());
}

#[test]
fn inspect_shows_what_a_module_is() {
    let module = example("order-guard");
    let said = run(Path::new("."), &["inspect", module.to_str().expect("a path")]).fine();
    // Size and digest are the compiler's, not ours.
    let theirs = ["size", "digest", "source", "toolchain"];
    let ours: Vec<&str> = said.lines().filter(|line| !theirs.iter().any(|name| line.starts_with(name))).collect();
    insta::assert_snapshot!("inspect", ours.join("\n"));
}

#[test]
fn inspect_says_why_needs_are_not_known() {
    let module = example("redact-fields");
    let module = module.to_str().expect("a path");
    let said = run(Path::new("."), &["inspect", module]).fine();
    assert!(said.contains("needs       not known without running it"), "{said}");
    let said = run(Path::new("."), &["inspect", module, "--config", "{}"]).fine();
    assert!(said.contains("not known: the module refuses its configuration: missing field `fields`"), "{said}");
    let said = run(Path::new("."), &["inspect", module, "--config", r#"{"fields":["card"]}"#]).fine();
    assert!(said.contains("needs       data\n"), "{said}");
}

#[test]
fn inspect_shows_what_a_module_with_state_may_keep() {
    let module = example("dedupe-window");
    let said = run(Path::new("."), &["inspect", module.to_str().expect("a path")]).fine();
    assert!(said.contains("imports     state\n"), "{said}");
    assert!(said.contains("state       16.0 MiB a lane, as long as the module says; a policy bounds both"), "{said}");
}

#[test]
fn eval_shows_verdicts_with_reasons() {
    let test_order = ORDER.replace("order.placed", "order.test").replace(r#""id":"1""#, r#""id":"2""#);
    let said = eval(&example("order-guard"), &[], &format!("{ORDER}\n{test_order}\n"), 0);
    assert_eq!(said, "1  filter: keep\n2  filter: drop, test order\n");
    let said = eval(&example("order-guard"), &["-o", "json"], &format!("[{ORDER},{test_order}]"), 0);
    let lines: Vec<serde_json::Value> = said.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    assert_eq!(lines[1], serde_json::json!({"id":"2","interface":"filter","verdict":"drop","reason":"test order"}));
}

#[test]
fn eval_shows_what_a_transform_changes() {
    let config = r#"{"fields":["card"]}"#;
    let said = eval(&example("redact-fields"), &["--config", config, "--may-write", "data"], ORDER, 0);
    insta::assert_snapshot!("eval_transform", said);
}

#[test]
fn eval_reports_a_transform_that_writes_without_the_right() {
    let said = eval(&example("redact-fields"), &["--config", r#"{"fields":["card"]}"#], ORDER, 1);
    assert!(said.contains("the module failed") && said.contains("--may-write"), "{said}");
}

#[test]
fn eval_shows_what_a_matcher_names() {
    assert_eq!(eval(&example("route-by-region"), &[], ORDER, 0), "1  matcher: keep, region/eu\n");
}

#[test]
fn eval_reads_a_config_from_a_file() {
    let dir = tempfile::tempdir().expect("a folder");
    fs::write(dir.path().join("config.json"), r#"{"test_type": "com.acme.order.placed"}"#).expect("write");
    let config = format!("@{}", dir.path().join("config.json").display());
    assert_eq!(eval(&example("order-guard"), &["--config", &config], ORDER, 0), "1  filter: drop, test order\n");
}

#[test]
fn eval_refuses_with_cause_and_hint() {
    let guard = example("order-guard");
    let said = eval(&guard, &["--config", r#"{"tst": 1}"#], ORDER, 1);
    assert!(said.contains("unknown field `tst`") && said.contains("hint: "), "{said}");
    let said = eval(&guard, &[], r#"{"id":"1"}"#, 1);
    assert!(said.contains("event 1 of -") && said.contains("hint: "), "{said}");
    let said = eval(&guard, &[], "", 1);
    assert!(said.contains("no event"), "{said}");
}
