//! Which file a lane reads: the path's, the one it was renamed to, and what comes after it.
//!
//! The files are a line: read ones whose events are not settled yet, the present one, and successors known already. Reading
//! is not done here.

use std::collections::VecDeque;
use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind};
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::cursor::Saved;
use super::position::{FileId, Position, head, head_bytes};
use super::siblings;
use crate::config::{AtEnd, SourceConfig, Start};

/// Successors opened ahead at most.
const AHEAD_MAX: usize = 64;

/// One file, open.
#[derive(Clone, Debug)]
pub(super) struct Opened {
    pub(super) number: u32,
    pub(super) id: FileId,
    pub(super) file: Arc<File>,
    /// Its beginning, when the lane last waited: tells whether it was written anew.
    head: Vec<u8>,
    /// It was truncated: what was read of it cannot be read again.
    cut: bool,
}

/// What a look at the path found, at the end of the present file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Found {
    /// Nothing new.
    Nothing,
    /// The present file has grown meanwhile.
    Grown,
    /// The present file was truncated or written anew; its successor is the same file from the beginning.
    Cut,
    /// There are successors.
    Successors,
}

#[derive(Debug)]
pub(super) struct Tail {
    path: PathBuf,
    shown: String,
    start: Start,
    at_end: AtEnd,
    files: VecDeque<Opened>,
    /// The present one, an index.
    at: usize,
    last_number: u32,
}

impl Tail {
    pub(super) fn new(config: &SourceConfig) -> Self {
        Self {
            path: config.path.clone(),
            shown: config.shown.clone(),
            start: config.start,
            at_end: config.at_end,
            files: VecDeque::new(),
            at: 0,
            last_number: 0,
        }
    }

    /// The file being read; `None` before the first was opened.
    pub(super) fn present(&self) -> Option<&Opened> {
        self.files.get(self.at)
    }

    /// Opens the first file, after a restart the one that the cursor speaks of; where to begin in it.
    pub(super) fn open_first(&mut self, saved: Option<&Saved>) -> io::Result<Position> {
        let Some(saved) = saved else {
            let number = self.push(open(&self.path)?);
            return self.begin(number);
        };
        let same = |path: &Path| -> io::Result<Option<(FileId, Arc<File>)>> {
            let (id, file) = open(path)?;
            Ok(saved.fits(id, &file)?.then_some((id, file)))
        };
        let rotated = siblings::find(&self.path, saved.id);
        let present = same(&self.path);
        let found = match (&present, rotated) {
            (Ok(Some(_)), _) => present?,
            (Ok(None) | Err(_), Some(rotated)) if rotated != self.path => same(&rotated)?,
            (Ok(None) | Err(_), _) => present?,
        };
        if let Some(found) = found {
            let number = self.push(found);
            return Ok(Position { file: number, offset: saved.offset, line: saved.line });
        }
        tracing::warn!(
            path = self.shown,
            "the file the cursor speaks of was truncated, replaced or moved away; reading from the beginning"
        );
        let number = self.push(open(&self.path)?);
        Ok(Position::start_of(number))
    }

    fn begin(&self, number: u32) -> io::Result<Position> {
        let (Start::End, Some(present)) = (self.start, self.present()) else { return Ok(Position::start_of(number)) };
        let offset = last_line_start(&present.file)?;
        Ok(Position { file: number, offset, line: u64::from(offset == 0) })
    }

    /// All that are open, in order.
    pub(super) fn all(&self) -> impl Iterator<Item = &Opened> {
        self.files.iter()
    }

    /// Whether a successor of the present file is known.
    pub(super) fn has_next(&self) -> bool {
        self.at + 1 < self.files.len()
    }

    /// Goes on to the successor, from its beginning.
    pub(super) fn go_on(&mut self) -> Option<Position> {
        self.files.get(self.at + 1)?;
        self.at += 1;
        self.present().map(|present| Position::start_of(present.number))
    }

    /// Goes back to a file read before; where to go on reading. A file that was truncated since cannot be read again.
    pub(super) fn go_back(&mut self, position: Position) -> Position {
        let found = self.files.iter().position(|opened| opened.number == position.file);
        self.at = found.unwrap_or(self.at);
        let mut position = position;
        while self.present().is_some_and(|present| present.cut) {
            tracing::warn!(
                path = self.shown,
                offset = position.offset,
                "events not yet settled were in a file that was truncated; they cannot be read again"
            );
            match self.go_on() {
                Some(next) => position = next,
                None => break,
            }
        }
        position
    }

