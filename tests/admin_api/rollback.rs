//! Earlier generations come back: at once, without compiling, under load, and over restarts.

use std::fs::{self, File};
use std::io::{BufWriter, Write as _};
use std::sync::Arc;

use serde_json::{Value, json};
use tidegate_connector::Registry;
use tidegate_connector_memory::Memory;
use tidegate_control::{Control, ControlOptions, DocumentSet, Order, history::Author};
use tidegate_engine::{Compiler, Engine, EngineOptions};
use tidegate_pipeline::WindowOptions;
use tidegate_policy::File as Document;
use tokio::sync::oneshot;

use super::{Running, deploy, event_line};
use crate::oracle::{self, Ledgers};
use crate::rig::docs::Docs;
use crate::rig::guests::stamp;

fn changes(host: &Running) -> Vec<Value> {
    host.get("/v1/history")["changes"].as_array().expect("a list").clone()
}

/// Waits for the folder's documents to be live, as something other than `before`.
fn live(host: &mut Running, before: &str) -> String {
    let (address, token) = (host.address.clone(), format!("Bearer {}", host.token));
    let before = before.to_owned();
    host.host.until("another generation", || {
        let headers = [("authorization", token.as_str())];
        let answer = crate::rig::request::request(&address, "GET", "/v1/status", &headers, "").ok()?;
        let status: Value = serde_json::from_str(&answer.body).ok()?;
        status["generation"].as_str().filter(|now| *now != before).map(str::to_owned)
    })
}

#[test]
fn a_rollback_holds_until_the_folder_changes_and_history_survives() {
    let mut host = Running::folder();
    let first = host.generation();
    deploy(host.dir.path(), 2, 0);
    let second = live(&mut host, &first);
    host.feed(&event_line("1"));
    assert_eq!(host.delivered(1)[0]["x1"], "2.0");

    let changed = host.post("/v1/rollback", &json!({"generation": first, "reason": "x1 is wrong"}), 200);
    assert_eq!((&changed["generation"], &changed["live"]), (&json!(first), &json!(true)));
    host.feed(&event_line("2"));
    assert_eq!(host.delivered(2)[1]["x1"], "1.0");
    let status = host.get("/v1/status");
    assert_eq!((&status["pin"]["generation"], &status["pin"]["who"]), (&json!(first), &json!("local")), "{status}");

    // Over a restart as well, and what is written down stays.
    let written = changes(&host);
    let mut host = host.restart("docs", &[]);
    assert_eq!((host.generation(), changes(&host)), (first.clone(), written.clone()));
    let outcome = |change: &Value| (change["action"].clone(), change["outcome"].clone(), change["generation"].clone());
    let wanted = [
        (json!("rollback"), json!("live"), json!(first)),
        (json!("apply"), json!("rolled_back"), json!(second)),
        (json!("start"), json!("live"), json!(first)),
    ];
    assert_eq!(written.iter().map(outcome).collect::<Vec<_>>(), wanted);
    assert_eq!((&written[0]["reason"], &written[1]["rolledBackBy"]), (&json!("x1 is wrong"), &json!(3)));
    assert_eq!(written[1]["documents"]["changed"], json!(["FilterPolicy default/stamp"]));

    // The folder says something else: that counts.
    deploy(host.dir.path(), 2, 5);
    live(&mut host, &first);
    assert_eq!(host.get("/v1/status")["pin"], Value::Null);
    host.feed(&event_line("3"));
    assert_eq!(host.delivered(3)[2]["x1"], "2.5");
    assert!(host.host.stop().success());
}

