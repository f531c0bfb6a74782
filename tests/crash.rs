//! kill -9 at random points under load: nothing is lost, nothing overtakes, and no more comes twice than was in flight.

use std::fs::{self, File};
use std::io::{BufWriter, Write as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::oracle::{self, Ledgers};
use crate::rig::docs::Docs;
use crate::rig::guests::{Guest, drops_guilty, stamp};
use crate::rig::host::{self, Host, Start};
use crate::rig::random::Random;

/// `TIDEGATE_KILLS=200` makes a campaign of it.
const KILLS: usize = 20;
const LANES: [&str; 2] = ["left", "right"];
/// Events a lane has in flight at most: the default of the host.
const WINDOW: usize = 4096;
/// Events that each input has more than the sink has in all: a lane that is not held never runs dry.
const AHEAD: usize = 15_000;

/// One producer, with its file and its ledger.
struct Producer {
    lane: &'static str,
    input: File,
    ledger: BufWriter<File>,
    produced: usize,
}

impl Producer {
    fn new(dir: &Path, lane: &'static str) -> Producer {
        let create = |name: String| File::create(dir.join(name)).unwrap();
        let ledger = BufWriter::new(create(format!("{lane}.ledger")));
        Producer { lane, input: create(format!("{lane}.jsonl")), ledger, produced: 0 }
    }

    /// Every 10th event is dropped by a filter, every 97th traps one.
    fn produce(&mut self, count: usize) {
        let mut lines = String::new();
        for number in self.produced..self.produced + count {
            let (ty, subject, expect) = match (number % 97, number % 10) {
                (0, _) => ("test.trap", r#""subject":"s","#, "dead_lettered"),
                (_, 0) => ("test.drop", r#""subject":"s","#, "dropped"),
                (_, _) => ("test.pass", "", "delivered"),
            };
            let lane = self.lane;
            lines += &format!(
                "{{\"specversion\":\"1.0\",\"id\":\"{lane}-{number}\",\"source\":\"/test\",\"type\":\"{ty}\",{subject}\"data\":{{\"n\":{number}}}}}\n"
            );
            writeln!(self.ledger, "{{\"id\":\"{lane}-{number}\",\"key\":\"{lane}\",\"expect\":\"{expect}\"}}").unwrap();
        }
        self.input.write_all(lines.as_bytes()).unwrap();
        self.produced += count;
    }
}

fn deploy(dir: &Path) {
    let put = |name: &str, guest: Guest| fs::write(dir.join("docs").join(name), guest.component()).unwrap();
    fs::create_dir(dir.join("docs")).unwrap();
    put("drop.wasm", drops_guilty());
    put("trap.wasm", Guest::filter().guilty("unreachable"));
    put("stamp.wasm", stamp(1));
    let file = |name: &str| format!("{{file: {{path: ../{name}.jsonl}}, retry: {{first: 300ms, maxDelay: 1s}}}}");
    let mut docs = Docs::new().doc("Sink", "out", &file("out")).doc("Sink", "dlq", &file("dlq"));
    for lane in LANES {
        docs = docs.doc("Source", lane, &format!("{{file: {{path: ../{lane}.jsonl, follow: true}}}}"));
    }
    let only = |ty: &str| format!("match: [{{filters: [{{exact: {{type: {ty}}}}}]}}], failure: {{onTrap: DeadLetter}}");
    let route = "{from: [{name: left}, {name: right}], to: [{sink: out}], deadLetter: {sink: dlq}}";
    docs = docs
        .doc("Route", "main", route)
        .policy("drop", "drop.wasm", &only("test.drop"))
        .policy("trap", "trap.wasm", &only("test.trap"))
        .policy(
            "stamp",
            "",
            "phase: Transform, wasm: {module: 'file:stamp.wasm', config: 'x1=1', mayWrite: {attributes: [x1]}}",
        );
    fs::write(dir.join("docs/all.yaml"), docs.text()).unwrap();
}

/// What a host gets to do before it is killed.
enum Fate {
    /// To write so many bytes more.
    InFullFlow { bytes: u64 },
    /// To fill the disk, and then its windows; so many bytes are free.
    AtAFullDisk { bytes: u64 },
}

fn draw(random: &mut Random) -> Fate {
    match random.below(5) {
        0 | 1 => Fate::AtAFullDisk { bytes: 10_000 + random.below(600_000) },
        _ => Fate::InFullFlow { bytes: random.below(1_000_000) },
    }
}

fn run_and_kill(dir: &Path, fate: Fate) {
    let out = dir.join("out.jsonl");
    let start = Start { args: &["--dev"], ..Start::new(dir) };
    match fate {
        Fate::InFullFlow { bytes } => {
            let wanted = host::size(&out) + bytes;
            let mut host = start.spawn();
            host.until("more in the sink", || (host::size(&out) >= wanted).then_some(()));
            host.kill();
        }
        Fate::AtAFullDisk { bytes } => {
            let trouble = "the sink is in trouble";
            let before = fs::read_to_string(dir.join("host.log")).unwrap_or_default().matches(trouble).count();
            let full = (host::size(&out) + bytes) / 512;
            let mut host = Start { file_blocks: Some(full), ..start }.spawn();
            host.logged(trouble, before + 1);
            idle(&mut host);
            host.kill();
        }
    }
}

/// Waits until the host no longer works though there is input: its windows are full.
fn idle(host: &mut Host) {
    let (mut last, mut still) = (0, 0);
    let id = host.id();
    host.until("full windows", || {
        std::thread::sleep(Duration::from_millis(20));
        let ticks = host::processor_ticks(id);
        // A sink that tries again now and then costs less than a tick a look.
        still = if ticks <= last + 1 { still + 1 } else { 0 };
        last = ticks;
        (still >= 5).then_some(())
    });
}

#[test]
fn kill_nine_loses_and_reorders_nothing_and_repeats_no_more_than_was_in_flight() {
    let kills = std::env::var("TIDEGATE_KILLS").map_or(KILLS, |text| text.parse().expect("TIDEGATE_KILLS is a number"));
    let mut random = Random::from_env();
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    let out = dir.join("out.jsonl");
    deploy(dir);
    let mut producers = LANES.map(|lane| Producer::new(dir, lane));
    for kill in 0..kills {
        // Enough for the worst draw, and for windows behind a full disk.
        let lines = host::lines(&out);
        for producer in &mut producers {
            producer.produce((lines + AHEAD).saturating_sub(producer.produced));
        }
        println!("kill {kill} of {kills}: {lines} lines in the sink");
        run_and_kill(dir, draw(&mut random));
    }
    for producer in &mut producers {
        producer.produce(1000);
        producer.ledger.flush().unwrap();
    }
    let all: usize = producers.iter().map(|producer| producer.produced).sum();
    println!("{all} events");

    let mut last = Start { args: &["--dev"], ..Start::new(dir) }.spawn();
    let mut ends = Vec::from(LANES.map(|lane| {
        let fate = |number: &usize| !number.is_multiple_of(97) && !number.is_multiple_of(10);
        let produced = producers.iter().find(|producer| producer.lane == lane).unwrap().produced;
        format!("\"id\":\"{lane}-{}\"", (0..produced).rev().find(fate).unwrap())
    }));
    last.until("the last events", || {
        // One lane may end long before the other.
        let end = host::end(&out, 4_000_000);
        ends.retain(|id| !end.contains(id));
        ends.is_empty().then_some(())
    });
    assert!(last.stop().success());

    let path = |name: &str| -> Vec<PathBuf> { vec![dir.join(name)] };
    let ledgers = Ledgers {
        produced: LANES.map(|lane| dir.join(format!("{lane}.ledger"))).to_vec(),
        delivered: path("out.jsonl"),
        dead_lettered: path("dlq.jsonl"),
        duplicates_max: kills * LANES.len() * WINDOW,
    };
    let line = oracle::check("kill_nine", &ledgers);
    assert!(oracle::number(&line, "dead_lettered") > 0 && oracle::number(&line, "dropped") > 0, "{line}");
}

/// Asked to stop, a host settles what it has: nothing comes twice.
#[test]
fn a_host_that_is_asked_to_stop_repeats_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    deploy(dir);
    let out = dir.join("out.jsonl");
    let mut producers = LANES.map(|lane| Producer::new(dir, lane));
    for producer in &mut producers {
        producer.produce(20_000);
        producer.ledger.flush().unwrap();
    }
    let mut random = Random::from_env();
    for start in 1..=6 {
        let wanted = host::size(&out) + random.below(600_000);
        let mut host = Start { args: &["--dev"], ..Start::new(dir) }.spawn();
        // Before that it does not listen.
        host.logged("host is ready", start);
        // It may have come to the end already.
        let all = 36_000 * 140;
        host.until("more in the sink", || (host::size(&out) >= wanted.min(all)).then_some(()));
        assert!(host.stop().success());
    }
    let mut last = Start { args: &["--dev"], ..Start::new(dir) }.spawn();
    last.until("the last events", || {
        let end = host::end(&out, 4_000_000);
        LANES.iter().all(|lane| end.contains(&format!("\"id\":\"{lane}-19999\""))).then_some(())
    });
    assert!(last.stop().success());
    let ledgers = Ledgers {
        produced: LANES.map(|lane| dir.join(format!("{lane}.ledger"))).to_vec(),
        delivered: vec![out],
        dead_lettered: vec![dir.join("dlq.jsonl")],
        duplicates_max: 0,
    };
    oracle::check("stopped_and_started", &ledgers);
}
