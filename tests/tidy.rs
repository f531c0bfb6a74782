//! House rules that no compiler keeps: who depends on whom, how large files are, what stands at their top, and that copies are
//! equal.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

/// Lines of a file at most; past half of that one asks whether it is two things.
const LINES_MAX: usize = 800;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap()
}

/// Files under version control: what lies about beside them is nobody else's business.
fn files() -> Vec<String> {
    let mut command = Command::new("git");
    command.args(["ls-files"]).current_dir(root());
    let output = command.output().expect("git lists the files");
    assert!(output.status.success(), "git: {}", String::from_utf8_lossy(&output.stderr));
    let names = String::from_utf8(output.stdout).unwrap();
    names.lines().filter(|name| root().join(name).is_file()).map(str::to_owned).collect()
}

fn sources() -> Vec<(String, String)> {
    let rust = files().into_iter().filter(|name| name.ends_with(".rs"));
    rust.map(|name| (name.clone(), fs::read_to_string(root().join(name)).unwrap())).collect()
}

fn fail_with(problems: &[String]) {
    assert!(problems.is_empty(), "\n{}\n", problems.join("\n"));
}

/// Which of our crates a crate may use; the order is that of the design.
const EDGES: &[(&str, &[&str])] = &[
    ("tidegate-event", &[]),
    ("tidegate-cesql", &["tidegate-event"]),
    ("tidegate-policy", &["tidegate-event", "tidegate-cesql"]),
    ("tidegate-matching", &["tidegate-event", "tidegate-cesql", "tidegate-policy"]),
    ("tidegate-engine", &["tidegate-event"]),
    ("tidegate-connector", &["tidegate-event"]),
    ("tidegate-connector-memory", &["tidegate-event", "tidegate-connector"]),
    ("tidegate-connector-file", &["tidegate-event", "tidegate-connector"]),
    ("tidegate-connector-http", &["tidegate-event", "tidegate-connector"]),
    ("tidegate-connector-kafka", &["tidegate-event", "tidegate-connector"]),
    ("tidegate-connector-nats", &["tidegate-event", "tidegate-connector"]),
    ("tidegate-brokers", &[]),
    ("tidegate-build", &[]),
    ("tidegate-state", &[]),
    (
        "tidegate-pipeline",
        &["tidegate-event", "tidegate-engine", "tidegate-matching", "tidegate-state", "tidegate-connector"],
    ),
    (
        "tidegate-control",
        &[
            "tidegate-event",
            "tidegate-policy",
            "tidegate-matching",
            "tidegate-state",
            "tidegate-engine",
            "tidegate-pipeline",
            "tidegate-connector",
        ],
    ),
    (
        "tidegate",
        &[
            "tidegate-event",
            "tidegate-policy",
            "tidegate-matching",
            "tidegate-state",
            "tidegate-engine",
            "tidegate-pipeline",
            "tidegate-build",
            "tidegate-control",
            "tidegate-connector",
            "tidegate-connector-memory",
            "tidegate-connector-file",
            "tidegate-connector-http",
            "tidegate-connector-kafka",
            "tidegate-connector-nats",
        ],
    ),
    // Guests share only `wit/` with the host.
    ("tidegate-guest", &["tidegate-guest-macros"]),
    ("tidegate-guest-macros", &[]),
];

fn metadata() -> Value {
    let mut command = Command::new(env!("CARGO"));
    command.args(["metadata", "--no-deps", "--offline", "--format-version", "1"]).current_dir(root());
    let output = command.output().expect("cargo describes the workspace");
    assert!(output.status.success(), "cargo metadata: {}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

fn list<'a>(value: &'a Value, key: &str) -> &'a [Value] {
    value[key].as_array().map_or(&[], Vec::as_slice)
}

/// Tests may stand on more: they only may not turn an edge around, which cargo forbids anyway.
#[test]
fn crates_depend_on_what_they_may_depend_on() {
    let allowed: BTreeMap<&str, &[&str]> = EDGES.iter().copied().collect();
    let mut problems = Vec::new();
    for package in list(&metadata(), "packages") {
        let name = package["name"].as_str().unwrap();
        if name == "tidegate-benches" {
            continue;
        }
        let Some(allowed) = allowed.get(name) else {
            problems.push(format!("{name} is new: say in tests/tidy.rs what it may depend on"));
            continue;
        };
        for dependency in list(package, "dependencies").iter().filter(|edge| edge["kind"].is_null()) {
            let on = dependency["name"].as_str().unwrap();
            if on.starts_with("tidegate") && !allowed.contains(&on) {
                problems.push(format!("{name} may not depend on {on}"));
            }
        }
    }
    fail_with(&problems);
}

#[test]
fn only_the_engine_names_wasmtime() {
    let mut problems = Vec::new();
    for package in list(&metadata(), "packages") {
        let name = package["name"].as_str().unwrap();
        for dependency in list(package, "dependencies") {
            let on = dependency["name"].as_str().unwrap();
            let free = ["tidegate-engine", "tidegate-benches"].contains(&name);
            if on.starts_with("wasmtime") && !free {
                problems.push(format!("{name} depends on {on}"));
            }
        }
    }
    for (name, text) in sources() {
        let free = ["host/engine/", "benches/"].iter().any(|folder| name.starts_with(folder));
        if !free && text.lines().any(|line| line.contains(concat!("wasmtime", "::"))) {
            problems.push(format!("{name} names wasmtime"));
        }
    }
    fail_with(&problems);
}

