//! `run`: from documents on disk to events in files, changed and stopped on the way.

use std::fs;

use rustix::process::Signal;
use tempfile::TempDir;

use crate::rig::host::{Host, Start, lines};
use crate::support::{example, run};

fn documents(follow: bool) -> String {
    format!(
        "\
apiVersion: tidegate.dev/v1alpha1
kind: Source
metadata: {{name: orders, namespace: shop}}
spec: {{file: {{path: ../in.jsonl, follow: {follow}}}}}
---
apiVersion: tidegate.dev/v1alpha1
kind: Sink
metadata: {{name: out, namespace: shop}}
spec: {{file: {{path: ../out.jsonl}}}}
---
apiVersion: tidegate.dev/v1alpha1
kind: Route
metadata: {{name: orders, namespace: shop}}
spec: {{from: [{{name: orders}}], to: [{{sink: out}}]}}
---
apiVersion: tidegate.dev/v1alpha1
kind: FilterPolicy
metadata: {{name: guard, namespace: shop}}
spec:
  wasm: {{module: file:guard.wasm}}
  phase: Validate
"
    )
}

fn order(number: usize) -> String {
    let ty = if number.is_multiple_of(4) { "test" } else { "placed" };
    format!(
        r#"{{"specversion":"1.0","id":"{number}","source":"/shop","type":"com.acme.order.{ty}","data":{{"amount":1}}}}"#
    ) + "\n"
}

fn folder(follow: bool) -> TempDir {
    let dir = tempfile::tempdir().expect("a folder");
    fs::create_dir(dir.path().join("docs")).expect("a folder");
    fs::write(dir.path().join("docs/all.yaml"), documents(follow)).expect("write");
    fs::copy(example("order-guard"), dir.path().join("docs/guard.wasm")).expect("copy");
    fs::write(dir.path().join("in.jsonl"), (0..100).map(order).collect::<String>()).expect("write");
    dir
}

#[test]
fn a_file_goes_through_a_policy_and_the_host_ends_with_it() {
    let dir = folder(false);
    let host = Start { args: &["--dev", "--once"], ..Start::new(dir.path()) }.spawn();
    assert!(host.ended().success());
    let out = fs::read_to_string(dir.path().join("out.jsonl")).expect("the output");
    let expected: String = (0..100).filter(|number| number % 4 != 0).map(order).collect();
    assert_eq!(out, expected, "what is not changed comes out as it came in");
}

#[test]
fn sigterm_settles_what_is_in_flight_and_a_restart_goes_on_there() {
    let dir = folder(true);
    let start = Start { args: &["--dev"], ..Start::new(dir.path()) };
    let out = dir.path().join("out.jsonl");
    for round in 1..=2 {
        let mut host = start.spawn();
        host.logged("host is ready", round);
        host.until("all orders are out", || (lines(&out) == 75 * round).then_some(()));
        assert!(host.stop().success());
        let mut input = fs::File::options().append(true).open(dir.path().join("in.jsonl")).expect("open");
        let more: String = (100 * round..100 * (round + 1)).map(order).collect();
        std::io::Write::write_all(&mut input, more.as_bytes()).expect("append");
    }
    let text = fs::read_to_string(&out).expect("the output");
    let expected: String = (0..200).filter(|number| number % 4 != 0).map(order).collect();
    assert_eq!(text, expected, "nothing twice, nothing missing");
}

#[test]
fn sigint_ends_it_as_well() {
    let dir = folder(true);
    let mut host = Start { args: &["--dev"], ..Start::new(dir.path()) }.spawn();
    host.logged("host is ready", 1);
    host.signal(Signal::INT);
    assert!(host.ended().success());
}

/// A host whose sink is full, asked to stop: it has events in flight that it cannot settle.
fn stuck(dir: &TempDir, grace: &str) -> Host {
    fs::write(dir.path().join("in.jsonl"), (0..2_000).map(order).collect::<String>()).expect("write");
    let full = Start { args: &["--dev", "--grace", grace], file_blocks: Some(128), ..Start::new(dir.path()) };
    let mut host = full.spawn();
    host.logged("the sink is in trouble", 1);
    host.signal(Signal::TERM);
    host.logged("stopping: settling what is in flight", 1);
    host
}

#[test]
fn a_second_signal_stops_at_once() {
    let dir = folder(true);
    let mut host = stuck(&dir, "24h");
    host.signal(Signal::TERM);
    host.logged("stopped at once", 1);
    assert_eq!(host.ended().code(), Some(1));
}

#[test]
fn the_grace_time_bounds_the_stop() {
    let dir = folder(true);
    let mut host = stuck(&dir, "100ms");
    host.logged("ended before all was settled", 1);
    assert_eq!(host.ended().code(), Some(1));
}

#[test]
fn the_ready_line_says_what_runs() {
    let dir = folder(true);
    let mut host = Start { args: &["--dev", "--log-format", "json"], ..Start::new(dir.path()) }.spawn();
    host.logged("host is ready", 1);
    let log = host.log();
    let ready = log.lines().find(|line| line.contains("host is ready")).expect("the line");
    let ready: serde_json::Value = serde_json::from_str(ready).expect("JSON");
    assert_eq!((ready["routes"].as_u64(), ready["policies"].as_u64()), (Some(1), Some(1)), "{ready}");
    assert!(ready["generation"].as_str().is_some_and(|id| !id.is_empty()), "{ready}");
    assert!(host.stop().success());
}

#[test]
fn changed_documents_go_live_and_bad_ones_do_not() {
    let dir = folder(true);
    let mut host = Start { args: &["--dev"], ..Start::new(dir.path()) }.spawn();
    host.logged("host is ready", 1);
    let file = dir.path().join("docs/all.yaml");
    let good = documents(true);
    fs::write(&file, good.replace("kind: Sink", "kind: Sinc")).expect("write");
    host.logged("what ran before goes on", 1);
    assert!(host.log().contains("Sinc") && host.log().contains("all.yaml:7:7"), "{}", host.log());
    fs::write(&file, good.replace("{module: file:guard.wasm}", "{module: file:guard.wasm, config: {test_type: x}}"))
        .expect("write");
    host.logged("generation is live", 1);
    let mut input = fs::File::options().append(true).open(dir.path().join("in.jsonl")).expect("open");
    std::io::Write::write_all(&mut input, order(100).as_bytes()).expect("append");
    let out = dir.path().join("out.jsonl");
    host.until("the test order passes under the new config", || (lines(&out) == 76).then_some(()));
    assert!(host.stop().success());
}

#[test]
fn two_hosts_do_not_share_a_state() {
    let dir = folder(true);
    let mut host = Start { args: &["--dev"], ..Start::new(dir.path()) }.spawn();
    host.logged("host is ready", 1);
    let ran = run(dir.path(), &["run", "docs", "--dev", "--state-dir", "state"]).ended(1);
    assert!(ran.stderr.contains("another host uses the state directory state"), "{}", ran.stderr);
    assert!(host.stop().success());
}

#[test]
fn documents_with_mistakes_do_not_start() {
    let dir = folder(false);
    fs::write(dir.path().join("docs/all.yaml"), documents(false).replace("from:", "form:")).expect("write");
    let ran = run(dir.path(), &["run", "docs", "--dev", "--once"]).ended(1);
    assert!(ran.stderr.contains("did you mean `from`"), "{}", ran.stderr);
    assert!(!dir.path().join("out.jsonl").exists(), "nothing was opened");
}
