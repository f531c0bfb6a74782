//! Reads back what a sink has written: its file and the full ones beside it, oldest first, as they were when they were opened.
//!
//! A file is known by its first line, whatever it is called: names change with every rotation, and a file keeps its
//! first line even where it is copied. Nothing is locked, so that a host may go on writing.

use std::collections::VecDeque;
use std::fs::{File, OpenOptions};
use std::io::{self, ErrorKind};
use std::os::unix::fs::{FileExt, MetadataExt, OpenOptionsExt};
use std::path::Path;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use sha2::{Digest, Sha256};
use tidegate_connector::connector::{ReadBack, Record, Unreadable};
use tidegate_connector::{MALFORMED_BYTES, SourceError};
use tidegate_event::json::{self, Validate};

use super::appender::numbered;
use crate::config::{KEEP_MAX, SinkConfig};
use crate::source::lines::{Filled, Lines, Reader};
use crate::source::position::Position;

/// Bytes of a line that are held; what is longer is told of, and stays where it is.
// 64 MiB: four times what sources take by default.
const LINE_BYTES: usize = 64 << 20;

/// What a sink's files hold.
#[derive(Debug)]
pub(crate) struct FileBack {
    config: SinkConfig,
    /// Opened when the first record is asked for.
    files: Option<VecDeque<Written>>,
    reader: Reader,
}

/// A file, up to the end of the last whole line it had when it was opened.
#[derive(Debug)]
struct Written {
    lane: Arc<str>,
    file: File,
    end: u64,
}

impl FileBack {
    pub(crate) fn new(config: SinkConfig) -> Self {
        let mut back = FileBack { config, files: None, reader: Reader::new(LINE_BYTES) };
        back.start();
        back
    }

    fn start(&mut self) {
        self.reader.seek(Position::start_of(0));
    }

    /// The records of the next lines, which may be none; `None` at the end.
    fn step(&mut self) -> io::Result<Option<Vec<Record>>> {
        let files = match &mut self.files {
            Some(files) => files,
            None => self.files.insert(files(&self.config.path)?),
        };
        let Some(written) = files.front() else { return Ok(None) };
        let (records, more) = match self.reader.split() {
            Some(lines) => (records(written, &lines), lines.end.offset < written.end),
            None => (Vec::new(), self.reader.fill(&written.file)? == Filled::More),
        };
        if !more {
            files.pop_front();
            self.start();
        }
        Ok(Some(records))
    }
}

#[async_trait]
impl ReadBack for FileBack {
    async fn next(&mut self) -> Result<Option<Vec<Record>>, SourceError> {
        let failed = |back: &Self, error: io::Error| SourceError::Transient {
            place: back.config.shown.clone(),
            cause: error.to_string(),
        };
        loop {
            match self.step().map_err(|error| failed(self, error))? {
                // A long line to skip is many reads without a record: others want to run.
                Some(records) if records.is_empty() => tokio::task::consume_budget().await,
                found => return Ok(found),
            }
        }
    }
}

fn records(written: &Written, lines: &Lines) -> Vec<Record> {
    let record = |position, message| Record { lane: written.lane.clone(), position, message };
    let decoded = json::decode_lines(&lines.chunk, &lines.ranges, Validate::Envelope);
    let mut records = Vec::with_capacity(lines.ranges.len() + lines.too_long.len());
    let mut too_long = lines.too_long.iter().peekable();
    for (index, result) in decoded.into_iter().enumerate() {
        while let Some(long) = too_long.next_if(|long| long.before <= index) {
            records.push(record(long.at.line, Err(say_too_long(long.bytes, &long.head))));
        }
        let behind = lines.behind[index];
        if behind.offset > written.end {
            return records;
        }
        let text = &lines.chunk[lines.ranges[index].clone()];
        let message = result.map_err(|error| Unreadable {
            problem: error.to_string(),
            message: Bytes::copy_from_slice(&text[..text.len().min(MALFORMED_BYTES)]),
        });
        records.push(record(behind.line.saturating_sub(1), message));
    }
    let rest = too_long.filter(|long| long.at.offset < written.end);
    records.extend(rest.map(|long| record(long.at.line, Err(say_too_long(long.bytes, &long.head)))));
    records
}

fn say_too_long(bytes: u64, head: &Bytes) -> Unreadable {
    Unreadable {
        problem: format!("the line has {bytes} bytes; at most {LINE_BYTES} are read back"),
        message: head.clone(),
    }
}

/// The sink's files, oldest first. Opened newest first: one that is renamed meanwhile is met twice rather than never.
fn files(path: &Path) -> io::Result<VecDeque<Written>> {
    let mut found = VecDeque::new();
    let mut known = Vec::new();
    for path in std::iter::once(path.to_owned()).chain((1..=KEEP_MAX).map(|number| numbered(path, number))) {
        let file = match open(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == ErrorKind::NotFound => continue,
            Err(error) => return Err(io::Error::new(error.kind(), format!("{}: {error}", path.display()))),
        };
        let metadata = file.metadata()?;
        let identity = (metadata.dev(), metadata.ino());
        if !known.contains(&identity)
            && let Some(written) = written(file, metadata.len())?
        {
            known.push(identity);
            found.push_front(written);
        }
    }
    Ok(found)
}

fn open(path: &Path) -> io::Result<File> {
    // NONBLOCK: opening a pipe would wait for its writer; for regular files it means nothing.
    let flags = rustix::fs::OFlags::NONBLOCK.bits() as i32;
    let file = OpenOptions::new().read(true).custom_flags(flags).open(path)?;
    if !file.metadata()?.is_file() {
        return Err(io::Error::other("is no regular file"));
    }
    Ok(file)
}

/// `None`: it has no whole line yet.
fn written(file: File, length: u64) -> io::Result<Option<Written>> {
    let end = super::appender::end_of_last_line(&file, length)?;
    if end == 0 {
        return Ok(None);
    }
    let mut hash = Sha256::new();
    let mut block = vec![0; 64 << 10];
    let mut offset = 0;
    while offset < end {
        let count = file.read_at(&mut block, offset)?;
        let line = memchr::memchr(b'\n', &block[..count]);
        hash.update(&block[..line.unwrap_or(count)]);
        if count == 0 || line.is_some() {
            break;
        }
        offset += count as u64;
    }
    // 32 bits: names of a few hundred files, to be typed.
    Ok(Some(Written { lane: format!("{:.8x}", hash.finalize()).into(), file, end }))
}

#[cfg(test)]
mod tests;
