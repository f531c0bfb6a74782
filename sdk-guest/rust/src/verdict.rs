//! What a function answers about one event, and the codes that a batch of answers becomes.

use std::borrow::Cow;
use std::fmt::Display;

use crate::bindings::events::Outcomes;

/// Distinct reasons in one batch that the contract allows.
const REASONS_MAX: usize = 64;
/// Bytes of one reason that the contract allows.
const REASON_BYTES_MAX: usize = 256;
/// Stands for every reason past the ones that fit.
const REASONS_SPENT: &str = "(too many distinct reasons in one batch)";

/// What becomes of an event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Goes on.
    Keep,
    /// Is dropped, as intended: counted by reason, acknowledged, never dead-lettered.
    Drop(Cow<'static, str>),
    /// Is wrong: goes where the policy's `onReject` says, by default to the dead letters.
    Reject(Cow<'static, str>),
    /// Cannot be decided now: the lane waits and tries again.
    Retry(Cow<'static, str>),
}

impl Verdict {
    /// Drops, as intended. Reasons are counted: use few different ones, of at most 256 bytes. `""` is none.
    pub fn drop(reason: impl Into<Cow<'static, str>>) -> Verdict {
        Verdict::Drop(reason.into())
    }

    /// Rejects what is wrong.
    pub fn reject(reason: impl Into<Cow<'static, str>>) -> Verdict {
        Verdict::Reject(reason.into())
    }

    /// Asks for the event again later. Holds its lane from here on.
    pub fn retry(reason: impl Into<Cow<'static, str>>) -> Verdict {
        Verdict::Retry(reason.into())
    }
}

/// What a filter may return.
///
/// A [`Verdict`]; a `bool` (`true` keeps); nothing (keeps: for matchers); a `Result` of any of these, where an error
/// rejects the event with its text.
pub trait IntoVerdict {
    /// The verdict it stands for.
    fn into_verdict(self) -> Verdict;
}

impl IntoVerdict for Verdict {
    #[inline]
    fn into_verdict(self) -> Verdict {
        self
    }
}

impl IntoVerdict for bool {
    #[inline]
    fn into_verdict(self) -> Verdict {
        if self { Verdict::Keep } else { Verdict::drop("") }
    }
}

impl IntoVerdict for () {
    #[inline]
    fn into_verdict(self) -> Verdict {
        Verdict::Keep
    }
}

impl<V: IntoVerdict, E: Display> IntoVerdict for Result<V, E> {
    #[inline]
    fn into_verdict(self) -> Verdict {
        match self {
            Ok(verdict) => verdict.into_verdict(),
            Err(error) => Verdict::reject(error.to_string()),
        }
    }
}

/// Collects the answers of one batch.
#[derive(Debug)]
pub(crate) struct Answers {
    codes: Vec<u32>,
    reasons: Vec<String>,
}

impl Answers {
    pub(crate) fn for_events(count: usize) -> Answers {
        Answers { codes: Vec::with_capacity(count), reasons: Vec::new() }
    }

    #[inline]
    pub(crate) fn push(&mut self, verdict: &Verdict) {
        let code = match verdict {
            Verdict::Keep => 0,
            Verdict::Drop(reason) => 1 | self.reason(reason) << 8,
            Verdict::Reject(reason) => 2 | self.reason(reason) << 8,
            Verdict::Retry(reason) => 3 | self.reason(reason) << 8,
        };
        self.codes.push(code);
    }

    pub(crate) fn into_outcomes(self) -> Outcomes {
        Outcomes { codes: self.codes, reasons: self.reasons }
    }

    /// 1 + the position of a reason, 0 for none.
    fn reason(&mut self, reason: &str) -> u32 {
        let reason = cut(reason);
        if reason.is_empty() {
            return 0;
        }
        let known = self.reasons.iter().position(|r| crate::value::same(r.as_bytes(), reason.as_bytes()));
        let position = known.unwrap_or_else(|| self.add_reason(reason));
        u32::try_from(position + 1).unwrap_or(0)
    }

    fn add_reason(&mut self, reason: &str) -> usize {
        if self.reasons.len() == REASONS_MAX {
            return REASONS_MAX - 1;
        }
        self.reasons.push(if self.reasons.len() == REASONS_MAX - 1 { REASONS_SPENT } else { reason }.to_owned());
        self.reasons.len() - 1
    }
}

/// As much of a reason as may cross.
fn cut(reason: &str) -> &str {
    &reason[..reason.floor_char_boundary(REASON_BYTES_MAX)]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_name_their_reason_once() {
        let mut answers = Answers::for_events(4);
        for verdict in [Verdict::Keep, Verdict::drop("a"), Verdict::reject("b"), Verdict::drop("a"), Verdict::retry("")]
        {
            answers.push(&verdict);
        }
        let outcomes = answers.into_outcomes();
        assert_eq!(outcomes.codes, [0, 1 | 1 << 8, 2 | 2 << 8, 1 | 1 << 8, 3]);
        assert_eq!(outcomes.reasons, ["a", "b"]);
    }

    #[test]
    fn reasons_stay_within_the_contract() {
        let mut answers = Answers::for_events(0);
        answers.push(&Verdict::drop("ü".repeat(200)));
        for n in 0..100 {
            answers.push(&Verdict::drop(format!("reason {n}")));
        }
        let outcomes = answers.into_outcomes();
        assert_eq!(outcomes.reasons.len(), REASONS_MAX);
        assert_eq!(outcomes.reasons[0].len(), REASON_BYTES_MAX);
        assert_eq!(outcomes.reasons[63], REASONS_SPENT);
        assert!(outcomes.codes.iter().all(|code| (1..=64).contains(&(code >> 8))));
    }

    #[test]
    fn an_error_rejects_with_its_text() {
        assert_eq!(Err::<Verdict, _>("no amount").into_verdict(), Verdict::reject("no amount"));
        assert_eq!(Ok::<_, String>(true).into_verdict(), Verdict::Keep);
    }
}
