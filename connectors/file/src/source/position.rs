//! Where in which file: what the ledger and the cursor speak of.

use std::fs::{File, Metadata};
use std::io;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// The start of a line.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Position {
    /// The lane's number of the file, from 1; grows with each rotation or truncation.
    pub(crate) file: u32,
    /// Bytes from the beginning of the file.
    pub(crate) offset: u64,
    /// The line's number from 1; 0 where it is not known.
    pub(crate) line: u64,
}

impl Position {
    pub(crate) fn start_of(file: u32) -> Self {
        Self { file, offset: 0, line: 1 }
    }
}

/// Which file, whatever it is called.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct FileId {
    pub(super) dev: u64,
    pub(super) ino: u64,
}

impl FileId {
    pub(super) fn of(found: &Metadata) -> Self {
        Self { dev: found.dev(), ino: found.ino() }
    }
}

/// Bytes at the beginning of a file that tell it from another of the same inode.
const HEAD_BYTES: u64 = 1024;

/// The first KiB of a file, or what of it lies before `offset`: what is behind may still change.
pub(super) fn head(file: &Arc<File>, offset: u64) -> io::Result<Vec<u8>> {
    let mut head = vec![0; offset.min(HEAD_BYTES) as usize];
    let mut read = 0;
    while read < head.len() {
        match file.read_at(&mut head[read..], read as u64)? {
            0 => break,
            count => read += count,
        }
    }
    head.truncate(read);
    Ok(head)
}

/// How long [`head`] is for an offset.
pub(super) fn head_bytes(offset: u64) -> usize {
    offset.min(HEAD_BYTES) as usize
}
