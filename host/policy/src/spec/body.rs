//! What decides in a policy.

use super::{Condition, Wasm};

/// What decides about events.
#[derive(Clone, Debug)]
pub enum Body {
    /// A module.
    Wasm(Wasm),
    /// The host itself: an event for which it does not hold is dropped.
    Condition(Rule),
}

/// A condition that decides by itself. Always [`Condition::Cesql`] or [`Condition::Pattern`].
#[derive(Clone, Debug, PartialEq)]
pub struct Rule {
    /// Which events go on. An error in an expression is a failure of the policy.
    pub condition: Condition,
    /// As it is shown to people: the expression; the pattern as compact JSON.
    pub text: String,
}

impl Rule {
    /// The key of the document: `cesql` or `pattern`.
    pub fn dialect(&self) -> &'static str {
        match self.condition {
            Condition::Cesql(_) => "cesql",
            Condition::Pattern(_)
            | Condition::Exact(_)
            | Condition::Prefix(_)
            | Condition::Suffix(_)
            | Condition::All(_)
            | Condition::Any(_)
            | Condition::Not(_) => "pattern",
        }
    }
}
