//! 200 swaps, code and configuration in turn, of the program itself, while a file is followed at full speed.

use std::fs::{self, File};
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};

use serde::Deserialize;

use crate::oracle::{self, Ledgers};
use crate::rig::events;
use crate::rig::guests::stamp;
use crate::rig::host::Start;
use crate::support::digest;

const SWAPS: usize = 200;
/// What the host may hold more after the last swap than after this one.
const FIRST_MEASURED: usize = 20;
const GROWTH_MAX: u64 = 8 << 20;
/// Events that wait for the host at any time: it never runs dry.
const AHEAD: usize = 6000;

/// Code version and configuration of a generation: every odd swap brings a new module, every even one a new config.
fn version(swap: usize) -> String {
    format!("{}.{}", swap.div_ceil(2), swap / 2)
}

/// Two policies that stamp each event with the version of the generation, the first as `x1` and the second as `x2`.
fn deploy(dir: &Path, swap: usize) {
    let (code, config) = (swap.div_ceil(2), swap / 2);
    let module = format!("stamp-{code}.wasm");
    let path = dir.join("docs").join(&module);
    if !path.exists() {
        fs::write(&path, stamp(code).component()).unwrap();
    }
    let digest = digest(&fs::read(&path).unwrap());
    let policy = |name: &str| {
        format!(
            "---\napiVersion: tidegate.dev/v1alpha1\nkind: FilterPolicy\nmetadata: {{name: stamp-{name}}}\nspec:\n  phase: Transform\n  \
             wasm: {{module: 'file:{module}', digest: '{digest}', config: '{name}={config}', mayWrite: {{attributes: ['x*']}}}}\n"
        )
    };
    let stream = "apiVersion: tidegate.dev/v1alpha1\nkind: Source\nmetadata: {name: in}\nspec: {file: {path: ../in.jsonl, follow: true}}\n\
        ---\napiVersion: tidegate.dev/v1alpha1\nkind: Sink\nmetadata: {name: out}\nspec: {file: {path: ../out.jsonl}}\n\
        ---\napiVersion: tidegate.dev/v1alpha1\nkind: Route\nmetadata: {name: main}\nspec: {from: [{name: in}], to: [{sink: out}]}\n";
    let text = format!("{stream}{}{}", policy("x1"), policy("x2"));
    fs::write(dir.join("new.yaml"), text).unwrap();
    fs::rename(dir.join("new.yaml"), dir.join("docs/all.yaml")).unwrap();
}

/// Appends events for as long as it is asked to, `AHEAD` of what came out; keeps the ledger. Returns how many.
fn produce(dir: &Path, out: &AtomicUsize, stop: &AtomicBool) -> usize {
    let mut input = File::options().append(true).create(true).open(dir.join("in.jsonl")).unwrap();
    let mut ledger = std::io::BufWriter::new(File::create(dir.join("produced.jsonl")).unwrap());
    let mut number = 0;
    while !stop.load(SeqCst) {
        if number >= out.load(SeqCst) + AHEAD {
            std::thread::yield_now();
            std::thread::sleep(std::time::Duration::from_millis(1));
            continue;
        }
        let mut lines = String::new();
        for _ in 0..500 {
            lines += &events::line(&format!("e{number}"), "k", 20);
            writeln!(ledger, "{{\"id\":\"e{number}\",\"key\":\"k\"}}").unwrap();
            number += 1;
        }
        input.write_all(lines.as_bytes()).unwrap();
    }
    ledger.flush().unwrap();
    number
}

#[derive(Deserialize)]
struct Out<'a> {
    x1: &'a str,
    x2: &'a str,
}

/// Reads what the sink has written, as it grows.
struct Tail {
    file: BufReader<File>,
    line: String,
    /// Whole lines read.
    count: usize,
    /// Swaps whose stamp was seen, in order of appearance.
    seen: Vec<usize>,
}

impl Tail {
    fn open(path: &Path) -> Tail {
        Tail { file: BufReader::new(File::open(path).unwrap()), line: String::new(), count: 0, seen: Vec::new() }
    }

    /// Every event bears the stamps of one generation, and generations do not come back.
    fn read(&mut self) {
        while self.file.read_line(&mut self.line).unwrap() > 0 && self.line.ends_with('\n') {
            let Out { x1, x2 } =
                serde_json::from_str(&self.line).unwrap_or_else(|error| panic!("{error}: {}", self.line));
            assert_eq!(x1, x2, "one event, two generations: {}", self.line);
            let last = self.seen.last().copied();
            if last.is_none_or(|swap| version(swap) != x1) {
                let from = last.map_or(0, |swap| swap + 1);
                let swap = (from..=SWAPS).find(|&swap| version(swap) == x1);
                self.seen.push(swap.unwrap_or_else(|| panic!("after {last:?} came {x1}")));
            }
            self.count += 1;
            self.line.clear();
        }
    }
}

#[test]
fn two_hundred_swaps_lose_repeat_and_reorder_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    fs::create_dir(dir.join("docs")).unwrap();
    fs::write(dir.join("in.jsonl"), "").unwrap();
    fs::write(dir.join("out.jsonl"), "").unwrap();
    deploy(dir, 0);
    let mut host = Start::new(dir).spawn();
    let (out, stop) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicBool::new(false)));
    let producer = {
        let (dir, out, stop) = (dir.to_owned(), out.clone(), stop.clone());
        std::thread::spawn(move || produce(&dir, &out, &stop))
    };
    let mut tail = Tail::open(&dir.join("out.jsonl"));
    let mut early = 0;
    for swap in 0..=SWAPS {
        if swap > 0 {
            deploy(dir, swap);
        }
        host.until(&format!("an event that met swap {swap}"), || {
            tail.read();
            out.store(tail.count, SeqCst);
            (tail.seen.last() == Some(&swap)).then_some(())
        });
        if swap == FIRST_MEASURED {
            early = host.resident();
        }
    }
    let late = host.resident();
    stop.store(true, SeqCst);
    let produced = producer.join().unwrap();
    host.until("the last event", || {
        tail.read();
        (tail.count >= produced).then_some(())
    });
    assert!(host.stop().success());
    tail.read();
    println!("ratio swap_memory_growth_bytes {} <= {GROWTH_MAX}", late.saturating_sub(early));

    assert_eq!(tail.seen, (0..=SWAPS).collect::<Vec<_>>(), "each generation decided some of the events");
    let ledgers = Ledgers {
        produced: vec![dir.join("produced.jsonl")],
        delivered: vec![dir.join("out.jsonl")],
        ..Ledgers::default()
    };
    oracle::check("hot_swap", &ledgers);
    assert!(
        late <= early + GROWTH_MAX,
        "{early} bytes resident after swap {FIRST_MEASURED}, {late} after swap {SWAPS}"
    );
}
