//! `test`: cases through the real engine, and what is said of those that fail.

use std::fs;
use std::path::Path;

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::{Ran, example, root, run, run_with_input};

const EXAMPLES: [&str; 4] = ["minimal", "order-guard", "redact-fields", "route-by-region"];

/// A folder with a policy of an example and one file of cases.
fn folder(name: &str, cases: &str) -> TempDir {
    let dir = tempfile::tempdir().expect("a folder");
    let from = root().join("filters-examples").join(name);
    fs::copy(from.join("policy.yaml"), dir.path().join("policy.yaml")).expect("copy");
    fs::create_dir(dir.path().join("tests")).expect("a folder");
    fs::write(dir.path().join("tests/cases.yaml"), cases).expect("write");
    dir
}

fn test(dir: &Path, name: &str, args: &[&str]) -> Ran {
    let module = example(name);
    let module = module.to_str().expect("a path");
    run(dir, &[&["test", ".", "--module", module], args].concat())
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).expect("text")
}

#[test]
fn every_example_has_cases_and_passes_them() {
    for name in EXAMPLES {
        let folder = root().join("filters-examples").join(name);
        assert!(folder.join("tests").is_dir(), "{name} has no cases");
        let module = example(name);
        let args = ["test", folder.to_str().expect("a path"), "--module", module.to_str().expect("a path")];
        let said = run(Path::new("."), &args).fine();
        assert!(said.contains("all passed") && said.contains("ok    events.jsonl becomes expected.jsonl"), "{said}");
    }
}

#[test]
fn a_folder_is_built_and_tested() {
    let folder = root().join("filters-examples/minimal");
    let said = run(Path::new("."), &["test", folder.to_str().expect("a path")]).fine();
    assert!(said.contains("2 cases, all passed"), "{said}");
    let said = run(Path::new("."), &["test", folder.to_str().expect("a path"), "--no-build"]).fine();
    assert!(said.contains("2 cases, all passed"), "{said}");
}

#[test]
fn a_case_that_fails_says_what_differs() {
    let cases = "\
cases:
- name: a test order goes on
  event: {type: com.acme.order.test, data: {amount: 1}}
  expect: keep
- name: for another reason
  event: {type: com.acme.order.test, data: {amount: 1}}
  expect: {verdict: drop, reason: {$prefix: a trial}}
- name: and this is right
  event: {type: com.acme.order.placed, data: {amount: 1}}
  expect: keep
";
    let dir = folder("order-guard", cases);
    let said = test(dir.path(), "order-guard", &[]).ended(1).stdout;
    for wanted in [
        "FAIL  a test order goes on  (line 2)",
        "event 1 (1): the verdict is drop (test order), expected keep",
        "the reason is \"test order\", expected {\"$prefix\":\"a trial\"}",
        "ok    and this is right",
        "3 cases, 2 failed",
    ] {
        assert!(said.contains(wanted), "{wanted}: {said}");
    }
}

#[test]
fn an_event_that_differs_is_shown_as_a_diff() {
    let cases = "\
cases:
- name: nothing is redacted
  event: {type: t, data: {card: '4111', amount: 1}}
  expect: {out: same}
";
    let dir = folder("redact-fields", cases);
    let said = test(dir.path(), "redact-fields", &[]).ended(1).stdout;
    assert!(said.contains("another event comes out"), "{said}");
    assert!(said.contains("-     \"card\": \"4111\"") && said.contains("+     \"card\": \"***\""), "{said}");
    assert!(!said.contains("-     \"amount\""), "what is equal is no difference: {said}");
}

#[test]
fn what_is_not_known_is_a_mistake_at_its_place() {
    let cases = "\
cases:
- name: one
  event: {type: t}
  expct: keep
- name: two
  event: {type: t}
  expect: {verdict: kep, out: [{type: {$prefx: a}}]}
- name: two
  event: {type: t}
  expect: [keep, keep]
";
    let dir = folder("minimal", cases);
    let ran = test(dir.path(), "minimal", &[]).ended(1);
    for wanted in [
        "a case has no key `expct`",
        "tests/cases.yaml:4:3",
        "did you mean `expect`?",
        "`verdict` cannot be `kep`",
        "no matcher named `$prefx`",
        "did you mean `$prefix`?",
        "2 expected of 1 events",
        "two cases are named `two`",
    ] {
        assert!(ran.stderr.contains(wanted), "{wanted}: {}", ran.stderr);
    }
    assert!(!ran.stdout.contains("passed"), "nothing is run: {}", ran.stdout);
}

