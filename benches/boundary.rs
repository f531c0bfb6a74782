//! What crossing to a guest costs, against a memcpy of the same bytes. No pipeline, no connector.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a benchmark that cannot be set up stops")]

use std::{hint::black_box, process::ExitCode};

use tidegate_benches::{
    guests::{self, Component},
    measure::{Clock, compare},
    orders, process,
    report::Report,
};
use tidegate_engine::{Decision, Engine, EngineOptions, Guest, Worker};
use tidegate_event::{
    Event,
    flat::{FlatBatch, Needs},
};
use tokio::runtime::{Builder, Runtime};

const EVENTS: usize = 256;
const PAYLOAD: usize = 1024;
const NOW_MS: u64 = 1_772_366_400_000;

fn main() -> ExitCode {
    process::settle();
    let mut report = Report::from_args();
    let bench = Bench::new();
    report.section("256 events of 1 KiB, each owning its parts, against memcpy of the bytes that cross");
    if report.wants("verdict") {
        bench.verdict(&mut report, "", Ring::new(RING, |n| orders::events(n, EVENTS, PAYLOAD)));
        bench.verdict(&mut report, "_of_decoded_lines", Ring::new(RING, |n| orders::decoded(n, EVENTS)));
        // For orientation: a batch that is still in the second-level cache, which no lane ever meets.
        bench.verdict(&mut report, HOT, Ring::new(1, |n| orders::events(n, EVENTS, PAYLOAD)));
    }
    if report.wants("echo") {
        bench.echo(&mut report);
    }
    if report.wants("patch") {
        bench.patch(&mut report);
    }
    if report.wants("attributes_only") {
        report.section("256 events of which the guest needs only attributes, at 64 KiB against 100 B of payload");
        bench.attributes_only(&mut report);
    }
    report.finish()
}

/// Batches that are met in turn, 2 MiB of payload: about what a lane has between reading and deciding, and more than the
/// cache of a core holds.
const RING: usize = 8;

/// Suffix of figures of one batch met again and again. They have no limit.
const HOT: &str = "_in_cache";

/// Batches of events, met in turn.
struct Ring {
    events: Vec<Vec<Event>>,
    batches: Vec<FlatBatch>,
    rows: Vec<u32>,
}

impl Ring {
    /// `events` makes the events of the `n`th batch.
    fn new(len: usize, events: impl Fn(usize) -> Vec<Event>) -> Ring {
        let events = (0..len).map(events).collect();
        Ring { events, batches: Vec::new(), rows: (0..EVENTS as u32).collect() }
    }

    /// Lays each out as a guest with these needs gets it.
    fn assembled(mut self, needs: Needs) -> Ring {
        self.batches = self.events.iter().map(|events| self.assemble(events, needs)).collect();
        self
    }

    fn assemble(&self, events: &[Event], needs: Needs) -> FlatBatch {
        let mut batch = FlatBatch::default();
        batch.assemble(events, &self.rows, needs, NOW_MS);
        batch
    }

    fn len(&self) -> usize {
        self.events.len()
    }

    /// Copies the bytes of one batch after the other to the same place, at a slightly different address each time it is measured.
    fn memcpy(&self) -> impl FnMut(u32) + '_ {
        const PAGE: usize = 4096;
        let longest = self.batches.iter().map(|batch| batch.bytes.len()).max().unwrap();
        let mut target = vec![1; longest + PAGE];
        let (mut offset, mut turn) = (0, Turn::default());
        move |count| {
            offset = (offset + 13 * 64) % PAGE;
            for _ in 0..count {
                let bytes = &self.batches[turn.next(self.len())].bytes;
                let target = &mut target[offset..][..bytes.len()];
                target.copy_from_slice(black_box(bytes));
                black_box(target);
            }
        }
    }
}

/// Whose turn it is.
#[derive(Default)]
struct Turn(usize);

impl Turn {
    fn next(&mut self, of: usize) -> usize {
        self.0 = (self.0 + 1) % of;
        self.0
    }
}

struct Bench {
    runtime: Runtime,
    engine: Engine,
}

impl Bench {
    fn new() -> Bench {
        let runtime = Builder::new_current_thread().enable_all().build().unwrap();
        let engine = runtime.block_on(async { Engine::new(EngineOptions::default()).unwrap() });
        Bench { runtime, engine }
    }

    fn guest(&self, component: &Component) -> Guest {
        self.runtime.block_on(guests::verified(&self.engine, component, "bench/boundary"))
    }

