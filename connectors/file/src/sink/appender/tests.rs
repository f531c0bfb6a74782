//! Appending to disks that are full, broken, rotated and killed: what is in the file is whole, durable, and in order.
#![allow(clippy::unwrap_used, reason = "tests")]

use std::cell::RefCell;
use std::collections::VecDeque;
use std::rc::Rc;

use tempfile::TempDir;
use tidegate_connector::conformance::numbered;

use super::*;
use crate::sink::medium::Disk;

/// What a disk does next; afterwards it is a real one.
#[derive(Clone, Copy, Debug)]
enum Fault {
    /// Takes so many bytes, then it is full.
    Full(usize),
    SyncFails,
    /// Takes so many bytes, and cannot be cut back either.
    Stuck(usize),
}

#[derive(Clone, Debug, Default)]
struct Faulty {
    faults: Rc<RefCell<VecDeque<Fault>>>,
    stuck: bool,
}

impl Medium for Faulty {
    fn write(&mut self, file: &File, bytes: &[u8]) -> io::Result<()> {
        let fault = self.faults.borrow_mut().front().copied();
        match fault {
            None | Some(Fault::SyncFails) => Disk.write(file, bytes),
            Some(Fault::Full(room) | Fault::Stuck(room)) => {
                self.faults.borrow_mut().pop_front();
                self.stuck = matches!(fault, Some(Fault::Stuck(_)));
                Disk.write(file, &bytes[..room.min(bytes.len())])?;
                Err(io::Error::from(ErrorKind::StorageFull))
            }
        }
    }

    fn sync(&mut self, file: &File) -> io::Result<()> {
        let fails = self.faults.borrow_mut().pop_front_if(|fault| matches!(fault, Fault::SyncFails)).is_some();
        if fails {
            return Err(io::Error::other("the disk has gone"));
        }
        Disk.sync(file)
    }

    fn truncate(&mut self, file: &File, length: u64) -> io::Result<()> {
        if std::mem::take(&mut self.stuck) {
            return Err(io::Error::other("read-only now"));
        }
        Disk.truncate(file, length)
    }
}

struct Place {
    folder: TempDir,
    faulty: Faulty,
}

impl Place {
    fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap(), faulty: Faulty::default() }
    }

    fn appender(&self, rotation: Option<Rotation>) -> Appender<Faulty> {
        let config = SinkConfig { shown: "out".into(), path: self.path("out"), rotation };
        Appender::new(config, self.faulty.clone())
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn fault(&self, fault: Fault) {
        self.faulty.faults.borrow_mut().push_back(fault);
    }

    /// The ids in a file; it must consist of whole lines.
    fn ids(&self, name: &str) -> Vec<usize> {
        let text = fs::read_to_string(self.path(name)).unwrap();
        assert!(text.is_empty() || text.ends_with('\n'), "half a line in {name}: {text:?}");
        let id = |line: &str| line.split("\"id\":\"e").nth(1).unwrap().split('"').next().unwrap().parse().unwrap();
        text.lines().map(id).collect()
    }
}

fn lines(range: std::ops::Range<usize>) -> Lines {
    let mut lines = Lines::default();
    lines.encode(&numbered(range));
    lines
}

fn up_to(count: usize) -> Vec<usize> {
    (0..count).collect()
}

#[test]
fn a_full_disk_acknowledges_nothing_leaves_no_half_line_and_heals() {
    for fault in [Fault::Full(0), Fault::Full(30), Fault::Full(1 << 20), Fault::SyncFails, Fault::Stuck(30)] {
        let place = Place::new();
        let mut appender = place.appender(None);
        appender.append(&lines(0..3)).unwrap();
        place.fault(fault);
        let failure = appender.append(&lines(3..6)).unwrap_err();
        assert_eq!(failure.written, 0, "{fault:?}");
        if !matches!(fault, Fault::Stuck(_)) {
            assert_eq!(place.ids("out"), up_to(3), "{fault:?}");
        }
        appender.append(&lines(3..6)).unwrap();
        assert_eq!(place.ids("out"), up_to(6), "after {fault:?}");
    }
}

#[test]
fn half_a_line_of_a_crash_is_cut_off() {
    for (left, kept) in [("", 3), ("{\"specver", 3), (&"x".repeat(200 << 10), 3)] {
        let place = Place::new();
        place.appender(None).append(&lines(0..3)).unwrap();
        let mut text = fs::read(place.path("out")).unwrap();
        text.extend(left.as_bytes());
        fs::write(place.path("out"), text).unwrap();
        place.appender(None).append(&lines(kept..5)).unwrap();
        assert_eq!(place.ids("out"), up_to(5));
    }
    let place = Place::new();
    fs::write(place.path("out"), "no line break anywhere").unwrap();
    place.appender(None).append(&lines(0..1)).unwrap();
    assert_eq!(place.ids("out"), [0]);
}

