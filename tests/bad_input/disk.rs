//! A full disk at the sink: nothing is acknowledged, no half line stays, and it heals by itself.

use std::fs::{self, File};
use std::io::Write as _;
use std::path::Path;

use rustix::process::{Pid, Resource, Rlimit, prlimit};

use crate::oracle::{self, Ledgers};
use crate::rig::{
    Rig,
    docs::Docs,
    events,
    host::{self, Start},
};

const EVENTS: usize = 30_000;

fn prepare(dir: &Path) -> Ledgers {
    fs::create_dir(dir.join("docs")).unwrap();
    let docs = Docs::new()
        .doc("Source", "in", "{file: {path: ../in.jsonl, follow: true}}")
        .doc("Sink", "out", "{file: {path: ../out.jsonl}, retry: {delay: 5ms, maxDelay: 20ms}}")
        .doc("Route", "main", "{from: [{name: in}], to: [{sink: out}]}");
    fs::write(dir.join("docs/all.yaml"), docs.text()).unwrap();
    let mut ledger = std::io::BufWriter::new(File::create(dir.join("ledger")).unwrap());
    let mut input = String::new();
    for number in 0..EVENTS {
        input += &events::line(&events::id(number), "k", 20);
        writeln!(ledger, "{{\"id\":\"e{number}\",\"key\":\"k\"}}").unwrap();
    }
    ledger.flush().unwrap();
    fs::write(dir.join("in.jsonl"), input).unwrap();
    Ledgers { produced: vec![dir.join("ledger")], delivered: vec![dir.join("out.jsonl")], ..Ledgers::default() }
}

#[test]
fn a_full_disk_is_waited_out_and_nothing_is_lost_repeated_or_torn() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    let ledgers = prepare(dir);
    let out = dir.join("out.jsonl");
    let blocks = 1000;
    let mut host = Start { args: &["--dev"], file_blocks: Some(blocks), ..Start::new(dir) }.spawn();
    host.logged("the sink is in trouble", 1);
    assert!(host::size(&out) <= blocks * 512);
    assert!(host::lines(&out) < EVENTS);
    assert!(host.log().contains("File too large") || host.log().contains("os error 27"), "{}", host.log());

    // Room is made: nobody restarts anything.
    let id = Pid::from_raw(i32::try_from(host.id()).unwrap());
    let limit = prlimit(id, Resource::Fsize, Rlimit { current: None, maximum: None }).unwrap();
    assert_eq!(limit.current, Some(blocks * 512));
    host.until("all events", || (host::lines(&out) >= EVENTS).then_some(()));
    host.logged("the sink is well again", 1);
    assert!(host.stop().success());
    oracle::check("disk_full", &ledgers);
}

/// What a full disk has not taken is not acknowledged: a host that is stopped meanwhile does it again, from there.
#[test]
fn a_host_that_is_killed_at_a_full_disk_has_acknowledged_nothing_it_did_not_write() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    let ledgers = prepare(dir);
    let out = dir.join("out.jsonl");
    let mut host = Start { args: &["--dev"], file_blocks: Some(300), ..Start::new(dir) }.spawn();
    host.logged("the sink is in trouble", 1);
    host.kill();
    let mut host = Start { args: &["--dev"], ..Start::new(dir) }.spawn();
    host.until("all events", || host::end(&out, 4000).contains(&format!("\"id\":\"e{}\"", EVENTS - 1)).then_some(()));
    assert!(host.stop().success());
    oracle::check("disk_full_and_killed", &Ledgers { duplicates_max: 4096, ..ledgers });
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_sink_whose_path_is_in_the_way_heals_when_it_is_cleared() {
    let mut rig = Rig::new();
    let docs = Docs::new().source("in").doc(
        "Sink",
        "out",
        "{file: {path: sub/out.jsonl}, retry: {delay: 5ms, maxDelay: 20ms}}",
    );
    rig.apply(&docs.doc("Route", "main", "{from: [{name: in}], to: [{sink: out}]}")).await;
    rig.push("in", events::plain(100));
    let trouble = crate::rig::eventually("trouble", || rig.control.sink_trouble().pop()).await;
    assert_eq!(&*trouble.0, "default/out");
    assert!(trouble.1.contains("sub/out.jsonl"), "{}", trouble.1);
    assert_eq!(rig.queue("in").counts().settled, 0);

    // A device where a file should be, then a file.
    fs::create_dir(rig.dir().join("sub")).unwrap();
    std::os::unix::fs::symlink("/dev/full", rig.dir().join("sub/out.jsonl")).unwrap();
    crate::rig::eventually("another trouble", || {
        rig.control.sink_trouble().pop().filter(|(_, text)| text.contains("regular"))
    })
    .await;
    assert_eq!(rig.queue("in").counts().settled, 0);
    fs::remove_file(rig.dir().join("sub/out.jsonl")).unwrap();
    rig.settled("in", 100).await;
    assert_eq!(host::lines(&rig.dir().join("sub/out.jsonl")), 100);
    assert!(rig.control.sink_trouble().is_empty());
}
