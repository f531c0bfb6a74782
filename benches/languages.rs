//! What the language of a module costs: the same filter and the same transform, written in several, on the same batches.
//!
//! `lasting` is no comparison: a million batches through a Go filter that keeps its collector busy, in one instance.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a benchmark that cannot be set up stops")]

use std::{
    hint::black_box,
    process::ExitCode,
    time::{Duration, Instant},
};

use tidegate_benches::{
    guests::{self, Component},
    measure::{Clock, compare},
    orders, process,
    report::Report,
};
use tidegate_engine::{Decision, Engine, EngineOptions, Limits, Worker};
use tidegate_event::{
    Event, Form,
    flat::{FlatBatch, Needs},
};
use tokio::runtime::{Builder, Runtime};

const EVENTS: usize = 256;
const PAYLOAD: usize = 1024;
const NOW_MS: u64 = 1_772_366_400_000;

/// Batches that are met in turn: more than a core's own cache holds.
const RING: usize = 8;

/// Batches of `lasting`, and one of how many is an event of 8 MiB.
const LASTING: usize = 1_000_000;
const LARGE_EVERY: usize = 50_000;

fn main() -> ExitCode {
    process::settle();
    let mut report = Report::from_args();
    let bench = Bench::new();
    if report.wants("order_guard") {
        report.section("order-guard: 256 events of 1 KiB a call, the call alone, against the one in Rust");
        bench.order_guard(&mut report);
    }
    if report.wants("redact_fields") {
        report.section(
            "redact-fields: 256 events of 1 KiB a call, with what the host makes of it, against the same in the host",
        );
        bench.redact_fields(&mut report);
    }
    if report.wants("lasting") {
        report
            .section("a Go filter with its collector busy: batches of 1 to 7 events in one instance, 8 MiB in between");
        bench.lasting(&mut report);
    }
    report.finish()
}

struct Bench {
    runtime: Runtime,
    engine: Engine,
}

