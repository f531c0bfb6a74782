//! The CloudEvents JSON format (1.0.2): structured and batched. Finds the top-level members with a SIMD scanner.
//!
//! Decoding makes no tree and copies nothing that stands literally in the text: an event is spans into it. What data is:
//! with a JSON `datacontenttype` or none, the `data` member's own text, byte for byte; with another one, a string's
//! characters ([`Form::Text`](crate::Form)), or the member's text if it is no string; `data_base64` is always decoded
//! bytes ([`Form::Binary`](crate::Form)). `null` is an absent attribute; as `data` it is the JSON value null.

mod encode;
mod envelope;
mod scan;
mod strings;

use std::ops::Range;

use bytes::Bytes;

pub(crate) use self::encode::is_json;
pub use self::encode::{encode, encode_batch};
use self::envelope::Reader;
use self::scan::Problem;
use crate::row::{self, Row};
use crate::{Event, InvalidEvent};

/// How much of the JSON grammar is checked on the way in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Validate {
    /// Structure only (strings, nesting, top-level members); the grammar inside `data` is left to whoever parses it.
    #[default]
    Envelope,
    /// All of it, and that nothing nests deeper than [`DEPTH_MAX`].
    Full,
}

/// Nesting that [`Validate::Full`] accepts, and that is written: what common parsers accept (serde_json stops at the 128th level).
pub const DEPTH_MAX: usize = 127;

/// Why a text is not a structured event.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
pub enum DecodeError {
    /// Not JSON, at this byte.
    #[error("byte {at}: {problem}")]
    Syntax {
        /// Offset in the event's text, from 0.
        at: usize,
        /// What is wrong there.
        problem: &'static str,
    },
    /// JSON, but not a CloudEvent.
    #[error(transparent)]
    Invalid(#[from] InvalidEvent),
}

impl From<Problem> for DecodeError {
    fn from(Problem { at, what }: Problem) -> Self {
        Self::Syntax { at, problem: what }
    }
}

/// One structured event (`application/cloudevents+json`).
pub fn decode(text: &Bytes, validate: Validate) -> Result<Event, DecodeError> {
    let mut side = Vec::new();
    let row = decode_row(text, 0..text.len(), validate, &mut Reader::default(), &mut side)?;
    Ok(Event { message: text.clone(), side: side.into(), row })
}

/// Many events, one a span of `text` (lines of a chunk, say), pointing into the same message.
/// `decode_lines` is the fast path: side values of the whole chunk share one buffer.
///
/// The result has one entry a line, in order. A span that is out of bounds is an error of that line.
pub fn decode_lines(text: &Bytes, lines: &[Range<usize>], validate: Validate) -> Vec<Result<Event, DecodeError>> {
    let mut side = Vec::new();
    let mut reader = Reader::default();
    let chunk = chunk_as_utf8(text, lines);
    let rows = lines.iter().map(|line| {
        let row = match chunk.and_then(|chunk| chunk.get(line.clone())) {
            Some(checked) => read(checked, line.start, validate, &mut reader, &mut side),
            None => decode_row(text, line.clone(), validate, &mut reader, &mut side),
        };
        row.map(|row| Event { message: text.clone(), side: Bytes::new(), row })
    });
    let mut events: Vec<_> = rows.collect();
    let side = Bytes::from(side);
    for event in events.iter_mut().flatten() {
        event.side = side.clone();
    }
    events
}

/// A batch (`application/cloudevents-batch+json`): all, or the first error with its position.
pub fn decode_batch(text: &Bytes, validate: Validate) -> Result<Vec<Event>, (usize, DecodeError)> {
    let valid = utf8(text).map_err(|problem| (0, problem))?;
    let elements = envelope::elements(valid).map_err(|(position, problem)| (position, problem.into()))?;
    let events = decode_lines(text, &elements, validate);
    events.into_iter().enumerate().map(|(position, event)| event.map_err(|problem| (position, problem))).collect()
}

/// Whether this is one JSON value, as strictly as [`Validate::Full`] is about the data of an event.
pub fn check(text: &[u8]) -> Result<(), DecodeError> {
    grammar(utf8(text)?, DEPTH_MAX - 1)
}

/// The text up to the end of the last line, if all of it is UTF-8; one pass over a chunk is faster than one a line.
fn chunk_as_utf8<'a>(text: &'a [u8], lines: &[Range<usize>]) -> Option<&'a str> {
    let end = lines.iter().map(|line| line.end).max()?;
    let chunk = text.get(..end).filter(|chunk| chunk.len() <= row::BUFFER_MAX)?;
    simdutf8::basic::from_utf8(chunk).ok()
}

fn decode_row(
    text: &[u8],
    line: Range<usize>,
    validate: Validate,
    reader: &mut Reader,
    side: &mut Vec<u8>,
) -> Result<Row, DecodeError> {
    if line.end > row::BUFFER_MAX {
        return Err(InvalidEvent::TooLarge.into());
    }
    let bytes = text.get(line.clone()).ok_or(OUT_OF_BOUNDS)?;
    read(utf8(bytes)?, line.start, validate, reader, side)
}

fn read(
    text: &str,
    base: usize,
    validate: Validate,
    reader: &mut Reader,
    side: &mut Vec<u8>,
) -> Result<Row, DecodeError> {
    let before = side.len();
    let row = match validate {
        Validate::Envelope => Ok(()),
        Validate::Full => grammar(text, DEPTH_MAX),
    };
    let row = row.and_then(|()| reader.read(text, base, side));
    if row.is_err() {
        side.truncate(before);
    }
    row
}

const OUT_OF_BOUNDS: DecodeError = DecodeError::Syntax { at: 0, problem: "the line is not within its chunk" };

fn utf8(text: &[u8]) -> Result<&str, DecodeError> {
    simdutf8::compat::from_utf8(text)
        .map_err(|problem| DecodeError::Syntax { at: problem.valid_up_to(), problem: "is not UTF-8" })
}

/// The whole grammar: serde_json's, which does not recurse where it builds nothing, and a limit on nesting.
fn grammar(text: &str, depth_max: usize) -> Result<(), DecodeError> {
    scan::check_depth(text.as_bytes(), depth_max)?;
    serde_json::from_str::<&serde_json::value::RawValue>(text).map(drop).map_err(|problem| {
        let line_start = text.split_inclusive('\n').take(problem.line().saturating_sub(1)).map(str::len).sum::<usize>();
        let at = (line_start + problem.column().saturating_sub(1)).min(text.len());
        DecodeError::Syntax { at, problem: "is not JSON" }
    })
}
