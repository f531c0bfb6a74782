//! Topic patterns over the names that matcher modules give events.

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
    let mut levels = name.split('/');
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
        let any = |effect| self.0.iter().any(|pattern| pattern.effect == effect && fits(pattern, name));
        any(Effect::Includes) && !any(Effect::Excludes)
    }
}
