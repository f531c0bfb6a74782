//! `kind: Route`.

mod topic;

use std::sync::Arc;

use super::{condition, reference, references, topics};
use crate::{
    mistakes::{Mistakes, Shape},
    set::{Draft, Kind, Set},
    spec::{Meta, Route, Target, Unmatched},
    tree::Node,
};

const SHAPE: Shape = Shape { what: "a Route", keys: &["from", "to", "unmatched", "deadLetter", "stamp"], later: &[] };
const FROM: Shape = Shape { what: "an entry of `from`", keys: &["name", "namespace"], later: &[] };
const TO: Shape = Shape {
    what: "an entry of `to`",
    keys: &["sink", "namespace", "when", "names", "topic", "extensions"],
    later: &[],
};
const DEAD_LETTER: Shape = Shape { what: "`deadLetter`", keys: &["sink", "namespace"], later: &[] };
const UNMATCHED: [(&str, Unmatched); 3] =
    [("Drop", Unmatched::Drop), ("DeadLetter", Unmatched::DeadLetter), ("Reject", Unmatched::Reject)];

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
    let stamp = fields.get("stamp").and_then(|node| mistakes.boolean(node, "`stamp`"));
    let route = Route {
        meta,
        from,
        to,
        unmatched: unmatched.unwrap_or(Unmatched::Drop),
        dead_letter: dead_letter.map(|(id, _)| id),
        stamp: stamp.unwrap_or(false),
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
    let names = fields.get("names").map(|node| topics::read(node, "names", mistakes)).unwrap_or_default();
    let topic = fields.get("topic").and_then(|node| topic::read(node, &names, mistakes));
    let (sink, _) = sink?;
    Some(Target { sink, when, names, topic })
}