    fn verdict(&self, report: &mut Report, suffix: &str, ring: Ring) {
        let guest = self.guest(&guests::passthrough());
        assert_eq!(guest.needs(), Needs::ALL, "the guest reads everything");
        let ring = ring.assembled(guest.needs());
        let mut memcpy = ring.memcpy();
        let (mut worker, mut turn) = (Worker::new(&guest), Turn::default());
        let mut call = |count| {
            self.runtime.block_on(async {
                for _ in 0..count {
                    all_kept(&worker.evaluate(&ring.batches[turn.next(ring.len())]).await);
                }
            });
        };
        let (mut scratch, mut turn) = (FlatBatch::default(), Turn::default());
        let mut assemble = |count| {
            for _ in 0..count {
                scratch.assemble(&ring.events[turn.next(ring.len())], &ring.rows, guest.needs(), NOW_MS);
                black_box(&scratch);
            }
        };
        let (mut worker, mut batch, mut turn) = (Worker::new(&guest), FlatBatch::default(), Turn::default());
        let mut both = |count| {
            self.runtime.block_on(async {
                for _ in 0..count {
                    batch.assemble(&ring.events[turn.next(ring.len())], &ring.rows, guest.needs(), NOW_MS);
                    all_kept(&worker.evaluate(&batch).await);
                }
            });
        };
        let rounds = compare(Clock::Thread, EVENTS, [&mut memcpy, &mut call, &mut both, &mut assemble]);
        report.figure(&format!("memcpy{suffix}"), rounds.ns(0), "ns/event");
        report.figure(&format!("verdict_call{suffix}"), rounds.ns(1), "ns/event");
        report.figure(&format!("assembly{suffix}"), rounds.ns(3), "ns/event");
        report.figure(&format!("verdict_with_assembly{suffix}"), rounds.ns(2), "ns/event");
        if suffix == HOT {
            report.figure(&format!("boundary_verdict_with_assembly{suffix}"), rounds.quotient(2, 0), "times");
            report.figure(&format!("boundary_verdict_call{suffix}"), rounds.quotient(1, 0), "times");
        } else {
            report.ratio(&format!("boundary_verdict_with_assembly{suffix}"), rounds.quotient(2, 0), 3.5);
            report.ratio(&format!("boundary_verdict_call{suffix}"), rounds.quotient(1, 0), 2.0);
        }
    }

    /// The guest copies every event out again; the host checks the copies, and finds each to be its origin.
    fn echo(&self, report: &mut Report) {
        let guest = self.guest(&guests::echo());
        let ring = Ring::new(RING, |n| orders::events(n, EVENTS, PAYLOAD)).assembled(guest.needs());
        assert!(ring.batches[0].bytes.len() > EVENTS * PAYLOAD, "the guest reads everything");
        let mut memcpy = ring.memcpy();
        let (mut worker, mut turn) = (Worker::new(&guest), Turn::default());
        let mut apply = |count| self.apply(&ring, &mut worker, &mut turn, count);
        let (mut worker, mut turn) = (Worker::new(&guest), Turn::default());
        let mut call = |count| self.apply_unread(&ring, &mut worker, &mut turn, count);
        let rounds = compare(Clock::Thread, EVENTS, [&mut memcpy, &mut apply, &mut call]);
        report.figure("echo", rounds.ns(1), "ns/event");
        report.figure("echo_call", rounds.ns(2), "ns/event");
        report.ratio("boundary_echo", rounds.quotient(1, 0), 4.5);
    }

    /// The guest sets one extension and inherits the rest.
    fn patch(&self, report: &mut Report) {
        let guest = self.guest(&guests::patch());
        let whole = Ring::new(RING, |n| orders::events(n, EVENTS, PAYLOAD)).assembled(Needs::ALL);
        let mut memcpy = whole.memcpy();
        let ring = Ring::new(RING, |n| orders::events(n, EVENTS, PAYLOAD)).assembled(guest.needs());
        let (mut worker, mut turn) = (Worker::new(&guest), Turn::default());
        let mut call = |count| self.apply_unread(&ring, &mut worker, &mut turn, count);
        let (mut worker, mut turn) = (Worker::new(&guest), Turn::default());
        let mut apply = |count| self.apply(&ring, &mut worker, &mut turn, count);
        let rounds = compare(Clock::Thread, EVENTS, [&mut memcpy, &mut call, &mut apply]);
        report.figure("patch_call", rounds.ns(1), "ns/event");
        report.figure("patch_applied", rounds.ns(2), "ns/event");
        report.ratio("boundary_patch_call", rounds.quotient(1, 0), 1.0);
    }

    fn apply(&self, ring: &Ring, worker: &mut Worker, turn: &mut Turn, count: u32) {
        self.runtime.block_on(async {
            for _ in 0..count {
                let at = turn.next(ring.len());
                let applied = worker.apply(&ring.batches[at], &ring.events[at], &ring.rows).await;
                assert_eq!(applied.outputs.len(), EVENTS);
                black_box(applied);
            }
        });
    }

    fn apply_unread(&self, ring: &Ring, worker: &mut Worker, turn: &mut Turn, count: u32) {
        self.runtime.block_on(async {
            for _ in 0..count {
                black_box(worker.apply_unread(&ring.batches[turn.next(ring.len())]).await.unwrap());
            }
        });
    }

    fn attributes_only(&self, report: &mut Report) {
        let guest = self.guest(&guests::type_filter());
        assert!(!guest.needs().data, "the guest does not read data");
        let (small, large) = (orders::events(0, EVENTS, 100), orders::events(0, EVENTS, 64 << 10));
        let rows: Vec<u32> = (0..EVENTS as u32).collect();
        let mut subjects = [&small, &large].map(|events| {
            let (mut worker, mut batch) = (Worker::new(&guest), FlatBatch::default());
            let rows = &rows;
            move |count| {
                self.runtime.block_on(async {
                    for _ in 0..count {
                        batch.assemble(black_box(events), rows, worker.guest().needs(), NOW_MS);
                        black_box(worker.evaluate(&batch).await);
                    }
                });
            }
        });
        let [of_small, of_large] = &mut subjects;
        let rounds = compare(Clock::Thread, EVENTS, [of_small, of_large]);
        report.figure("attributes_only_100_b", rounds.ns(0), "ns/event");
        report.figure("attributes_only_64_kib", rounds.ns(1), "ns/event");
        report.ratio("boundary_attributes_only_64_kib_by_100_b", rounds.quotient(1, 0), 1.25);
    }
}

fn all_kept(decisions: &[Decision]) {
    assert_eq!(decisions.len(), EVENTS);
    assert!(decisions.iter().all(|decision| matches!(decision, Decision::Keep)), "the guest keeps everything");
}