    /// Closes files before `number`; the lane will not go back to them.
    pub(super) fn forget_before(&mut self, number: u32) {
        while self.at > 0 && self.files.front().is_some_and(|first| first.number < number) {
            self.files.pop_front();
            self.at -= 1;
        }
    }

    /// Whether files are kept that the lane might not go back to any more.
    pub(super) fn keeps_old(&self) -> bool {
        self.at > 0
    }

    /// The lane is about to wait at `offset`: remembers how the file begins.
    pub(super) fn remember_head(&mut self, offset: u64) {
        if let Some(present) = self.files.get_mut(self.at)
            && present.head.len() < head_bytes(offset)
            && let Ok(head) = head(&present.file, offset)
        {
            present.head = head;
        }
    }

    /// Whether the present file, read up to `offset`, was truncated or written anew since [`Tail::remember_head`]. Then its
    /// successor is the same file from the beginning.
    pub(super) fn was_cut(&mut self, offset: u64) -> io::Result<bool> {
        let Some(present) = self.files.get_mut(self.at) else { return Ok(false) };
        let truncated = present.file.metadata()?.len() < offset;
        if !truncated && head(&present.file, present.head.len() as u64)? == present.head {
            return Ok(false);
        }
        tracing::info!(path = self.shown, "the file was truncated; reading from the beginning");
        present.cut = true;
        let again = (present.id, present.file.clone());
        self.push(again);
        Ok(true)
    }

    /// Looks, at the end of the present file (read up to `offset`), for what comes next.
    pub(super) fn look(&mut self, offset: u64) -> io::Result<Found> {
        if self.was_cut(offset)? {
            return Ok(Found::Cut);
        }
        let Some(present) = self.files.get(self.at).cloned() else { return Ok(Found::Nothing) };
        if present.file.metadata()?.len() > offset {
            return Ok(Found::Grown);
        }
        let current = match fs::metadata(&self.path) {
            Ok(found) => found,
            // Between being renamed and created again, or deleted: there is nothing else to read.
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Found::Nothing),
            Err(error) => return Err(error),
        };
        // A writer that renames and creates may go on writing to the old file until it opens the new one: an empty one has no
        // writer yet.
        let id = FileId::of(&current);
        if id == present.id || (current.len() == 0 && self.at_end == AtEnd::Follow) {
            return Ok(Found::Nothing);
        }
        for opened in self.between(&present)? {
            self.push(opened);
        }
        let opened = open(&self.path)?;
        tracing::info!(path = self.shown, "the file was rotated or replaced; going on with the new one");
        self.push(opened);
        Ok(Found::Successors)
    }

    /// Files rotated after the present one, oldest first.
    fn between(&self, present: &Opened) -> io::Result<Vec<(FileId, Arc<File>)>> {
        let Some(now) = siblings::find(&self.path, present.id) else { return Ok(Vec::new()) };
        let last_written = present.file.metadata()?.modified()?;
        let mut between = Vec::new();
        for path in siblings::successors(&self.path, &now).iter().take(AHEAD_MAX) {
            let (id, file) = open(path)?;
            // The order of names is a convention; that a successor was written later is a fact.
            let later = file.metadata()?.modified()? >= last_written;
            if later && self.files.iter().all(|known| known.id != id) {
                between.push((id, file));
            }
        }
        Ok(between)
    }

    fn push(&mut self, (id, file): (FileId, Arc<File>)) -> u32 {
        self.last_number += 1;
        self.files.push_back(Opened { number: self.last_number, id, file, head: Vec::new(), cut: false });
        self.last_number
    }
}

fn open(path: &Path) -> io::Result<(FileId, Arc<File>)> {
    // NONBLOCK: opening a pipe would wait for its writer; for regular files it means nothing.
    let flags = rustix::fs::OFlags::NONBLOCK.bits() as i32;
    let file = OpenOptions::new().read(true).custom_flags(flags).open(path)?;
    let found = file.metadata()?;
    if !found.is_file() {
        return Err(io::Error::other("is no regular file"));
    }
    Ok((FileId::of(&found), Arc::new(file)))
}

/// The start of the line that is being written at the end of a file.
fn last_line_start(file: &File) -> io::Result<u64> {
    let mut end = file.metadata()?.len();
    let mut block = vec![0; 64 << 10];
    while end > 0 {
        let start = end.saturating_sub(block.len() as u64);
        let read = &mut block[..(end - start) as usize];
        file.read_exact_at(read, start)?;
        if let Some(newline) = memchr::memrchr(b'\n', read) {
            return Ok(start + newline as u64 + 1);
        }
        end = start;
    }
    Ok(0)
}
