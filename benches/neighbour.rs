//! What a policy that uses up its deadline on every batch takes away from the routes beside it.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a benchmark that cannot be set up stops")]

use std::{
    collections::HashMap,
    process::ExitCode,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use async_trait::async_trait;
use serde_json::json;
use tidegate_benches::{
    guests::{self, Component},
    measure::{median, quantile},
    orders, plans,
    report::Report,
};
use tidegate_connector::{
    Connector, Delivery, Lane, Place, Settled, Settlement, Sink, SinkOptions, Source, SourceError,
};
use tidegate_connector_memory::Memory;
use tidegate_engine::{Engine, EngineOptions, Guest, Kind, Limits, Worker};
use tidegate_event::{Event, flat::FlatBatch};
use tidegate_pipeline::{Live, Pipeline, Plan, Tally, WindowOptions};
use tokio::runtime::Builder;

/// Cores that the host has.
const CORES: usize = 2;
/// Routes that do honest work: a filter on `type`.
const GOOD: usize = 7;
const BATCH: usize = 256;
const PAYLOAD: usize = 1024;
/// Of the deadline of the bad one: what it takes for each batch.
const SHARE: f64 = 0.9;
/// How often events arrive at half load.
const TICK: Duration = Duration::from_millis(2);
const RUN: Duration = Duration::from_secs(3);
/// Runs of each kind, in turn.
const ROUNDS: usize = 5;

fn main() -> ExitCode {
    let mut report = Report::from_args();
    let runtime = Builder::new_multi_thread().worker_threads(CORES).enable_all().build().unwrap();
    let bench = runtime.block_on(Bench::new());

    report.section("7 good routes on 2 cores, and one whose policy takes 90 % of its deadline for each batch");
    report.figure("neighbour_bad_batch", bench.bad_batch * 1e3, "ms");
    let full = |bad| runtime.block_on(bench.run(Load::Full, bad));
    let alone: Vec<f64> = (0..ROUNDS).map(|_| full(Bad::Absent).iter().map(|lane| lane.rate).sum()).collect();
    let capacity = median(alone);
    report.figure("neighbour_capacity", capacity, "events/s");

    let half = Load::Paced(capacity / 2.0 / GOOD as f64);
    let mut latency = Vec::new();
    let mut throughput = Vec::new();
    for round in 0..ROUNDS {
        // Who comes first changes.
        let run = |bad| runtime.block_on(bench.run(half, bad));
        let (without, with) = if round % 2 == 0 {
            let without = run(Bad::Absent);
            (without, run(Bad::Beside))
        } else {
            let with = run(Bad::Beside);
            (run(Bad::Absent), with)
        };
        let p99 = |lanes: &[Measured]| quantile(lanes.iter().flat_map(|lane| lane.latencies.clone()).collect(), 0.99);
        report.figure("neighbour_p99_without", p99(&without) * 1e3, "ms");
        report.figure("neighbour_p99_with", p99(&with) * 1e3, "ms");
        latency.push(p99(&with) / p99(&without));
        let offered = capacity / 2.0 / GOOD as f64;
        throughput.push(with.iter().map(|lane| offered / lane.rate).fold(0.0, f64::max));
    }
    report.ratio("neighbour_p99_at_half_load_with_by_without", median(latency), 2.0);
    report.ratio("neighbour_offered_by_done_at_half_load_worst", median(throughput), 1.02);

    // Of eight routes, each is due an eighth of what the cores can do.
    let shares = (0..ROUNDS).map(|_| {
        let worst = full(Bad::Beside).iter().map(|lane| lane.rate).fold(f64::INFINITY, f64::min);
        capacity / (GOOD + 1) as f64 / worst
    });
    report.ratio("neighbour_fair_share_by_done_when_full_worst", median(shares.collect()), 1.25);
    report.finish()
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Load {
    /// There is always another batch.
    Full,
    /// So many events a second arrive at each good route.
    Paced(f64),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Bad {
    Absent,
    Beside,
}

/// What a good route did.
#[derive(Clone, Debug, Default)]
struct Measured {
    /// Events a second.
    rate: f64,
    /// Seconds from arrival to settled, a batch each.
    latencies: Vec<f64>,
}

struct Bench {
    good: Vec<Guest>,
    bad: Guest,
    /// Seconds.
    bad_batch: f64,
    events: Vec<Event>,
}

impl Bench {
    async fn new() -> Bench {
        let engine = Engine::new(EngineOptions::default()).unwrap();
        let filter = guests::type_filter();
        let mut good = Vec::new();
        for number in 0..GOOD {
            good.push(guests::verified(&engine, &filter, &guests::policy(number)).await);
        }
        let events = orders::events(0, 16 * BATCH, PAYLOAD);
        let limits = Limits::default();
        let busy = guests::busy();
        let with = |turns: f64| Component { wasm: busy.clone(), config: json!({"turns": turns as u32}).to_string() };
        // How many turns take a fifth of the deadline is tried, and the rest is proportion: near the deadline nothing is measured.
        let (wanted, tried) = (limits.timeout.as_secs_f64() * SHARE, limits.timeout.as_secs_f64() / 5.0);
        let mut turns = 1_000.0;
        for _ in 0..4 {
            let guest = guests::verified(&engine, &with(turns), "bench/busy").await;
            turns *= tried / batch_takes(&guest, &events).await;
        }
        let bad = guests::verified(&engine, &with(turns * wanted / tried), "bench/busy").await;
        let bad_batch = batch_takes(&bad, &events).await;
        Bench { good, bad, bad_batch, events }
    }

    async fn run(&self, load: Load, bad: Bad) -> Vec<Measured> {
        let place = Place { base_dir: ".".as_ref(), state_dir: ".".as_ref() };
        let mut plan = Plan { generation: "bench".into(), sources: HashMap::new(), tally: Arc::new(Tally::default()) };
        let mut sinks = Vec::new();
        let guests = self.good.iter().chain([&self.bad].into_iter().filter(|_| bad == Bad::Beside));
        for (number, guest) in guests.enumerate() {
            let options = json!({"name": format!("nowhere-{number}"), "mode": "discard"});
            let writer = Memory::new().open_sink("bench/sink", &options, &place).unwrap();
            let sink = Sink::start("bench/sink", writer, SinkOptions::default());
            let line = plans::plan("bench", vec![plans::wasm(guest, Kind::Filter)], &sink);
            plan.sources.extend(line.sources.into_values().map(|source| (source_id(number).into(), source)));
            sinks.push(sink);
        }
        let mut pipeline = Pipeline::new(Live::new(plan), WindowOptions::default());
        let begin = Instant::now();
        let feed = |number: usize| Feed {
            events: self.events.clone(),
            load: if number < GOOD { load } else { Load::Full },
            begin,
            given: 0,
            measured: Arc::default(),
        };
        let feeds: Vec<Feed> = (0..sinks.len()).map(feed).collect();
        let measured: Vec<_> = feeds.iter().map(|feed| feed.measured.clone()).collect();
        for (number, feed) in feeds.into_iter().enumerate() {
            pipeline.open(source_id(number).into(), Box::new(OneLane(Some(feed))));
        }
        pipeline.ended().await;
        drop(pipeline);
        for sink in sinks {
            sink.close().await;
        }
        let taken = measured.iter().take(GOOD).map(|measured| std::mem::take(&mut *measured.lock().unwrap()));
        taken.collect()
    }
}

/// Seconds that a guest takes for a batch, the median of five.
async fn batch_takes(guest: &Guest, events: &[Event]) -> f64 {
    let mut batch = FlatBatch::default();
    let rows: Vec<u32> = (0..BATCH as u32).collect();
    batch.assemble(&events[..BATCH], &rows, guest.needs(), 0);
    let mut worker = Worker::new(guest);
    let mut times = Vec::new();
    for _ in 0..5 {
        let begun = Instant::now();
        worker.evaluate(&batch).await;
        times.push(begun.elapsed().as_secs_f64());
    }
    median(times)
}

fn source_id(number: usize) -> String {
    format!("bench/source-{number}")
}

struct OneLane(Option<Feed>);

#[async_trait]
impl Source for OneLane {
    async fn lane(&mut self) -> Result<Option<Box<dyn Lane>>, SourceError> {
        Ok(self.0.take().map(|lane| Box::new(lane) as Box<dyn Lane>))
    }
}

/// A lane to which events come as they are due, for the length of a run.
struct Feed {
    events: Vec<Event>,
    load: Load,
    begin: Instant,
    given: usize,
    measured: Arc<Mutex<Measured>>,
}

#[async_trait]
impl Lane for Feed {
    fn name(&self) -> &str {
        "feed"
    }

    async fn next(&mut self) -> Result<Option<Delivery>, SourceError> {
        if self.begin.elapsed() >= RUN {
            return Ok(None);
        }
        let (count, due) = match self.load {
            Load::Full => (BATCH, Instant::now()),
            Load::Paced(rate) => {
                // Whole ticks only: what has arrived by the last one, and when the first of it did.
                let ticks = |elapsed: Duration| (elapsed.as_secs_f64() / TICK.as_secs_f64()).floor();
                let arrived = |tick: f64| (tick * TICK.as_secs_f64() * rate) as usize;
                let mut now = ticks(self.begin.elapsed());
                while arrived(now) <= self.given {
                    let next = self.begin + TICK.mul_f64(now + 1.0);
                    tokio::time::sleep_until(next.into()).await;
                    now = ticks(self.begin.elapsed()).max(now + 1.0);
                }
                let count = (arrived(now) - self.given).min(4 * BATCH);
                let first = self.given as f64 / rate / TICK.as_secs_f64();
                (count, self.begin + TICK.mul_f64(first.ceil()))
            }
        };
        let from = self.given % (self.events.len() - 4 * BATCH);
        self.given += count;
        let events = self.events[from..from + count].to_vec();
        let settle = Settle { due, events: count, begin: self.begin, measured: self.measured.clone() };
        Ok(Some(Delivery { events, malformed: Vec::new(), settlement: Box::new(settle) }))
    }

    async fn close(self: Box<Self>) -> Result<(), SourceError> {
        Ok(())
    }
}

struct Settle {
    due: Instant,
    events: usize,
    begin: Instant,
    measured: Arc<Mutex<Measured>>,
}

#[async_trait]
impl Settlement for Settle {
    async fn settle(self: Box<Self>, _: Settled) -> Result<(), SourceError> {
        // What is settled after the end of the run counts for no rate.
        let within = self.begin.elapsed() <= RUN;
        let mut measured = self.measured.lock().unwrap();
        measured.latencies.push(self.due.elapsed().as_secs_f64());
        if within {
            measured.rate += self.events as f64 / RUN.as_secs_f64();
        }
        Ok(())
    }
}
