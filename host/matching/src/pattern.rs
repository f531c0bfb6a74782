//! Event patterns, evaluated: on attributes in canonical string form, and on the payload as JSON.
//!
//! An array is looked at element by element. All clauses of an object must hold for one and the same element, so that
//! `{items: {sku: [a], n: [2]}}` does not take its two halves from two items.

pub(crate) mod test;

use serde_json::Value;
use tidegate_policy::spec::{self, Test};

use self::test::Leaf;
use crate::{Seen, attribute::Attribute};

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

    /// Attributes first: the payload is parsed only if they hold.
    pub(crate) fn holds(&self, seen: &Seen<'_>) -> bool {
        let attributes = |clause: &&Clause| matches!(clause, Clause::Attribute(..));
        let (mut first, mut then) =
            (self.clauses.iter().filter(attributes), self.clauses.iter().filter(|clause| !attributes(clause)));
        first.all(|clause| clause.holds(seen)) && then.all(|clause| clause.holds(seen))
    }
}

impl Clause {
    fn holds(&self, seen: &Seen<'_>) -> bool {
        match self {
            Clause::Attribute(attribute, tests) => {
                let mut there = false;
                let passes = attribute.passes(seen.event(), |value| {
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
fn object(clauses: &[spec::Clause], at: Option<&Value>) -> bool {
    if let Some(Value::Array(elements)) = at {
        return elements.iter().any(|element| object(clauses, Some(element)));
    }
    clauses.iter().all(|clause| match clause {
        spec::Clause::Field(name, tests) => value(tests, field(at, name)),
        spec::Clause::Inside(name, clauses) => object(clauses, field(at, name)),
        spec::Clause::Or(any) => any.iter().any(|clauses| object(clauses, at)),
    })
}

fn field<'v>(of: Option<&'v Value>, name: &str) -> Option<&'v Value> {
    of.and_then(Value::as_object).and_then(|object| object.get(name))
}

/// Whether one of the tests holds for a value, or for an element of an array.
fn value(tests: &[Test], at: Option<&Value>) -> bool {
    let exists = at.is_some();
    if tests.iter().any(|test| *test == Test::Exists(exists)) {
        return true;
    }
    match at {
        None | Some(Value::Object(_)) => false,
        Some(Value::Array(elements)) => elements.iter().any(|element| value(tests, Some(element))),
        Some(Value::String(text)) => tests.iter().any(|test| test::holds(test, Leaf::Text(text))),
        Some(Value::Number(number)) => {
            number.as_f64().is_some_and(|number| tests.iter().any(|test| test::holds(test, Leaf::Number(number))))
        }
        Some(Value::Bool(boolean)) => tests.iter().any(|test| test::holds(test, Leaf::Boolean(*boolean))),
        Some(Value::Null) => tests.iter().any(|test| test::holds(test, Leaf::Null)),
    }
}
