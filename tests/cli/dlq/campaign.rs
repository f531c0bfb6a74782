//! Replays that are killed, and dead letters that are large.

use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use crate::rig::guests::Guest;
use crate::rig::host::lines;
use crate::rig::random::Random;
use crate::support::tidegate;

use super::{candidate, deploy, dlq};

/// As a host writes them; `padding` bytes of data.
fn write_letters(dir: &Path, count: usize, padding: usize) {
    let file = fs::File::create(dir.join("dead.jsonl")).expect("create");
    let mut file = std::io::BufWriter::new(file);
    let data = "x".repeat(padding);
    for number in 0..count {
        writeln!(
            file,
            r#"{{"specversion":"1.0","id":"e{number}","source":"/test","type":"t","subject":"guilty","tidegatecause":"trap","tidegatereason":"unreachable","tidegateby":"default/judge","tidegateroute":"default/main","tidegategeneration":"0123456789ab","tidegatetime":"2026-01-01T00:00:00.000Z","data":{{"text":"{data}"}}}}"#
        )
        .expect("write");
    }
    file.flush().expect("write");
}

#[test]
fn kill_nine_in_a_replay_loses_nothing_and_keeps_the_order() {
    const LETTERS: usize = 20_000;
    const KILLS: usize = 5;
    let dir = deploy(false);
    let dir = dir.path();
    candidate(dir, "mended", &Guest::filter(), "failure: {onTrap: DeadLetter}");
    write_letters(dir, LETTERS, 20);
    let out = dir.join("out.jsonl");
    let args = ["dlq", "replay", "docs", "--dev", "--state-dir", "state", "--with", "mended"];
    let mut random = Random::from_env();
    for _ in 0..KILLS {
        let wanted = lines(&out) + usize::try_from(random.below(3_000)).expect("few");
        let mut child = tidegate(dir, &args).stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("it starts");
        while lines(&out) < wanted.max(1) && child.try_wait().expect("wait").is_none() {
            std::thread::sleep(Duration::from_millis(2));
        }
        child.kill().expect("kill");
        child.wait().expect("wait");
    }
    // Half a line of the last kill is cut off when the sink is opened; the last entries are replayed at least.
    dlq(dir, &["replay", "--with", "mended"]).fine();
    let text = fs::read_to_string(&out).expect("the output");
    let mut next = 0;
    let mut repeated = 0;
    for line in text.lines() {
        let event: serde_json::Value = serde_json::from_str(line).expect("whole lines");
        let number: usize = event["id"].as_str().and_then(|id| id[1..].parse().ok()).expect("an id");
        assert!(number <= next, "{number} comes before {next}");
        if number == next {
            next += 1;
        } else {
            repeated += 1;
        }
        assert_eq!(event.get("tidegatecause"), None);
    }
    println!("{LETTERS} replayed with {KILLS} kills: {repeated} twice");
    assert_eq!(next, LETTERS);
    assert!(repeated <= KILLS * 1024, "{repeated} came twice");
    assert!(dlq(dir, &["list"]).fine().contains("Nothing rests here."));
}

#[test]
fn a_large_dead_letter_is_never_held_whole() {
    const LETTERS: usize = 20_000;
    let dir = deploy(false);
    let dir = dir.path();
    write_letters(dir, LETTERS, 4_000);
    let size = fs::metadata(dir.join("dead.jsonl")).expect("there").len();
    for args in [
        &["dlq", "list", "docs", "--dev", "--state-dir", "state"][..],
        &["dlq", "drop", "docs", "--dev", "--state-dir", "state", "--cause", "trap"],
        &["dlq", "list", "docs", "--dev", "--state-dir", "state", "--all"],
    ] {
        let mut child = tidegate(dir, args).stdout(Stdio::null()).spawn().expect("it starts");
        let status = format!("/proc/{}/status", child.id());
        let mut peak = 0;
        while child.try_wait().expect("wait").is_none() {
            let text = fs::read_to_string(&status).unwrap_or_default();
            let line = text.lines().find(|line| line.starts_with("VmHWM:"));
            let kib = line.and_then(|line| line.split_whitespace().nth(1)?.parse::<u64>().ok());
            peak = peak.max(kib.unwrap_or(0) << 10);
            std::thread::sleep(Duration::from_millis(2));
        }
        assert!(child.wait().expect("wait").success(), "{args:?}");
        println!("{size} bytes of dead letters, {} MiB at most: {args:?}", peak >> 20);
        assert!(peak > 0 && peak < size / 2, "{peak} of {size}");
    }
    assert!(dlq(dir, &["list"]).fine().contains("Nothing rests here."));
}
