//! A flat batch as it came over the boundary, and the layout of its rows (documented in `wit/tidegate.wit`).
//!
//! Owns the two buffers; everything else reads from here. Nothing here knows what a filter is.

use std::cell::Cell;

use crate::{Event, Needs, bindings::events};

/// Words in a row of contract 0.1.0. A host with a later 0.1.x may send more: step by what the batch says.
pub(crate) const ROW_WORDS: usize = 24;

pub(crate) type Row = [u32; ROW_WORDS];

/// The words of a row that are not spans.
pub(crate) mod word {
    pub(crate) const FLAGS: usize = 0;
    pub(crate) const ORIGIN: usize = 1;
    pub(crate) const INHERIT: usize = 2;
    pub(crate) const SPANS: usize = 4;
}

/// The ten fields that have spans.
pub(crate) mod field {
    pub(crate) const ID: usize = 0;
    pub(crate) const SOURCE: usize = 1;
    pub(crate) const TYPE: usize = 2;
    pub(crate) const SUBJECT: usize = 3;
    pub(crate) const TIME: usize = 4;
    pub(crate) const DATACONTENTTYPE: usize = 5;
    pub(crate) const DATASCHEMA: usize = 6;
    pub(crate) const EXTENSIONS: usize = 7;
    pub(crate) const DATA: usize = 8;
    pub(crate) const CONTEXT: usize = 9;
    pub(crate) const COUNT: usize = 10;
}

/// Bits of the flags word.
pub(crate) mod flag {
    pub(crate) const HAS_DATA: u32 = 1;
    pub(crate) const FORM_SHIFT: u32 = 1;
    pub(crate) const FORM: u32 = 0b11 << FORM_SHIFT;
    pub(crate) const WITHHELD_SHIFT: u32 = 8;
}

/// Bits of the inherit word: one a field, and one more.
pub(crate) mod inherit {
    pub(crate) const ALL: u32 = (1 << super::field::COUNT) - 1;
    /// `extensions` holds only what was added, replaced, or removed.
    pub(crate) const EXTENSIONS_CHANGED: u32 = 1 << 16;
}

const EMPTY_ROW: Row = [0; ROW_WORDS];

/// What the host handed over in one call.
#[derive(Debug, Default)]
pub(crate) struct Batch {
    pub(crate) now_ms: u64,
    row_words: usize,
    pub(crate) bytes: Vec<u8>,
    pub(crate) index: Vec<u32>,
    /// Bits of [`Needs`] that were read although the host withheld them.
    misread: Cell<u32>,
}

impl Batch {
    pub(crate) fn new(now_ms: u64, bytes: Vec<u8>, index: Vec<u32>) -> Batch {
        Batch { now_ms, row_words: ROW_WORDS, bytes, index, misread: Cell::new(0) }
    }

    pub(crate) fn len(&self) -> usize {
        self.index.len() / self.row_words.max(ROW_WORDS)
    }

    pub(crate) fn events(&self) -> impl Iterator<Item = Event<'_>> {
        self.index
            .chunks_exact(self.row_words.max(ROW_WORDS))
            .map(|row| Event::new(self, row.first_chunk().unwrap_or(&EMPTY_ROW)))
    }

    /// Remembers that a filter asked for what its needs do not list: it got nothing, and must not decide on that.
    #[cold]
    pub(crate) fn note_misread(&self, withheld: u32) {
        self.misread.set(self.misread.get() | withheld);
    }

    /// An error that fails the batch, if anything was read that had been withheld.
    pub(crate) fn check_misreads(&self) -> Result<(), String> {
        match Needs(self.misread.get()) {
            Needs::NONE => Ok(()),
            needs => Err(format!("reads {needs}, which it did not ask for: list it in `needs(…)`")),
        }
    }
}

impl From<events::Batch> for Batch {
    fn from(batch: events::Batch) -> Batch {
        let row_words = usize::try_from(batch.row_words).unwrap_or(usize::MAX).max(ROW_WORDS);
        Batch { row_words, ..Batch::new(batch.now_ms, batch.bytes, batch.index) }
    }
}
