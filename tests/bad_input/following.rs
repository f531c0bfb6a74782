//! A file that is followed, while it is rotated, cut, replaced, taken away and made unreadable.

use std::fs::{self, File};
use std::io::Write as _;
use std::os::unix::fs::symlink;
use std::path::PathBuf;

use tidegate_pipeline::LaneState;

use crate::rig::{Rig, docs::Docs, events, eventually, within};

/// A host that follows `in.jsonl`.
struct Followed {
    rig: Rig,
    /// Events written so far.
    written: usize,
}

impl Followed {
    async fn new() -> Followed {
        let mut rig = Rig::new();
        let source = "{file: {path: in.jsonl, follow: true}}";
        let docs = Docs::new().doc("Source", "in", source).sink("out").sink("dlq").route("main", "in", "out");
        rig.apply(&docs).await;
        Followed { rig, written: 0 }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.rig.dir().join(name)
    }

    fn write(&mut self, name: &str, count: usize) {
        let lines: String =
            (self.written..self.written + count).map(|number| events::line(&events::id(number), "k", 30)).collect();
        let mut file = File::options().append(true).create(true).open(self.path(name)).unwrap();
        file.write_all(lines.as_bytes()).unwrap();
        self.written += count;
    }

    /// Waits until all that was written has arrived.
    async fn arrived(&self) {
        let out = self.rig.queue("out");
        let what = format!("{} events; lanes: {:?}", self.written, self.rig.control.status());
        within(&what, out.wait_for(|counts| counts.written >= self.written as u64)).await;
        assert_eq!(self.rig.ids("out"), events::expected(0..self.written), "each once, in order");
        assert!(self.rig.ids("dlq").is_empty(), "{:?}", self.rig.ids("dlq"));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_that_comes_later_is_waited_for() {
    let mut followed = Followed::new().await;
    followed.write("in.jsonl", 100);
    followed.arrived().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rotation_loses_nothing_on_either_side() {
    let mut followed = Followed::new().await;
    for rotation in 1..=5 {
        followed.write("in.jsonl", 500);
        if rotation % 2 == 1 {
            followed.arrived().await;
        }
        let rotated = followed.path(&format!("in.jsonl.{}", 10 - rotation));
        fs::rename(followed.path("in.jsonl"), rotated).unwrap();
        // The writer has not noticed yet.
        followed.write(&format!("in.jsonl.{}", 10 - rotation), 50);
        followed.write("in.jsonl", 100);
        followed.arrived().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_cut_in_place_is_read_from_its_beginning() {
    let mut followed = Followed::new().await;
    followed.write("in.jsonl", 1000);
    followed.arrived().await;
    File::options().write(true).open(followed.path("in.jsonl")).unwrap().set_len(0).unwrap();
    followed.write("in.jsonl", 10);
    followed.arrived().await;
    followed.write("in.jsonl", 1000);
    followed.arrived().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_that_is_replaced_is_read_from_its_beginning() {
    let mut followed = Followed::new().await;
    followed.write("in.jsonl", 1000);
    followed.arrived().await;
    followed.write("new.jsonl", 1000);
    fs::rename(followed.path("new.jsonl"), followed.path("in.jsonl")).unwrap();
    followed.arrived().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_half_written_line_waits_for_its_other_half() {
    let mut followed = Followed::new().await;
    followed.write("in.jsonl", 10);
    followed.arrived().await;
    let line = events::line("e10", "k", 30);
    let mut file = File::options().append(true).open(followed.path("in.jsonl")).unwrap();
    for half in [&line[..1], &line[1..50], &line[50..line.len() - 1]] {
        file.write_all(half.as_bytes()).unwrap();
        file.sync_all().unwrap();
        tokio::task::yield_now().await;
    }
    assert_eq!(followed.rig.ids("out").len(), 10, "no newline, no event");
    file.write_all(b"\n").unwrap();
    followed.written += 1;
    followed.write("in.jsonl", 5);
    followed.arrived().await;
}

/// Whatever stands in the way of reading is said, waited out, and forgotten. (The tests may run as root, whom no mode stops.)
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_path_that_cannot_be_read_is_reported_and_waited_for() {
    for obstacle in ["a folder", "a link to itself", "nothing at all"] {
        let mut followed = Followed::new().await;
        followed.write("in.jsonl", 200);
        followed.arrived().await;
        let path = followed.path("in.jsonl");
        fs::remove_file(&path).unwrap();
        match obstacle {
            "a folder" => fs::create_dir(&path).unwrap(),
            "a link to itself" => symlink("in.jsonl", &path).unwrap(),
            _ => {}
        }
        if obstacle != "nothing at all" {
            let held =
                |state: &LaneState| matches!(state, LaneState::Held { reason, .. } if reason.contains("in.jsonl"));
            followed.rig.lane("in", held).await;
        }
        if path.is_dir() {
            fs::remove_dir(&path).unwrap();
        } else if obstacle == "a link to itself" {
            fs::remove_file(&path).unwrap();
        }
        followed.write("in.jsonl", 200);
        followed.arrived().await;
        eventually("the lane is well again", || {
            let status = followed.rig.control.status();
            status.iter().all(|lane| lane.state == LaneState::Running).then_some(())
        })
        .await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_host_that_was_stopped_goes_on_where_it_was() {
    let mut followed = Followed::new().await;
    followed.write("in.jsonl", 700);
    followed.arrived().await;
    within("the drain", followed.rig.control.drain()).await;
    // Rotated while nobody looked.
    followed.write("in.jsonl", 300);
    fs::rename(followed.path("in.jsonl"), followed.path("in.jsonl.1")).unwrap();
    followed.write("in.jsonl", 300);
    let source = "{file: {path: in.jsonl, follow: true}}";
    let docs = Docs::new().doc("Source", "in", source).sink("out").sink("dlq").sink("more").route("main", "in", "out");
    followed.rig.apply(&docs).await;
    followed.arrived().await;
}
