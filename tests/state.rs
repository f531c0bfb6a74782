//! What policies remember: over newer modules, restarts and kill -9, in each lane for itself, within its limits; and a store that is damaged
//! or cannot be written is told of, and never taken for an empty one.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io::Write as _;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::rig::docs::Docs;
use crate::rig::host::{Start, lines, size};
use crate::rig::random::Random;
use crate::support::{example, run};

mod languages;

/// `TIDEGATE_KILLS=200` makes a campaign of it.
const KILLS: usize = 8;

/// A compiler that is built for tests needs far longer for a whole Go runtime.
const ROOM: [(&str, &str); 1] = [("TIDEGATE_COMPILE_LIMITS", "60s,2048Mi")];

/// A folder with two inputs and the filter that lets each event through once.
struct Rig {
    dir: tempfile::TempDir,
    /// Events written, each line with a number of its own.
    written: u64,
}

impl Rig {
    fn new() -> Rig {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir(dir.path().join("docs")).unwrap();
        let rig = Rig { dir, written: 0 };
        rig.module("dedupe-window", 0);
        for input in ["left", "right"] {
            File::create(rig.path(input)).unwrap();
        }
        rig
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(format!("{name}.jsonl"))
    }

    fn store(&self) -> PathBuf {
        self.dir.path().join("state/state/policies.redb")
    }

    /// The same filter with another digest: a custom section that nobody reads (id 0, size, name, content).
    fn module(&self, name: &str, number: u8) {
        let mut wasm = fs::read(example(name)).unwrap();
        wasm.extend([0, 3, 1, b'v', number]);
        // Placed in one step: a host may read it at any time.
        let (new, place) = (self.dir.path().join("new.wasm"), self.dir.path().join("docs/dedupe.wasm"));
        fs::write(&new, wasm).unwrap();
        fs::rename(new, place).unwrap();
    }

    fn documents(&self, follow: bool, policy: &str, target: &str) {
        let mut docs = Docs::new();
        for input in ["left", "right"] {
            docs = docs.doc("Source", input, &format!("{{file: {{path: ../{input}.jsonl, follow: {follow}}}}}"));
        }
        let docs = docs
            .doc("Sink", "out", "{file: {path: ../out.jsonl}}")
            .doc("Route", "main", &format!("{{from: [{{name: left}}, {{name: right}}], to: [{{sink: out{target}}}]}}"))
            .policy("dedupe", "", &format!("wasm: {{module: 'file:dedupe.wasm', capabilities: [state]}}{policy}"));
        fs::write(self.dir.path().join("docs/all.yaml"), docs.text()).unwrap();
    }

    /// Appends events of these ids.
    fn write(&mut self, input: &str, ids: impl IntoIterator<Item = u64>) {
        let mut text = String::new();
        for id in ids {
            let number = self.written;
            text += &format!(
                "{{\"specversion\":\"1.0\",\"id\":\"{id}\",\"source\":\"/{input}\",\"type\":\"test\",\"data\":{{\"n\":{number}}}}}\n"
            );
            self.written += 1;
        }
        File::options().append(true).open(self.path(input)).unwrap().write_all(text.as_bytes()).unwrap();
    }

    fn start(&self) -> Start<'_> {
        Start { args: &["--dev"], env: &ROOM, ..Start::new(self.dir.path()) }
    }

    /// Reads the inputs to their end.
    fn once(&self) {
        let host = Start { args: &["--dev", "--once"], ..self.start() }.spawn();
        assert!(host.ended().success(), "{}", fs::read_to_string(self.dir.path().join("host.log")).unwrap());
    }

    /// Numbers of the lines that came out, each once.
    fn out(&self) -> BTreeSet<u64> {
        numbers(&self.path("out")).into_iter().map(|(_, number)| number).collect()
    }
}

/// Name and number of each line: a name is source and id.
fn numbers(path: &Path) -> Vec<(String, u64)> {
    let text = fs::read_to_string(path).unwrap_or_default();
    let line = |line: &str| {
        let event: Value = serde_json::from_str(line).unwrap();
        let name = format!("{} {}", event["source"].as_str().unwrap(), event["id"].as_str().unwrap());
        (name, event["data"]["n"].as_u64().unwrap())
    };
    text.lines().map(line).collect()
}

/// The line of each name that comes first: what is to come out, and nothing else.
fn firsts(rig: &Rig) -> BTreeSet<u64> {
    let mut first: BTreeMap<String, u64> = BTreeMap::new();
    for input in ["left", "right"] {
        for (name, number) in numbers(&rig.path(input)) {
            first.entry(name).or_insert(number);
        }
    }
    first.into_values().collect()
}

#[test]
fn what_is_remembered_survives_a_restart_and_another_build_of_the_module() {
    let mut rig = Rig::new();
    rig.documents(false, "", "");
    rig.write("left", [1, 2, 1]);
    rig.once();
    rig.module("dedupe-window", 1);
    rig.write("left", [2, 3, 3, 1]);
    rig.once();
    assert_eq!(rig.out(), firsts(&rig));
    assert_eq!(lines(&rig.path("out")), 3);
}

