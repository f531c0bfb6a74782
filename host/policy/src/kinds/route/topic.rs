//! `topic: "bill.${subject}"` of a target.

use crate::{
    codes,
    diagnostic::quoted,
    mistakes::Mistakes,
    spec::{Effect, Level, TopicPart, TopicPattern, TopicTemplate},
    tree::Node,
};

/// Bytes of a template; Kafka's topics have at most 249.
const TEMPLATE_BYTES_MAX: usize = 256;

pub(super) fn read(node: &Node, names: &[TopicPattern], mistakes: &mut Mistakes<'_>) -> Option<TopicTemplate> {
    let text = mistakes.string(node, "`topic`")?;
    match template(text, names) {
        Ok(template) => Some(template),
        Err(hint) => {
            mistakes.hint(codes::TOPIC_TEMPLATE, node.at, format!("no topic: {}", quoted(text)), hint);
            None
        }
    }
}

fn template(text: &str, names: &[TopicPattern]) -> Result<TopicTemplate, &'static str> {
    if text.is_empty() || text.len() > TEMPLATE_BYTES_MAX {
        return Err("a topic has between 1 and 256 bytes");
    }
    let parts = parts(text)?;
    if parts.contains(&TopicPart::Name) && names.is_empty() {
        return Err("`${name}` is one that a matcher gave; say which ones under `names:`");
    }
    let mut included = names.iter().filter(|pattern| pattern.effect == Effect::Includes);
    let rooted = included.all(|pattern| matches!(pattern.levels.first(), Some(Level::Literal(_))));
    match parts.first() {
        Some(TopicPart::Name) if !rooted => Err(
            "a topic that begins with `${name}` needs patterns that begin with a word, as in `names: [\"orders/>\"]`",
        ),
        Some(TopicPart::Attribute(_)) | None => Err("it must begin with text, as in `bill.${subject}`"),
        Some(TopicPart::Name | TopicPart::Literal(_)) => Ok(TopicTemplate { parts }),
    }
}

fn parts(text: &str) -> Result<Vec<TopicPart>, &'static str> {
    let mut parts = Vec::new();
    let mut rest = text;
    while !rest.is_empty() {
        let Some(inside) = rest.strip_prefix("${") else {
            let end = rest.find('$').unwrap_or(rest.len());
            if end == 0 {
                return Err("`$` begins `${attribute}` or `${name}`");
            }
            parts.push(TopicPart::Literal(literal(&rest[..end])?));
            rest = &rest[end..];
            continue;
        };
        let end = inside.find('}').ok_or("`${` without `}`")?;
        parts.push(match &inside[..end] {
            "name" => TopicPart::Name,
            name if is_attribute(name) => TopicPart::Attribute(name.to_owned()),
            _ => return Err("between `${` and `}` stands the name of an attribute, or `name`"),
        });
        rest = &inside[end + 1..];
    }
    Ok(parts)
}

/// What both Kafka and NATS take.
fn literal(text: &str) -> Result<String, &'static str> {
    let fits = text.bytes().all(|b| b.is_ascii_alphanumeric() || b"._-".contains(&b));
    fits.then(|| text.to_owned()).ok_or("topics are made of A-Z, a-z, 0-9, `.`, `_` and `-`")
}

fn is_attribute(name: &str) -> bool {
    !name.is_empty() && name != "data" && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit())
}
