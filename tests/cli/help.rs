//! Help, versions, and wrong usage.

use std::path::Path;

use crate::support::{Ran, run};

fn here(args: &[&str]) -> Ran {
    run(Path::new("."), args)
}

#[test]
fn every_command_has_help_that_reads_well() {
    for command in [
        "",
        "run",
        "demo",
        "validate",
        "inspect",
        "new",
        "build",
        "test",
        "bench",
        "dev",
        "fmt",
        "schema",
        "eval",
        "plan",
        "apply",
        "promote",
        "rollback",
        "history",
        "diff",
        "pause",
        "resume",
        "status",
        "explain",
        "tap",
        "dlq",
        "dlq list",
        "dlq show",
        "dlq replay",
        "dlq drop",
    ] {
        let args: Vec<&str> = command.split_whitespace().chain(["--help"]).collect();
        let name = if command.is_empty() { "tidegate".to_owned() } else { command.replace(' ', "_") };
        insta::assert_snapshot!(format!("help_{name}"), here(&args).fine());
    }
}

#[test]
fn there_is_a_version() {
    assert_eq!(here(&["--version"]).fine(), format!("tidegate {}\n", env!("CARGO_PKG_VERSION")));
}

#[test]
fn wrong_usage_ends_with_2() {
    for args in [
        &[][..],
        &["fly"],
        &["run"],
        &["run", "a", "--grace", "soon"],
        &["run", "a", "--threads", "0"],
        &["validate"],
        &["inspect"],
        &["inspect", "a.wasm", "--config", "{"],
        &["eval", "a.wasm"],
        &["eval", "a.wasm", "-e", "-", "--grant", "network"],
        &["demo", "--events", "1"],
        &["dlq"],
        &["dlq", "list"],
        &["dlq", "show", "docs"],
        &["dlq", "list", "docs", "--since", "soon"],
        &["dlq", "show", "docs", "-e", "1", "--payload", "-o", "json"],
    ] {
        let ran = here(args).ended(2);
        assert_eq!(ran.stdout, "", "{args:?}");
        assert!(
            ran.stderr.contains("Usage") || ran.stderr.contains("error: invalid value"),
            "{args:?}: {}",
            ran.stderr
        );
    }
}

#[test]
fn nothing_is_colored_off_a_terminal() {
    for args in [&["--help"][..], &["fly"], &["run", "nowhere"], &["inspect", "nowhere"]] {
        let ran = here(args);
        assert!(!format!("{}{}", ran.stdout, ran.stderr).contains('\u{1b}'), "{ran:?}");
    }
}

#[test]
fn what_is_not_there_is_refused_with_a_hint() {
    for args in [&["run", "nowhere"][..], &["validate", "nowhere"], &["inspect", "nowhere"], &["build", "nowhere"]] {
        let dir = tempfile::tempdir().expect("a folder");
        let ran = run(dir.path(), args).ended(1);
        assert_eq!(ran.stdout, "", "{args:?}");
        assert!(ran.stderr.contains("nowhere") && ran.stderr.contains("\nhint: "), "{args:?}: {}", ran.stderr);
    }
}
