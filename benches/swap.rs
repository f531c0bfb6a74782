//! What a swap costs the lane that feels it, and what loading a module costs that was compiled before.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a benchmark that cannot be set up stops")]

use std::{
    collections::VecDeque,
    process::ExitCode,
    sync::{Arc, Mutex},
    time::Duration,
};

use async_trait::async_trait;
use serde_json::json;
use tidegate_benches::{
    guests,
    measure::{Clock, median, quantile},
    orders,
    plans::{self, SOURCE},
    process,
    report::Report,
};
use tidegate_connector::{
    Connector, Delivery, Lane, Place, Settled, Settlement, Sink, SinkOptions, Source, SourceError,
};
use tidegate_connector_memory::Memory;
use tidegate_engine::{Engine, EngineOptions, Guest, Kind};
use tidegate_event::Event;
use tidegate_pipeline::{Live, Pipeline, Plan, WindowOptions};
use tokio::runtime::{Builder, Runtime};

/// Swaps measured; the 99th percentile leaves ten above it.
const SWAPS: usize = 1000;
/// Batches from one swap to the next.
const BATCHES_BETWEEN: usize = 5;
const BATCH_EVENTS: usize = 256;
/// Plans that live on after they were replaced, as in a host's history.
const HISTORY: usize = 20;
/// Plans swapped in turn, each with guests of its own.
const GENERATIONS: usize = HISTORY + 2;
const LOADS: usize = 300;

fn main() -> ExitCode {
    process::settle();
    let mut report = Report::from_args();
    let runtime = Builder::new_current_thread().enable_all().build().unwrap();
    report.section(
        "a lane of 256 events a batch; CPU time of the batch right after a swap, beyond that of other batches",
    );
    swaps(&runtime, &mut report, Changed::One);
    swaps(&runtime, &mut report, Changed::All);
    report.section("loading a module that was compiled before, CPU time of the process");
    loads(&runtime, &mut report);
    report.finish()
}

/// What a swap changes on a route of a filter, a transform and another filter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Changed {
    /// The module of the first.
    One,
    /// All three.
    All,
}

fn swaps(runtime: &Runtime, report: &mut Report, changed: Changed) {
    let times = runtime.block_on(measure_swaps(changed));
    let usual = median(times.usual);
    let beyond: Vec<f64> = times.after_swap.iter().map(|time| time - usual).collect();
    let name = if changed == Changed::One { "one_policy" } else { "three_policies" };
    report.figure(&format!("batch_{name}"), usual, "ms");
    report.figure(&format!("swap_{name}_p50"), median(beyond.clone()), "ms");
    report.figure(&format!("swap_{name}_max"), quantile(beyond.clone(), 1.0), "ms");
    report.ratio(&format!("swap_{name}_lane_cpu_p99_ms"), quantile(beyond, 0.99), 1.0);
}

async fn measure_swaps(changed: Changed) -> Times {
    let engine = Engine::new(EngineOptions::default()).unwrap();
    let (filter, patch) = (guests::type_filter(), guests::patch());
    let place = Place { base_dir: ".".as_ref(), state_dir: ".".as_ref() };
    let writer = Memory::new().open_sink("bench/sink", &json!({"name": "nowhere", "mode": "discard"}), &place).unwrap();
    let sink = Sink::start("bench/sink", writer, SinkOptions::default());
    let mut generations = Vec::new();
    for number in 0..GENERATIONS as u32 {
        let other = if changed == Changed::All || number == 0 { number } else { 0 };
        let modules = [(&filter, number, 0), (&patch, other, 1), (&filter, other + 1000, 2)];
        let mut guests = Vec::new();
        for (component, variant, policy) in modules {
            let known: Option<&[Guest; 3]> = generations.first().filter(|_| variant % 1000 != number);
            guests.push(match known {
                Some(first) => first[policy].clone(),
                None => guests::verified(&engine, &guests::variant(component, variant), &guests::policy(policy)).await,
            });
        }
        generations.push(<[Guest; 3]>::try_from(guests).unwrap());
    }
    let plan = |number: usize| {
        let [first, second, third] = &generations[number % GENERATIONS];
        let stages = vec![
            plans::wasm(first, Kind::Filter),
            plans::wasm(second, Kind::Transform),
            plans::wasm(third, Kind::Filter),
        ];
        plans::plan(&format!("generation-{number}"), stages, &sink)
    };
    let live = Live::new(plan(0));
    let lane = SwappingLane {
        live: live.clone(),
        plans: (1..=SWAPS).map(plan).collect(),
        history: VecDeque::new(),
        events: orders::events(0, BATCH_EVENTS, 1024),
        batches: 0,
        since: None,
        times: Arc::default(),
    };
    let times = lane.times.clone();
    let mut pipeline = Pipeline::new(live, WindowOptions::default());
    pipeline.open(SOURCE.into(), Box::new(OneLane(Some(lane))));
    pipeline.ended().await;
    drop(pipeline);
    sink.close().await;
    let times = std::mem::take(&mut *times.lock().unwrap());
    assert_eq!(times.after_swap.len(), SWAPS);
    times
}