#[test]
fn a_swap_takes_over_what_is_remembered() {
    let mut rig = Rig::new();
    rig.documents(true, "", "");
    rig.write("left", [1, 2, 1]);
    let mut host = rig.start().spawn();
    let out = rig.path("out");
    host.until("the first events", || (lines(&out) == 2).then_some(()));
    rig.module("dedupe-window", 1);
    rig.documents(true, ", priority: 7", "");
    host.logged("generation is live", 1);
    rig.write("left", [2, 1, 3]);
    host.until("the last event", || (lines(&out) >= 3).then_some(()));
    assert!(host.stop().success());
    assert_eq!(rig.out(), firsts(&rig));
}

/// Ids are drawn from few, so that most lines have been there before: in the same batch, in one that is not settled yet, or long ago.
#[test]
fn killed_hosts_decide_every_event_as_if_once() {
    let kills = std::env::var("TIDEGATE_KILLS").map_or(KILLS, |text| text.parse().unwrap());
    let mut random = Random::from_env();
    let mut rig = Rig::new();
    rig.documents(true, "", "");
    let mut names = 0;
    for kill in 0..kills {
        rig.module("dedupe-window", u8::try_from(kill % 2).unwrap());
        for input in ["left", "right"] {
            let ids: Vec<u64> = (0..4000).map(|_| random.below(names + 2000)).collect();
            rig.write(input, ids);
        }
        names += 2000;
        let wanted = size(&rig.path("out")) + random.below(200_000);
        let most = firsts(&rig).len();
        let mut host = rig.start().spawn();
        let out = rig.path("out");
        host.until("more came out, or all", || (size(&out) >= wanted || lines(&out) >= most).then_some(()));
        host.kill();
    }
    rig.documents(false, "", "");
    rig.once();
    let (out, wanted) = (rig.out(), firsts(&rig));
    let lost: Vec<_> = wanted.difference(&out).take(5).collect();
    let twice: Vec<_> = out.difference(&wanted).take(5).collect();
    assert!(lost.is_empty() && twice.is_empty(), "of {}: lost {lost:?}, decided anew {twice:?}", wanted.len());
}

#[test]
fn lanes_do_not_see_each_other() {
    let mut rig = Rig::new();
    rig.documents(false, "", "");
    rig.write("left", [1, 2, 1]);
    // Under the same names as in the other lane.
    let text = fs::read_to_string(rig.path("left")).unwrap();
    fs::write(rig.path("right"), text).unwrap();
    rig.once();
    assert_eq!(lines(&rig.path("out")), 4, "two of each");
}

#[test]
fn a_policy_keeps_no_more_than_it_may() {
    const KEPT: u64 = 65_536;
    let mut rig = Rig::new();
    rig.documents(false, &format!(", state: {{maxBytes: {KEPT}}}"), "");
    rig.write("left", 10_000..12_000);
    rig.once();
    assert_eq!(lines(&rig.path("out")), 2000);
    rig.write("left", 10_000..12_000);
    rig.once();
    // `/left`, a line break and five digits; a key counts 64 more, and one with an end two for its length and itself once more, where it
    // is noted when that is.
    let key = 5 + 1 + 5;
    let (most, least) = (KEPT / (key + 64), KEPT / (2 * key + 2 + 64) - 1);
    let forgotten = lines(&rig.path("out")) as u64 - 2000;
    assert!((2000 - most..=2000 - least).contains(&forgotten), "{forgotten} of 2000 forgotten");
}

#[test]
fn a_store_that_is_damaged_is_refused_and_left_as_it_is() {
    let mut rig = Rig::new();
    rig.documents(false, "", "");
    rig.write("left", 0..100);
    rig.once();
    for content in [Vec::new(), b"no store".repeat(1000)] {
        let whole = fs::read(rig.store()).unwrap();
        fs::write(rig.store(), &content).unwrap();
        let state = rig.dir.path().join("state");
        let args = ["run", "--dev", "--once", "docs", "--state-dir", state.to_str().unwrap()];
        let refused = run(rig.dir.path(), &args).ended(1);
        for words in ["error[C210]", "policies.redb", "capabilities: [state]", "move it away"] {
            assert!(refused.stderr.contains(words), "{words} is not in\n{}", refused.stderr);
        }
        assert_eq!(fs::read(rig.store()).unwrap(), content);
        fs::write(rig.store(), whole).unwrap();
    }
    rig.write("left", 0..100);
    rig.once();
    assert_eq!(lines(&rig.path("out")), 100);
}

#[test]
fn at_a_full_disk_nothing_is_acknowledged_and_nothing_forgotten() {
    let mut rig = Rig::new();
    // Nothing comes out, so that the store is what grows.
    let nowhere = ", when: {exact: {type: never}}";
    rig.documents(true, "", nowhere);
    rig.write("left", 0..100);
    let mut host = rig.start().spawn();
    let store = rig.store();
    host.until("a store", || store.exists().then_some(()));
    assert!(host.stop().success());
    rig.write("left", 100..60_000);
    let full = size(&store) / 512;
    let mut host = Start { file_blocks: Some(full), ..rig.start() }.spawn();
    host.logged("the state cannot be written", 1);
    host.kill();
    // What was not kept is decided again; what was is known.
    rig.documents(false, "", "");
    rig.write("left", 0..60_000);
    rig.once();
    let out = rig.out();
    let again = out.iter().filter(|number| **number >= 60_000).count();
    assert_eq!(again, 0, "remembered, or delivered just now");
}
