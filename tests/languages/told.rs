//! What is told of a filter that fails, in each language: which filter, which event, and the filter's own words; in the dead letter of a
//! host, and in the report on documents.

use std::fs;
use std::path::Path;

use serde_json::Value;

use super::assemblyscript;
use crate::rig::docs::Docs;
use crate::rig::host::Start;
use crate::support::{module, tidegate};

/// What a filter of a language does with these events: type, cause, how its words begin.
struct Told {
    name: &'static str,
    config: &'static str,
    /// It is refused with it, and with which words.
    wrong: (&'static str, &'static str),
    events: &'static [(&'static str, &'static str, &'static str)],
}

const MEMORY: &str = "linear memory in bytes would exceed 16777216";

const LANGUAGES: [Told; 3] = [
    Told {
        name: "rust",
        config: "{limit: 7}",
        wrong: ("{limit: seven}", "invalid type: string \"seven\", expected i32"),
        events: &[
            ("panic", "trap", "panic: no order is like this: its subject (failing/src/lib.rs:19)"),
            ("unwrap", "trap", "panic: called `Result::unwrap()` on an `Err` value"),
            ("deadlock", "trap", "panic: "),
            ("memory", "memory limit", MEMORY),
        ],
    },
    Told {
        name: "go",
        config: "{limit: 7}",
        wrong: ("{limit: seven}", "cannot unmarshal string into Go struct field Config.limit of type int32"),
        events: &[
            ("panic", "trap", "panic: no order is like this: its subject"),
            ("fatal", "trap", "given up go-fatal"),
            ("deadlock", "trap", "fatal error: all goroutines are asleep - deadlock!"),
            ("memory", "memory limit", "linear memory in bytes would exceed 16777216: runtime: out of memory"),
        ],
    },
    Told {
        name: "assemblyscript",
        config: "null",
        wrong: ("{limit: 7}", "this module takes no configuration"),
        events: &[
            ("throw", "trap", "no order is like this: assemblyscript-throw (assembly/index.ts:5:"),
            ("null", "trap", "Unexpected 'null'"),
            ("memory", "memory limit", "linear memory in bytes would exceed 16777216: out of memory"),
        ],
    },
];

fn wasm(language: &str) -> Vec<u8> {
    match language {
        "rust" => fs::read(module("tests/guests", "failing", &[])).expect("a module"),
        "go" => fs::read(module("tests/guests", "failing-go", &[])).expect("a module"),
        _ => assemblyscript::failing(),
    }
}

/// A folder of documents: a source, and for each language a route with its filter and its dead letter.
fn documents(dir: &Path) -> Docs {
    let docs = dir.join("docs");
    fs::create_dir_all(&docs).expect("a folder");
    let mut all = Docs::new().doc("Source", "in", "{file: {path: ../in.jsonl}}");
    let mut events = String::new();
    for told in &LANGUAGES {
        let Told { name, config, .. } = told;
        fs::write(docs.join(format!("{name}.wasm")), wasm(name)).expect("a module");
        let policy = format!(
            "targetRefs: [{{kind: Route, name: {name}}}], match: [{{filters: [{{exact: {{source: /{name}}}}}]}}], \
             limits: {{memory: 16Mi, timeout: 10s}}, failure: {{onTrap: DeadLetter, onTimeout: DeadLetter}}, \
             wasm: {{module: 'file:{name}.wasm', config: {config}}}"
        );
        let route = format!(
            "{{from: [{{name: in}}], to: [{{sink: out-{name}, when: {{exact: {{source: /{name}}}}}}}], deadLetter: {{sink: dead-{name}}}}}"
        );
        all = all
            .doc("Sink", &format!("out-{name}"), &format!("{{file: {{path: ../out-{name}.jsonl}}}}"))
            .doc("Sink", &format!("dead-{name}"), &format!("{{file: {{path: ../dead-{name}.jsonl}}}}"))
            .doc("Route", name, &route)
            .policy(name, "", &policy);
        for ty in told.events.iter().map(|(ty, ..)| *ty).chain(["fine"]) {
            // One of the ways to fail is that there is none.
            let subject = if ty == "null" { "" } else { ",\"subject\":\"its subject\"" };
            events += &format!(
                "{{\"specversion\":\"1.0\",\"id\":\"{name}-{ty}\",\"source\":\"/{name}\",\"type\":\"{ty}\"{subject}}}\n"
            );
        }
    }
    fs::write(dir.join("in.jsonl"), events).expect("events");
    all
}

fn read(path: &Path) -> Vec<Value> {
    let text = fs::read_to_string(path).unwrap_or_default();
    text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
}

/// A compiler that is built for tests needs far longer for a whole Go runtime.
const ROOM: [(&str, &str); 1] = [("TIDEGATE_COMPILE_LIMITS", "60s,2048Mi")];

#[test]
fn a_dead_letter_names_filter_event_and_the_filters_own_words() {
    let dir = tempfile::tempdir().expect("a folder");
    let docs = documents(dir.path());
    fs::write(dir.path().join("docs/all.yaml"), docs.text()).expect("documents");
    let host = Start { args: &["--dev", "--once"], env: &ROOM, ..Start::new(dir.path()) }.spawn();
    let status = host.ended();
    assert!(status.success(), "{}", fs::read_to_string(dir.path().join("host.log")).unwrap_or_default());
    for Told { name, events, .. } in LANGUAGES {
        let file = |which: &str| dir.path().join(format!("{which}-{name}.jsonl"));
        let dead = read(&file("dead"));
        assert_eq!(dead.len(), events.len(), "{name}: {dead:#?}");
        for (letter, (ty, cause, words)) in dead.iter().zip(events) {
            assert_eq!(letter["id"], format!("{name}-{ty}"));
            assert_eq!(letter["tidegateby"], format!("default/{name}"));
            assert_eq!(letter["tidegatecause"], *cause, "{letter:#}");
            let reason = letter["tidegatereason"].as_str().unwrap_or_default();
            assert!(reason.starts_with(words), "{name} {ty}: {reason}");
        }
        let out: Vec<Value> = read(&file("out")).iter().map(|event| event["id"].clone()).collect();
        assert_eq!(out, [format!("{name}-fine")], "its neighbours go on");
    }
}

#[test]
fn a_wrong_configuration_is_refused_at_its_place_in_the_filters_own_words() {
    let dir = tempfile::tempdir().expect("a folder");
    let good = documents(dir.path());
    for Told { name, config, wrong: (wrong, words), .. } in LANGUAGES {
        let (right, wrong) =
            (format!("'file:{name}.wasm', config: {config}"), format!("'file:{name}.wasm', config: {wrong}"));
        let text = good.text().replace(&right, &wrong);
        assert_ne!(text, good.text());
        fs::write(dir.path().join("docs/all.yaml"), text).expect("documents");
        let output = tidegate(dir.path(), &["validate", "--dev", "docs"]).envs(ROOM).output().expect("it starts");
        let said = String::from_utf8_lossy(&output.stdout);
        assert_eq!(output.status.code(), Some(1), "{name}: {said}");
        assert!(said.contains(words) && said.contains("docs/all.yaml:"), "{name}: {said}");
    }
}
