//! What the tests share: engines, events, and decisions in a form that is quick to compare.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use tidegate_engine::{Decision, Engine, EngineOptions, Guest, GuestSpec, Isolation, Limits, Module, Worker};
use tidegate_event::{
    Event, Form,
    flat::{FlatBatch, Needs, Rights},
};

use crate::wat;

pub(crate) const ALL: Needs = Needs { attributes: true, extensions: true, data: true, context: true };

pub(crate) fn engine() -> Engine {
    Engine::new(EngineOptions { instances: 16, ..EngineOptions::default() }).unwrap()
}

pub(crate) fn spec() -> GuestSpec {
    GuestSpec {
        policy: "tests/policy".into(),
        config: "{}".into(),
        capabilities: BTreeSet::new(),
        limits: Limits { timeout: Duration::from_millis(10), memory: 16 << 20, ..Limits::default() },
        rights: Rights { attributes: vec!["*".into()], data: true, emit: 4, event_bytes: 1 << 20 },
        isolation: Isolation::Worker,
    }
}

pub(crate) async fn load(guest: &wat::Guest) -> (Engine, Module) {
    let engine = engine();
    let module = engine.load(&guest.wasm()).await.unwrap();
    (engine, module)
}

/// A worker of that guest.
pub(crate) async fn worker(guest: &wat::Guest, spec: GuestSpec) -> Worker {
    let (engine, module) = load(guest).await;
    Worker::new(&Guest::verify(&engine, &module, spec).await.unwrap())
}

pub(crate) fn event(id: &str) -> Event {
    Event::builder()
        .id(id)
        .source("/tests")
        .ty("com.acme.order")
        .data(Form::Json, format!("{{\"id\":\"{id}\"}}").into_bytes())
        .build()
        .unwrap()
}

/// `marks` gives the first byte of each id.
pub(crate) fn events(marks: &str) -> Vec<Event> {
    marks.chars().enumerate().map(|(i, mark)| event(&format!("{mark}{i}"))).collect()
}

pub(crate) fn batch(events: &[Event]) -> FlatBatch {
    let rows: Vec<u32> = (0..events.len() as u32).collect();
    let mut batch = FlatBatch::default();
    batch.assemble(events, &rows, ALL, 1_700_000_000_000);
    batch
}

/// One letter a decision: k, d, j (reject), r (retry), f, u.
pub(crate) fn letters(decisions: &[Decision]) -> String {
    decisions
        .iter()
        .map(|decision| match decision {
            Decision::Keep => 'k',
            Decision::Drop(_) => 'd',
            Decision::Reject(_) => 'j',
            Decision::Retry(_) => 'r',
            Decision::Fault(_) => 'f',
            Decision::Undecided => 'u',
        })
        .collect()
}

/// The faults among them, each as its text.
pub(crate) fn faults(decisions: &[Decision]) -> Vec<String> {
    decisions
        .iter()
        .filter_map(|decision| match decision {
            Decision::Fault(fault) => Some(fault.to_string()),
            Decision::Keep | Decision::Drop(_) | Decision::Reject(_) | Decision::Retry(_) | Decision::Undecided => None,
        })
        .collect()
}

pub(crate) fn reason(decision: &Decision) -> Option<Arc<str>> {
    match decision {
        Decision::Drop(reason) | Decision::Reject(reason) | Decision::Retry(reason) => reason.clone(),
        Decision::Keep | Decision::Fault(_) | Decision::Undecided => None,
    }
}
