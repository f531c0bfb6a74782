//! `kind: Route`, and the topic patterns of its targets.

mod topic;

use std::sync::Arc;

use super::{condition, reference, references};
use crate::{
    codes,
    diagnostic::quoted,
    mistakes::{Mistakes, Shape},
    set::{Draft, Kind, Set},
    spec::{Effect, Level, Meta, Route, Target, TopicPattern, Unmatched},
    tree::Node,
};

const SHAPE: Shape = Shape { what: "a Route", keys: &["from", "to", "unmatched", "deadLetter"], later: &[] };
const FROM: Shape = Shape { what: "an entry of `from`", keys: &["name", "namespace"], later: &[] };
const TO: Shape = Shape {
    what: "an entry of `to`",
    keys: &["sink", "namespace", "when", "names", "topic", "extensions"],
    later: &[],
};
const DEAD_LETTER: Shape = Shape { what: "`deadLetter`", keys: &["sink", "namespace"], later: &[] };
const UNMATCHED: [(&str, Unmatched); 3] =
    [("Drop", Unmatched::Drop), ("DeadLetter", Unmatched::DeadLetter), ("Reject", Unmatched::Reject)];

/// Bytes of a pattern; what matchers answer is bounded in the same way.
const PATTERN_BYTES_MAX: usize = 256;

pub(crate) fn read(spec: &Node, meta: Meta, mistakes: &mut Mistakes<'_>, set: &mut Set) {
    let before = mistakes.count();
    let Some(fields) = mistakes.fields(spec, &SHAPE) else { return };
    let namespace = Arc::clone(&meta.id.namespace);
    let from = fields.need("from", "as in `from: [{name: orders}]`", mistakes);
    let to = fields.need("to", "as in `to: [{sink: billing}]`", mistakes);
    let from =
        from.map(|node| references(node, "`from`", &FROM, Kind::Source, &namespace, mistakes)).unwrap_or_default();
    let to = to.map(|node| targets(node, &namespace, mistakes)).unwrap_or_default();
    let unmatched = fields.get("unmatched").and_then(|node| mistakes.word(node, "`unmatched`", &UNMATCHED, &[]));
    let dead_letter = fields.get("deadLetter").and_then(|node| {
        let fields = mistakes.fields(node, &DEAD_LETTER)?;
        reference(&fields, "sink", Kind::Sink, &namespace, mistakes)
    });
    let route = Route {
        meta,
        from,
        to,
        unmatched: unmatched.unwrap_or(Unmatched::Drop),
        dead_letter: dead_letter.map(|(id, _)| id),
    };
    set.routes.push(Draft { document: route, given: (), sound: mistakes.count() == before });
}

fn targets(node: &Node, namespace: &Arc<str>, mistakes: &mut Mistakes<'_>) -> Vec<Target> {
    let items = mistakes.filled_list(node, "`to`").unwrap_or_default();
    items.iter().filter_map(|item| target(item, namespace, mistakes)).collect()
}

fn target(node: &Node, namespace: &Arc<str>, mistakes: &mut Mistakes<'_>) -> Option<Target> {
    let fields = mistakes.fields(node, &TO)?;
    let sink = reference(&fields, "sink", Kind::Sink, namespace, mistakes);
    let extensions = condition::extensions(fields.get("extensions"), mistakes);
    let when = fields.get("when").and_then(|node| condition::read_one(node, &extensions, mistakes));
    let names = fields.get("names").map(|node| patterns(node, mistakes)).unwrap_or_default();
    let topic = fields.get("topic").and_then(|node| topic::read(node, &names, mistakes));
    let (sink, _) = sink?;
    Some(Target { sink, when, names, topic })
}

/// `names: []` would let through what nothing was meant to: an empty list is refused.
fn patterns(node: &Node, mistakes: &mut Mistakes<'_>) -> Vec<TopicPattern> {
    let items = mistakes.filled_list(node, "`names`").unwrap_or_default();
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
        let hint = "exceptions need something to be exceptions of: `names: [\">\", \"!orders/test/>\"]`";
        mistakes.hint(codes::TOPIC_PATTERN, node.at, "`names` has exceptions only, and no name would fit", hint);
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
        part if part.contains(['*', '>']) => Err("`*` and `>` stand for whole levels, not for parts of one"),
        part if part.chars().any(char::is_control) => Err("control characters are not possible here"),
        part => Ok(Level::Literal(part.to_owned())),
    };
    Ok(TopicPattern { effect, levels: parts.iter().enumerate().map(level).collect::<Result<_, _>>()? })
}