/// An order that the guard looks at: its amount stands behind the items, as it would.
fn order(n: usize) -> Event {
    let amount = if n.is_multiple_of(8) { "-1.00" } else { "12.50" };
    let end = format!(r#","amount":{amount}}}"#);
    let payload = orders::payload(n, PAYLOAD - end.len() + 1);
    let data = format!("{}{end}", &payload[..payload.len() - 1]);
    assert_eq!(data.len(), PAYLOAD);
    Event::builder()
        .id(&format!("{n:08}"))
        .source(&format!("/shops/eu/{}", n % 10))
        .ty("com.acme.order.placed")
        .subject(&format!("orders/{n}"))
        .datacontenttype("application/json")
        .data(Form::Json, data)
        .build()
        .unwrap()
}

/// Batches, laid out for a guest with these needs.
struct Ring {
    events: Vec<Vec<Event>>,
    batches: Vec<FlatBatch>,
    rows: Vec<u32>,
}

impl Ring {
    fn new(needs: Needs) -> Ring {
        let rows: Vec<u32> = (0..EVENTS as u32).collect();
        let events: Vec<Vec<Event>> =
            (0..RING).map(|batch| (batch * EVENTS..(batch + 1) * EVENTS).map(order).collect()).collect();
        let batches = events.iter().map(|events| assembled(events, &rows, needs)).collect();
        Ring { events, batches, rows }
    }
}

fn assembled(events: &[Event], rows: &[u32], needs: Needs) -> FlatBatch {
    let mut batch = FlatBatch::default();
    batch.assemble(events, rows, needs, NOW_MS);
    batch
}

impl Bench {
    fn new() -> Bench {
        let runtime = Builder::new_current_thread().enable_all().build().unwrap();
        let engine = runtime.block_on(async { Engine::new(EngineOptions::default()).unwrap() });
        Bench { runtime, engine }
    }

    fn worker(&self, folder: &str, config: &str) -> Worker {
        let component = Component { wasm: guests::build(folder), config: config.to_owned() };
        let guest = self.runtime.block_on(guests::verified(&self.engine, &component, "bench/languages"));
        Worker::new(&guest)
    }

    fn order_guard(&self, report: &mut Report) {
        let mut workers = ["", "go/", "assemblyscript/"]
            .map(|language| self.worker(&format!("filters-examples/{language}order-guard"), "null"));
        let ring = Ring::new(workers[0].guest().needs());
        let mut subjects = workers.each_mut().map(|worker| {
            let (ring, mut turn) = (&ring, 0);
            move |count: u32| {
                self.runtime.block_on(async {
                    for _ in 0..count {
                        turn = (turn + 1) % RING;
                        let decisions = worker.evaluate(&ring.batches[turn]).await;
                        let kept = decisions.iter().filter(|decision| matches!(decision, Decision::Keep)).count();
                        assert_eq!(kept, EVENTS - EVENTS / 8);
                    }
                });
            }
        });
        let [rust, go, assemblyscript] = &mut subjects;
        let rounds = compare(Clock::Thread, EVENTS, [rust, go, assemblyscript]);
        for (at, language) in ["rust", "go", "assemblyscript"].into_iter().enumerate() {
            report.figure(&format!("order_guard_{language}"), rounds.ns(at), "ns/event");
        }
        report.ratio("languages_order_guard_go_by_rust", rounds.quotient(1, 0), 3.0);
        report.ratio("languages_order_guard_assemblyscript_by_rust", rounds.quotient(2, 0), 1.3);
    }

    /// The native version is the example's own search, over the events themselves.
    fn redact_fields(&self, report: &mut Report) {
        const CONFIG: &str = r#"{"fields":["customer.tier","items.sku"]}"#;
        let mut workers =
            ["", "go/"].map(|language| self.worker(&format!("filters-examples/{language}redact-fields"), CONFIG));
        let ring = Ring::new(workers[0].guest().needs());
        let mut subjects = workers.each_mut().map(|worker| {
            let (ring, mut turn) = (&ring, 0);
            move |count: u32| {
                self.runtime.block_on(async {
                    for _ in 0..count {
                        turn = (turn + 1) % RING;
                        let applied = worker.apply(&ring.batches[turn], &ring.events[turn], &ring.rows).await;
                        assert_eq!(applied.outputs.len(), EVENTS);
                        black_box(applied);
                    }
                });
            }
        });
        let mut turn = 0;
        let mut native = |count: u32| {
            for _ in 0..count {
                turn = (turn + 1) % RING;
                for event in &ring.events[turn] {
                    black_box(redacted(event));
                }
            }
        };
        let [rust, go] = &mut subjects;
        let rounds = compare(Clock::Thread, EVENTS, [&mut native, rust, go]);
        for (at, name) in ["native", "rust", "go"].into_iter().enumerate() {
            report.figure(&format!("redact_fields_{name}"), rounds.ns(at), "ns/event");
        }
        report.figure("languages_redact_fields_rust_by_native", rounds.quotient(1, 0), "times");
        report.figure("languages_redact_fields_go_by_native", rounds.quotient(2, 0), "times");
    }

    fn lasting(&self, report: &mut Report) {
        let component = Component { wasm: guests::build("tests/guests/garbage-go"), config: "null".to_owned() };
        let limits =
            Limits { timeout: Duration::from_secs(1), memory: 72 << 20, max_event_bytes: 9 << 20, ..Limits::default() };
        let verified = guests::verified_within(&self.engine, &component, "bench/languages", limits);
        let mut worker = Worker::new(&self.runtime.block_on(verified));
        let event = |n: usize, ty: &str, size: usize| {
            let event = Event::builder().id(&n.to_string()).source("/lasting").ty(ty);
            event.data(Form::Binary, vec![b'x'; size]).build().unwrap()
        };
        let needs = worker.guest().needs();
        let batch = |events: &[Event]| assembled(events, &(0..events.len() as u32).collect::<Vec<_>>(), needs);
        let batches: Vec<FlatBatch> =
            (1..=7).map(|size| batch(&(0..size).map(|n| event(n, "t", 100 * n)).collect::<Vec<_>>())).collect();
        let large = batch(&[event(0, "t", 8 << 20)]);
        let begun = Instant::now();
        let mut answered = 0;
        for n in 0..LASTING {
            let batch = if n % LARGE_EVERY == 0 { &large } else { &batches[n % batches.len()] };
            let decisions = self.runtime.block_on(worker.evaluate(batch));
            assert!(decisions.iter().all(|decision| matches!(decision, Decision::Keep)), "batch {n}: {decisions:?}");
            answered += decisions.len();
        }
        let report_batch = batch(&[event(0, "report", 0)]);
        let decision = self.runtime.block_on(worker.evaluate(&report_batch)).remove(0);
        let Decision::Drop(Some(said)) = decision else { panic!("{decision:?}") };
        let collections: f64 = said.split(' ').next().unwrap().parse().unwrap();
        report.figure("languages_lasting_batches", LASTING as f64, "batches");
        report.figure("languages_lasting_events", answered as f64, "events");
        report.figure("languages_lasting_collections", collections, "collections");
        report.figure("languages_lasting", begun.elapsed().as_secs_f64(), "s");
    }
}

/// What the transform does, without a guest: the members found in one pass, and a new text around them.
fn redacted(event: &Event) -> Vec<u8> {
    let data = event.data().unwrap().bytes;
    let found = FIELDS.with(|fields| fields.find(data)).unwrap();
    let mut out = Vec::with_capacity(data.len());
    let mut start = 0;
    for place in found {
        out.extend_from_slice(&data[start..place.start]);
        out.extend_from_slice(br#""***""#);
        start = place.end;
    }
    out.extend_from_slice(&data[start..]);
    out
}

thread_local! {
    static FIELDS: find::Fields =
        find::Fields::try_from(vec!["customer.tier".to_owned(), "items.sku".to_owned()]).unwrap();
}

/// The example's own.
#[path = "../filters-examples/redact-fields/src/find.rs"]
#[allow(unreachable_pub, reason = "the example's own file")]
mod find;
