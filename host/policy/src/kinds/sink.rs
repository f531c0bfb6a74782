//! `kind: Sink`.

use std::time::Duration;

use crate::{
    Options, Role, codes, connector,
    mistakes::{Mistakes, Shape},
    set::Set,
    spec::{Meta, Retry, Sink},
    tree::{Kind, Node},
};

const SHAPE: Shape = Shape { what: "a Sink", keys: &["retry"], later: &["passHeaders"] };
const RETRY: Shape = Shape { what: "`retry`", keys: &["max", "first", "maxDelay"], later: &[] };

/// More attempts than this are the same as for ever (which is the default): twelve days at the default delay.
const RETRIES_MAX: i64 = 100_000;
/// Delays in milliseconds: below 1 ms a retry is a busy loop, above an hour nobody waits for it.
const DELAY_MS: std::ops::RangeInclusive<u64> = 1..=3_600_000;

pub(crate) fn read(spec: &Node, meta: Meta, options: &Options<'_>, mistakes: &mut Mistakes<'_>, set: &mut Set) {
    if !is_mapping(spec, &SHAPE, mistakes) {
        return;
    }
    let retry = spec.get("retry").map_or_else(Retry::default, |node| retry(node, mistakes));
    if let Some(connector) = connector::read(spec, Role::Sink, &SHAPE, options, mistakes) {
        set.sinks.push(Sink { meta, connector, retry });
    }
}

/// The `spec` of a source or sink is a mapping whose further key is the connector; what is not served yet is said here.
pub(super) fn is_mapping(spec: &Node, shape: &Shape, mistakes: &mut Mistakes<'_>) -> bool {
    let Kind::Map(entries) = &spec.kind else {
        mistakes.wrong_type(spec, "`spec`", "a mapping");
        return false;
    };
    for entry in entries.iter().filter(|e| shape.later.contains(&e.key.as_str())) {
        mistakes.not_yet(entry.at, &entry.key);
    }
    true
}

fn retry(node: &Node, mistakes: &mut Mistakes<'_>) -> Retry {
    let mut retry = Retry::default();
    let Some(fields) = mistakes.fields(node, &RETRY) else { return retry };
    if let Some(node) = fields.get("max") {
        retry.max = mistakes.integer(node, "`max`", 0..=RETRIES_MAX);
    }
    let mut delay = |key: &str, default: Duration| match fields.get(key) {
        Some(node) => mistakes.duration(node, &format!("`{key}`"), DELAY_MS).unwrap_or(default),
        None => default,
    };
    retry.first = delay("first", retry.first);
    retry.max_delay = delay("maxDelay", retry.max_delay);
    if retry.first > retry.max_delay {
        // The default of one gives way to what is written for the other.
        match (fields.get("first"), fields.get("maxDelay")) {
            (Some(_), None) => retry.max_delay = retry.first,
            (None, Some(_)) => retry.first = retry.max_delay,
            (Some(first), Some(_)) => {
                mistakes.add(codes::OUT_OF_RANGE, first.at, "`first` is longer than `maxDelay`");
            }
            (None, None) => {}
        }
    }
    retry
}
