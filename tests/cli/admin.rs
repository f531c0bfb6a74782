//! The admin port, as probes, scrapers and people use it.

use std::fs;
use std::path::Path;

use tempfile::TempDir;

use crate::rig::host::{Host, Start};
use crate::rig::request::{Answer, get};
use crate::support::{example, run};

fn documents(sink: &str) -> String {
    format!(
        "\
apiVersion: tidegate.dev/v1alpha1
kind: Source
metadata: {{name: orders, namespace: shop}}
spec: {{file: {{path: ../in.jsonl, follow: true}}}}
---
apiVersion: tidegate.dev/v1alpha1
kind: Sink
metadata: {{name: out, namespace: shop}}
spec: {{file: {{path: {sink}}}}}
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

/// 100 orders, every fourth a test order, which the guard drops.
fn folder(sink: &str) -> TempDir {
    let dir = tempfile::tempdir().expect("a folder");
    fs::create_dir(dir.path().join("docs")).expect("a folder");
    fs::write(dir.path().join("docs/all.yaml"), documents(sink)).expect("write");
    fs::copy(example("order-guard"), dir.path().join("docs/guard.wasm")).expect("copy");
    let order = |number: usize| {
        let ty = if number.is_multiple_of(4) { "test" } else { "placed" };
        format!(
            r#"{{"specversion":"1.0","id":"{number}","source":"/shop","type":"com.acme.order.{ty}","data":{{"amount":1}}}}"#
        ) + "\n"
    };
    fs::write(dir.path().join("in.jsonl"), (0..100).map(order).collect::<String>()).expect("write");
    dir
}

/// A host with an admin port that the kernel chose.
fn start(dir: &Path, args: &[&str]) -> (Host, String) {
    let args: Vec<&str> = ["--dev", "--admin", "127.0.0.1:0"].into_iter().chain(args.iter().copied()).collect();
    let mut host = Start { args: &args, ..Start::new(dir) }.spawn();
    let address = host.admin();
    (host, address)
}

/// Waits until `/readyz` answers with this status and says this.
fn ready(host: &mut Host, address: &str, status: u16, words: &str) -> Answer {
    host.until(&format!("{status} and `{words}` from /readyz"), || {
        let answer = get(address, "/readyz").ok()?;
        (answer.status == status && answer.body.contains(words)).then_some(answer)
    })
}

#[test]
fn a_host_at_work_is_alive_ready_and_counted() {
    let dir = folder("../out.jsonl");
    let (mut host, address) = start(dir.path(), &[]);
    let answer = ready(&mut host, &address, 200, r#""ready": true"#);
    let json: serde_json::Value = serde_json::from_str(&answer.body).expect("JSON");
    assert_eq!(
        (json["phase"].as_str(), json["not_ready"].as_array().map(Vec::len)),
        (Some("serving"), Some(0)),
        "{json}"
    );
    assert_eq!(get(&address, "/livez").expect("an answer").status, 200);
    assert_eq!(get(&address, "/else").expect("an answer").status, 404);

    let wanted = [
        r#"tidegate_route_settled_total{route="shop/orders"} 100"#,
        r#"tidegate_route_delivered_total{route="shop/orders",sink="shop/out"} 75"#,
        r#"tidegate_route_dropped_total{route="shop/orders",policy="shop/guard",reason="test order"} 25"#,
        r#"tidegate_lane_state{source="shop/orders",lane="#,
        r#"tidegate_lane_lag_bytes{source="shop/orders",lane="#,
        r#"tidegate_lane_lag_seconds{source="shop/orders",lane="#,
        r#"tidegate_route_lag_bytes{route="shop/orders"} 0"#,
        r#"tidegate_route_lag_seconds{route="shop/orders"} 0.0"#,
        r#"tidegate_sink_in_flight{sink="shop/out"} 0"#,
        r#"tidegate_sink_lag_seconds{sink="shop/out"} 0.0"#,
        r#"tidegate_sink_trouble{sink="shop/out"} 0"#,
        "tidegate_ready 1",
        "tidegate_swaps_total 1",
        "tidegate_refused_documents_total 0",
        r#"tidegate_policy_info{policy="shop/guard",module="order-guard","#,
        "process_resident_memory_bytes ",
        "# EOF",
    ];
    let metrics = host.until("all orders are counted", || {
        let text = get(&address, "/metrics").ok()?.body;
        // A sink lets go of what it has written a moment after that is counted.
        let done = [
            wanted[0],
            r#"sink_in_flight{sink="shop/out"} 0"#,
            r#"sink_lag_seconds{sink="shop/out"} 0.0"#,
            r#"route_lag_seconds{route="shop/orders"} 0.0"#,
        ];
        done.iter().all(|words| text.contains(words)).then_some(text)
    });
    for wanted in wanted {
        assert!(metrics.contains(wanted), "{wanted}\n{metrics}");
    }
    let kind = get(&address, "/metrics").expect("an answer").header("content-type").map(str::to_owned);
    assert_eq!(kind.as_deref(), Some("application/openmetrics-text; version=1.0.0; charset=utf-8"));
    let names = metrics.lines().filter(|line| line.starts_with("# HELP")).count();
    assert_eq!(metrics.lines().filter(|line| line.starts_with("# TYPE")).count(), names, "{metrics}");
    let status = get(&address, "/status").expect("an answer");
    let status: serde_json::Value = serde_json::from_str(&status.body).expect("JSON");
    let lag = serde_json::json!({"events": null, "bytes": 0, "seconds": 0.0});
    assert_eq!(status["routes"], serde_json::json!([{"route": "shop/orders", "in_flight": 0, "lag": lag}]), "{status}");
    assert_eq!((&status["lanes"][0]["state"], &status["lanes"][0]["lag"]), (&"running".into(), &lag), "{status}");
    let sink = serde_json::json!({"sink": "shop/out", "pending": 0, "lag_seconds": 0.0, "trouble": null});
    assert_eq!(status["sinks"][0], sink, "{status}");
    assert!(host.stop().success());
}

#[test]
fn what_is_not_ready_is_named_and_what_only_is_in_trouble_is_told() {
    let dir = folder("nowhere/out.jsonl");
    let (mut host, address) = start(dir.path(), &[]);
    let answer = ready(&mut host, &address, 200, "sink shop/out");
    assert!(answer.body.contains("nowhere"), "why: {}", answer.body);

    // A reference to a module that is not there: refused, and what ran before goes on.
    let text = documents("nowhere/out.jsonl");
    fs::write(dir.path().join("docs/all.yaml"), text.replace("guard.wasm", "none.wasm")).expect("write");
    ready(&mut host, &address, 200, "the newest were refused");
    let metrics = get(&address, "/metrics").expect("an answer").body;
    for wanted in ["tidegate_refused_documents_total 1", "tidegate_documents_refused 1", "tidegate_swaps_total 1"] {
        assert!(metrics.contains(wanted), "{wanted}\n{metrics}");
    }

    // A listener whose address is taken has no lane; it gets one as soon as the address is free.
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let listen = taken.local_addr().expect("its address");
    let http = format!("http: {{listen: \"{listen}\"}}");
    fs::write(dir.path().join("docs/all.yaml"), text.replace("file: {path: ../in.jsonl, follow: true}", &http))
        .expect("write");
    let answer = ready(&mut host, &address, 503, &listen.to_string());
    assert!(answer.body.contains("source shop/orders"), "who: {}", answer.body);
    let metrics = get(&address, "/metrics").expect("an answer").body;
    for wanted in ["tidegate_ready 0", r#"tidegate_source_trouble{source="shop/orders"} 1"#] {
        assert!(metrics.contains(wanted), "{wanted}\n{metrics}");
    }
    drop(taken);
    ready(&mut host, &address, 200, r#""ready": true"#);
}

#[test]
fn a_host_that_drains_says_so() {
    let dir = folder("nowhere/out.jsonl");
    let (mut host, address) = start(dir.path(), &["--grace", "24h"]);
    ready(&mut host, &address, 200, "sink shop/out");
    host.signal(rustix::process::Signal::TERM);
    ready(&mut host, &address, 503, "draining");
    assert_eq!(get(&address, "/livez").expect("an answer").status, 200, "it is alive until it has ended");
    host.signal(rustix::process::Signal::TERM);
    assert_eq!(host.ended().code(), Some(1));
}

#[test]
fn an_admin_port_that_is_taken_is_a_clear_error() {
    let dir = folder("../out.jsonl");
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = taken.local_addr().expect("its address").to_string();
    let ran = run(dir.path(), &["run", "docs", "--dev", "--admin", &address]).ended(1);
    assert!(ran.stderr.contains(&format!("the admin port {address} cannot be opened")), "{}", ran.stderr);
    assert!(ran.stderr.contains("hint: another host or program has it"), "{}", ran.stderr);
}

#[test]
fn without_a_preset_there_is_no_admin_port() {
    let dir = folder("../out.jsonl");
    let mut host = Start { args: &["--dev"], ..Start::new(dir.path()) }.spawn();
    host.logged("host is ready", 1);
    assert!(!host.log().contains("admin port"), "{}", host.log());
    assert!(host.stop().success());
}

/// Connections that say nothing keep their place for a while only; others are answered meanwhile.
#[test]
fn idle_connections_do_not_keep_others_out() {
    let dir = folder("../out.jsonl");
    let (mut host, address) = start(dir.path(), &[]);
    let idle: Vec<_> = (0..32).map(|_| std::net::TcpStream::connect(&address).expect("a connection")).collect();
    ready(&mut host, &address, 200, r#""ready": true"#);
    drop(idle);
    assert!(host.stop().success());
}
