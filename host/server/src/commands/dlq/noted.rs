//! What became of entries: a file of JSON lines for each dead letter, in the state directory, synced before it is told.
//!
//! ```json
//! {"lane":"3f9a1c2b","position":17,"became":"delivered","at":"2026-11-21T09:00:00.000Z"}
//! ```
//!
//! In memory it is ranges: a million entries replayed one after another are one of them. A line that a crash cut off is
//! cut away; a line that cannot be read notes nothing, so that its entry counts as open: once more is better than never.

use std::{
    collections::{BTreeMap, HashMap},
    fs::{self, File, TryLockError},
    io::{self, BufRead as _, BufReader, Read as _, Write as _},
    os::unix::fs::{DirBuilderExt as _, FileExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
    sync::Arc,
};

use serde_json::{Value, json};
use tidegate_pipeline::deadletter;
use time::OffsetDateTime;

use crate::problem::{OrProblem as _, problem};

/// Bytes of a note at most; lanes have short names.
const LINE_BYTES: u64 = 64 << 10;

/// How an entry ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Became {
    /// Replayed, and durable at every sink that wanted it.
    Delivered,
    /// Replayed, and dropped by a policy on purpose, or wanted by no target.
    Filtered,
    /// Replayed, and dead-lettered again: another entry tells of it.
    DeadLettered,
    /// Dropped by an operator.
    Dropped,
}

impl Became {
    const ALL: [Became; 4] = [Became::Delivered, Became::Filtered, Became::DeadLettered, Became::Dropped];

    /// As in the file, in tables and in JSON.
    pub(super) fn word(self) -> &'static str {
        match self {
            Became::Delivered => "delivered",
            Became::Filtered => "filtered",
            Became::DeadLettered => "dead-lettered",
            Became::Dropped => "dropped",
        }
    }
}

/// What is noted of one dead letter.
#[derive(Debug, Default)]
pub(super) struct Noted {
    /// By lane: first position to (last position, what became of all between).
    lanes: HashMap<Arc<str>, BTreeMap<u64, (u64, Became)>>,
}

impl Noted {
    pub(super) fn load(state_dir: &Path, sink: &str) -> anyhow::Result<Noted> {
        let path = path_of(state_dir, sink);
        let mut noted = Noted::default();
        lines(&path, |lane, position, became, _| noted.add(lane, position, became))
            .or_problem(format!("{} cannot be read", path.display()), "it notes what became of dead letters")?;
        Ok(noted)
    }

    pub(super) fn get(&self, lane: &str, position: u64) -> Option<Became> {
        let (_, (last, became)) = self.lanes.get(lane)?.range(..=position).next_back()?;
        (position <= *last).then_some(*became)
    }

    fn add(&mut self, lane: &str, position: u64, became: Became) {
        if self.get(lane, position).is_some() {
            return;
        }
        let ranges = match self.lanes.get_mut(lane) {
            Some(ranges) => ranges,
            None => self.lanes.entry(lane.into()).or_default(),
        };
        let before = ranges.range(..position).next_back().map(|(first, range)| (*first, *range));
        let first = match before {
            Some((first, (last, same))) if last.checked_add(1) == Some(position) && same == became => first,
            Some(_) | None => position,
        };
        let next = position.checked_add(1).and_then(|next| Some((next, *ranges.get(&next)?)));
        let last = match next {
            Some((next, (last, same))) if same == became => {
                ranges.remove(&next);
                last
            }
            Some(_) | None => position,
        };
        ranges.insert(first, (last, became));
    }
}

/// When it was noted what became of an entry.
pub(super) fn noted_at(state_dir: &Path, sink: &str, lane: &str, position: u64) -> Option<String> {
    let mut at = None;
    let here = |(l, p): (&str, u64)| l == lane && p == position;
    let find = |l: &str, p, _, time: &str| {
        if here((l, p)) {
            at.get_or_insert_with(|| time.to_owned());
        }
    };
    lines(&path_of(state_dir, sink), find).ok()?;
    at
}

/// Notes of one dead letter, to be added to; one process at a time.
#[derive(Debug)]
pub(super) struct Notes {
    path: PathBuf,
    file: File,
}

