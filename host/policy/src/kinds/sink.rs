//! `kind: Sink`.

use crate::{
    Options, Role, connector,
    mistakes::{Mistakes, Shape},
    set::Set,
    spec::{Meta, Sink},
    tree::{Kind, Node},
};

use super::delivery;

const SHAPE: Shape = Shape { what: "a Sink", keys: &delivery::KEYS, later: &[] };

pub(crate) fn read(spec: &Node, meta: Meta, options: &Options<'_>, mistakes: &mut Mistakes<'_>, set: &mut Set) {
    if !is_mapping(spec, mistakes) {
        return;
    }
    let delivery = delivery::read(spec, mistakes);
    if let Some(connector) = connector::read(spec, Role::Sink, &SHAPE, options, mistakes) {
        set.sinks.push(Sink { meta, connector, delivery });
    }
}

/// The `spec` of a source or sink is a mapping whose further key is the connector.
pub(super) fn is_mapping(spec: &Node, mistakes: &mut Mistakes<'_>) -> bool {
    if !matches!(spec.kind, Kind::Map(_)) {
        mistakes.wrong_type(spec, "`spec`", "a mapping");
        return false;
    }
    true
}
