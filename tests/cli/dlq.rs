//! `dlq`: dead letters of files, listed, looked at, replayed against a mended policy, dropped; by the program itself.

mod campaign;
mod hostile;

use std::fs;
use std::path::Path;

use tempfile::TempDir;

use crate::rig::docs::Docs;
use crate::rig::guests::{Guest, drops_guilty};
use crate::rig::host::Start;
use crate::support::{Ran, run};

/// From `in.jsonl` to `out.jsonl`; what has a subject kills the module.
fn documents(follow: bool, failure: &str) -> Docs {
    Docs::new()
        .doc("Source", "in", &format!("{{file: {{path: ../in.jsonl, follow: {follow}}}}}"))
        .doc("Sink", "out", "{file: {path: ../out.jsonl}}")
        .doc("Sink", "dead", "{file: {path: ../dead.jsonl}}")
        .route_to_dead()
        .policy("judge", "traps.wasm", failure)
}

trait RouteToDead {
    fn route_to_dead(self) -> Self;
}

impl RouteToDead for Docs {
    fn route_to_dead(self) -> Docs {
        self.doc("Route", "main", "{from: [{name: in}], to: [{sink: out}], deadLetter: {sink: dead}}")
    }
}

/// A policy of the same name with another module, in a folder of its own.
fn candidate(dir: &Path, name: &str, guest: &Guest, failure: &str) {
    let folder = dir.join(name);
    fs::create_dir(&folder).expect("a folder");
    fs::write(folder.join("module.wasm"), guest.component()).expect("write");
    fs::write(folder.join("judge.yaml"), Docs::new().policy("judge", "module.wasm", failure).text()).expect("write");
}

