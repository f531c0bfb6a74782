//! The four kinds of documents: each reads its `spec` into the checked form and says what is wrong with it.
//!
//! What documents say of one another is looked at when all are read: [`crate::set`].

mod body;
mod breaker;
mod condition;
mod delivery;
pub(crate) mod policy;
mod rollout;
pub(crate) mod route;
pub(crate) mod sink;
pub(crate) mod source;
mod topics;
pub(crate) mod wasm;

use std::sync::Arc;

use crate::{
    codes,
    diagnostic::quoted,
    document::label_name,
    mistakes::{Fields, Mistakes, Shape},
    set,
    spec::{Condition, Id},
    text::At,
    tree::{Kind, Node},
};

/// A condition by itself.
pub(crate) fn condition(node: &Node, mistakes: &mut Mistakes<'_>) -> Option<Condition> {
    condition::read_one(node, &[], mistakes)
}

/// The name of a document of the same namespace, by `key` of a mapping. `namespace` may stand beside it, but only the
/// document's own.
fn reference(
    fields: &Fields<'_>,
    key: &str,
    kind: set::Kind,
    namespace: &Arc<str>,
    mistakes: &mut Mistakes<'_>,
) -> Option<(Id, At)> {
    let what = format!("the {}", kind.word());
    let own = fields.get("namespace").is_none_or(|node| own_namespace(node, &what, namespace, mistakes));
    let node = fields.need(key, &format!("the name of a {}", kind.word()), mistakes)?;
    if let Kind::String(text) = &node.kind
        && let Some((other, name)) = text.split_once('/')
    {
        if other == &**namespace {
            let hint = format!("write `{name}`: references stay inside a namespace anyway");
            mistakes.hint(codes::NAME, node.at, format!("{what} cannot be {}", quoted(text)), hint);
        } else {
            other_namespace(node, &what, other, namespace, mistakes);
        }
        return None;
    }
    let name = label_name(node, &what, mistakes)?;
    if !own {
        return None;
    }
    let id = Id { namespace: Arc::clone(namespace), name: Arc::from(name) };
    mistakes.names(kind, id.clone(), node.at);
    Some((id, node.at))
}

/// References to a list of documents, each once.
fn references(
    node: &Node,
    list: &str,
    shape: &Shape,
    kind: set::Kind,
    namespace: &Arc<str>,
    mistakes: &mut Mistakes<'_>,
) -> Vec<Id> {
    let mut ids: Vec<Id> = Vec::new();
    for item in mistakes.filled_list(node, list).unwrap_or_default() {
        let Some(fields) = mistakes.fields(item, shape) else { continue };
        if shape.keys.contains(&"kind")
            && let Some(node) = fields.need("kind", "`Route` is the only one", mistakes)
        {
            mistakes.word(node, "`kind`", &[("Route", ())], &[]);
        }
        let Some((id, at)) = reference(&fields, "name", kind, namespace, mistakes) else { continue };
        if ids.contains(&id) {
            mistakes.add(codes::GIVEN_TWICE, at, format!("the {} `{}` is given twice", kind.word(), id.name));
        } else {
            ids.push(id);
        }
    }
    ids
}

fn own_namespace(node: &Node, what: &str, namespace: &Arc<str>, mistakes: &mut Mistakes<'_>) -> bool {
    match mistakes.string(node, "`namespace`") {
        Some(text) if text == &**namespace => true,
        Some(other) => {
            other_namespace(node, what, other, namespace, mistakes);
            false
        }
        None => false,
    }
}

fn other_namespace(node: &Node, what: &str, other: &str, namespace: &Arc<str>, mistakes: &mut Mistakes<'_>) {
    let message = format!("{what} is of namespace {}, this document of `{namespace}`", quoted(other));
    mistakes.hint(codes::OTHER_NAMESPACE, node.at, message, "references stay inside a namespace");
}
