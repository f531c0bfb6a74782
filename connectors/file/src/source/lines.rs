//! Reads a file in chunks and splits them into lines, without copying but for the line that a chunk ends in.
//!
//! Lines are ranges of a shared chunk; a chunk is used again once no event points into it. Nothing here knows what a line means.

use std::fs::File;
use std::io;
use std::ops::Range;
use std::os::unix::fs::FileExt;

use bytes::{Bytes, BytesMut};
use tidegate_connector::{LANE_BATCH_BYTES, LANE_BATCH_EVENTS, MALFORMED_BYTES};

use super::position::Position;

/// Bytes read at once.
// 256 KiB: large enough that the system call does not count, small enough to stay in a core's cache until it is decoded.
const CHUNK_BYTES: usize = 256 << 10;

/// Chunks kept for use again.
// 24 chunks are 6 MiB: what the events of a full window (4,096 of 1 KiB) point into.
const CHUNKS_KEPT: usize = 24;

/// Lines of one batch, in order.
#[derive(Debug)]
pub(crate) struct Lines {
    pub(crate) chunk: Bytes,
    /// The lines in `chunk`, without line breaks and without empty lines.
    pub(crate) ranges: Vec<Range<usize>>,
    /// The position behind each of them.
    pub(crate) behind: Vec<Position>,
    /// Lines that are too long, in order, among the others.
    pub(crate) too_long: Vec<TooLong>,
    /// The position of the first byte of `chunk`.
    pub(crate) chunk_offset: u64,
    /// The position behind everything here.
    pub(crate) end: Position,
}

/// A line over the limit; only its beginning was kept.
#[derive(Debug)]
pub(crate) struct TooLong {
    /// How many of the batch's other lines come before it.
    pub(crate) before: usize,
    pub(crate) at: Position,
    pub(crate) bytes: u64,
    pub(crate) head: Bytes,
}

/// What one read brought.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Filled {
    More,
    End,
}

#[derive(Debug)]
pub(crate) struct Reader {
    pool: Pool,
    /// [`CHUNK_BYTES`], but in tests.
    chunk_bytes: usize,
    line_bytes_max: usize,
    /// Whole lines; those before `split` are dealt with.
    chunk: Bytes,
    chunk_offset: u64,
    split: usize,
    /// The number of the line at `split`.
    at: Position,
    /// A line without its end yet, and where the next read goes on.
    partial: Bytes,
    read_offset: u64,
    /// The present line is too long: its end is looked for, its bytes are not kept.
    skipping: Option<TooLong>,
    /// A line that was skipped to its end.
    skipped: Option<TooLong>,
    /// Lines of the last batch: what the next one is likely to need.
    usual: usize,
}

impl Reader {
    pub(crate) fn new(line_bytes_max: usize) -> Self {
        Self {
            pool: Pool::default(),
            chunk_bytes: CHUNK_BYTES,
            line_bytes_max,
            chunk: Bytes::new(),
            chunk_offset: 0,
            split: 0,
            at: Position::default(),
            partial: Bytes::new(),
            read_offset: 0,
            skipping: None,
            skipped: None,
            usual: 0,
        }
    }

    /// Goes on from the start of a line.
    pub(crate) fn seek(&mut self, position: Position) {
        self.chunk = Bytes::new();
        self.chunk_offset = position.offset;
        self.split = 0;
        self.at = position;
        self.partial = Bytes::new();
        self.read_offset = position.offset;
        self.skipping = None;
        self.skipped = None;
    }

    /// The start of the first line not split off yet.
    pub(crate) fn position(&self) -> Position {
        self.at
    }

    /// How far the file was read.
    pub(crate) fn read_offset(&self) -> u64 {
        self.read_offset
    }

    /// The lane is about to wait: gives back memory that only a busy one needs.
    pub(crate) fn rest(&mut self) {
        self.pool.0.truncate(1);
    }

