//! What was tried, by whom, and how it ended. Survives a restart.
//!
//! A file of lines in the state directory, one JSON object a change; a later line of the same number takes the place of an
//! earlier one. A line that a crash cut off is left out.

use std::{
    collections::VecDeque,
    fs::{self, OpenOptions},
    io::{self, Read as _, Write as _},
    os::unix::fs::OpenOptionsExt as _,
    path::PathBuf,
};

use serde::{Deserialize, Serialize};

use crate::{
    Difference, KeptPolicy,
    files::{make_folder, write_whole},
};

/// Changes remembered.
pub const ENTRIES_MAX: usize = 200;
/// Lines of the file before it is written anew.
const LINES_MAX: usize = 3 * ENTRIES_MAX;
const FILE_BYTES_MAX: u64 = 64 << 20;
/// Reasons of a refusal that are kept, and characters of each.
const REASONS_MAX: usize = 10;
const REASON_CHARS_MAX: usize = 2_000;

/// One change, whether it went live or not.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// Counts from 1 as long as the state directory lives.
    pub number: u64,
    /// Milliseconds since 1970.
    pub at_ms: u64,
    /// Who made it: a token's name, or `directory`.
    pub who: String,
    /// What they say it is for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// What was done.
    pub action: Action,
    /// The documents it changes, against what was live.
    pub documents: Difference,
    /// Policies that run something else by it.
    pub policies: Vec<KeptPolicy>,
    /// What it would make live, or made; absent where it was refused before that was known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub generation: Option<String>,
    /// What was live before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<String>,
    /// How it ended.
    #[serde(flatten)]
    pub outcome: Outcome,
}

/// What was done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Action {
    /// Documents were applied.
    Apply,
    /// A kept generation was made live again.
    Rollback,
    /// The host started with these documents.
    Start,
    /// Live events were shown whole, payloads among them. Changes nothing.
    Tap,
    /// A rollout was taken on, or ended.
    Promote,
    /// A rollout was taken back by itself.
    Abort,
    /// A route was held. Changes no document.
    Pause,
    /// A route was let go on. Changes no document.
    Resume,
}

/// How a change ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "outcome", rename_all = "snake_case")]
pub enum Outcome {
    /// It went live.
    Live,
    /// It was refused; what ran before went on.
    Refused {
        /// As a person reads them.
        reasons: Vec<String>,
    },
    /// It went live, and was taken back.
    RolledBack {
        /// The number of the change that took it back.
        by: u64,
    },
}

impl Outcome {
    /// Of a report: so much of it as is worth keeping.
    pub fn refused(report: &tidegate_policy::Report) -> Outcome {
        let shown = |text: String| text.chars().take(REASON_CHARS_MAX).collect();
        let reasons = report.diagnostics.iter().take(REASONS_MAX).map(|found| shown(found.to_string())).collect();
        Outcome::Refused { reasons }
    }
}

/// Who wants a change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Author {
    /// A token's name, or `directory`.
    pub who: String,
    /// What it is for.
    pub reason: Option<String>,
}

impl Author {
    /// Whoever writes the folder of documents.
    pub fn directory() -> Author {
        Author { who: "directory".into(), reason: None }
    }
}

/// The history, on disk and in memory.
#[derive(Debug)]
pub(crate) struct History {
    path: PathBuf,
    /// Oldest first.
    entries: VecDeque<Entry>,
    lines: usize,
    /// Said once.
    broken: bool,
}

