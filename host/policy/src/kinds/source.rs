//! `kind: Source`.

use crate::{
    Options, Role, connector,
    mistakes::{Mistakes, Shape},
    set::{Draft, Set},
    spec::{Drain, Malformed, Meta, Source},
    tree::Node,
};

const SHAPE: Shape = Shape { what: "a Source", keys: &["malformed", "window", "drain"], later: &[] };
const MALFORMED: [(&str, Malformed); 3] =
    [("DeadLetter", Malformed::DeadLetter), ("Skip", Malformed::Skip), ("Pause", Malformed::Pause)];
const DRAIN: [(&str, Drain); 2] = [("First", Drain::First), ("Last", Drain::Last)];

pub(crate) fn read(spec: &Node, meta: Meta, options: &Options<'_>, mistakes: &mut Mistakes<'_>, set: &mut Set) {
    let before = mistakes.count();
    if !super::sink::is_mapping(spec, mistakes) {
        return;
    }
    let malformed = spec.get("malformed").and_then(|node| mistakes.word(node, "`malformed`", &MALFORMED, &[]));
    let window = spec.get("window").map(|node| super::delivery::window(node, mistakes));
    let drain = spec.get("drain").and_then(|node| mistakes.word(node, "`drain`", &DRAIN, &[]));
    let connector = connector::read(spec, Role::Source, &SHAPE, options, mistakes);
    let sound = mistakes.count() == before;
    if let Some(connector) = connector {
        let drain = drain.unwrap_or(Drain::First);
        let source = Source { meta, connector, malformed: malformed.unwrap_or(Malformed::Skip), window, drain };
        set.sources.push(Draft { document: source, given: malformed, sound });
    }
}