#[test]
fn a_folder_without_a_case_fails() {
    let dir = tempfile::tempdir().expect("a folder");
    let ran = run(dir.path(), &["test", "."]).ended(1);
    assert!(ran.stderr.contains("no case in .") && ran.stderr.contains("\nhint: "), "{}", ran.stderr);
    let ran = run(dir.path(), &["test", "nowhere"]).ended(1);
    assert!(ran.stderr.contains("nowhere is no folder"), "{}", ran.stderr);
}

#[test]
fn results_can_be_read_by_programs() {
    let cases = "\
cases:
- {name: right, event: {type: com.acme.order.placed}, expect: keep}
- {name: 'wrong & \"bad\" <b>', event: {type: a}, expect: keep}
";
    let dir = folder("minimal", cases);
    let json: Value =
        serde_json::from_str(&test(dir.path(), "minimal", &["-o", "json"]).ended(1).stdout).expect("JSON");
    assert_eq!((&json["passed"], &json["failed"]), (&json!(1), &json!(1)));
    let failed = &json["folders"][0]["cases"][1];
    assert_eq!((&failed["passed"], &failed["line"]), (&json!(false), &json!(3)), "{json:#}");
    assert_eq!(failed["problems"][0]["event"], 1);
    let xml = test(dir.path(), "minimal", &["-o", "junit"]).ended(1).stdout;
    assert!(xml.starts_with("<?xml") && xml.contains("tests=\"2\" failures=\"1\""), "{xml}");
    assert!(
        xml.contains("name=\"wrong &amp; &quot;bad&quot; &lt;b&gt;\"") && xml.contains("<failure message="),
        "{xml}"
    );
}

#[test]
fn what_comes_out_can_be_written_down() {
    let cases = "\
# kept
cases:
- name: redacted # why
  event: {type: t, data: {card: '4111'}}
  expect: {out: [{type: t, data: {card: wrong}}]}
- name: has matchers
  event: {type: t, data: {card: '4111'}}
  expect: {out: [{$has: {type: u}}]}
";
    let dir = folder("redact-fields", cases);
    let samples = root().join("filters-examples/redact-fields/events.jsonl");
    fs::copy(&samples, dir.path().join("events.jsonl")).expect("copy");
    let ran = test(dir.path(), "redact-fields", &["--update"]).ended(1);
    assert!(ran.stderr.contains("not updated, because it has matchers: has matchers"), "{}", ran.stderr);
    assert!(ran.stdout.contains("3 cases, 1 failed"), "{}", ran.stdout);
    let after = read(&dir.path().join("tests/cases.yaml"));
    assert_eq!(after, cases.replace("{card: wrong}", "{card: \"***\"}"));
    let lines = |path: &Path| -> Vec<Value> {
        read(path).lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
    };
    let golden = root().join("filters-examples/redact-fields/expected.jsonl");
    assert_eq!(lines(&dir.path().join("expected.jsonl")), lines(&golden));
}

#[test]
fn eval_turns_events_into_cases_that_pass() {
    let dir = folder("redact-fields", "");
    let event = r#"{"specversion":"1.0","id":"7","source":"/shop","type":"com.acme.order.placed","region":"eu","datacontenttype":"application/json","data":{"card":"4111: #1","n":1.5}}"#;
    let module = example("redact-fields");
    let config = r#"{"fields":["card"]}"#;
    let save = |times: usize| {
        for _ in 0..times {
            let module = module.to_str().expect("a path");
            let args =
                ["eval", module, "-e", "-", "--config", config, "--may-write", "data", "--save", "tests/cases.yaml"];
            let ran = run_with_input(dir.path(), &args, event);
            assert!(ran.stderr.contains("1 case added to tests/cases.yaml"), "{ran:?}");
        }
    };
    save(2);
    let said = test(dir.path(), "redact-fields", &[]).fine();
    assert!(said.contains("2 cases, all passed"), "{said}\n{}", read(&dir.path().join("tests/cases.yaml")));
    let text = read(&dir.path().join("tests/cases.yaml"));
    assert!(text.contains("verdict: keep") && text.contains("card: \"***\""), "{text}");
}
