//! A guest with a worker, and its answers as text.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;
use std::time::Duration;

use sha2::{Digest as _, Sha256};
use tidegate_engine::{
    Capability, Decision, Engine, EngineOptions, Guest, GuestSpec, Isolation, Kind, Limits, VerifyError, Worker,
};
use tidegate_event::flat::{FlatBatch, Rights};
use tidegate_event::{Event, Form, Value};

use crate::support;

/// The clock of all batches.
pub const NOW_MS: u64 = 1_772_366_400_000;

/// Bytes of an event, at most: what 8 MiB of data and its attributes are.
const EVENT_BYTES: usize = 9 << 20;

pub fn engine() -> Engine {
    Engine::new(EngineOptions::default()).expect("an engine")
}

/// A guest of `tests/guests` or `filters-examples`, for a policy that grants what our SDKs can ask for.
pub async fn guest(engine: &Engine, wasm: &[u8], config: &str) -> Result<Guest, VerifyError> {
    let module = engine.load(wasm).await.expect("a module");
    let limits = Limits {
        // Not what is tested here, on a machine that may be busy and slow.
        timeout: Duration::from_secs(60),
        memory: 8 * EVENT_BYTES,
        max_event_bytes: EVENT_BYTES,
        ..Limits::default()
    };
    let spec = GuestSpec {
        policy: "tests/languages".into(),
        config: config.to_owned(),
        capabilities: [Capability::Log, Capability::Metrics, Capability::State].into_iter().collect::<BTreeSet<_>>(),
        limits,
        rights: Rights { attributes: vec!["*".to_owned()], data: true, emit: 3, event_bytes: 2 * EVENT_BYTES },
        isolation: Isolation::Worker,
    };
    Guest::verify(engine, &module, spec).await
}

/// A worker of a guest in this repository.
pub async fn worker(engine: &Engine, folder: &str, features: &[&str], config: &str) -> Worker {
    let wasm = wasm(folder, features);
    let guest = guest(engine, &wasm, config).await.unwrap_or_else(|refused| panic!("{folder}: {refused:?}"));
    Worker::new(&guest)
}

/// `filters-examples/go/order-guard`, built.
pub fn wasm(folder: &str, features: &[&str]) -> Vec<u8> {
    let (workspace, name) = folder.rsplit_once('/').expect("a folder in a folder");
    fs::read(support::module(workspace, name, features)).expect("a built module")
}

/// The third of these events is answered in these words (or with more behind them); it is beside others, of which none is touched.
pub async fn only_the_third_answers(worker: &mut Worker, events: &[Event], words: &str) {
    let ty = events[2].ty();
    for (n, answer) in answers(worker, events).await.iter().enumerate() {
        if n == 2 {
            assert!(answer.starts_with(words), "{ty}: {answer}");
        } else {
            assert_eq!(answer, "keep", "{ty}");
        }
    }
}

/// What a guest of any kind answers to a batch: one line an event, with what came out of it.
pub async fn answers(worker: &mut Worker, events: &[Event]) -> Vec<String> {
    let rows: Vec<u32> = (0..).take(events.len()).collect();
    let mut batch = FlatBatch::default();
    batch.assemble(events, &rows, worker.guest().needs(), NOW_MS);
    let kinds = worker.guest().module().kinds().clone();
    let kind = *kinds.first().expect("a kind");
    match kind {
        Kind::Filter => worker.evaluate(&batch).await.iter().map(decision).collect(),
        Kind::Transform => {
            let applied = worker.apply(&batch, events, &rows).await;
            let mut lines: Vec<String> = applied.decisions.iter().map(decision).collect();
            for (row, made) in applied.outputs {
                let line = &mut lines[row as usize];
                line.push_str(" -> ");
                line.push_str(&made.as_ref().map_or_else(|| "unchanged".to_owned(), shown));
            }
            lines
        }
        Kind::Matcher => {
            let assigned = worker.assign(&batch).await;
            let mut lines: Vec<String> = assigned.decisions.iter().map(decision).collect();
            for (row, name) in assigned.pairs {
                lines[row as usize].push_str(&format!(" {}", assigned.names[name as usize]));
            }
            lines
        }
    }
}

/// `drop: not an order`.
pub fn decision(decision: &Decision) -> String {
    let (word, reason) = match decision {
        Decision::Keep => ("keep", None),
        Decision::Drop(reason) => ("drop", reason.as_deref().map(str::to_owned)),
        Decision::Reject(reason) => ("reject", reason.as_deref().map(str::to_owned)),
        Decision::Retry(reason) => ("retry", reason.as_deref().map(str::to_owned)),
        Decision::Fault(fault) => ("fault", Some(fault.to_string())),
        Decision::Undecided => ("undecided", None),
    };
    match reason {
        Some(reason) => format!("{word}: {reason}"),
        None => word.to_owned(),
    }
}

/// Everything of an event, in one line.
fn shown(event: &Event) -> String {
    let mut text = format!("id={} source={} type={}", event.id(), event.source(), event.ty());
    let optional = [
        ("subject", event.subject()),
        ("time", event.time()),
        ("datacontenttype", event.datacontenttype()),
        ("dataschema", event.dataschema()),
    ];
    for (name, value) in optional {
        if let Some(value) = value {
            let _ = write!(text, " {name}={value}");
        }
    }
    for (name, value) in event.extensions() {
        let kind = match &value {
            Value::String(_) => "string",
            Value::Integer(_) => "integer",
            Value::Boolean(_) => "boolean",
            Value::Binary(_) => "binary",
            Value::Uri(_) => "uri",
            Value::UriRef(_) => "uri-reference",
            Value::Timestamp(_) => "timestamp",
        };
        let _ = write!(text, " {name}:{kind}={}", value.into_canonical());
    }
    for (name, value) in event.contexts() {
        let _ = write!(text, " @{name}={value}");
    }
    match event.data() {
        None => text.push_str(" no data"),
        Some(data) => {
            let form = match data.form {
                Form::Binary => "binary",
                Form::Text => "text",
                Form::Json => "json",
            };
            let _ = write!(text, " {form} data of {} bytes {}", data.bytes.len(), digest(data.bytes));
        }
    }
    text
}

/// The beginning of a SHA-256: two texts of one digest are the same.
pub fn digest(bytes: &[u8]) -> String {
    format!("{:.16x}", Sha256::digest(bytes))
}
