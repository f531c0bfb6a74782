//! `bench`: figures are there and consistent; none of them is judged here.

use std::path::Path;

use serde_json::Value;

use crate::support::{example, root, run};

fn events() -> String {
    root().join("filters-examples/order-guard/events.jsonl").display().to_string()
}

#[test]
fn a_module_is_measured_by_batch_size() {
    let module = example("order-guard");
    let args = ["bench", module.to_str().expect("a path"), "--events", &events(), "--rounds", "1", "-o", "json"];
    let ran = run(Path::new("."), &args);
    assert!(ran.stderr.contains("measuring batches of 1024"), "{}", ran.stderr);
    let json: Value = serde_json::from_str(&ran.fine()).expect("JSON");
    let module = &json["modules"][0];
    assert_eq!((module["name"].as_str(), &json["events"]), (Some("order-guard"), &Value::from(4)));
    assert_eq!((&module["verdicts"]["keep"], &module["verdicts"]["drop"]), (&Value::from(2), &Value::from(2)));
    for key in ["size", "compileNs", "loadNs", "startNs", "memory"] {
        assert!(module[key].as_u64().is_some_and(|value| value > 0), "{key}: {module:#}");
    }
    let rows = json["batches"].as_array().expect("batches");
    let sizes: Vec<u64> = rows.iter().filter_map(|row| row["batch"].as_u64()).collect();
    assert_eq!(sizes, [1, 16, 256, 1024]);
    for row in rows {
        let cost = &row["costs"][0];
        assert!(["ns", "cpuNs", "byMemcpy"].iter().all(|key| cost[*key].as_f64().is_some_and(|v| v > 0.0)), "{row:#}");
    }
}

#[test]
fn two_modules_are_measured_in_turn() {
    let (first, other) = (example("order-guard"), example("minimal"));
    let (first, other) = (first.to_str().expect("a path"), other.to_str().expect("a path"));
    let args = ["bench", first, "--compare", other, "--events", &events(), "--rounds", "1"];
    let said = run(Path::new("."), &args).fine();
    for wanted in ["order-guard 0.1.0", "minimal 0.1.0", "other ÷ first", "events a call", "1,024"] {
        assert!(said.contains(wanted), "{wanted}: {said}");
    }
}

#[test]
fn what_fails_is_not_measured() {
    let module = example("redact-fields");
    let module = module.to_str().expect("a path");
    let config = r#"{"fields":["amount"]}"#;
    let ran = run(Path::new("."), &["bench", module, "--events", &events(), "--config", config]).ended(1);
    assert!(ran.stderr.contains("fails on event 1") && ran.stderr.contains("\nhint: "), "{}", ran.stderr);
    let ran = run(Path::new("."), &["bench", module]).ended(1);
    assert!(ran.stderr.contains("no events to measure with"), "{}", ran.stderr);
}
