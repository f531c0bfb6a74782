//! What a condition decides where it stands in the place of a module.

use std::sync::Arc;

use tidegate_engine::{Decision, Fault, FaultCause};
use tidegate_matching::Matcher;

/// Bytes of an expression that stand in the reason of a drop.
const SHOWN_MAX: usize = 256;

/// A condition that decides: what it does not hold for is dropped, and an error is a failure of the policy.
#[derive(Debug)]
pub struct Verdict {
    pub(crate) matcher: Matcher,
    /// Why what is dropped is dropped.
    reason: Arc<str>,
    digest: Arc<str>,
    dialect: &'static str,
}

impl Verdict {
    /// `dialect` is the word of documents (`cesql`), `text` what stands behind it, `digest` a hash of both.
    pub fn new(matcher: Matcher, dialect: &'static str, text: &str, digest: Arc<str>) -> Verdict {
        let mut shown: String = text.split_whitespace().collect::<Vec<_>>().join(" ");
        if shown.len() > SHOWN_MAX {
            shown.truncate(shown.floor_char_boundary(SHOWN_MAX));
            shown.push('…');
        }
        let says = if dialect == "pattern" { "does not fit" } else { "not" };
        Verdict { matcher, reason: format!("{says}: {shown}").into(), digest, dialect }
    }

    /// What it says of one event.
    pub fn of(&self, event: &tidegate_event::Event) -> Decision {
        self.decision(self.matcher.decides(event))
    }

    pub(crate) fn decision<E: std::fmt::Display>(&self, holds: Result<bool, E>) -> Decision {
        match holds {
            Ok(true) => Decision::Keep,
            Ok(false) => Decision::Drop(Some(self.reason.clone())),
            Err(error) => Decision::Fault(Arc::new(Fault { cause: FaultCause::Error, message: error.to_string() })),
        }
    }

    /// `sha256:…` of what decides.
    pub fn digest(&self) -> &Arc<str> {
        &self.digest
    }

    /// `cesql` or `pattern`.
    pub fn dialect(&self) -> &'static str {
        self.dialect
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dropped(dialect: &'static str, text: &str) -> Arc<str> {
        let verdict = Verdict::new(Matcher::all(), dialect, text, "sha256:0".into());
        let Decision::Drop(Some(reason)) = verdict.decision(Ok::<_, String>(false)) else { panic!("not dropped") };
        reason
    }

    #[test]
    fn what_it_says_names_the_condition() {
        assert_eq!(&*dropped("cesql", "type\n  =  'u'"), "not: type = 'u'");
        assert_eq!(&*dropped("pattern", "{\"type\":[\"u\"]}"), "does not fit: {\"type\":[\"u\"]}");
        let verdict = Verdict::new(Matcher::all(), "cesql", "n > 5", "sha256:0".into());
        assert!(matches!(verdict.decision(Ok::<_, String>(true)), Decision::Keep));
        let Decision::Fault(fault) = verdict.decision(Err("no such attribute")) else { panic!("no fault") };
        assert_eq!(fault.to_string(), "error: no such attribute");
    }

    #[test]
    fn reasons_are_bounded_between_characters() {
        for length in 120..140 {
            let reason = dropped("cesql", &format!("type = '{}'", "ü".repeat(length)));
            assert!(reason.len() <= SHOWN_MAX + 8, "{}", reason.len());
            assert_eq!(reason.ends_with('…'), 2 * length + 9 > SHOWN_MAX, "{length}");
        }
    }
}
