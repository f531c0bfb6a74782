//! Measures modules: what they cost an event by size of the batch, against a memcpy of the same bytes, one beside the other.

mod ring;

use std::{
    collections::BTreeMap,
    hint::black_box,
    io::{self, Write as _},
    path::PathBuf,
    time::{Duration, Instant},
};

use serde_json::{Value, json};
use tidegate_engine::{Decision, Engine, Guest, GuestSpec, Kind, Module, Worker};
use tidegate_event::{Event, flat::FlatBatch};

use crate::{
    commands::module_file::{load_hint, verify_hint},
    host::{self, Room},
    measure::{self, Clock, Took},
    problem::{OrProblem as _, because, problem},
    trial,
};
use ring::Ring;

/// Events a call; the last is the most that a batch has.
pub(crate) const BATCHES: [usize; 4] = [1, 16, 256, 1_024];

/// As in a test: a slow machine must not change decisions.
const TIMEOUT_MIN: Duration = Duration::from_secs(2);

/// The clock of batches; modules decide alike in every run.
const NOW_MS: u64 = 1_767_225_600_000;

/// A component that is measured.
#[derive(Debug)]
pub(crate) struct Subject {
    /// As it was named.
    pub(crate) name: String,
    pub(crate) wasm: Vec<u8>,
}

/// Everything measured.
#[derive(Debug)]
pub(crate) struct Figures {
    pub(crate) modules: Vec<Measured>,
    pub(crate) rows: Vec<Row>,
}

/// A module and what holds for it at any batch size.
#[derive(Debug)]
pub(crate) struct Measured {
    pub(crate) file: String,
    pub(crate) about: About,
    /// Of each event once.
    pub(crate) verdicts: BTreeMap<&'static str, u64>,
}

#[derive(Debug)]
pub(crate) struct About {
    pub(crate) name: String,
    pub(crate) version: String,
    pub(crate) digest: String,
    /// In bytes.
    pub(crate) size: u64,
    pub(crate) compile: Duration,
    pub(crate) load: Duration,
    pub(crate) start: Duration,
    /// In bytes.
    pub(crate) memory: u64,
}

/// One size of batches.
#[derive(Debug)]
pub(crate) struct Row {
    pub(crate) batch: usize,
    /// Nanoseconds an event.
    pub(crate) memcpy_ns: f64,
    /// In the order of the modules.
    pub(crate) costs: Vec<Cost>,
    /// CPU of the second by that of the first, where there are two.
    pub(crate) by_first: Option<f64>,
}

/// Medians over the rounds, of an event.
#[derive(Debug)]
pub(crate) struct Cost {
    pub(crate) wall_ns: f64,
    pub(crate) cpu_ns: f64,
    pub(crate) by_memcpy: f64,
}

/// Measures every subject with the same events. Progress goes to stderr.
pub(crate) fn run(
    runtime: &tokio::runtime::Runtime,
    subjects: &[Subject],
    spec: &GuestSpec,
    events: &[Event],
    rounds: usize,
) -> anyhow::Result<Figures> {
    let mut spec = spec.clone();
    spec.limits.timeout = spec.limits.timeout.max(TIMEOUT_MIN);
    let mut guests = Vec::new();
    for subject in subjects {
        progress(&format!("compiling {}", subject.name));
        guests.push(runtime.block_on(set_up(subject, &spec, events))?);
    }
    let mut rows = Vec::new();
    for batch in BATCHES {
        progress(&format!("measuring batches of {batch}"));
        rows.push(row(runtime, &guests, events, batch, rounds));
    }
    let modules = guests.into_iter().zip(subjects).map(|(ready, subject)| {
        let memory = runtime.block_on(memory(&ready.guest, events)).unwrap_or_default();
        let about = About { memory: memory as u64, ..ready.about };
        Measured { file: subject.name.clone(), about, verdicts: ready.verdicts }
    });
    let modules = modules.collect();
    Ok(Figures { modules, rows })
}

fn progress(text: &str) {
    // Nobody reads it: nothing to do about it.
    let _ = writeln!(io::stderr(), "{text} …");
}

/// A guest that works.
struct Ready {
    guest: Guest,
    about: About,
    verdicts: BTreeMap<&'static str, u64>,
}

async fn set_up(subject: &Subject, spec: &GuestSpec, events: &[Event]) -> anyhow::Result<Ready> {
    let cache = tempfile::tempdir().or_problem("no temporary folder can be made", "")?;
    let modules = cache.path().join("modules");
    let (_, compile) = timed_load(subject, None).await?;
    let (_, _) = timed_load(subject, Some(modules.clone())).await?;
    let (loaded, load) = timed_load(subject, Some(modules)).await?;
    let (engine, module) = loaded;
    let guest = Guest::verify(&engine, &module, spec.clone()).await.map_err(|error| {
        let hint = verify_hint(&error);
        because(error, format!("{} cannot be used like this", subject.name), hint)
    })?;
    let mut verdicts = BTreeMap::new();
    let mut worker = Worker::new(&guest);
    for event in events {
        let answers = trial::answers(&guest, &mut worker, std::slice::from_ref(event), NOW_MS).await;
        for answer in answers.iter().flatten() {
            let (verdict, reason) = trial::verdict(&answer.decision);
            if matches!(answer.decision, Decision::Fault(_) | Decision::Undecided) {
                let message = format!("{} fails on event {}: {reason}", subject.name, event.id());
                return Err(problem(
                    message,
                    "measure with events that it can decide; `tidegate eval` shows what goes wrong",
                ));
            }
            *verdicts.entry(verdict.word()).or_default() += 1;
        }
    }
    let about = About {
        name: guest.info().name.clone(),
        version: guest.info().version.clone(),
        digest: module.digest().to_owned(),
        size: module.size() as u64,
        compile,
        load,
        start: start(&guest, &events[0]).await,
        memory: 0,
    };
    Ok(Ready { guest, about, verdicts })
}

