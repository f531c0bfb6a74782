//! Asks the `oracle` program (`tests/oracle/`), and checks that it finds what it is for.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Ledgers of one campaign.
#[derive(Debug, Default)]
pub struct Ledgers {
    pub produced: Vec<PathBuf>,
    pub delivered: Vec<PathBuf>,
    pub dead_lettered: Vec<PathBuf>,
    pub duplicates_max: usize,
}

/// What the oracle says, and whether all is well.
pub fn ask(name: &str, ledgers: &Ledgers) -> (String, bool) {
    let mut command = Command::new(program());
    command.arg(name).arg("--duplicates-max").arg(ledgers.duplicates_max.to_string());
    let Ledgers { produced, delivered, dead_lettered, .. } = ledgers;
    for (option, paths) in [("--produced", produced), ("--delivered", delivered), ("--dead-lettered", dead_lettered)] {
        for path in paths {
            command.arg(option).arg(path);
        }
    }
    let output = command.output().expect("the oracle runs");
    (String::from_utf8_lossy(&output.stdout).trim().to_owned(), output.status.success())
}

/// Prints the verdict, and fails unless all is well.
pub fn check(name: &str, ledgers: &Ledgers) -> String {
    let (line, well) = ask(name, ledgers);
    println!("{line}");
    assert!(well, "{line} (at most {} duplicates allowed)", ledgers.duplicates_max);
    line
}

/// A number of the verdict: `duplicated`.
pub fn number(line: &str, name: &str) -> usize {
    let word = line.split_whitespace().find_map(|word| word.strip_prefix(name)?.strip_prefix('='));
    word.and_then(|word| word.parse().ok()).unwrap_or_else(|| panic!("no {name} in: {line}"))
}

/// Cargo builds it with the tests, beside them.
fn program() -> PathBuf {
    let tests = std::env::current_exe().expect("the path of the tests");
    let program = tests.parent().and_then(Path::parent).expect("a target folder").join("examples/oracle");
    assert!(
        program.is_file(),
        "{} is missing: `cargo test` builds it; with `--test tidegate` run `cargo build -p tidegate --example oracle` first",
        program.display()
    );
    program
}

fn ask_about(produced: &str, delivered: &str, dead: &str, duplicates_max: usize) -> (String, bool) {
    let dir = tempfile::tempdir().unwrap();
    let put = |name: &str, text: &str| {
        let path = dir.path().join(name);
        fs::write(&path, text).unwrap();
        vec![path]
    };
    let ledgers = Ledgers {
        produced: put("produced", produced),
        delivered: put("delivered", delivered),
        dead_lettered: put("dead", dead),
        duplicates_max,
    };
    ask("test", &ledgers)
}

/// One line an id, `a1` being of key `a`; `!` behind it: to be dropped; `?`: for the dead letter.
fn produce(ids: &str) -> String {
    let line = |word: &str| {
        let (id, expect) = match word.as_bytes()[word.len() - 1] {
            b'!' => (&word[..word.len() - 1], "dropped"),
            b'?' => (&word[..word.len() - 1], "dead_lettered"),
            _ => (word, "delivered"),
        };
        format!("{{\"id\":\"{id}\",\"key\":\"{}\",\"expect\":\"{expect}\"}}\n", &id[..1])
    };
    ids.split_whitespace().map(line).collect()
}

#[test]
fn the_oracle_tells_what_is_wrong() {
    for (delivered, dead, duplicates_max, well, numbers) in [
        (
            "a1 b1 a2 b2",
            "a4",
            0,
            true,
            "delivered=4 dropped=1 dead_lettered=1 lost=0 duplicated=0 out_of_order=0 invented=0",
        ),
        // Keys do not wait for one another.
        (
            "b1 b2 a1 a2",
            "a4",
            0,
            true,
            "delivered=4 dropped=1 dead_lettered=1 lost=0 duplicated=0 out_of_order=0 invented=0",
        ),
        (
            "a1 b1 b2",
            "a4",
            0,
            false,
            "delivered=3 dropped=1 dead_lettered=1 lost=1 duplicated=0 out_of_order=0 invented=0",
        ),
        (
            "a2 a1 b1 b2",
            "a4",
            0,
            false,
            "delivered=4 dropped=1 dead_lettered=1 lost=0 duplicated=0 out_of_order=1 invented=0",
        ),
        // A crash repeats; that is allowed as far as it is allowed.
        (
            "a1 b1 a2 a1 a2 b2",
            "a4",
            2,
            true,
            "delivered=4 dropped=1 dead_lettered=1 lost=0 duplicated=2 out_of_order=0 invented=0",
        ),
        (
            "a1 b1 a2 a1 a2 b2",
            "a4",
            1,
            false,
            "delivered=4 dropped=1 dead_lettered=1 lost=0 duplicated=2 out_of_order=0 invented=0",
        ),
        (
            "a1 b1 a2 b2 c9",
            "a4",
            0,
            false,
            "delivered=4 dropped=1 dead_lettered=1 lost=0 duplicated=0 out_of_order=0 invented=1",
        ),
        (
            "a1 b1 a2 a3 b2",
            "a4",
            0,
            false,
            "delivered=5 dropped=0 dead_lettered=1 lost=0 duplicated=0 out_of_order=0 invented=1",
        ),
        (
            "a1 b1 a2 b2 a4",
            "",
            0,
            false,
            "delivered=5 dropped=1 dead_lettered=0 lost=1 duplicated=0 out_of_order=0 invented=1",
        ),
    ] {
        let (line, holds) =
            ask_about(&produce("a1 a2 a3! a4? b1 b2"), &produce(delivered), &produce(dead), duplicates_max);
        assert_eq!(
            (line.as_str(), holds),
            (&*format!("oracle test received=6 {numbers}"), well),
            "{delivered} | {dead}"
        );
    }
}

#[test]
fn the_oracle_does_not_overlook_what_it_cannot_read() {
    for (delivered, problem) in [
        ("{\"id\":\"a1\"}\n{\"id\":\"a2\"", "ends with half a line"),
        ("{\"id\":\"a1\"}\n{\"id\":\"a2\"\n", "delivered:2"),
        ("{\"id\":7}\n", "it has no id"),
        ("{\"id\":\"a1\"}\n\n", "delivered:2"),
    ] {
        let (line, holds) = ask_about(&produce("a1 a2"), delivered, "", 0);
        assert!(!holds && line.contains(problem), "{delivered:?}: {line}");
    }
    let (line, holds) = ask_about(&produce("a1 a1"), "", "", 0);
    assert!(!holds && line.contains("produced twice"), "{line}");
}