/// Milliseconds of CPU time that a lane was busy with one batch.
#[derive(Debug, Default)]
struct Times {
    after_swap: Vec<f64>,
    usual: Vec<f64>,
}

struct OneLane(Option<SwappingLane>);

#[async_trait]
impl Source for OneLane {
    async fn lane(&mut self) -> Result<Option<Box<dyn Lane>>, SourceError> {
        Ok(self.0.take().map(|lane| Box::new(lane) as Box<dyn Lane>))
    }
}

/// A lane that swaps the plan now and then, right before it hands over a batch, and measures from then until it is asked
/// for the next: on one thread that is the time between the last batch of one plan and the next work of the lane.
struct SwappingLane {
    live: Arc<Live>,
    plans: VecDeque<Plan>,
    history: VecDeque<Arc<Plan>>,
    events: Vec<Event>,
    batches: usize,
    since: Option<(Duration, Batch)>,
    times: Arc<Mutex<Times>>,
}

/// Which batch is being measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Batch {
    AfterSwap,
    Usual,
}

impl SwappingLane {
    fn stop_watch(&mut self) {
        if let Some((since, kind)) = self.since.take() {
            let ms = (Clock::Thread.now() - since).as_secs_f64() * 1e3;
            let mut times = self.times.lock().unwrap();
            match kind {
                Batch::AfterSwap => times.after_swap.push(ms),
                Batch::Usual => times.usual.push(ms),
            }
        }
    }

    /// The control path's part, which is not measured.
    fn swap(&mut self, plan: Plan) {
        self.history.push_back(self.live.swap(plan));
        if self.history.len() > HISTORY {
            self.history.pop_front();
        }
    }
}

#[async_trait]
impl Lane for SwappingLane {
    fn name(&self) -> &str {
        "swapping"
    }

    async fn next(&mut self) -> Result<Option<Delivery>, SourceError> {
        self.stop_watch();
        self.batches += 1;
        let mut kind = Batch::Usual;
        if self.batches.is_multiple_of(BATCHES_BETWEEN) {
            let Some(plan) = self.plans.pop_front() else { return Ok(None) };
            self.swap(plan);
            kind = Batch::AfterSwap;
        }
        let delivery = Delivery { events: self.events.clone(), malformed: Vec::new(), settlement: Box::new(Settle) };
        self.since = Some((Clock::Thread.now(), kind));
        Ok(Some(delivery))
    }

    async fn close(self: Box<Self>) -> Result<(), SourceError> {
        Ok(())
    }
}

struct Settle;

#[async_trait]
impl Settlement for Settle {
    async fn settle(self: Box<Self>, _: Settled) -> Result<(), SourceError> {
        Ok(())
    }
}

fn loads(runtime: &Runtime, report: &mut Report) {
    let cache = tempfile::tempdir().unwrap();
    let options = EngineOptions { cache_dir: Some(cache.path().join("modules")), ..EngineOptions::default() };
    let engine = runtime.block_on(async { Engine::new(options).unwrap() });
    for (name, component) in [("type_filter", guests::type_filter()), ("redact_fields", guests::redact_fields())] {
        let wasm = component.wasm;
        let times: Vec<f64> = (0..=LOADS)
            .map(|_| {
                let before = Clock::Process.now();
                let module = runtime.block_on(engine.load(&wasm)).unwrap();
                let time = Clock::Process.now() - before;
                drop(module);
                time.as_secs_f64() * 1e3
            })
            // The first compiles.
            .skip(1)
            .collect();
        report.figure(&format!("module_{name}"), wasm.len() as f64 / 1024.0, "KiB");
        report.figure(&format!("load_cached_{name}_p99"), quantile(times.clone(), 0.99), "ms");
        if wasm.len() <= 100 << 10 {
            report.ratio(&format!("load_cached_{name}_ms"), median(times), 1.0);
        } else {
            report.figure(&format!("load_cached_{name}_ms"), median(times), "ms");
        }
    }
}
