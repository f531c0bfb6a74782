//! The shape of a reply: rows, origins, and how many outputs each origin has.

use super::{ReplyFault, ReplyProblem};
use crate::row::{self, INHERIT_PATCH, ROW_WORDS};

/// One row of a reply.
#[derive(Clone, Copy)]
pub(super) struct Row<'a> {
    pub(super) words: &'a row::Row,
    pub(super) origin: u32,
    /// k of `<id>.<k>`, if the id is inherited and not alone.
    pub(super) number: Option<u32>,
}

impl Row<'_> {
    pub(super) fn inherits(&self, field: usize) -> bool {
        self.words[row::INHERIT] & 1 << field != 0
    }

    pub(super) fn patches_extensions(&self) -> bool {
        self.words[row::INHERIT] & INHERIT_PATCH != 0
    }
}

/// The rows of a reply whose origins are in range and do not decrease.
#[derive(Clone, Copy)]
pub(super) struct Rows<'a> {
    index: &'a [u32],
    /// At least [`ROW_WORDS`].
    row_words: usize,
    several: bool,
}

const EMPTY_ROW: &row::Row = &[0; ROW_WORDS];

impl<'a> Rows<'a> {
    pub(super) fn check(
        bytes: usize,
        index: &'a [u32],
        row_words: u32,
        inputs: usize,
        emit: u32,
    ) -> Result<Self, ReplyFault> {
        let fault = |problem| ReplyFault { output: 0, origin: None, problem };
        let width = row_words as usize;
        if width < ROW_WORDS {
            return Err(fault(ReplyProblem::RowWidth(row_words)));
        }
        if !index.len().is_multiple_of(width) {
            return Err(fault(ReplyProblem::IndexLength { len: index.len(), row_words }));
        }
        if bytes > row::BUFFER_MAX {
            return Err(fault(ReplyProblem::ReplySize));
        }
        let several = check_origins(index.chunks_exact(width), inputs, emit)?;
        Ok(Self { index, row_words: width, several })
    }

    pub(super) fn len(&self) -> usize {
        self.index.len() / self.row_words
    }

    /// Whether any origin has several.
    pub(super) fn several(&self) -> bool {
        self.several
    }

    /// The row of the batch that an output stems from.
    #[inline]
    pub(super) fn origin(&self, output: usize) -> u32 {
        self.words(output)[row::ORIGIN]
    }

    /// The words of an output that the contract has today.
    #[inline]
    pub(super) fn words(&self, output: usize) -> &'a row::Row {
        self.index[output * self.row_words..].first_chunk().unwrap_or(EMPTY_ROW)
    }

    /// Of the outputs from here on that have the same origin, those that inherit its id.
    fn inheriting_ids(self, output: usize) -> impl Iterator<Item = &'a row::Row> {
        let origin = self.words(output)[row::ORIGIN];
        let siblings = (output..self.len()).map(move |at| self.words(at));
        siblings.take_while(move |words| words[row::ORIGIN] == origin).filter(|words| inherits_id(words))
    }
}

/// Tells outputs of one origin apart.
#[derive(Default)]
pub(super) struct Numbers {
    /// Of the origin that the outputs are at, which was asked for: how many were numbered, and whether any are.
    origin: Option<u32>,
    number: u32,
    numbered: bool,
}

impl Numbers {
    /// The number of an output; `None` if its id is its own, or alone. To be asked of all that inherit their id, in their order.
    pub(super) fn of(&mut self, output: usize, rows: Rows<'_>) -> Option<u32> {
        if !rows.several {
            return None;
        }
        let origin = Some(rows.origin(output));
        if self.origin != origin {
            *self = Numbers { origin, number: 0, numbered: rows.inheriting_ids(output).nth(1).is_some() };
        }
        let numbered = self.numbered && inherits_id(rows.words(output));
        self.number += u32::from(numbered);
        numbered.then_some(self.number)
    }
}

fn inherits_id(words: &row::Row) -> bool {
    words[row::INHERIT] & 1 << row::ID != 0
}

/// Whether any origin has several outputs.
fn check_origins<'a>(rows: impl Iterator<Item = &'a [u32]>, inputs: usize, emit: u32) -> Result<bool, ReplyFault> {
    let (mut before, mut count, mut several) = (0, 0, false);
    for (output, words) in rows.enumerate() {
        let origin = words[row::ORIGIN];
        if origin as usize >= inputs {
            return Err(ReplyFault { output, origin: None, problem: ReplyProblem::OriginRange(origin) });
        }
        if origin < before {
            let problem = ReplyProblem::OriginOrder { origin, before };
            return Err(ReplyFault { output, origin: Some(origin), problem });
        }
        count = if origin == before { count + 1 } else { 1 };
        if count > emit {
            let problem = ReplyProblem::TooManyOutputs { limit: emit };
            return Err(ReplyFault { output, origin: Some(origin), problem });
        }
        several |= count > 1;
        before = origin;
    }
    Ok(several)
}
