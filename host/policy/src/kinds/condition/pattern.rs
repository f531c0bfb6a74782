//! `pattern:` an event pattern. What it may cost an event is bounded here, and refused with the reason.

mod test;

use serde_json::Value;

use super::Reader;
use crate::{
    codes,
    diagnostic::quoted,
    spec::{Clause, Condition, Pattern},
    text::At,
    tree::{Entry, Kind, Node},
};

/// Objects in one another.
const DEPTH_MAX: usize = 16;

pub(super) fn read(reader: &mut Reader<'_, '_>, entry: &Entry) -> Option<Condition> {
    let before = reader.mistakes.count();
    let clauses = clauses(reader, &entry.value, Where::Event, 1)?;
    (reader.mistakes.count() == before).then_some(Condition::Pattern(Pattern { clauses }))
}

/// What the names of an object are.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Where {
    /// Attributes, and `data`.
    Event,
    Data,
}

fn clauses(reader: &mut Reader<'_, '_>, node: &Node, of: Where, depth: usize) -> Option<Vec<Clause>> {
    let Kind::Map(entries) = &node.kind else {
        reader.mistakes.wrong_type(node, "a pattern", "a mapping like `{type: [com.acme.order]}`");
        return None;
    };
    if depth > DEPTH_MAX {
        let message = format!("a pattern is nested more than {DEPTH_MAX} deep");
        reader.mistakes.add(codes::CONDITION_TOO_LARGE, node.at, message);
        return None;
    }
    if entries.is_empty() {
        reader.mistakes.add(codes::EMPTY, node.at, "an empty pattern says nothing");
    }
    let read: Vec<_> = entries.iter().map(|entry| clause(reader, entry, of, depth)).collect();
    read.into_iter().collect()
}

fn clause(reader: &mut Reader<'_, '_>, entry: &Entry, of: Where, depth: usize) -> Option<Clause> {
    reader.count(1, entry.at)?;
    let name = entry.key.as_str();
    match (of, name, &entry.value.kind) {
        (_, "$or", _) => alternatives(reader, entry, of, depth),
        (_, _, Kind::Map(_)) if of == Where::Data || name == "data" => {
            Some(Clause::Inside(name.to_owned(), clauses(reader, &entry.value, Where::Data, depth + 1)?))
        }
        (_, _, Kind::List(items)) => {
            let known = of == Where::Data || name == "data" || attribute(reader, name, entry.at);
            Some(Clause::Field(name.to_owned(), tests(reader, items, entry)?)).filter(|_| known)
        }
        (_, _, Kind::Broken) => None,
        (_, _, Kind::Map(_) | Kind::String(_) | Kind::Plain(..)) => {
            let hint = match &entry.value.kind {
                Kind::Map(_) => format!("attributes are no objects: `{name}: [{{prefix: …}}]`"),
                Kind::Broken | Kind::Plain(..) | Kind::String(_) | Kind::List(_) => {
                    format!("what it may be is a list: `{name}: […]`")
                }
            };
            let message = format!("{} in a pattern is {}", quoted(name), entry.value.description());
            reader.mistakes.hint(codes::PATTERN, entry.value.at, message, hint);
            None
        }
    }
}

fn attribute(reader: &mut Reader<'_, '_>, name: &str, at: At) -> bool {
    super::attribute_name(name, at, reader.mistakes) && reader.attribute_known(name, at)
}

fn alternatives(reader: &mut Reader<'_, '_>, entry: &Entry, of: Where, depth: usize) -> Option<Clause> {
    let items = reader.mistakes.list(&entry.value, "`$or`")?;
    if items.len() < 2 {
        reader.mistakes.add(codes::PATTERN, entry.at, "`$or` has at least two alternatives");
        return None;
    }
    let read: Vec<_> = items.iter().map(|item| clauses(reader, item, of, depth + 1)).collect();
    read.into_iter().collect::<Option<_>>().map(Clause::Or)
}

fn tests(reader: &mut Reader<'_, '_>, items: &[Node], entry: &Entry) -> Option<Vec<crate::spec::Test>> {
    if items.is_empty() {
        reader.mistakes.add(codes::EMPTY, entry.value.at, format!("{} can be nothing", quoted(&entry.key)));
        return None;
    }
    let read: Vec<_> = items.iter().map(|item| test::read(reader, item)).collect();
    read.into_iter().collect()
}

/// A number of a document, finite.
fn number(value: &Value) -> Option<f64> {
    value.as_f64().filter(|number| number.is_finite())
}