impl History {
    /// Reads what is there.
    pub(crate) fn open(path: PathBuf) -> History {
        let mut text = Vec::new();
        // Where there is none yet it is empty.
        if let Ok(file) = fs::File::open(&path)
            && let Err(error) = file.take(FILE_BYTES_MAX).read_to_end(&mut text)
        {
            tracing::warn!(path = %path.display(), %error, "the history cannot be read");
        }
        let mut history = History { path, entries: VecDeque::new(), lines: 0, broken: false };
        for line in text.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
            history.lines += 1;
            if let Ok(entry) = serde_json::from_slice(line) {
                history.note(entry);
            }
        }
        // A line that was cut off must not run into the next one.
        if text.last().is_some_and(|last| *last != b'\n') {
            history.lines = LINES_MAX;
        }
        history
    }

    fn note(&mut self, entry: Entry) {
        match self.entries.iter_mut().find(|known| known.number == entry.number) {
            Some(known) => *known = entry,
            None => self.entries.push_back(entry),
        }
        if self.entries.len() > ENTRIES_MAX {
            self.entries.pop_front();
        }
    }

    /// Oldest first.
    pub(crate) fn entries(&self) -> &VecDeque<Entry> {
        &self.entries
    }

    /// The number of the next change.
    pub(crate) fn next(&self) -> u64 {
        self.entries.back().map_or(1, |last| last.number + 1)
    }

    /// Writes it down. Where that fails it is remembered all the same, until a restart.
    pub(crate) fn push(&mut self, entry: Entry) {
        self.note(entry.clone());
        let written = if self.lines >= LINES_MAX { self.rewrite() } else { self.append(&entry) };
        match written {
            Ok(()) => self.broken = false,
            Err(error) if !self.broken => {
                self.broken = true;
                tracing::warn!(path = %self.path.display(), %error, "the history cannot be written: a restart will forget it");
            }
            Err(_) => {}
        }
    }

    fn append(&mut self, entry: &Entry) -> io::Result<()> {
        if let Some(folder) = self.path.parent() {
            make_folder(folder)?;
        }
        let mut line = serde_json::to_vec(entry).map_err(io::Error::other)?;
        line.push(b'\n');
        let mut file = OpenOptions::new().append(true).create(true).mode(0o600).open(&self.path)?;
        file.write_all(&line)?;
        file.sync_data()?;
        self.lines += 1;
        Ok(())
    }

    fn rewrite(&mut self) -> io::Result<()> {
        let mut text = Vec::new();
        for entry in &self.entries {
            serde_json::to_writer(&mut text, entry).map_err(io::Error::other)?;
            text.push(b'\n');
        }
        write_whole(&self.path, &text)?;
        self.lines = self.entries.len();
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use super::*;

    fn entry(number: u64, outcome: Outcome) -> Entry {
        Entry {
            number,
            at_ms: 7,
            who: "ann".into(),
            reason: Some("because".into()),
            action: Action::Apply,
            documents: Difference::default(),
            policies: Vec::new(),
            generation: Some("abc".into()),
            before: None,
            outcome,
        }
    }

    #[test]
    fn a_restart_reads_what_was_written_and_later_lines_win() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("history.jsonl");
        let mut history = History::open(path.clone());
        history.push(entry(1, Outcome::Live));
        history.push(entry(2, Outcome::Refused { reasons: vec!["no".into()] }));
        history.push(entry(1, Outcome::RolledBack { by: 3 }));
        let mut text = fs::read(&path).unwrap();
        text.extend_from_slice(b"{\"number\": 3, \"at");
        fs::write(&path, &text).unwrap();

        let mut history = History::open(path.clone());
        let wanted =
            [entry(1, Outcome::RolledBack { by: 3 }), entry(2, Outcome::Refused { reasons: vec!["no".into()] })];
        assert_eq!(history.entries().iter().cloned().collect::<Vec<_>>(), wanted);
        assert_eq!(history.next(), 3);
        history.push(entry(3, Outcome::Live));
        assert_eq!(History::open(path).entries().len(), 3, "the line that was cut off is gone");
    }

    #[test]
    fn it_does_not_grow_for_ever() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("history.jsonl");
        let mut history = History::open(path.clone());
        for number in 1..=(LINES_MAX as u64 + 5) {
            history.push(entry(number, Outcome::Live));
        }
        let history = History::open(path.clone());
        assert_eq!(history.entries().len(), ENTRIES_MAX);
        assert_eq!(history.next(), LINES_MAX as u64 + 6);
        assert!(fs::read_to_string(path).unwrap().lines().count() <= LINES_MAX);
    }
}
