//! The files under `deploy/`: what they start is what this program takes.

use std::fs;
use std::process::Command;

use crate::support::{root, run};

fn deployed(name: &str) -> String {
    fs::read_to_string(root().join("deploy").join(name)).expect("a file to deploy with")
}

/// Every argument is known: with `--help` at its end a command line is read, and nothing is started.
#[track_caller]
fn understood(args: &[&str]) {
    let dir = tempfile::tempdir().expect("a folder");
    let args: Vec<&str> = args.iter().copied().chain(["--help"]).collect();
    let said = run(dir.path(), &args).fine();
    assert!(said.contains("Usage: tidegate run"), "{args:?}: {said}");
}

#[test]
fn the_unit_file_starts_what_there_is() {
    let unit = deployed("tidegate.service");
    let start = unit.lines().find_map(|line| line.strip_prefix("ExecStart=")).expect("ExecStart");
    understood(&start.split_whitespace().skip(1).collect::<Vec<_>>());
}

#[test]
fn the_container_starts_what_there_is() {
    let file = deployed("Containerfile");
    let start = file.lines().find_map(|line| line.strip_prefix("CMD ")).expect("CMD");
    let start: Vec<String> = serde_json::from_str(start).expect("a JSON list");
    understood(&start.iter().map(String::as_str).collect::<Vec<_>>());
    let sidecar = file.lines().find_map(|line| line.trim_start_matches(['#', ' ']).strip_prefix("run --sidecar"));
    let sidecar = format!("run --sidecar{}", sidecar.expect("the sidecar's line"));
    understood(&sidecar.split_whitespace().collect::<Vec<_>>());
}

/// systemd says nothing about a unit that it understands all of.
#[test]
fn systemd_understands_the_unit_file() {
    let dir = tempfile::tempdir().expect("a folder");
    let unit = dir.path().join("tidegate.service");
    let text = deployed("tidegate.service").replace("/usr/local/bin/tidegate", env!("CARGO_BIN_EXE_tidegate"));
    fs::write(&unit, text).expect("write");
    match Command::new("systemd-analyze").arg("verify").arg(&unit).output() {
        Ok(output) => {
            let said = String::from_utf8_lossy(&output.stderr);
            assert!(output.status.success() && said.is_empty(), "{said}");
        }
        Err(error) => println!("NOT VERIFIED: systemd-analyze is not here ({error})"),
    }
}