#[test]
fn files_are_rotated_by_size_at_line_breaks_and_the_oldest_go() {
    let place = Place::new();
    let one = lines(0..1).bytes.len() as u64;
    let mut appender = place.appender(Some(Rotation { max_bytes: 3 * one, keep: 2 }));
    appender.append(&lines(0..8)).unwrap();
    assert_eq!([place.ids("out.2"), place.ids("out.1"), place.ids("out")], [vec![0, 1, 2], vec![3, 4, 5], vec![6, 7]]);
    appender.append(&lines(8..9)).unwrap();
    appender.append(&lines(9..10)).unwrap();
    assert_eq!([place.ids("out.2"), place.ids("out.1"), place.ids("out")], [vec![3, 4, 5], vec![6, 7, 8], vec![9]]);
    assert!(!place.path("out.3").exists());
    // A larger event than a file may be has one for itself.
    let mut small = place.appender(Some(Rotation { max_bytes: 5, keep: 2 }));
    drop(appender);
    small.append(&lines(4..6)).unwrap();
    assert_eq!([place.ids("out.1"), place.ids("out")], [[4], [5]]);
}

#[test]
fn a_number_that_a_killed_host_left_out_is_used_by_the_next_rotation() {
    let place = Place::new();
    let one = lines(0..1).bytes.len() as u64;
    let mut appender = place.appender(Some(Rotation { max_bytes: one, keep: 4 }));
    appender.append(&lines(0..4)).unwrap();
    // Killed between two renames.
    fs::rename(place.path("out.3"), place.path("out.4")).unwrap();
    appender.append(&lines(4..5)).unwrap();
    let names = ["out.4", "out.3", "out.2", "out.1", "out"];
    assert_eq!(names.map(|name| place.ids(name)), [[0], [1], [2], [3], [4]]);
    appender.append(&lines(5..6)).unwrap();
    assert_eq!(names.map(|name| place.ids(name)), [[1], [2], [3], [4], [5]]);
}

#[test]
fn what_went_into_full_files_before_a_failure_is_not_written_again() {
    let place = Place::new();
    let one = lines(0..1).bytes.len() as u64;
    let mut appender = place.appender(Some(Rotation { max_bytes: 2 * one, keep: 9 }));
    appender.append(&lines(0..1)).unwrap();
    // The second file of this group meets a full disk: two were durable.
    let mut faults = VecDeque::from([Fault::Full(20)]);
    appender.medium = Faulty::default();
    let group = lines(1..6);
    let written = {
        let first = appender.append_fitting(&group.bytes, 0, &group.ends).unwrap();
        place.faulty.faults.borrow_mut().append(&mut faults);
        appender.medium = place.faulty.clone();
        first
    };
    assert_eq!(written, 1);
    let rest = lines(2..6);
    let failure = appender.append(&rest).unwrap_err();
    assert_eq!(failure.written, 0);
    appender.append(&rest).unwrap();
    assert_eq!([place.ids("out.2"), place.ids("out.1"), place.ids("out")], [[0, 1], [2, 3], [4, 5]]);
}

#[test]
fn a_file_moved_away_by_others_is_made_again() {
    let place = Place::new();
    let mut appender = place.appender(None);
    appender.append(&lines(0..2)).unwrap();
    fs::rename(place.path("out"), place.path("moved")).unwrap();
    appender.append(&lines(2..3)).unwrap();
    fs::remove_file(place.path("out")).unwrap();
    appender.append(&lines(3..4)).unwrap();
    assert_eq!([place.ids("moved"), place.ids("out")], [vec![0, 1], vec![3]]);
}

#[test]
fn two_writers_of_one_file_and_what_is_no_file_are_told_clearly() {
    let place = Place::new();
    let mut first = place.appender(None);
    first.append(&lines(0..1)).unwrap();
    let failure = place.appender(None).append(&lines(1..2)).unwrap_err();
    assert!(failure.cause.starts_with("another sink or process writes this file"), "{failure:?}");
    drop(first);
    assert_eq!(place.appender(None).append(&lines(1..2)), Ok(()));

    let config = SinkConfig { shown: "full".into(), path: "/dev/full".into(), rotation: None };
    let failure = Appender::new(config, Disk).append(&lines(0..1)).unwrap_err();
    assert_eq!(failure, Failure { written: 0, cause: "is no regular file".into() });
}
