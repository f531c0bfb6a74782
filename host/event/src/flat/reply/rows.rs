//! The shape of a reply: rows, origins, and how many outputs each origin has.

use super::{ReplyFault, ReplyProblem};
use crate::row::{self, INHERIT_PATCH, ROW_WORDS};

/// One row of a reply, its shape checked.
#[derive(Clone, Copy)]
pub(super) struct Row<'a> {
    pub(super) words: &'a [u32],
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
pub(super) struct Rows<'a> {
    index: &'a [u32],
    row_words: usize,
}

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
        let rows = Self { index, row_words: width };
        rows.check_origins(inputs, emit)?;
        Ok(rows)
    }

    fn check_origins(&self, inputs: usize, emit: u32) -> Result<(), ReplyFault> {
        let (mut before, mut count) = (0, 0);
        for (output, words) in self.index.chunks_exact(self.row_words).enumerate() {
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
            before = origin;
        }
        Ok(())
    }

    pub(super) fn len(&self) -> usize {
        self.index.len() / self.row_words
    }

    /// The rows in order, with the numbers that tell outputs of one origin apart.
    pub(super) fn iter(&self) -> impl Iterator<Item = Row<'a>> {
        let inherits_id = |words: &&[u32]| words[row::INHERIT] & 1 << row::ID != 0;
        let mut rows = self.index.chunks_exact(self.row_words).peekable();
        // Of the origin that the rows are at: outputs numbered so far, and whether there are any more to number.
        let (mut at, mut number, mut several) = (u32::MAX, 0, false);
        let all = self.index;
        let width = self.row_words;
        let mut next = 0;
        std::iter::from_fn(move || {
            let words = rows.next()?;
            let origin = words[row::ORIGIN];
            if origin != at {
                let siblings = all[next * width..].chunks_exact(width).take_while(|row| row[row::ORIGIN] == origin);
                several = siblings.filter(inherits_id).nth(1).is_some();
                (at, number) = (origin, 0);
            }
            next += 1;
            let numbered = several && inherits_id(&words);
            number += u32::from(numbered);
            Some(Row { words, origin, number: numbered.then_some(number) })
        })
    }
}
