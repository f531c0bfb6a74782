//! Event patterns, evaluated: on attributes in canonical string form, and on the payload as JSON.
//!
//! An array is looked at element by element. All clauses of an object must hold for one and the same element, so that
//! `{items: {sku: [a], n: [2]}}` does not take its two halves from two items.

pub(crate) mod test;

use tidegate_policy::spec::{self, Test};

use self::test::Leaf;
use crate::{
    attribute::Attribute,
    payload::{Json, Value, Wanted},
    seen::Seen,
};

/// A pattern with its attributes resolved.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Pattern {
    pub(crate) clauses: Box<[Clause]>,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Clause {
    Attribute(Attribute, Box<[Test]>),
    /// The payload itself is a single value, or an array of such.
    Payload(Box<[Test]>),
    /// The payload is an object.
    Data(Box<[spec::Clause]>),
    Or(Box<[Pattern]>),
}

impl Pattern {
    pub(crate) fn new(pattern: &spec::Pattern) -> Pattern {
        Pattern::of(&pattern.clauses)
    }

    fn of(clauses: &[spec::Clause]) -> Pattern {
        let clause = |clause: &spec::Clause| match clause {
            spec::Clause::Field(name, tests) if name == "data" => Clause::Payload(tests.as_slice().into()),
            spec::Clause::Field(name, tests) => Clause::Attribute(Attribute::named(name), tests.as_slice().into()),
            // Only `data` has something inside.
            spec::Clause::Inside(_, clauses) => Clause::Data(clauses.as_slice().into()),
            spec::Clause::Or(any) => Clause::Or(any.iter().map(|clauses| Pattern::of(clauses)).collect()),
        };
        Pattern { clauses: clauses.iter().map(clause).collect() }
    }

    /// Adds the fields of the payload that it looks at.
    pub(crate) fn add_to(&self, wanted: &mut Wanted) {
        for clause in &self.clauses {
            match clause {
                Clause::Attribute(..) | Clause::Payload(_) => {}
                Clause::Data(clauses) => wanted.add(clauses),
                Clause::Or(any) => any.iter().for_each(|pattern| pattern.add_to(wanted)),
            }
        }
    }

    /// Attributes first: the payload is parsed only if they hold.
    pub(crate) fn holds(&self, seen: &mut Seen<'_>) -> bool {
        let attributes = |clause: &&Clause| matches!(clause, Clause::Attribute(..));
        let (mut first, mut then) =
            (self.clauses.iter().filter(attributes), self.clauses.iter().filter(|clause| !attributes(clause)));
        first.all(|clause| clause.holds(seen)) && then.all(|clause| clause.holds(seen))
    }
}

impl Clause {
    fn holds(&self, seen: &mut Seen<'_>) -> bool {
        match self {
            Clause::Attribute(attribute, tests) => {
                let mut there = false;
                let passes = attribute.passes(seen.event, |value| {
                    there = true;
                    tests.iter().any(|test| test::holds(test, Leaf::Attribute(value)))
                });
                passes || !there && tests.contains(&Test::Exists(false))
            }
            Clause::Payload(tests) => value(tests, seen.data()),
            Clause::Data(clauses) => object(clauses, seen.data()),
            Clause::Or(any) => any.iter().any(|pattern| pattern.holds(seen)),
        }
    }
}

/// Whether all clauses hold for an object, or for one element of an array.
fn object(clauses: &[spec::Clause], at: Option<Value<'_>>) -> bool {
    if let Some(Json::Array(mut elements)) = at.map(Value::json) {
        return elements.any(|element| object(clauses, Some(element)));
    }
    let field = |name: &str| at.and_then(|object| object.field(name));
    clauses.iter().all(|clause| match clause {
        spec::Clause::Field(name, tests) => value(tests, field(name)),
        spec::Clause::Inside(name, clauses) => object(clauses, field(name)),
        spec::Clause::Or(any) => any.iter().any(|clauses| object(clauses, at)),
    })
}

/// Whether one of the tests holds for a value, or for an element of an array.
fn value(tests: &[Test], at: Option<Value<'_>>) -> bool {
    let exists = at.is_some();
    if tests.contains(&Test::Exists(exists)) {
        return true;
    }
    let any = |leaf: Leaf<'_>| tests.iter().any(|test| test::holds(test, leaf));
    match at.map(Value::json) {
        None | Some(Json::Object(_)) => false,
        Some(Json::Array(mut elements)) => elements.any(|element| value(tests, Some(element))),
        Some(Json::String(text)) => any(Leaf::Text(text)),
        Some(Json::Number(number)) => any(Leaf::Number(number)),
        Some(Json::Boolean(boolean)) => any(Leaf::Boolean(boolean)),
        Some(Json::Null) => any(Leaf::Null),
    }
}
