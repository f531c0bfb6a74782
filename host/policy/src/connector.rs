//! `spec: {file: {…}}`: which connector, and what it says of its configuration.

use std::net::SocketAddr;

use serde_json::{Map, Value};

use crate::{
    Options, codes,
    diagnostic::quoted,
    mistakes::{Mistakes, Shape, did_you_mean},
    places::find_entry,
    spec,
    tree::{Entry, Kind, Node},
};

/// Answers for connector configurations: what lies behind a connector's word is its own.
pub trait ConnectorCheck {
    /// The words of all connectors this host has.
    fn names(&self) -> Vec<String>;
    /// Every problem of a configuration (always an object) in this role; none: it can be opened with it.
    fn check(&self, connector: &str, role: Role, config: &Value) -> Vec<ConfigProblem>;
    /// Whether a sink of it has topics (or subjects) of which a route can choose one.
    fn has_topics(&self, connector: &str) -> bool;
    /// Where a source of this configuration listens, so that no other can.
    fn listens_at(&self, connector: &str, source: &Value) -> Option<SocketAddr> {
        let _ = (connector, source);
        None
    }
    /// Whether a source of this configuration delivers exactly once.
    fn is_transactional(&self, connector: &str, source: &Value) -> bool {
        let _ = (connector, source);
        false
    }
    /// Why the transactions of such a source could not write to a sink of the same connector; places are in the sink's configuration.
    fn check_transaction(&self, connector: &str, source: &Value, sink: &Value) -> Vec<ConfigProblem> {
        let _ = (connector, source, sink);
        Vec::new()
    }
}

/// What a connector is to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Events come from it.
    Source,
    /// Events go to it.
    Sink,
}

/// One mistake of a connector's configuration.
#[derive(Clone, Debug)]
pub struct ConfigProblem {
    /// JSON pointer inside the configuration (`/envelope/type`; empty: all of it). Mapped back to its place in the text;
    /// the nearest parent where it is not there.
    pub pointer: String,
    /// One sentence without a full stop that names the subject.
    pub problem: String,
    /// What to do about it.
    pub hint: Option<String>,
}

/// What belongs inside a connector's configuration, and what that looks like.
const INSIDE: [(&str, &str); 3] = [
    ("envelope", "file: {path: …, envelope: {…}}"),
    ("acceptHeaders", "http: {listen: …, acceptHeaders: [x-tenant]}"),
    ("passHeaders", "http: {url: …, passHeaders: [x-tenant]}"),
];

/// Reads the one connector among the keys of a `spec`; all keys that are not of the shape are candidates.
pub(crate) fn read(
    spec: &Node,
    role: Role,
    shape: &Shape,
    options: &Options<'_>,
    mistakes: &mut Mistakes<'_>,
) -> Option<spec::Connector> {
    let Kind::Map(entries) = &spec.kind else { return None };
    let names = options.connectors.names();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let others: Vec<&Entry> = entries.iter().filter(|e| !shape.keys.contains(&e.key.as_str())).collect();
    let (known, unknown): (Vec<&Entry>, Vec<&Entry>) =
        others.into_iter().partition(|e| names.contains(&e.key.as_str()));

    for entry in unknown {
        if let Some((key, example)) = INSIDE.iter().find(|(key, _)| *key == entry.key) {
            let hint = format!("it belongs inside the connector's configuration, as in `{example}`");
            mistakes.hint(codes::UNKNOWN_KEY, entry.at, format!("{} has no key `{key}`", shape.what), hint);
        } else if !known.is_empty()
            || (did_you_mean(&entry.key, &names).is_none() && did_you_mean(&entry.key, shape.keys).is_some())
        {
            let _ = mistakes.unknown_key(entry, shape);
        } else {
            no_such_connector(entry, &names, mistakes);
        }
    }
    let Some((first, rest)) = known.split_first() else {
        if entries.iter().all(|e| shape.keys.contains(&e.key.as_str())) {
            let hint = format!("one of {}, as in `{}: {{…}}`", names.join(", "), names.first().unwrap_or(&"file"));
            mistakes.hint(codes::ONE_CONNECTOR, spec.at, format!("{} names no connector", shape.what), hint);
        }
        return None;
    };
    for entry in rest {
        let message = format!("{} names two connectors: `{}` and `{}`", shape.what, first.key, entry.key);
        mistakes.hint(codes::ONE_CONNECTOR, entry.at, message, "write two documents");
    }
    config(first, role, options, mistakes)
}

fn config(entry: &Entry, role: Role, options: &Options<'_>, mistakes: &mut Mistakes<'_>) -> Option<spec::Connector> {
    let config = match &entry.value.kind {
        Kind::Plain(Value::Null, _) => Value::Object(Map::new()),
        Kind::Map(_) => entry.value.json()?,
        Kind::Broken => return None,
        Kind::Plain(..) | Kind::String(_) | Kind::List(_) => {
            mistakes.wrong_type(&entry.value, &format!("`{}`", entry.key), "a mapping");
            return None;
        }
    };
    for problem in options.connectors.check(&entry.key, role, &config) {
        let at = find_entry(entry, &problem.pointer);
        mistakes.push(codes::CONNECTOR_CONFIG, at, problem.problem, problem.hint);
    }
    Some(spec::Connector { name: entry.key.clone(), config })
}

fn no_such_connector(entry: &Entry, names: &[&str], mistakes: &mut Mistakes<'_>) {
    let hint = match did_you_mean(&entry.key, names) {
        Some(word) => format!("did you mean `{word}`?"),
        None => format!("this host has {}", names.join(", ")),
    };
    mistakes.hint(codes::NO_SUCH_CONNECTOR, entry.at, format!("no connector named {}", quoted(&entry.key)), hint);
}
