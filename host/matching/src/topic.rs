//! Topic patterns: over the names that matcher modules give events, and over the topic an event came by.

use tidegate_event::Event;
use tidegate_policy::spec::{Effect, Level, TopicPattern};

/// Whether a name as a matcher module gives it (`orders/eu/west`) fits. `*` stands for exactly one level, `>` for all
/// further ones, at least one (as in NATS subjects). Levels that are empty are levels like others. Whether the pattern is an exception is
/// for [`Names`].
///
/// ```
/// use tidegate_matching::fits;
/// use tidegate_policy::spec::{Effect, Level, TopicPattern};
///
/// let levels = vec![Level::Literal("orders".into()), Level::One, Level::Rest];
/// let pattern = TopicPattern { effect: Effect::Includes, levels };
/// assert!(fits(&pattern, "orders/eu/west/1"));
/// assert!(!fits(&pattern, "orders/eu"));
/// ```
pub fn fits(pattern: &TopicPattern, name: &str) -> bool {
    fit(pattern, name.split('/'))
}

fn fit<'n>(pattern: &TopicPattern, mut levels: impl Iterator<Item = &'n str>) -> bool {
    for wanted in &pattern.levels {
        let Some(level) = levels.next() else { return false };
        match wanted {
            Level::Literal(word) if level != word => return false,
            Level::Literal(_) | Level::One => {}
            Level::Rest => return true,
        }
    }
    levels.next().is_none()
}

/// Several patterns, of which one has to fit, and no exception.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Names(Vec<TopicPattern>);

impl Names {
    /// Fits what one of `patterns` includes and none excludes.
    pub fn new(patterns: &[TopicPattern]) -> Names {
        Names(patterns.to_vec())
    }

    /// Whether one of them includes a name, and none excludes it.
    pub fn fits(&self, name: &str) -> bool {
        self.fit(|| name.split('/'))
    }

    pub(crate) fn fit<'n, L: Iterator<Item = &'n str>>(&self, levels: impl Fn() -> L) -> bool {
        let any = |effect| self.0.iter().any(|pattern| pattern.effect == effect && fit(pattern, levels()));
        any(Effect::Includes) && !any(Effect::Excludes)
    }

    /// For each pattern that includes, what every name that fits it begins with, `/` between levels; may be empty.
    pub(crate) fn beginnings(&self) -> impl Iterator<Item = String> + '_ {
        self.0.iter().filter(|pattern| pattern.effect == Effect::Includes).map(|pattern| {
            let mut beginning = String::new();
            for (at, level) in pattern.levels.iter().enumerate() {
                if at > 0 {
                    beginning.push('/');
                }
                match level {
                    Level::Literal(word) => beginning.push_str(word),
                    Level::One | Level::Rest => break,
                }
            }
            beginning
        })
    }
}

/// What an event came by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Topic<'e> {
    pub(crate) name: &'e str,
    /// Between its levels.
    pub(crate) separator: u8,
}

impl<'e> Topic<'e> {
    pub(crate) fn levels(self) -> impl Iterator<Item = &'e str> {
        self.name.split(char::from(self.separator))
    }
}

/// The topic or subject that a broker delivered it on, as its source says (`.` between levels); of an event that came by none, the
/// attribute `subject` (`/` between levels).
pub(crate) fn of(event: &Event) -> Option<Topic<'_>> {
    let by = |name| event.context(name).map(|name| Topic { name, separator: b'.' });
    by("topic").or_else(|| by("subject")).or_else(|| event.subject().map(|name| Topic { name, separator: b'/' }))
}