#[test]
fn files_are_not_too_long_and_say_at_the_top_what_they_are() {
    let mut problems = Vec::new();
    for (name, text) in sources() {
        let lines = text.lines().count();
        if lines > LINES_MAX {
            problems.push(format!("{name} has {lines} lines, {LINES_MAX} are the limit: it is more than one thing"));
        }
        // The examples are what users write, as short as they write it.
        if !text.starts_with("//!") && !name.starts_with("filters-examples/") {
            problems.push(format!("{name} does not begin with `//!`: what is it, what is it not, where does it sit?"));
        }
        if name.ends_with("/mod.rs") {
            problems.push(format!("{name}: the module file stands beside its folder"));
        }
    }
    fail_with(&problems);
}

/// A test file that no `mod` names is never run.
#[test]
fn no_source_file_is_forgotten() {
    let sources = sources();
    let names: BTreeSet<&str> = sources.iter().map(|(name, _)| name.as_str()).collect();
    let targets = targets();
    let mut problems = Vec::new();
    for (name, _) in &sources {
        let path = Path::new(name);
        let stem = path.file_stem().unwrap().to_str().unwrap();
        let folder = path.parent().unwrap();
        let is_root = ["lib", "main", "build"].contains(&stem)
            || folder.ends_with("src/bin")
            || folder.ends_with("benches")
            || folder.ends_with("examples")
            || (folder.ends_with("tests")
                && folder != Path::new("tests")
                && !folder.ends_with("src/tests")
                && !names.contains(format!("{}.rs", folder.display()).as_str()));
        if is_root || targets.contains(&root().join(name)) {
            continue;
        }
        let parents = [
            format!("{}.rs", folder.display()),
            format!("{}/lib.rs", folder.display()),
            format!("{}/main.rs", folder.display()),
        ];
        let named = |text: &str| {
            text.lines().any(|line| {
                let line = line.trim();
                let visible = ["pub ", "pub(crate) ", "pub(super) "];
                let line = visible.iter().find_map(|word| line.strip_prefix(word)).unwrap_or(line);
                line == format!("mod {stem};") || line.contains(&format!("{stem}.rs\"]"))
            })
        };
        if !sources.iter().any(|(parent, text)| parents.contains(parent) && named(text)) {
            problems.push(format!("{name} is part of no module"));
        }
    }
    fail_with(&problems);
}

/// The roots that manifests name.
fn targets() -> BTreeSet<PathBuf> {
    let metadata = metadata();
    let targets = list(&metadata, "packages").iter().flat_map(|package| list(package, "targets"));
    targets.filter_map(|target| Path::new(target["src_path"].as_str()?).canonicalize().ok()).collect()
}

#[test]
fn copies_of_the_contract_are_equal() {
    let text = fs::read_to_string(root().join("wit/tidegate.wit")).unwrap();
    let copies: Vec<String> =
        files().into_iter().filter(|name| name.ends_with("/tidegate.wit") && name != "wit/tidegate.wit").collect();
    assert!(copies.iter().any(|name| name == "sdk-guest/rust/wit/tidegate.wit"), "the Rust SDK has no copy");
    for copy in copies {
        let equal = fs::read_to_string(root().join(&copy)).unwrap() == text;
        assert!(equal, "{copy} differs from wit/tidegate.wit: copy it");
    }
}

/// What we choose ourselves is there once.
#[test]
fn there_is_one_version_of_each_direct_dependency() {
    let lock = fs::read_to_string(root().join("Cargo.lock")).unwrap();
    let mut versions: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for package in lock.split("[[package]]").skip(1) {
        let field = |key: &str| {
            package.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(" = \"")?.strip_suffix('"'))
        };
        versions.entry(field("name").unwrap()).or_default().push(field("version").unwrap());
    }
    let metadata = metadata();
    let direct: BTreeSet<&str> = list(&metadata, "packages")
        .iter()
        .flat_map(|package| list(package, "dependencies"))
        .filter_map(|dependency| dependency["name"].as_str())
        .collect();
    let twice = direct.iter().filter(|name| versions.get(**name).is_some_and(|versions| versions.len() > 1));
    let problems: Vec<String> = twice
        .filter(|name| !SEVERAL.iter().any(|(allowed, _)| allowed == *name))
        .map(|name| format!("{name}: {}", versions[*name].join(", ")))
        .collect();
    fail_with(&problems);
}

/// Direct dependencies that somebody else brings in another version, and who.
const SEVERAL: &[(&str, &str)] = &[
    ("syn", "macros of wasmtime are on 2, those of async-trait and serde on 3"),
    ("wit-bindgen", "wasip2, for targets of getrandom that are not built here"),
];

#[test]
fn nothing_tracked_knows_the_machine_it_was_made_on() {
    // Put together here, so that this file passes.
    let words =
        [["/ro", "ot/"], ["/wo", "rk/"], ["index.crates", ".io"], ["static.crates", ".io"], ["proxy.golang", ".org"]];
    let words = words.map(|parts| parts.concat());
    let mut problems = Vec::new();
    for name in files().iter().filter(|name| !name.ends_with("Cargo.lock")) {
        let Ok(text) = fs::read_to_string(root().join(name)) else { continue };
        for (number, line) in text.lines().enumerate() {
            for word in words.iter().filter(|word| line.contains(word.as_str())) {
                problems.push(format!("{name}:{}: {word}", number + 1));
            }
        }
    }
    fail_with(&problems);
}