async fn timed_load(subject: &Subject, cache: Option<PathBuf>) -> anyhow::Result<((Engine, Module), Duration)> {
    let engine = host::engine(cache, Room::default())?;
    let begun = Instant::now();
    let module = engine.load(&subject.wasm).await.map_err(|error| {
        let hint = load_hint(&error);
        because(error, format!("{} is no module for this host", subject.name), hint)
    })?;
    Ok(((engine, module), begun.elapsed()))
}

/// The median of some first calls, each on a fresh instance.
async fn start(guest: &Guest, event: &Event) -> Duration {
    const TRIES: usize = 21;
    let mut took = Vec::new();
    for _ in 0..TRIES {
        let mut worker = Worker::new(guest);
        let begun = Instant::now();
        black_box(trial::answers(guest, &mut worker, std::slice::from_ref(event), NOW_MS).await);
        took.push(begun.elapsed().as_secs_f64());
        worker.discard();
    }
    Duration::from_secs_f64(measure::median(took))
}

/// Linear memory of an instance that has decided the largest batch.
async fn memory(guest: &Guest, events: &[Event]) -> Option<usize> {
    let largest = BATCHES.into_iter().max().unwrap_or(1);
    let ring = Ring::new(events, largest, guest.needs(), NOW_MS);
    let mut worker = Worker::new(guest);
    let kind = guest.module().kinds().iter().next().copied()?;
    call(&mut worker, kind, &ring.batches[0], &ring.events[0], &ring.rows).await;
    worker.memory()
}

async fn call(worker: &mut Worker, kind: Kind, batch: &FlatBatch, events: &[Event], rows: &[u32]) {
    match kind {
        Kind::Filter => drop(black_box(worker.evaluate(batch).await)),
        Kind::Transform => drop(black_box(worker.apply(batch, events, rows).await)),
        Kind::Matcher => drop(black_box(worker.assign(batch).await)),
    }
}

fn row(runtime: &tokio::runtime::Runtime, guests: &[Ready], events: &[Event], batch: usize, rounds: usize) -> Row {
    // What crosses to the first is what is copied: both get the same events.
    let needs = guests[0].guest.needs();
    let copied = Ring::new(events, batch, needs, NOW_MS);
    let mut memcpy = copied.memcpy();
    let rings: Vec<Ring> = guests.iter().map(|ready| Ring::new(events, batch, ready.guest.needs(), NOW_MS)).collect();
    let mut calls: Vec<Box<dyn FnMut(u32) + '_>> = Vec::new();
    for (ready, ring) in guests.iter().zip(&rings) {
        let (mut worker, mut scratch, mut turn) = (Worker::new(&ready.guest), FlatBatch::default(), 0);
        let kinds: Vec<Kind> = ready.guest.module().kinds().iter().copied().collect();
        calls.push(Box::new(move |count| {
            runtime.block_on(async {
                for _ in 0..count {
                    turn = (turn + 1) % ring.events.len();
                    let events = &ring.events[turn];
                    scratch.assemble(events, &ring.rows, worker.guest().needs(), NOW_MS);
                    for kind in &kinds {
                        call(&mut worker, *kind, &scratch, events, &ring.rows).await;
                    }
                }
            });
        }));
    }
    let mut subjects: Vec<&mut dyn FnMut(u32)> = vec![&mut memcpy];
    subjects.extend(calls.iter_mut().map(|call| &mut **call as &mut dyn FnMut(u32)));
    let rounds = measure::compare_all(Clock::Thread, batch, &mut subjects, rounds);
    let median = |value: &dyn Fn(&Vec<Took>) -> f64| measure::median_of(&rounds, value);
    let costs = (1..=guests.len()).map(|at| Cost {
        wall_ns: median(&|round| round[at].wall),
        cpu_ns: median(&|round| round[at].cpu),
        by_memcpy: median(&|round| round[at].cpu / round[0].cpu.max(f64::MIN_POSITIVE)),
    });
    Row {
        batch,
        memcpy_ns: median(&|round| round[0].cpu),
        costs: costs.collect(),
        by_first: (guests.len() > 1).then(|| median(&|round| round[2].cpu / round[1].cpu)),
    }
}

impl Figures {
    /// For programs; times in nanoseconds.
    pub(crate) fn as_json(&self, events: usize) -> Value {
        let nanos = |duration: Duration| u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX);
        let module = |module: &Measured| {
            let about = &module.about;
            json!({
                "file": module.file,
                "name": about.name,
                "version": about.version,
                "digest": about.digest,
                "size": about.size,
                "compileNs": nanos(about.compile),
                "loadNs": nanos(about.load),
                "startNs": nanos(about.start),
                "memory": about.memory,
                "verdicts": module.verdicts,
            })
        };
        let cost = |cost: &Cost| json!({"ns": cost.wall_ns, "cpuNs": cost.cpu_ns, "byMemcpy": cost.by_memcpy});
        let row = |row: &Row| {
            let mut shown = json!({
                "batch": row.batch,
                "memcpyNs": row.memcpy_ns,
                "costs": row.costs.iter().map(cost).collect::<Vec<_>>(),
            });
            if let Some(ratio) = row.by_first {
                shown["otherByFirst"] = json!(ratio);
            }
            shown
        };
        json!({
            "events": events,
            "modules": self.modules.iter().map(module).collect::<Vec<_>>(),
            "batches": self.rows.iter().map(row).collect::<Vec<_>>(),
        })
    }
}
