//! `kind: Route`, and the topic patterns of its targets.

mod topic;

use std::sync::Arc;

use super::{condition, reference, references};
use crate::{
    codes,
    diagnostic::quoted,
    mistakes::{Mistakes, Shape},
    set::{Draft, Kind, Set},
    spec::{Level, Meta, Route, Target, TopicPattern, Unmatched},
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
    items
        .iter()
        .filter_map(|item| {
            let text = mistakes.string(item, "a topic pattern")?;
            pattern(text).map_err(|problem| refuse(item, text, problem, mistakes)).ok()
        })
        .collect()
}

fn refuse(node: &Node, text: &str, problem: Problem, mistakes: &mut Mistakes<'_>) {
    match problem {
        Problem::Exclusion => mistakes.not_yet(node.at, text),
        Problem::Malformed(hint) => {
            mistakes.hint(codes::TOPIC_PATTERN, node.at, format!("no topic pattern: {}", quoted(text)), hint);
        }
    }
}

enum Problem {
    Exclusion,
    Malformed(&'static str),
}

fn pattern(text: &str) -> Result<TopicPattern, Problem> {
    if text.len() > PATTERN_BYTES_MAX {
        return Err(Problem::Malformed("a pattern has at most 256 bytes"));
    }
    if text.starts_with('!') {
        return Err(Problem::Exclusion);
    }
    let parts: Vec<&str> = text.split('/').collect();
    let last = parts.len() - 1;
    let level = |(i, part): (usize, &&str)| match *part {
        "" => Err(Problem::Malformed("a level cannot be empty: neither begin nor end with `/`, nor write `//`")),
        "*" => Ok(Level::One),
        ">" if i == last => Ok(Level::Rest),
        ">" => Err(Problem::Malformed("`>` stands for all the rest and can only be the last level")),
        part if part.contains(['*', '>']) => {
            Err(Problem::Malformed("`*` and `>` stand for whole levels, not for parts of one"))
        }
        part if part.chars().any(char::is_control) => {
            Err(Problem::Malformed("control characters are not possible here"))
        }
        part => Ok(Level::Literal(part.to_owned())),
    };
    Ok(TopicPattern { levels: parts.iter().enumerate().map(level).collect::<Result<_, _>>()? })
}
