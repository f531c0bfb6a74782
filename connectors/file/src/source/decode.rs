//! Lines to events: structured CloudEvents, or messages wrapped by the source's rule.

use std::fmt::Display;

use bytes::Bytes;
use tidegate_connector::envelope::Envelope;
use tidegate_connector::ledger::Batch;
use tidegate_connector::{MALFORMED_BYTES, Malformed};
use tidegate_event::{Event, json};

use super::lines::{Lines, TooLong};
use super::position::Position;
use crate::config::{Format, SourceConfig};

/// The events in `lines`, and what is none, with its place. `start` is the position of the first line.
pub(super) fn batch(config: &SourceConfig, start: Position, lines: Lines) -> Batch<Position> {
    match &config.format {
        Format::CloudEvents(validate) => {
            let decoded = json::decode_lines(&lines.chunk, &lines.ranges, *validate);
            assemble(config, start, &lines, decoded.into_iter())
        }
        Format::Lines(envelope) => assemble(config, start, &lines, wrap(config, envelope, start, &lines)),
    }
}

fn assemble<E: Display>(
    config: &SourceConfig,
    start: Position,
    lines: &Lines,
    results: impl Iterator<Item = Result<Event, E>>,
) -> Batch<Position> {
    let mut batch = Batch {
        events: Vec::with_capacity(lines.ranges.len()),
        malformed: Vec::new(),
        behind: Vec::with_capacity(lines.ranges.len()),
        end: lines.end,
    };
    let mut too_long = lines.too_long.iter().peekable();
    for (index, result) in results.enumerate() {
        while let Some(long) = too_long.next_if(|long| long.before <= index) {
            batch.malformed.push(say_too_long(config, long, batch.events.len()));
        }
        match result {
            Ok(event) => {
                batch.events.push(event);
                batch.behind.push(lines.behind[index]);
            }
            Err(error) => {
                let problem = error.to_string();
                let message = &lines.chunk[lines.ranges[index].clone()];
                let at = line_of(start, lines, index);
                let before = batch.events.len();
                batch.malformed.push(Malformed { before, place: place(config, at), problem, message: cut(message) });
            }
        }
    }
    for long in too_long {
        batch.malformed.push(say_too_long(config, long, batch.events.len()));
    }
    batch
}

fn wrap(
    config: &SourceConfig,
    envelope: &Envelope,
    start: Position,
    lines: &Lines,
) -> impl Iterator<Item = Result<Event, String>> {
    let file = config.path.file_name().unwrap_or_default().to_string_lossy();
    lines.ranges.iter().enumerate().map(move |(index, range)| {
        let at = line_of(start, lines, index);
        // In the order of `TRANSPORT_NAMES`.
        let transport: [&dyn Display; 4] = [&file, &config.shown, &at.line, &at.offset];
        envelope.wrap(lines.chunk.slice(range.clone()), &transport)
    })
}

/// The position of a line.
fn line_of(start: Position, lines: &Lines, index: usize) -> Position {
    let behind = lines.behind[index];
    let line = behind.line.saturating_sub(1);
    Position { offset: lines.chunk_offset + lines.ranges[index].start as u64, line, ..start }
}

fn say_too_long(config: &SourceConfig, long: &TooLong, before: usize) -> Malformed {
    let problem = format!("the line has {} bytes, more than maxLineBytes ({})", long.bytes, config.max_line_bytes);
    Malformed { before, place: place(config, long.at), problem, message: long.head.clone() }
}

/// What is kept of a malformed line: a copy, for it may rest long and the chunk is large.
fn cut(message: &[u8]) -> Bytes {
    Bytes::copy_from_slice(&message[..message.len().min(MALFORMED_BYTES)])
}

fn place(config: &SourceConfig, at: Position) -> String {
    let Position { offset, line, .. } = at;
    match line {
        // Reading began at the end: lines before were not counted.
        0 => format!("{}: byte {offset}", config.shown),
        _ => format!("{}: line {line} (byte {offset})", config.shown),
    }
}
