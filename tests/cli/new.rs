//! `new`, as a new user goes on with it: what it says, and that each folder passes its cases in the real engine and runs in a host.
//! (That it builds, and passes the tests of its language, is tested where it is made.)

use std::fs;
use std::path::Path;

use crate::support::{run, tidegate};

fn new(dir: &Path, language: &str, kind: &str) -> String {
    run(dir, &["new", "order-watch", "--lang", language, "--kind", kind]).fine()
}

/// `new`, `test`, `run`: for one language, all kinds.
fn check(language: &str) {
    for (kind, files) in [
        ("filter", &[("out", 1), ("failed", 1)][..]),
        ("transform", &[("out", 3), ("failed", 0)]),
        ("matcher", &[("eu", 1), ("all", 2), ("failed", 1)]),
    ] {
        let dir = tempfile::tempdir().expect("a folder");
        let said = new(dir.path(), language, kind);
        assert!(said.contains("cd order-watch") && said.contains("tidegate test"), "{said}");
        let folder = dir.path().join("order-watch");
        // All Rust folders share what they compile.
        let target = Path::new(env!("CARGO_TARGET_TMPDIR")).join("new");
        let in_folder = |args: &[&str]| {
            let mut command = tidegate(&folder, args);
            // The compiler of a test build is slow, and a Go module large.
            command.env("CARGO_TARGET_DIR", &target).env("TIDEGATE_COMPILE_LIMITS", "60s,2048Mi");
            let output = command.output().expect("the program starts");
            let said = String::from_utf8_lossy(&[&output.stdout[..], &output.stderr].concat()).into_owned();
            assert_eq!(output.status.code(), Some(0), "{language} {kind}: tidegate {args:?}\n{said}");
            said
        };
        in_folder(&["test"]);
        in_folder(&["run", "--dev", "--once", "flow.yaml", "policy.yaml"]);
        for (file, count) in files {
            let path = folder.join(format!("target/{file}.jsonl"));
            let lines = fs::read_to_string(&path).unwrap_or_default().lines().count();
            assert_eq!(lines, *count, "{language} {kind}: {}", path.display());
        }
        if kind == "transform" {
            let parse = |text: &str| -> Vec<serde_json::Value> {
                text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
            };
            let read = |file: &str| parse(&fs::read_to_string(folder.join(file)).expect("a file"));
            assert_eq!(read("target/out.jsonl"), read("expected.jsonl"), "{language}");
        }
    }
}

#[test]
fn rust_folders_pass_their_cases_and_run() {
    check("rust");
}

#[test]
fn go_folders_pass_their_cases_and_run() {
    check("go");
}

#[test]
fn assemblyscript_folders_pass_their_cases_and_run() {
    check("assemblyscript");
}

#[test]
fn what_cannot_be_made_is_refused_and_nothing_is_left() {
    let dir = tempfile::tempdir().expect("a folder");
    fs::create_dir(dir.path().join("guard")).expect("a folder");
    for (name, problem, hint) in [
        ("guard", "guard exists", "choose another name"),
        ("Guard", "`Guard` cannot be the name of a module", "as in `order-guard`"),
        ("match", "taken by a language", "as in `order-guard`"),
        ("a_b", "`a_b` cannot be", "as in `order-guard`"),
    ] {
        let ran = run(dir.path(), &["new", name]).ended(1);
        assert!(ran.stderr.contains(problem) && ran.stderr.contains(hint), "{name}: {}", ran.stderr);
    }
    assert!(run(dir.path(), &["new", "guard", "--lang", "cobol"]).ended(2).stderr.contains("possible values"));
    assert_eq!(fs::read_dir(dir.path()).expect("a folder").count(), 1);
}

/// A tool that is missing is named, with how to install it.
#[test]
fn a_missing_tool_is_named_with_how_to_install_it() {
    for (language, tool, install) in [
        ("rust", "`rustc`", "https://rustup.rs"),
        ("go", "`go`", "https://go.dev/dl"),
        ("assemblyscript", "`npm`", "https://nodejs.org"),
    ] {
        let dir = tempfile::tempdir().expect("a folder");
        new(dir.path(), language, "filter");
        let mut command = tidegate(&dir.path().join("order-watch"), &["build"]);
        let nothing = dir.path().join("nothing");
        let output =
            command.env("PATH", &nothing).env_remove("CARGO").env_remove("RUSTC").output().expect("the program starts");
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{said}");
        assert!(said.contains(tool) && said.contains(install), "{language}: {said}");
    }
}
