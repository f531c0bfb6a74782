//! The flat batch: how events cross to a guest and back. The layout is documented in `wit/tidegate.wit`.
//!
//! [`FlatBatch`] is the way there, [`outputs`] the way back. Nothing here calls a guest.

mod assemble;
mod reply;
mod rights;

use std::ops::Range;

pub use self::reply::{Asked, Outputs, OutputsIter, ReplyFault, ReplyProblem, outputs};
pub use self::rights::Rights;
use crate::row;

/// Words in a row of contract 0.1.0.
pub const ROW_WORDS: usize = row::ROW_WORDS;

/// One row of the index.
pub type Row = row::Row;

/// What a guest reads; the rest is withheld from its batches.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub struct Needs {
    /// Attributes of the specification.
    pub attributes: bool,
    /// Extension attributes.
    pub extensions: bool,
    /// The payload.
    pub data: bool,
    /// What the transport knows.
    pub context: bool,
}

impl Needs {
    /// Everything.
    pub const ALL: Self = Self { attributes: true, extensions: true, data: true, context: true };
}

/// A batch as guests see it. Buffers are reused: assembling clears first.
#[derive(Clone, Debug, Default)]
pub struct FlatBatch {
    /// The host's clock when the batch was formed, in milliseconds since the Unix epoch.
    pub now_ms: u64,
    /// All values.
    pub bytes: Vec<u8>,
    /// `ROW_WORDS` words an event.
    pub index: Vec<u32>,
}

impl FlatBatch {
    /// Events in it.
    pub fn len(&self) -> usize {
        self.index.len() / ROW_WORDS
    }

    /// Whether no event is in it.
    pub fn is_empty(&self) -> bool {
        self.index.is_empty()
    }

    /// Rows `range` alone, as a batch of its own with origins renumbered from 0 (for bisection). Of the values it takes
    /// the stretch that these rows lie in. Rows past the end are left out.
    pub fn slice(&self, range: Range<usize>) -> FlatBatch {
        let end = range.end.min(self.len());
        let start = range.start.min(end);
        let mut index = self.index[start * ROW_WORDS..end * ROW_WORDS].to_vec();
        let used = stretch(&index);
        for (origin, row) in index.chunks_exact_mut(ROW_WORDS).enumerate() {
            row[row::ORIGIN] = origin as u32;
            for span in row[4..].chunks_exact_mut(2).filter(|span| span[1] > 0) {
                span[0] -= used.start as u32;
            }
        }
        FlatBatch { now_ms: self.now_ms, bytes: self.bytes[used].to_vec(), index }
    }

    /// The same batch with only the rows for which `keep` holds, values left where they are (origins renumbered).
    pub fn retain(&mut self, mut keep: impl FnMut(usize) -> bool) {
        let mut kept = 0;
        for at in 0..self.len() {
            if keep(at) {
                self.index.copy_within(at * ROW_WORDS..(at + 1) * ROW_WORDS, kept * ROW_WORDS);
                self.index[kept * ROW_WORDS + row::ORIGIN] = kept as u32;
                kept += 1;
            }
        }
        self.index.truncate(kept * ROW_WORDS);
    }
}

/// The part of `bytes` that these rows point into.
fn stretch(index: &[u32]) -> Range<usize> {
    let spans = index.chunks_exact(ROW_WORDS).flat_map(|row| row[4..].chunks_exact(2)).filter(|span| span[1] > 0);
    let start = spans.clone().map(|span| span[0]).min().unwrap_or(0);
    let end = spans.map(|span| span[0] as usize + span[1] as usize).max().unwrap_or(0);
    start as usize..end
}