#[test]
fn only_what_is_kept_comes_back() {
    let host = Running::folder();
    let generation = host.generation();
    super::problem(&host.call("POST", "/v1/rollback", &[], r#"{"generation": "ffffffffffff"}"#), 404);
    super::problem(&host.call("POST", "/v1/rollback", &[], "{}"), 404);
    super::problem(&host.call("POST", "/v1/rollback", &[], r#"{"generation": 7}"#), 400);
    assert_eq!(host.generation(), generation);
    assert!(host.host.stop().success());
}

/// Twenty rollbacks back and forth while a file is followed at full speed: nothing lost, doubled or out of order.
#[test]
fn rollbacks_under_load_lose_repeat_and_reorder_nothing() {
    let mut host = Running::folder();
    let first = host.generation();
    deploy(host.dir.path(), 2, 0);
    let second = live(&mut host, &first);
    let dir = host.dir.path().to_owned();
    let (go_on, rounds) = std::sync::mpsc::channel::<()>();
    // A thousand events a round, while the generation changes.
    let producer = std::thread::spawn(move || {
        let mut input = File::options().append(true).open(dir.join("in.jsonl")).expect("the input");
        let mut ledger = BufWriter::new(File::create(dir.join("produced.jsonl")).expect("a ledger"));
        let mut number = 0;
        for () in rounds {
            for _ in 0..5 {
                let mut lines = String::new();
                for _ in 0..200 {
                    lines += &event_line(&format!("e{number}"));
                    writeln!(ledger, "{{\"id\":\"e{number}\",\"key\":\"k\"}}").expect("write");
                    number += 1;
                }
                input.write_all(lines.as_bytes()).expect("write");
                std::thread::sleep(std::time::Duration::from_millis(2));
            }
        }
        ledger.flush().expect("write");
        number
    });
    let mut seen = 0;
    for round in 0..20 {
        let to = if round % 2 == 0 { &first } else { &second };
        go_on.send(()).expect("the producer");
        host.post("/v1/rollback", &json!({ "generation": to }), 200);
        assert_eq!(host.generation(), *to);
        seen = host.delivered(seen + 200).len();
    }
    drop(go_on);
    let produced = producer.join().expect("the producer");
    let out = host.delivered(produced);
    let versions: std::collections::BTreeSet<&str> = out.iter().filter_map(|event| event["x1"].as_str()).collect();
    assert_eq!(versions.into_iter().collect::<Vec<_>>(), ["1.0", "2.0"], "both decided, and nothing else");
    let dir = host.dir.path();
    let ledgers = Ledgers {
        produced: vec![dir.join("produced.jsonl")],
        delivered: vec![dir.join("out.jsonl")],
        ..Ledgers::default()
    };
    assert!(host.host.stop().success());
    oracle::check("rollback", &ledgers);
}

/// A host whose compiler is not there any more can still go back.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_compiled_on_the_way_back() {
    let dir = tempfile::tempdir().expect("a folder");
    let control = |compiler: Compiler| {
        let options = EngineOptions { cache_dir: Some(dir.path().join("cache")), compiler, instances: 20 };
        let engine = Engine::new(options).expect("an engine");
        let mut registry = Registry::default();
        registry.insert(Arc::new(Memory::new()));
        let options = ControlOptions {
            state_dir: dir.path().join("state"),
            development: true,
            window: WindowOptions::default(),
            grace: std::time::Duration::from_secs(30),
            unindexed_max: ControlOptions::UNINDEXED_MAX,
        };
        Control::new(engine, Arc::new(registry), options)
    };
    let set = |code: usize| {
        let name = format!("stamp-{code}.wasm");
        let wasm = format!(
            "phase: Transform, wasm: {{module: 'file:{name}', config: 'x1=0', mayWrite: {{attributes: [x1]}}}}"
        );
        let docs = Docs::line().policy("stamp", "", &wasm);
        let path = dir.path().join("docs.yaml").display().to_string();
        (name, DocumentSet { files: vec![Document { path, text: docs.text().to_owned() }] })
    };
    let mut host = control(Compiler::Child(env!("CARGO_BIN_EXE_tidegate").into()));
    let mut ids = Vec::new();
    for code in 1..=2 {
        let (name, set) = set(code);
        fs::write(dir.path().join(&name), stamp(code).component()).expect("write");
        ids.push(host.apply(&set).await.expect("verified").id.to_string());
        // What is kept is all there is.
        fs::remove_file(dir.path().join(&name)).expect("remove");
    }
    host.drain().await;
    drop(host);

    let mut host = control(Compiler::Child("/nowhere/is/no/compiler".into()));
    for id in [&ids[0], &ids[1], &ids[0]] {
        let (answer, answered) = oneshot::channel();
        let author = Author { who: "test".into(), reason: None };
        let order = Order::Rollback(Some(id.clone()), author, answer);
        let generation = host.serve(order).await;
        answered.await.expect("an answer").unwrap_or_else(|refusal| panic!("{refusal}"));
        assert_eq!(generation.map(|generation| generation.id.to_string()).as_ref(), Some(id));
    }
    let (_, unknown) = set(3);
    fs::write(dir.path().join("stamp-3.wasm"), stamp(3).component()).expect("write");
    let report = host.apply(&unknown).await.expect_err("it cannot compile").to_string();
    assert!(report.contains("C205"), "{report}");
}
