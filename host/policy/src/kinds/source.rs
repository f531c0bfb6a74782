//! `kind: Source`.

use crate::{
    Options, Role, connector,
    mistakes::{Mistakes, Shape},
    set::{Draft, Set},
    spec::{Malformed, Meta, Source},
    tree::Node,
};

const SHAPE: Shape = Shape { what: "a Source", keys: &["malformed", "window"], later: &[] };
const MALFORMED: [(&str, Malformed); 3] =
    [("DeadLetter", Malformed::DeadLetter), ("Skip", Malformed::Skip), ("Pause", Malformed::Pause)];

pub(crate) fn read(spec: &Node, meta: Meta, options: &Options<'_>, mistakes: &mut Mistakes<'_>, set: &mut Set) {
    let before = mistakes.count();
    if !super::sink::is_mapping(spec, mistakes) {
        return;
    }
    let malformed = spec.get("malformed").and_then(|node| mistakes.word(node, "`malformed`", &MALFORMED, &[]));
    let window = spec.get("window").map(|node| super::delivery::window(node, mistakes));
    let connector = connector::read(spec, Role::Source, &SHAPE, options, mistakes);
    let sound = mistakes.count() == before;
    if let Some(connector) = connector {
        let source = Source { meta, connector, malformed: malformed.unwrap_or(Malformed::Skip), window };
        set.sources.push(Draft { document: source, given: malformed, sound });
    }
}
