//! Topic patterns: `names` of a target, `topics` of a policy's `match`.

use crate::{
    codes,
    diagnostic::quoted,
    mistakes::Mistakes,
    spec::{Effect, Level, TopicPattern},
    tree::Node,
};

/// Bytes of a pattern; what matchers answer is bounded in the same way.
const PATTERN_BYTES_MAX: usize = 256;
/// Patterns in one place; each is held against the topic of every event that gets so far.
const PATTERNS_MAX: usize = 256;

/// An empty list would let through what nothing was meant to: it is refused.
pub(super) fn read(node: &Node, key: &str, mistakes: &mut Mistakes<'_>) -> Vec<TopicPattern> {
    let items = mistakes.filled_list(node, &format!("`{key}`")).unwrap_or_default();
    if items.len() > PATTERNS_MAX {
        let message = format!("`{key}` has {} patterns; {PATTERNS_MAX} is the most", items.len());
        mistakes.add(codes::CONDITION_TOO_LARGE, node.at, message);
        return Vec::new();
    }
    let mut sound = true;
    let patterns: Vec<_> = items
        .iter()
        .filter_map(|item| {
            let read = mistakes.string(item, "a topic pattern").and_then(|text| {
                let refuse = |hint| {
                    mistakes.hint(codes::TOPIC_PATTERN, item.at, format!("no topic pattern: {}", quoted(text)), hint)
                };
                pattern(text).map_err(refuse).ok()
            });
            sound &= read.is_some();
            read
        })
        .collect();
    if sound && !patterns.is_empty() && patterns.iter().all(|pattern| pattern.effect == Effect::Excludes) {
        let hint = format!("exceptions need something to be exceptions of: `{key}: [\">\", \"!orders/test/>\"]`");
        let message = format!("`{key}` has exceptions only, and nothing would fit");
        mistakes.hint(codes::TOPIC_PATTERN, node.at, message, hint);
    }
    patterns
}

fn pattern(text: &str) -> Result<TopicPattern, &'static str> {
    if text.len() > PATTERN_BYTES_MAX {
        return Err("a pattern has at most 256 bytes");
    }
    let (effect, text) = match text.strip_prefix('!') {
        Some(rest) => (Effect::Excludes, rest),
        None => (Effect::Includes, text),
    };
    let parts: Vec<&str> = text.split('/').collect();
    let last = parts.len() - 1;
    let level = |(i, part): (usize, &&str)| match *part {
        "" => Err("a level cannot be empty: neither begin nor end with `/`, nor write `//`"),
        "*" => Ok(Level::One),
        ">" if i == last => Ok(Level::Rest),
        ">" => Err("`>` stands for all the rest and can only be the last level"),
        part if part.contains(['*', '>']) => {
            Err("`*` and `>` stand for whole levels (`/` is between levels), not for parts of one")
        }
        part if part.chars().any(char::is_control) => Err("control characters are not possible here"),
        part => Ok(Level::Literal(part.to_owned())),
    };
    Ok(TopicPattern { effect, levels: parts.iter().enumerate().map(level).collect::<Result<_, _>>()? })
}
