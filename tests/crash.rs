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
/// Files of a sink that rotates, at most.
const PARTS_MAX: usize = 400;

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

    /// As logrotate does: `left.jsonl.1` is the youngest of those put aside.
    fn rotate(&mut self, dir: &Path) {
        let path = |number: usize| match number {
            0 => dir.join(format!("{}.jsonl", self.lane)),
            _ => dir.join(format!("{}.jsonl.{number}", self.lane)),
        };
        let free = (0..).find(|&number| !path(number).exists()).unwrap();
        for number in (0..free).rev() {
            fs::rename(path(number), path(number + 1)).unwrap();
        }
        self.input = File::create(path(0)).unwrap();
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

fn deploy(dir: &Path, sink: &str) {
    let put = |name: &str, guest: Guest| fs::write(dir.join("docs").join(name), guest.component()).unwrap();
    fs::create_dir(dir.join("docs")).unwrap();
    put("drop.wasm", drops_guilty());
    put("trap.wasm", Guest::filter().guilty("unreachable"));
    put("stamp.wasm", stamp(1));
    let file = |name: &str, rest: &str| {
        format!("{{file: {{path: ../{name}.jsonl{rest}}}, retry: {{delay: 300ms, maxDelay: 1s}}}}")
    };
    let mut docs = Docs::new().doc("Sink", "out", &file("out", sink)).doc("Sink", "dlq", &file("dlq", ""));
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
    let start = Start { args: &["--dev"], ..Start::new(dir) };
    match fate {
        Fate::InFullFlow { bytes } => {
            let wanted = written(dir) + bytes;
            let mut host = start.spawn();
            host.until("more in the sink", || (written(dir) >= wanted).then_some(()));
            host.kill();
        }
        Fate::AtAFullDisk { bytes } => {
            let trouble = "the sink is in trouble";
            let before = fs::read_to_string(dir.join("host.log")).unwrap_or_default().matches(trouble).count();
            let full = (written(dir) + bytes) / 512;
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

/// Files of the sink, oldest first.
fn parts(dir: &Path) -> Vec<PathBuf> {
    // A host that is killed while it renames them leaves a number out.
    let numbered = (1..=PARTS_MAX).rev().map(|number| dir.join(format!("out.jsonl.{number}")));
    let mut parts: Vec<PathBuf> = numbered.filter(|path| path.exists()).collect();
    parts.push(dir.join("out.jsonl"));
    parts
}

/// Bytes in the sink.
fn written(dir: &Path) -> u64 {
    parts(dir).iter().map(|part| host::size(part)).sum()
}

/// What a campaign is.
struct Campaign {
    name: &'static str,
    kills: usize,
    /// Further keys of the sink.
    sink: &'static str,
    inputs: Inputs,
}

#[derive(PartialEq, Eq)]
enum Inputs {
    /// One file a lane.
    Grow,
    /// A new one after each kill.
    Rotate,
}

fn run(campaign: &Campaign) {
    let mut random = Random::from_env();
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    deploy(dir, campaign.sink);
    let mut producers = LANES.map(|lane| Producer::new(dir, lane));
    for kill in 0..campaign.kills {
        // Enough for the worst draw, and for windows behind a full disk.
        let lines: usize = parts(dir).iter().map(|part| host::lines(part)).sum();
        for producer in &mut producers {
            if campaign.inputs == Inputs::Rotate && kill > 0 {
                producer.rotate(dir);
            }
            producer.produce((lines + AHEAD).saturating_sub(producer.produced));
        }
        println!("kill {kill} of {}: {lines} lines in the sink", campaign.kills);
        let fate = match draw(&mut random) {
            // Limits are of one file: a sink that rotates never meets them.
            Fate::AtAFullDisk { bytes } if campaign.inputs == Inputs::Rotate => Fate::InFullFlow { bytes },
            fate @ (Fate::AtAFullDisk { .. } | Fate::InFullFlow { .. }) => fate,
        };
        run_and_kill(dir, fate);
    }
    for producer in &mut producers {
        producer.produce(1000);
        producer.ledger.flush().unwrap();
    }
    finish(dir, &producers);

    let ledgers = Ledgers {
        produced: LANES.map(|lane| dir.join(format!("{lane}.ledger"))).to_vec(),
        delivered: parts(dir),
        dead_lettered: vec![dir.join("dlq.jsonl")],
        duplicates_max: campaign.kills * LANES.len() * WINDOW,
    };
    let line = oracle::check(campaign.name, &ledgers);
    assert!(oracle::number(&line, "dead_lettered") > 0 && oracle::number(&line, "dropped") > 0, "{line}");
}

/// Lets a host come to the end of all inputs, and stops it.
fn finish(dir: &Path, producers: &[Producer]) {
    let mut host = Start { args: &["--dev"], ..Start::new(dir) }.spawn();
    let delivered = |number: &usize| !number.is_multiple_of(97) && !number.is_multiple_of(10);
    let last = |producer: &Producer| {
        format!("\"id\":\"{}-{}\"", producer.lane, (0..producer.produced).rev().find(delivered).unwrap())
    };
    let mut ends: Vec<String> = producers.iter().map(last).collect();
    host.until("the last events", || {
        // One lane may end long before the other.
        let parts = parts(dir);
        let end: String = parts.iter().rev().take(9).map(|part| host::end(part, 4_000_000)).collect();
        ends.retain(|id| !end.contains(id));
        ends.is_empty().then_some(())
    });
    assert!(host.stop().success());
}

#[test]
fn kill_nine_loses_and_reorders_nothing_and_repeats_no_more_than_was_in_flight() {
    let kills = std::env::var("TIDEGATE_KILLS").map_or(KILLS, |text| text.parse().expect("TIDEGATE_KILLS is a number"));
    run(&Campaign { name: "kill_nine", kills, sink: "", inputs: Inputs::Grow });
}

#[test]
fn kill_nine_while_files_are_rotated_on_both_sides() {
    let sink = ", maxBytes: 300Ki, keep: 400";
    run(&Campaign { name: "kill_nine_rotating", kills: 8, sink, inputs: Inputs::Rotate });
}

/// Asked to stop, a host settles what it has: nothing comes twice.
#[test]
fn a_host_that_is_asked_to_stop_repeats_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    deploy(dir, "");
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
    finish(dir, &producers);
    let ledgers = Ledgers {
        produced: LANES.map(|lane| dir.join(format!("{lane}.ledger"))).to_vec(),
        delivered: vec![out],
        dead_lettered: vec![dir.join("dlq.jsonl")],
        duplicates_max: 0,
    };
    oracle::check("stopped_and_started", &ledgers);
}
