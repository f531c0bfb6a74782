//! The demo holds what it says: it ends well only where every order is where it must be.

use std::fs;

use rustix::process::{Pid, Signal, kill_process};

use crate::rig::eventually;
use crate::support::{run, tidegate};

#[test]
fn the_demo_accounts_for_every_order() {
    let dir = tempfile::tempdir().expect("a folder");
    let said = run(dir.path(), &["demo", "--events", "2000", "--dir", "here"]).fine();
    for wanted in
        ["generation 1", "generation 2", "amount over the limit", "Nothing lost, doubled or reordered.", "What next"]
    {
        assert!(said.contains(wanted), "{wanted}: {said}");
    }
    let line = said.lines().find(|line| line.contains("were posted, 0 of them yours")).expect("those over HTTP");
    let mut numbers = line.split(|c: char| !c.is_ascii_digit()).filter_map(|word| word.parse::<usize>().ok());
    let (posted, dropped) = (numbers.next().expect("posted"), numbers.nth(1).expect("dropped"));
    assert_eq!(posted, 100, "{said}");
    let out = |name: &str| fs::read_to_string(dir.path().join("here").join(name)).expect("an output");
    assert_eq!(fs::read_to_string(dir.path().join("here/orders.jsonl")).expect("orders").lines().count(), 2000);
    assert!(out("eu.jsonl").lines().all(|line| line.contains(r#""region":"eu""#)));
    assert_eq!(out("web.jsonl").lines().count(), posted - dropped, "{said}");
    assert!(out("us.jsonl").lines().all(|line| line.contains(r#""card":"***""#)));
}

#[test]
fn the_demo_does_not_write_into_a_folder_with_things_in_it() {
    let dir = tempfile::tempdir().expect("a folder");
    fs::write(dir.path().join("mine"), "").expect("write");
    let ran = run(dir.path(), &["demo", "--dir", "."]).ended(1);
    assert!(ran.stderr.contains("is not empty"), "{}", ran.stderr);
}

#[tokio::test]
async fn an_interrupted_demo_leaves_nothing_behind() {
    let dir = tempfile::tempdir().expect("a folder");
    let temporary = dir.path().join("tmp");
    fs::create_dir(&temporary).expect("a folder");
    let (screen, log) = (dir.path().join("screen"), dir.path().join("log"));
    let file = |path| fs::File::create(path).expect("a file");
    let mut demo = tidegate(dir.path(), &["demo"])
        .env("TMPDIR", &temporary)
        .stdout(file(&screen))
        .stderr(file(&log))
        .spawn()
        .expect("the demo starts");
    let flows = || fs::read_to_string(&screen).ok().filter(|text| text.contains("settled"));
    eventually("orders flow", flows).await;
    assert_eq!(fs::read_dir(&temporary).expect("read").count(), 1, "it works in the temporary folder");
    let id = i32::try_from(demo.id()).ok().and_then(Pid::from_raw).expect("a process id");
    kill_process(id, Signal::INT).expect("send a signal");
    let status = eventually("the demo ends", || demo.try_wait().expect("wait")).await;
    assert_eq!(status.code(), Some(1), "{}", fs::read_to_string(&log).unwrap_or_default());
    assert_eq!(fs::read_dir(&temporary).expect("read").count(), 0, "the temporary folder is gone");
}
