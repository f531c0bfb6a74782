//! What must be so for an expression to be `true`: what an index can look up.

use crate::{Value, like::Pattern};

/// A condition on one attribute, in canonical string form, without which an expression passes no event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fact {
    /// It has one of these values.
    OneOf {
        /// The attribute's name.
        attribute: String,
        /// At least one.
        values: Vec<String>,
    },
    /// It begins with this text, which is not empty.
    Prefix {
        /// The attribute's name.
        attribute: String,
        /// As it stands.
        text: String,
    },
    /// It ends with this text, which is not empty.
    Suffix {
        /// The attribute's name.
        attribute: String,
        /// As it stands.
        text: String,
    },
    /// All of these; at least two.
    All(Vec<Fact>),
    /// One of these; at least two.
    Any(Vec<Fact>),
}

impl Fact {
    /// `attribute = 'text'`: what is compared with a String is cast to one.
    pub(crate) fn equal(attribute: &str, value: &Value<'_>) -> Option<Fact> {
        match value {
            Value::String(text) => {
                Some(Fact::OneOf { attribute: attribute.to_owned(), values: vec![text.clone().into_owned()] })
            }
            // Several texts are one number (`5`, `+5`, `05`) or truth value.
            Value::Integer(_) | Value::Boolean(_) => None,
        }
    }

    /// `attribute IN ('text', …)`: the texts are cast to the type of the attribute, so that only those help that say the same as text.
    pub(crate) fn among<'l>(attribute: &str, set: impl Iterator<Item = Option<&'l Value<'static>>>) -> Option<Fact> {
        let values = set.map(|value| match value? {
            Value::String(text) => says_one_thing(text).then(|| text.clone().into_owned()),
            Value::Integer(_) | Value::Boolean(_) => None,
        });
        Some(Fact::OneOf { attribute: attribute.to_owned(), values: values.collect::<Option<_>>()? })
    }

    fn depth(&self) -> usize {
        match self {
            Fact::OneOf { .. } | Fact::Prefix { .. } | Fact::Suffix { .. } => 1,
            Fact::All(inner) | Fact::Any(inner) => 1 + inner.iter().map(Fact::depth).max().unwrap_or_default(),
        }
    }

    pub(crate) fn like(attribute: &str, pattern: &Pattern) -> Option<Fact> {
        let attribute = attribute.to_owned();
        if let Some(text) = pattern.literal() {
            return Some(Fact::OneOf { attribute, values: vec![text.to_owned()] });
        }
        let (prefix, suffix) = (pattern.prefix(), pattern.suffix());
        match (prefix.is_empty(), suffix.is_empty()) {
            (true, true) => None,
            (false, _) if prefix.len() >= suffix.len() => Some(Fact::Prefix { attribute, text: prefix }),
            (_, _) => Some(Fact::Suffix { attribute, text: suffix }),
        }
    }

    pub(crate) fn and(left: Option<Fact>, right: Option<Fact>) -> Option<Fact> {
        match (left, right) {
            // One of them alone holds, too.
            (Some(left), Some(right)) if left.depth() + right.depth() > DEPTH_MAX => Some(left),
            (Some(Fact::All(mut all)), Some(more)) => {
                all.push(more);
                Some(Fact::All(all))
            }
            (Some(left), Some(right)) => Some(Fact::All(vec![left, right])),
            (one, None) | (None, one) => one,
        }
    }

    pub(crate) fn or(left: Option<Fact>, right: Option<Fact>) -> Option<Fact> {
        Some(match (left?, right?) {
            (left, right) if left.depth() + right.depth() > DEPTH_MAX => return None,
            (Fact::Any(mut any), more) => {
                any.push(more);
                Fact::Any(any)
            }
            (left, right) => Fact::Any(vec![left, right]),
        })
    }
}

/// Facts in one another: chains that mix `AND` and `OR` would nest as deep as they are long.
const DEPTH_MAX: usize = 16;

/// Whether no other text means the same once both are cast to Integer or Boolean.
fn says_one_thing(text: &str) -> bool {
    let boolean = text.eq_ignore_ascii_case("true") || text.eq_ignore_ascii_case("false");
    let canonical = text.parse::<i32>().map_or(!boolean, |number| number.to_string() == text);
    // `1` and `0` are truth values, too, but only of Integers.
    canonical || text == "true" || text == "false"
}