impl Notes {
    pub(super) fn open(state_dir: &Path, sink: &str) -> anyhow::Result<Notes> {
        let path = path_of(state_dir, sink);
        let file = open(&path).or_problem(
            format!("it cannot be noted in {} what becomes of dead letters", path.display()),
            "choose another place with --state-dir",
        )?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let message = format!("another `tidegate dlq` is at work on the dead letter {sink}");
                return Err(problem(message, "wait for its end"));
            }
            // A file system without locks: the operator must know, but it is no reason not to work.
            Err(TryLockError::Error(error)) => {
                tracing::warn!(%error, "notes cannot be locked: start no second `tidegate dlq` on them");
            }
        }
        cut_half_line(&file).or_problem(format!("{} cannot be written", path.display()), "")?;
        Ok(Notes { path, file })
    }

    /// Durable when it returns.
    pub(super) fn add<'a>(&mut self, entries: impl Iterator<Item = (&'a str, u64, Became)>) -> anyhow::Result<()> {
        let at = deadletter::timestamp(OffsetDateTime::now_utc());
        let mut text = Vec::new();
        for (lane, position, became) in entries {
            let line = json!({"lane": lane, "position": position, "became": became.word(), "at": at});
            writeln!(text, "{line}")?;
        }
        if text.is_empty() {
            return Ok(());
        }
        let written = self.file.write_all(&text).and_then(|()| self.file.sync_data());
        written.or_problem(
            format!("it could not be noted in {} what became of entries", self.path.display()),
            "what was done since the last line printed is not noted, and would be done again",
        )
    }
}

/// Namespaces and names have no dots.
fn path_of(state_dir: &Path, sink: &str) -> PathBuf {
    state_dir.join("dlq").join(format!("{}.jsonl", sink.replace('/', ".")))
}

fn lines(path: &Path, mut each: impl FnMut(&str, u64, Became, &str)) -> io::Result<()> {
    let file = match File::open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        opened => opened?,
    };
    let mut reader = BufReader::new(file);
    let mut line = Vec::new();
    // Notes are short; what is not, is none.
    while reader.by_ref().take(LINE_BYTES).read_until(b'\n', &mut line)? > 0 {
        let parsed = serde_json::from_slice(&line).unwrap_or(Value::Null);
        let became = parsed["became"].as_str().and_then(|word| Became::ALL.into_iter().find(|b| b.word() == word));
        if let (Some(lane), Some(position), Some(became)) =
            (parsed["lane"].as_str(), parsed["position"].as_u64(), became)
        {
            each(lane, position, became, parsed["at"].as_str().unwrap_or_default());
        }
        line.clear();
    }
    Ok(())
}

fn open(path: &Path) -> io::Result<File> {
    let folder = path.parent().unwrap_or(Path::new("."));
    fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    let file = File::options().read(true).append(true).create(true).mode(0o600).open(path)?;
    File::open(folder)?.sync_all()?;
    Ok(file)
}

fn cut_half_line(file: &File) -> io::Result<()> {
    let length = file.metadata()?.len();
    let mut end = length;
    let mut byte = [0];
    while end > 0 {
        file.read_exact_at(&mut byte, end - 1)?;
        if byte == [b'\n'] {
            break;
        }
        end -= 1;
    }
    if end < length { file.set_len(end) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

    use super::*;

    #[test]
    fn what_is_noted_is_found_and_neighbours_are_one_range() {
        let mut noted = Noted::default();
        for position in [5, 7, 6, 1, 2, 2, 0, u64::MAX] {
            noted.add("a", position, Became::Delivered);
        }
        noted.add("a", 3, Became::Dropped);
        noted.add("a", 4, Became::Delivered);
        assert_eq!(noted.lanes["a"].len(), 4, "{noted:?}");
        let found: Vec<_> = (0..9).map(|position| noted.get("a", position)).collect();
        let delivered = Some(Became::Delivered);
        let expected =
            [delivered, delivered, delivered, Some(Became::Dropped), delivered, delivered, delivered, delivered, None];
        assert_eq!(found, expected);
        assert_eq!((noted.get("b", 1), noted.get("a", u64::MAX)), (None, delivered));
    }

    #[test]
    fn notes_survive_half_lines_and_nonsense() {
        let dir = tempfile::tempdir().unwrap();
        let mut notes = Notes::open(dir.path(), "shop/dead").unwrap();
        notes.add([("a", 1, Became::Delivered)].into_iter()).unwrap();
        drop(notes);
        let path = path_of(dir.path(), "shop/dead");
        let text = fs::read_to_string(&path).unwrap();
        fs::write(&path, format!("nonsense\n{{\"lane\":7}}\n{text}{{\"lane\":\"a\",\"posi")).unwrap();
        let mut notes = Notes::open(dir.path(), "shop/dead").unwrap();
        notes.add([("a", 2, Became::Dropped)].into_iter()).unwrap();
        let noted = Noted::load(dir.path(), "shop/dead").unwrap();
        assert_eq!([1, 2, 3].map(|at| noted.get("a", at)), [Some(Became::Delivered), Some(Became::Dropped), None]);
        assert!(noted_at(dir.path(), "shop/dead", "a", 2).is_some_and(|at| at.ends_with('Z')));
        let second = Notes::open(dir.path(), "shop/dead").unwrap_err().to_string();
        assert!(second.contains("another `tidegate dlq`"), "{second}");
    }
}