fn event(id: usize, guilty: bool) -> String {
    let subject = if guilty { r#""subject":"guilty","# } else { "" };
    // Said, though it would be understood: a dead letter says it.
    let data = format!(r#""datacontenttype":"application/json","data":{{ "n" : {id}.00 }}"#);
    format!(r#"{{"specversion":"1.0","id":"e{id}","source":"/test","type":"test.event",{subject}{data}}}"#) + "\n"
}

/// Documents, modules and eight lines, of which 2 and 5 are poison and the last is no event.
fn deploy(follow: bool) -> TempDir {
    let dir = tempfile::tempdir().expect("a folder");
    fs::create_dir(dir.path().join("docs")).expect("a folder");
    let put = |name: &str, bytes: &[u8]| fs::write(dir.path().join(name), bytes).expect("write");
    put("docs/all.yaml", documents(follow, "failure: {onTrap: DeadLetter}").text().as_bytes());
    put("docs/traps.wasm", &Guest::filter().guilty("unreachable").component());
    let lines: String = (0..7).map(|id| event(id, id == 2 || id == 5)).collect();
    put("in.jsonl", (lines + "no \u{1b}[31mevent\n").as_bytes());
    dir
}

/// Deployed, and run to the end of its input.
fn poisoned() -> TempDir {
    let dir = deploy(false);
    let host = Start { args: &["--dev", "--once"], ..Start::new(dir.path()) }.spawn();
    assert!(host.ended().success());
    dir
}

fn dlq(dir: &Path, args: &[&str]) -> Ran {
    let (command, rest) = args.split_first().expect("a command");
    run(dir, &[&["dlq", command, "docs", "--dev", "--state-dir", "state"], rest].concat())
}

/// Without what differs from run to run: names of files' lanes, times, generations, digests. As wide as before.
fn stable(text: &str) -> String {
    let hex = |word: &str| word.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b));
    let is_time = |word: &str| word.len() == 24 && word.starts_with("20") && word.ends_with('Z');
    let stable = |word: &str| match word.split_once('@') {
        Some((lane, position)) if lane.len() == 8 && hex(lane) => format!("LANELANE@{position}"),
        _ if is_time(word) => "2026-MM-DDTHH:MM:SS.mmmZ".to_owned(),
        _ if word.len() == 12 && hex(word) => "GENERATION..".to_owned(),
        _ if word.starts_with("sha256:") => "sha256:DIGEST".to_owned(),
        _ => word.to_owned(),
    };
    let line = |line: &str| line.split(' ').map(stable).collect::<Vec<_>>().join(" ") + "\n";
    text.lines().map(line).collect()
}

/// Places of entries, from `list`.
fn places(dir: &Path, args: &[&str]) -> Vec<String> {
    let said = dlq(dir, &[&["list", "-o", "json"], args].concat()).fine();
    let place = |line: &str| {
        let entry: serde_json::Value = serde_json::from_str(line).expect("JSON");
        entry["entry"].as_str().expect("a place").to_owned()
    };
    said.lines().map(place).collect()
}

fn out(dir: &Path) -> String {
    fs::read_to_string(dir.join("out.jsonl")).expect("the output")
}

#[test]
fn what_rests_is_listed() {
    let dir = poisoned();
    insta::assert_snapshot!("dlq_list", stable(&dlq(dir.path(), &["list"]).fine()));
    let count = |args: &[&str]| places(dir.path(), args).len();
    assert_eq!(count(&["--cause", "trap"]), 2);
    assert_eq!(count(&["--by", "judge", "--route", "default/main", "--sink", "dead"]), 2);
    assert_eq!(count(&["--since", "1h"]), 3);
    assert_eq!(count(&["--since", "2100-01-01"]), 0);
    assert_eq!(count(&["-e", "e5"]), 1);
    assert_eq!(count(&["--limit", "1"]), 1);
    let ran = dlq(dir.path(), &["list", "--cause", "trapp"]).ended(0);
    assert_eq!(ran.stderr, "no entry has the cause `trapp`; there are: malformed, trap\n");
    assert!(dlq(dir.path(), &["list", "--route", "other"]).fine().contains("Nothing rests here."));
    assert!(dlq(dir.path(), &["list", "--limit", "1"]).fine().contains("3 entries; the oldest 1 are shown"));
}

#[test]
fn an_entry_is_shown_with_the_event_as_it_came() {
    let dir = poisoned();
    insta::assert_snapshot!("dlq_show", stable(&dlq(dir.path(), &["show", "-e", "e5"]).fine()));
    assert_eq!(dlq(dir.path(), &["show", "-e", "e5", "--payload"]).fine(), r#"{ "n" : 5.00 }"#);
    let said = dlq(dir.path(), &["show", "-e", "e5", "-o", "json"]).fine();
    assert!(said.contains(r#""data":{ "n" : 5.00 }"#) && !said.contains("\"tidegate"), "{said}");
    let shown: serde_json::Value = serde_json::from_str(&said).expect("JSON");
    assert_eq!((&shown["cause"], &shown["original"]["id"]), (&"trap".into(), &"e5".into()));
    let malformed = places(dir.path(), &["--cause", "malformed"]);
    let said = dlq(dir.path(), &["show", "-e", &malformed[0]]).fine();
    assert!(said.contains("no \u{fffd}[31mevent") && !said.contains('\u{1b}'), "{said}");
    assert_eq!(dlq(dir.path(), &["show", "-e", &malformed[0], "--payload"]).fine(), "no \u{1b}[31mevent");
}

#[test]
fn a_candidate_that_mends_it_gets_the_events_through() {
    let dir = poisoned();
    candidate(dir.path(), "mended", &Guest::filter(), "failure: {onTrap: DeadLetter}");
    let (before, dead) = (out(dir.path()), fs::read(dir.path().join("dead.jsonl")).expect("the dead letter"));

    let dry = dlq(dir.path(), &["replay", "--with", "mended", "--dry-run"]).ended(1);
    insta::assert_snapshot!("dlq_dry_run", stable(&dry.stdout));
    assert_eq!(out(dir.path()), before, "a dry run delivers nothing");
    assert!(!dir.path().join("state/dlq").exists(), "and notes nothing");

    let ran = dlq(dir.path(), &["replay", "--with", "mended"]).ended(1);
    insta::assert_snapshot!("dlq_replay", stable(&ran.stdout));
    let events = event(2, true) + &event(5, true);
    assert_eq!(out(dir.path()), before + &events, "as they came, and in order");
    assert_eq!(fs::read(dir.path().join("dead.jsonl")).expect("the dead letter"), dead, "the evidence stays");
    insta::assert_snapshot!("dlq_list_all", stable(&dlq(dir.path(), &["list", "--all"]).fine()));
    assert_eq!(places(dir.path(), &[]).len(), 1, "the malformed one is left");

    // Nothing comes twice, unless it is asked for.
    let again = dlq(dir.path(), &["replay", "--with", "mended", "--cause", "trap"]).fine();
    assert_eq!(again, "\n0 delivered.\n");
    let named = dlq(dir.path(), &["replay", "--with", "mended", "-e", "e2"]).fine();
    assert!(named.contains("passed over: it was delivered before"), "{named}");
    let lines = out(dir.path()).lines().count();
    dlq(dir.path(), &["replay", "--with", "mended", "-e", "e2", "--again"]).fine();
    assert_eq!(out(dir.path()).lines().count(), lines + 1);
}

#[test]
fn what_fails_again_rests_again_as_a_new_entry() {
    let dir = poisoned();
    let first = places(dir.path(), &["--cause", "trap"]);
    let ran = dlq(dir.path(), &["replay", "--cause", "trap"]).ended(1);
    assert!(ran.stdout.contains("\n0 delivered, 2 dead-lettered again.\n"), "{}", ran.stdout);
    let second = places(dir.path(), &["--cause", "trap"]);
    assert_eq!(second.len(), 2);
    assert!(first.iter().all(|place| !second.contains(place)), "{first:?} {second:?}");
    let ran = dlq(dir.path(), &["replay", "-e", "e2"]).ended(1);
    assert!(ran.stdout.contains("it was dead-lettered before") && ran.stdout.contains("1 dead-lettered again"));
}

#[test]
fn what_a_candidate_drops_is_done_with_and_what_it_holds_is_not() {
    let dir = poisoned();
    candidate(dir.path(), "dropping", &drops_guilty(), "failure: {onTrap: DeadLetter}");
    candidate(dir.path(), "trying", &Guest::filter().guilty("unreachable"), "failure: {onTrap: Retry}");
    candidate(dir.path(), "pausing", &Guest::filter().guilty("unreachable"), "failure: {onTrap: Pause}");
    candidate(dir.path(), "rejecting", &Guest::filter().guilty("unreachable"), "failure: {onTrap: Reject}");
    for (with, said) in [("trying", "held by default/judge"), ("pausing", "held by default/judge")] {
        let ran = dlq(dir.path(), &["replay", "--cause", "trap", "--with", with, "--patience", "300ms"]).ended(1);
        assert!(ran.stderr.contains(said) && ran.stdout.contains("2 left"), "{ran:?}");
    }
    let ran = dlq(dir.path(), &["replay", "--cause", "trap", "--with", "rejecting"]).ended(1);
    assert!(ran.stdout.contains("2 refused"), "{ran:?}");
    assert_eq!(places(dir.path(), &["--cause", "trap"]).len(), 2, "they rest as before");
    let said = dlq(dir.path(), &["replay", "--cause", "trap", "--with", "dropping"]).fine();
    assert!(said.contains("filtered by default/judge: has a subject"), "{said}");
    assert_eq!(places(dir.path(), &["--cause", "trap"]).len(), 0);
}

#[test]
fn dropping_needs_to_be_told_what() {
    let dir = poisoned();
    let ran = dlq(dir.path(), &["drop"]).ended(1);
    assert!(ran.stderr.contains("nothing says what to drop") && ran.stderr.contains("--all"), "{}", ran.stderr);
    assert_eq!(dlq(dir.path(), &["drop", "-e", "e2", "--dry-run"]).fine(), "1 entry would be dropped.\n");
    assert_eq!(dlq(dir.path(), &["drop", "-e", "e2"]).fine(), "1 entry dropped.\n");
    assert_eq!(dlq(dir.path(), &["drop", "--cause", "malformed"]).fine(), "1 entry dropped.\n");
    assert_eq!(places(dir.path(), &[]).len(), 1);
    assert_eq!(dlq(dir.path(), &["drop", "--all"]).fine(), "1 entry dropped.\n");
    assert_eq!((places(dir.path(), &[]).len(), places(dir.path(), &["--all"]).len()), (0, 3));
    let shown = dlq(dir.path(), &["show", "-e", "e2"]).fine();
    assert!(shown.contains("became          dropped 20"), "{shown}");
}

#[test]
fn what_is_not_there_is_an_error_with_a_hint() {
    let dir = poisoned();
    for command in ["list", "show", "replay", "drop"] {
        let ran = dlq(dir.path(), &[command, "-e", "nobody"]).ended(1);
        assert!(ran.stderr.contains("no entry `nobody`") && ran.stderr.contains("hint: "), "{command}: {}", ran.stderr);
        let ran = dlq(dir.path(), &[command, "-e", "e2", "--sink", "nowhere"]).ended(1);
        assert!(ran.stderr.contains("no sink `nowhere`"), "{command}: {}", ran.stderr);
    }
    fs::write(dir.path().join("docs/all.yaml"), "kind: Sinc\n").expect("write");
    for command in ["list", "replay"] {
        let ran = dlq(dir.path(), &[command]).ended(1);
        assert!(ran.stderr.contains("error[P"), "{command}: {}", ran.stderr);
    }
}

#[test]
fn a_sink_that_keeps_nothing_says_so() {
    let dir = poisoned();
    let text = documents(false, "failure: {onTrap: DeadLetter}").text().to_owned();
    for (spec, why) in [
        ("{http: {url: 'http://127.0.0.1:9/'}}", "what `http` has sent is not kept here"),
        ("{memory: {name: dead}}", "a queue in memory ends with the host that holds it"),
    ] {
        fs::write(dir.path().join("docs/all.yaml"), text.replace("{file: {path: ../dead.jsonl}}", spec))
            .expect("write");
        let ran = dlq(dir.path(), &["list"]).ended(1);
        assert!(ran.stderr.contains(why) && ran.stderr.contains("default/dead"), "{}", ran.stderr);
    }
}

/// The host goes on; its files are its own.
#[test]
fn a_running_host_keeps_its_files_and_a_replay_says_so() {
    let dir = deploy(true);
    candidate(dir.path(), "mended", &Guest::filter(), "failure: {onTrap: DeadLetter}");
    let mut host = Start { args: &["--dev"], ..Start::new(dir.path()) }.spawn();
    host.until("three dead letters", || (crate::rig::host::lines(&dir.path().join("dead.jsonl")) == 3).then_some(()));
    host.until("all others", || (crate::rig::host::lines(&dir.path().join("out.jsonl")) == 5).then_some(()));
    let replay = ["replay", "--with", "mended", "--cause", "trap", "--patience", "300ms"];
    let ran = dlq(dir.path(), &replay).ended(1);
    assert!(ran.stderr.contains("another sink or process writes this file"), "{}", ran.stderr);
    assert!(ran.stderr.contains("stop it before a replay"), "{}", ran.stderr);
    assert_eq!(places(dir.path(), &[]).len(), 3, "listing is no matter while it runs, and nothing was noted");
    assert!(host.stop().success());
    dlq(dir.path(), &replay).fine();
    assert_eq!(out(dir.path()).lines().count(), 7);
}
