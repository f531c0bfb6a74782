//! A folder of documents in a storm: half-written files, renames, removals and `..data` swaps as fast as they can be made, some of them
//! valid and most of them not. It ends in the last valid state, and nobody was ever decided by half a set.

use std::fs::{self, File};
use std::io::Write as _;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use crate::oracle::{self, Ledgers};
use crate::rig::guests::stamp;
use crate::rig::host::{Start, end, lines};
use crate::rig::random::Random;

const CHANGES: usize = 500;
/// Events come between changes, so many at a time.
const EVENTS: usize = 4;

/// The set whose events are stamped `0.NUMBER`.
fn documents(number: usize) -> String {
    format!(
        "apiVersion: tidegate.dev/v1alpha1\nkind: Source\nmetadata: {{name: in}}\nspec: {{file: {{path: ../in.jsonl, follow: true}}}}\n\
         ---\napiVersion: tidegate.dev/v1alpha1\nkind: Sink\nmetadata: {{name: out}}\nspec: {{file: {{path: ../out.jsonl}}}}\n\
         ---\napiVersion: tidegate.dev/v1alpha1\nkind: Route\nmetadata: {{name: main}}\nspec: {{from: [{{name: in}}], to: [{{sink: out}}]}}\n\
         ---\napiVersion: tidegate.dev/v1alpha1\nkind: FilterPolicy\nmetadata: {{name: stamp}}\nspec: {{phase: Transform, wasm: {{module: \
         'file:stamp.wasm', config: 'x1={number}', mayWrite: {{attributes: ['x*']}}}}}}\n"
    )
}

/// A mounted ConfigMap: `docs/all.yaml` → `..data/all.yaml`, `..data` → `..NUMBER`.
struct Mount {
    docs: PathBuf,
    folders: usize,
}

impl Mount {
    fn new(dir: &Path) -> Mount {
        let docs = dir.join("docs");
        fs::create_dir(&docs).unwrap();
        let mut mount = Mount { docs, folders: 0 };
        mount.swap(&documents(0));
        std::os::unix::fs::symlink("..data/all.yaml", mount.docs.join("all.yaml")).unwrap();
        mount
    }

    /// What the file is now, behind its links.
    fn file(&self) -> PathBuf {
        self.docs.join(format!("..{}/all.yaml", self.folders))
    }

    /// As kubelet does it: a new folder, and the link to it renamed into place. The old folder goes.
    fn swap(&mut self, text: &str) {
        let old = self.docs.join(format!("..{}", self.folders));
        self.folders += 1;
        let new = format!("..{}", self.folders);
        fs::create_dir(self.docs.join(&new)).unwrap();
        fs::write(self.file(), text).unwrap();
        std::os::unix::fs::symlink(new, self.docs.join("..data_tmp")).unwrap();
        fs::rename(self.docs.join("..data_tmp"), self.docs.join("..data")).unwrap();
        if old.exists() {
            fs::remove_dir_all(old).unwrap();
        }
    }

    fn rename(&self, text: &str) {
        let new = self.docs.join("..new");
        fs::write(&new, text).unwrap();
        fs::rename(new, self.file()).unwrap();
    }

    /// In place, in two pieces; the cut is inside the last document's braces, so that half a set is never a set.
    fn write(&self, text: &str, random: &mut Random) {
        let from = text.rfind("spec: {").unwrap() + 7;
        let cut = from + usize::try_from(random.below((text.len() - from - 3) as u64)).unwrap();
        let mut file = File::create(self.file()).unwrap();
        file.write_all(&text.as_bytes()[..cut]).unwrap();
        file.sync_all().unwrap();
        file.write_all(&text.as_bytes()[cut..]).unwrap();
    }
}

struct Producer {
    input: File,
    ledger: File,
    count: usize,
}

impl Producer {
    fn write(&mut self, count: usize) {
        for number in self.count..self.count + count {
            writeln!(self.ledger, r#"{{"id":"e{number}","key":"k"}}"#).unwrap();
            writeln!(self.input, r#"{{"specversion":"1.0","id":"e{number}","source":"/test","type":"t","data":{{}}}}"#)
                .unwrap();
        }
        self.count += count;
    }
}

#[derive(Deserialize)]
struct Out<'a> {
    x1: &'a str,
}

#[test]
fn a_storm_of_partial_writes_renames_and_link_swaps_ends_in_the_last_valid_state() {
    let mut random = Random::from_env();
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    fs::write(dir.join("in.jsonl"), "").unwrap();
    fs::write(dir.join("out.jsonl"), "").unwrap();
    let mut mount = Mount::new(dir);
    fs::write(dir.join("docs/stamp.wasm"), stamp(0).component()).unwrap();
    let mut host = Start { args: &["--dev"], ..Start::new(dir) }.spawn();
    host.logged("host is ready", 1);

    let mut producer = Producer {
        input: File::options().append(true).open(dir.join("in.jsonl")).unwrap(),
        ledger: File::create(dir.join("produced.jsonl")).unwrap(),
        count: 0,
    };
    // What was a valid set at some time.
    let mut valid = vec![0];
    for change in 1..=CHANGES {
        let text = documents(change);
        match random.below(6) {
            0 => mount.swap(&text),
            1 => mount.rename(&text),
            2 => mount.write(&text, &mut random),
            kind => {
                let broken = match kind {
                    3 => text.replace("phase: Transform", "phase: Transfrom"),
                    4 => text[..text.len() - 4].to_owned(),
                    _ => text.replace("stamp.wasm", "absent.wasm"),
                };
                if random.below(2) == 0 {
                    mount.swap(&broken)
                } else {
                    mount.rename(&broken)
                }
                producer.write(EVENTS);
                continue;
            }
        }
        valid.push(change);
        producer.write(EVENTS);
    }
    let last = CHANGES + 1;
    valid.push(last);
    mount.swap(&documents(last));

    // It settles there, and stays.
    let out = dir.join("out.jsonl");
    let stamp = format!("0.{last}");
    host.until("an event that met the last set", || {
        producer.write(1);
        end(&out, 1_000).contains(&stamp).then_some(())
    });
    producer.write(100);
    host.until("all that was produced", || (lines(&out) >= producer.count).then_some(()));
    assert!(host.stop().success());

    let text = fs::read_to_string(&out).unwrap();
    let mut at = 0;
    for line in text.lines() {
        let Out { x1 } = serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
        let number: usize = x1.strip_prefix("0.").unwrap().parse().unwrap();
        assert!(valid.contains(&number), "decided by {number}, which never was a valid set");
        assert!(number >= at, "decided by {number} after {at}");
        at = number;
    }
    assert_eq!(at, last);
    let ledgers = Ledgers { produced: vec![dir.join("produced.jsonl")], delivered: vec![out], ..Ledgers::default() };
    oracle::check("reload_storm", &ledgers);
}