    /// Reads on; called when everything read was split. What is read becomes lines for [`Reader::split`].
    pub(crate) fn fill(&mut self, file: &File) -> io::Result<Filled> {
        let held = self.partial.len();
        // A long line is met with buffers that double, so that it is copied a constant number of times.
        let doubled = (held * 2).min(self.line_bytes_max + self.chunk_bytes);
        let wanted = doubled.max(self.chunk_bytes);
        let mut buffer = self.pool.take(wanted.max(held + 1));
        buffer[..held].copy_from_slice(&self.partial);
        let count = loop {
            match file.read_at(&mut buffer[held..], self.read_offset) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => {
                    self.pool.put(buffer.freeze());
                    return Err(error);
                }
                Ok(count) => break count,
            }
        };
        if count == 0 {
            self.pool.put(buffer.freeze());
            return Ok(Filled::End);
        }
        self.read_offset += count as u64;
        let filled = held + count;
        let first = self.end_of_skipped(&buffer[held..filled]).map_or(0, |end| held + end);
        if self.skipping.is_some() {
            self.pool.put(buffer.freeze());
            return Ok(Filled::More);
        }
        let whole = memchr::memrchr(b'\n', &buffer[held.max(first)..filled]).map(|at| held.max(first) + at + 1);
        // Little in a large buffer would keep all of it in memory: copied, then.
        let text = if filled * 2 < buffer.len() {
            let text = Bytes::copy_from_slice(&buffer[..filled]);
            self.pool.put(buffer.freeze());
            text
        } else {
            let all = buffer.freeze();
            let text = all.slice(..filled);
            self.pool.put(all);
            text
        };
        let whole = whole.unwrap_or(first);
        self.chunk_offset = self.read_offset - filled as u64;
        self.chunk = text.slice(..whole);
        self.split = first;
        self.partial = text.slice(whole..);
        if self.partial.len() > self.line_bytes_max {
            self.begin_skipping(whole);
        }
        Ok(Filled::More)
    }

    /// Nothing more will follow: the last line needs no line break. Whether there is one.
    pub(crate) fn finish(&mut self) -> bool {
        if let Some(mut too_long) = self.skipping.take() {
            too_long.bytes = self.read_offset - too_long.at.offset;
            self.at = Position { offset: self.read_offset, line: next_line(too_long.at.line), ..too_long.at };
            self.skipped = Some(too_long);
            return true;
        }
        if self.partial.is_empty() {
            return false;
        }
        self.chunk_offset = self.read_offset - self.partial.len() as u64;
        self.chunk = std::mem::take(&mut self.partial);
        self.split = 0;
        true
    }

    /// The next batch of what was read; `None` when it is used up.
    pub(crate) fn split(&mut self) -> Option<Lines> {
        if self.split >= self.chunk.len() && self.skipped.is_none() {
            return None;
        }
        let mut ranges = Vec::with_capacity(self.usual);
        let mut behind = Vec::with_capacity(self.usual);
        let mut too_long: Vec<TooLong> = self.skipped.take().into_iter().collect();
        let text = &self.chunk[..];
        let from = self.split;
        let mut bytes = 0;
        let ends = memchr::memchr_iter(b'\n', &text[from..]).map(|at| from + at);
        // A chunk ends in a line break, but for the last line of a file.
        let last = (from < text.len() && text.last() != Some(&b'\n')).then_some(text.len());
        for end in ends.chain(last) {
            let start = self.split;
            let next = (end + 1).min(text.len());
            let line = start..if end > start && text[end - 1] == b'\r' { end - 1 } else { end };
            if !line.is_empty() {
                bytes += line.len();
                let count = ranges.len() + too_long.len();
                if count == LANE_BATCH_EVENTS || (bytes > LANE_BATCH_BYTES && count > 0) {
                    break;
                }
            }
            let at = self.at;
            let offset = self.chunk_offset + next as u64;
            self.at = Position { offset, line: next_line(at.line), ..at };
            self.split = next;
            // A carriage return counts: where a line is skipped nobody knows whether the one at hand is its last byte.
            if end - start > self.line_bytes_max {
                let head = Bytes::copy_from_slice(&text[start..end.min(start + MALFORMED_BYTES)]);
                too_long.push(TooLong { before: ranges.len(), at, bytes: (end - start) as u64, head });
            } else if !line.is_empty() {
                ranges.push(line);
                behind.push(self.at);
            }
        }
        self.usual = ranges.len();
        let (chunk, chunk_offset, end) = (self.chunk.clone(), self.chunk_offset, self.at);
        if self.split >= self.chunk.len() {
            // Let go, so that the chunk can be used again as soon as its events are done.
            self.chunk = Bytes::new();
            self.split = 0;
        }
        Some(Lines { chunk, ranges, behind, too_long, chunk_offset, end })
    }

    /// The partial line, which begins at `start` of the text just read, is too long.
    fn begin_skipping(&mut self, start: usize) {
        let offset = self.chunk_offset + start as u64;
        // Its number is known once the lines before it are counted; they are few, this is rare.
        let before = memchr::memchr_iter(b'\n', &self.chunk[self.split..]).count() as u64;
        let line = if self.at.line == 0 { 0 } else { self.at.line + before };
        let head = Bytes::copy_from_slice(&self.partial[..MALFORMED_BYTES.min(self.partial.len())]);
        let at = Position { offset, line, ..self.at };
        self.skipping = Some(TooLong { before: 0, at, bytes: 0, head });
        self.partial = Bytes::new();
    }

    /// If a line is being skipped and ends in `read`: where the next one begins there.
    fn end_of_skipped(&mut self, read: &[u8]) -> Option<usize> {
        let mut too_long = self.skipping.take()?;
        let Some(end) = memchr::memchr(b'\n', read) else {
            self.skipping = Some(too_long);
            return None;
        };
        let behind = self.read_offset - (read.len() - end - 1) as u64;
        too_long.bytes = behind - 1 - too_long.at.offset;
        self.at = Position { offset: behind, line: next_line(too_long.at.line), ..too_long.at };
        self.skipped = Some(too_long);
        Some(end + 1)
    }
}

fn next_line(line: u64) -> u64 {
    if line == 0 { 0 } else { line + 1 }
}

/// Chunks that may be used again.
#[derive(Debug, Default)]
struct Pool(Vec<Bytes>);

impl Pool {
    /// A buffer of exactly `size` bytes, whatever they are.
    fn take(&mut self, size: usize) -> BytesMut {
        if size == CHUNK_BYTES
            && let Some(at) = self.0.iter().position(Bytes::is_unique)
        {
            match self.0.swap_remove(at).try_into_mut() {
                Ok(buffer) => return buffer,
                Err(shared) => self.0.push(shared),
            }
        }
        BytesMut::zeroed(size)
    }

    fn put(&mut self, chunk: Bytes) {
        if chunk.len() == CHUNK_BYTES && self.0.len() < CHUNKS_KEPT {
            self.0.push(chunk);
        }
    }
}

#[cfg(test)]
mod tests;
