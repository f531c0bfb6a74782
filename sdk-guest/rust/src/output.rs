//! What a transform answers about one event.

use std::borrow::Cow;
use std::fmt::Display;

use crate::{Draft, Verdict};

/// Zero, one or many events out for one in.
#[derive(Debug)]
#[must_use = "an output that is not returned is not sent"]
pub struct Output {
    pub(crate) verdict: Verdict,
    pub(crate) rows: Rows,
}

/// Which drafts, in order.
#[derive(Debug)]
pub(crate) enum Rows {
    /// Those from `first` on, written one after the other: as a rule.
    Run { first: u32, count: u32 },
    /// Any.
    List(Vec<u32>),
}

impl Output {
    /// Nothing out, as intended: counted by reason, acknowledged, never dead-lettered. `""` is no reason.
    pub fn drop(reason: impl Into<Cow<'static, str>>) -> Output {
        Output::none(Verdict::drop(reason))
    }

    /// The event is wrong: it goes where the policy's `onReject` says.
    pub fn reject(reason: impl Into<Cow<'static, str>>) -> Output {
        Output::none(Verdict::reject(reason))
    }

    /// Asks for the event again later. Holds its lane from here on.
    pub fn retry(reason: impl Into<Cow<'static, str>>) -> Output {
        Output::none(Verdict::retry(reason))
    }

    fn none(verdict: Verdict) -> Output {
        Output { verdict, rows: Rows::Run { first: 0, count: 0 } }
    }
}

impl FromIterator<Draft> for Output {
    /// These events, in this order; dropped without a reason if there are none.
    fn from_iter<I: IntoIterator<Item = Draft>>(drafts: I) -> Output {
        let mut rows = Rows::Run { first: 0, count: 0 };
        for draft in drafts {
            rows.push(draft.row);
        }
        let verdict = if rows.is_empty() { Verdict::drop("") } else { Verdict::Keep };
        Output { verdict, rows }
    }
}

impl Rows {
    pub(crate) fn is_empty(&self) -> bool {
        match self {
            Rows::Run { count, .. } => *count == 0,
            Rows::List(rows) => rows.is_empty(),
        }
    }

    pub(crate) fn to_vec(&self) -> Vec<u32> {
        match self {
            Rows::Run { first, count } => (*first..first + count).collect(),
            Rows::List(rows) => rows.clone(),
        }
    }

    fn push(&mut self, row: u32) {
        match self {
            Rows::Run { first, count: count @ 0 } => (*first, *count) = (row, 1),
            Rows::Run { first, count } if *first + *count == row => *count += 1,
            Rows::Run { .. } => {
                let mut rows = self.to_vec();
                rows.push(row);
                *self = Rows::List(rows);
            }
            Rows::List(rows) => rows.push(row),
        }
    }
}

/// What a transform may return.
///
/// A [`Draft`]; an `Option` of one (`None` drops the event); a `Vec` or array of them; an [`Output`]; a `Result` of any of
/// these, where an error rejects the event with its text.
pub trait IntoOutput {
    /// The output it stands for.
    fn into_output(self) -> Output;
}

impl IntoOutput for Output {
    #[inline]
    fn into_output(self) -> Output {
        self
    }
}

impl IntoOutput for Draft {
    #[inline]
    fn into_output(self) -> Output {
        Output { verdict: Verdict::Keep, rows: Rows::Run { first: self.row, count: 1 } }
    }
}

impl IntoOutput for Option<Draft> {
    #[inline]
    fn into_output(self) -> Output {
        self.map_or_else(|| Output::drop(""), Draft::into_output)
    }
}

impl IntoOutput for Vec<Draft> {
    fn into_output(self) -> Output {
        self.into_iter().collect()
    }
}

impl<const N: usize> IntoOutput for [Draft; N] {
    fn into_output(self) -> Output {
        self.into_iter().collect()
    }
}

impl<O: IntoOutput, E: Display> IntoOutput for Result<O, E> {
    #[inline]
    fn into_output(self) -> Output {
        match self {
            Ok(output) => output.into_output(),
            Err(error) => Output::reject(error.to_string()),
        }
    }
}
