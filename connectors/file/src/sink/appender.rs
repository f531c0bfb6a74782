//! Appends lines to a file so that after every failure the file holds whole, durable lines only.

use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind};
use std::os::unix::fs::{FileExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::{FlockOperation, flock};

use super::Lines;
use super::medium::Medium;
use crate::config::{Rotation, SinkConfig};

/// Why lines were not appended: how many of them are durable, and the cause.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Failure {
    pub(super) written: usize,
    pub(super) cause: String,
}

#[derive(Debug)]
pub(super) struct Appender<M> {
    config: SinkConfig,
    medium: M,
    open: Option<Open>,
    /// What is durable of a file that could not be cut back when it should have been.
    uncut: Option<(Identity, u64)>,
}

type Identity = (u64, u64);

/// The file being written.
#[derive(Debug)]
struct Open {
    file: File,
    identity: Identity,
    /// Bytes of whole, durable lines; the file is no longer.
    length: u64,
}

impl<M: Medium> Appender<M> {
    pub(super) fn new(config: SinkConfig, medium: M) -> Self {
        Self { config, medium, open: None, uncut: None }
    }

    /// Appends all lines, durably.
    pub(super) fn append(&mut self, lines: &Lines) -> Result<(), Failure> {
        let mut written = 0;
        while written < lines.ends.len() {
            let from = written.checked_sub(1).map_or(0, |last| lines.ends[last]);
            let fitting = self.append_fitting(&lines.bytes[from..], from, &lines.ends[written..]);
            written += fitting.map_err(|error| Failure { written, cause: error.to_string() })?;
        }
        Ok(())
    }

    /// Appends as many of the lines as go into the present file, at least one; says how many.
    fn append_fitting(&mut self, bytes: &[u8], from: usize, ends: &[usize]) -> io::Result<usize> {
        self.ensure_open()?;
        let length = self.open.as_ref().map_or(0, |open| open.length);
        let fitting = match self.config.rotation {
            None => ends.len(),
            Some(Rotation { max_bytes, .. }) => {
                let room = max_bytes.saturating_sub(length);
                let fitting = ends.partition_point(|end| (end - from) as u64 <= room);
                if fitting == 0 && length > 0 {
                    self.rotate()?;
                    return Ok(0);
                }
                fitting.max(1)
            }
        };
        self.write(&bytes[..ends[fitting - 1] - from])?;
        Ok(fitting)
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        let Some(open) = &mut self.open else { return Err(io::Error::other("no file is open")) };
        let written = self.medium.write(&open.file, bytes).and_then(|()| self.medium.sync(&open.file));
        match written {
            Ok(()) => {
                open.length += bytes.len() as u64;
                Ok(())
            }
            Err(error) => {
                // Half a line must not stay; nor a whole one that is not known to be durable, for it is written again.
                if self.medium.truncate(&open.file, open.length).is_err() {
                    self.uncut = Some((open.identity, open.length));
                    self.open = None;
                }
                Err(error)
            }
        }
    }

    /// Opens the file unless the open one still is what the path names (an operator may have moved it).
    fn ensure_open(&mut self) -> io::Result<()> {
        if let Some(open) = &self.open {
            match fs::metadata(&self.config.path) {
                Ok(found) if identity(&found) == open.identity => return Ok(()),
                Ok(_) => {}
                Err(error) if error.kind() == ErrorKind::NotFound => {}
                Err(error) => return Err(error),
            }
        }
        self.open = None;
        let open = open_locked(&self.config.path)?;
        let durable = self.uncut.filter(|(identity, _)| *identity == open.identity).map(|(_, length)| length);
        let whole = match durable {
            Some(length) => length.min(open.length),
            None => end_of_last_line(&open.file, open.length)?,
        };
        if whole < open.length {
            self.medium.truncate(&open.file, whole)?;
            self.medium.sync(&open.file)?;
            let (path, bytes) = (&self.config.shown, open.length - whole);
            tracing::warn!(path, bytes, "cut off the end of the file: it was no whole line, or not acknowledged");
        }
        self.uncut = None;
        self.open = Some(Open { length: whole, ..open });
        Ok(())
    }

    /// `path.2` becomes `path.3`, `path.1` `path.2`, `path` `path.1`; the oldest goes. Files beyond a number that is free (it was left by a
    /// host that was killed here) stay where they are.
    fn rotate(&mut self) -> io::Result<()> {
        let Some(Rotation { keep, .. }) = self.config.rotation else { return Ok(()) };
        let path = &self.config.path;
        let mut last = 1;
        while last < keep && numbered(path, last).try_exists()? {
            last += 1;
        }
        for number in (1..last).rev() {
            rename(&numbered(path, number), &numbered(path, number + 1))?;
        }
        rename(path, &numbered(path, 1))?;
        self.open = None;
        sync_folder(path)
    }
}

/// Opens or creates the file and takes its lock; a created one is durable in its folder.
fn open_locked(path: &Path) -> io::Result<Open> {
    let existed = match fs::metadata(path) {
        // Opening a pipe would wait for its reader.
        Ok(found) if !found.is_file() => return Err(io::Error::other("is no regular file")),
        Ok(_) => true,
        Err(error) if error.kind() == ErrorKind::NotFound => false,
        Err(error) => return Err(error),
    };
    // 0640: events may be confidential; the group is how operators are let in.
    let file = OpenOptions::new().read(true).append(true).create(true).mode(0o640).open(path)?;
    flock(&file, FlockOperation::NonBlockingLockExclusive)
        .map_err(|error| io::Error::other(format!("another sink or process writes this file ({error})")))?;
    if !existed {
        sync_folder(path)?;
    }
    let found = file.metadata()?;
    Ok(Open { identity: identity(&found), length: found.len(), file })
}

fn identity(found: &fs::Metadata) -> Identity {
    (found.dev(), found.ino())
}

/// The length of the file without a last line that has no newline.
pub(super) fn end_of_last_line(file: &File, length: u64) -> io::Result<u64> {
    // Lines are mostly short: one step is enough.
    let mut block = vec![0; 64 << 10];
    let mut end = length;
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

pub(super) fn numbered(path: &Path, number: u32) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(format!(".{number}"));
    PathBuf::from(name)
}

/// Renames unless there is nothing to rename.
fn rename(from: &Path, to: &Path) -> io::Result<()> {
    match fs::rename(from, to) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        done => done,
    }
}

fn sync_folder(path: &Path) -> io::Result<()> {
    let folder = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    File::open(folder)?.sync_all()
}

#[cfg(test)]
mod tests;
