//! What must be so for a rule to hold, as far as it can be looked up; and which of it is looked up.

use std::cmp::Reverse;
use std::collections::HashMap;

use tidegate_cesql::Fact;
use tidegate_policy::spec::{self, Bound, Case, Range, Scalar, Test};

use crate::{
    attribute::Attribute,
    matcher::{How, Node},
    pattern::{Clause, Pattern},
};

/// A condition, weakened to what an index can look up.
#[derive(Clone, Debug)]
pub(super) enum Need {
    Key(Key),
    All(Vec<Need>),
    Any(Vec<Need>),
    /// Nothing is known.
    Unknown,
}

/// Something that is looked up.
#[derive(Clone, Debug)]
pub(super) struct Key {
    pub(super) field: Field,
    pub(super) what: What,
}

/// Where a value stands.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Field {
    Attribute(Attribute),
    /// What the event came by.
    Topic,
    /// Names of objects in one another; none: the payload itself.
    Data(Vec<Box<str>>),
}

impl Field {
    /// Whether it is known without parsing the payload.
    pub(super) fn is_attribute(&self) -> bool {
        match self {
            Field::Attribute(_) | Field::Topic => true,
            Field::Data(_) => false,
        }
    }
}

/// What may be looked up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Where {
    Anywhere,
    /// Nothing that is in the payload.
    Attributes,
}

#[derive(Clone, Debug)]
pub(super) enum What {
    Exact(Box<str>),
    Prefix(Box<str>),
    Suffix(Box<str>),
    Within(Range),
}

impl Need {
    pub(super) fn of(node: &Node) -> Need {
        match node {
            Node::Always | Node::Never | Node::Not(_) => Need::Unknown,
            Node::Compare(how, attribute, text) => {
                let what = match how {
                    How::Exact => What::Exact(text.clone()),
                    How::Prefix => What::Prefix(text.clone()),
                    How::Suffix => What::Suffix(text.clone()),
                };
                Need::key(&Field::Attribute(attribute.clone()), what)
            }
            Node::All(nodes) => Need::All(nodes.iter().map(Need::of).collect()),
            Node::Any(nodes) => Need::Any(nodes.iter().map(Need::of).collect()),
            Node::Topics(names) => Need::any(names.beginnings().map(topic).collect()),
            Node::Cesql(expression) => expression.fact().map_or(Need::Unknown, fact),
            Node::Pattern(of) => pattern(of),
        }
    }

    fn key(field: &Field, what: What) -> Need {
        Need::Key(Key { field: field.clone(), what })
    }

    fn any(mut needs: Vec<Need>) -> Need {
        if needs.len() == 1 { needs.remove(0) } else { Need::Any(needs) }
    }

    /// Whether there is anything to look up.
    pub(super) fn is_known(&self) -> bool {
        match self {
            Need::Unknown => false,
            Need::Key(_) => true,
            Need::All(needs) => needs.iter().any(Need::is_known),
            Need::Any(needs) => !needs.is_empty() && needs.iter().all(Need::is_known),
        }
    }

    /// The keys to look up, one of which an event has if the rule holds for it: those that fewest rules share.
    pub(super) fn rarest(&self, shares: &Shares, of: Where) -> Option<Vec<&Key>> {
        self.scored(shares, of).map(|(_, keys)| keys)
    }

    fn scored(&self, shares: &Shares, of: Where) -> Option<(Score, Vec<&Key>)> {
        match self {
            Need::Unknown => None,
            Need::Key(key) => {
                (of == Where::Anywhere || key.field.is_attribute()).then(|| (shares.score(key), vec![key]))
            }
            Need::All(needs) => needs.iter().filter_map(|need| need.scored(shares, of)).min_by_key(|(score, _)| *score),
            Need::Any(needs) => {
                let mut worst = Score::default();
                let mut all = Vec::new();
                for need in needs {
                    let (score, keys) = need.scored(shares, of)?;
                    worst = worst.max(score);
                    all.extend(keys);
                }
                (!all.is_empty()).then_some((worst, all))
            }
        }
    }

    fn each<'n>(&'n self, look: &mut impl FnMut(&'n Key)) {
        match self {
            Need::Unknown => {}
            Need::Key(key) => look(key),
            Need::All(needs) | Need::Any(needs) => needs.iter().for_each(|need| need.each(look)),
        }
    }
}

/// The smaller the better: rules that share the key; whether the payload must be parsed; what is longer tells more.
type Score = (usize, bool, Reverse<usize>);

/// How many rules share a key.
#[derive(Debug, Default)]
pub(super) struct Shares<'n> {
    texts: HashMap<(&'n Field, Kind, &'n str), usize>,
    /// Ranges without an end: they hold for half of all numbers, so each is taken to share with all.
    open: HashMap<&'n Field, usize>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Kind {
    Exact,
    Prefix,
    Suffix,
}

impl<'n> Shares<'n> {
    pub(super) fn of(needs: &'n [Need]) -> Shares<'n> {
        let mut shares = Shares::default();
        for need in needs {
            need.each(&mut |key| {
                let count = match key.what.text() {
                    Some((kind, text)) => shares.texts.entry((&key.field, kind, text)).or_default(),
                    None => shares.open.entry(&key.field).or_default(),
                };
                *count += 1;
            });
        }
        shares
    }

    fn score(&self, key: &Key) -> Score {
        let (count, length) = match (&key.what, key.what.text()) {
            (_, Some((kind, text))) => {
                (self.texts.get(&(&key.field, kind, text)).copied().unwrap_or_default(), text.len())
            }
            (What::Within(Range { from: Some(_), to: Some(_) }), _) => (1, 1),
            (_, None) => (self.open.get(&key.field).copied().unwrap_or_default(), 0),
        };
        (count, !key.field.is_attribute(), Reverse(length))
    }
}

impl What {
    fn text(&self) -> Option<(Kind, &str)> {
        match self {
            What::Exact(text) => Some((Kind::Exact, text)),
            What::Prefix(text) => Some((Kind::Prefix, text)),
            What::Suffix(text) => Some((Kind::Suffix, text)),
            What::Within(_) => None,
        }
    }
}

/// Every topic begins with nothing: then there is nothing to look up.
fn topic(beginning: String) -> Need {
    if beginning.is_empty() { Need::Unknown } else { Need::key(&Field::Topic, What::Prefix(beginning.into())) }
}

fn fact(fact: &Fact) -> Need {
    let field = |name: &str| Field::Attribute(Attribute::of_event(name));
    match fact {
        Fact::OneOf { attribute, values } => {
            let field = field(attribute);
            Need::any(values.iter().map(|value| Need::key(&field, What::Exact(value.as_str().into()))).collect())
        }
        Fact::Prefix { attribute, text } => Need::key(&field(attribute), What::Prefix(text.as_str().into())),
        Fact::Suffix { attribute, text } => Need::key(&field(attribute), What::Suffix(text.as_str().into())),
        Fact::All(facts) => Need::All(facts.iter().map(self::fact).collect()),
        Fact::Any(facts) => Need::Any(facts.iter().map(self::fact).collect()),
    }
}

fn pattern(pattern: &Pattern) -> Need {
    let clause = |clause: &Clause| match clause {
        Clause::Attribute(attribute, of) => tests(&Field::Attribute(attribute.clone()), of),
        Clause::Payload(of) => tests(&Field::Data(Vec::new()), of),
        Clause::Data(clauses) => inside(clauses, &mut Vec::new()),
        Clause::Or(any) => Need::Any(any.iter().map(self::pattern).collect()),
    };
    Need::All(pattern.clauses.iter().map(clause).collect())
}

fn inside(clauses: &[spec::Clause], path: &mut Vec<Box<str>>) -> Need {
    let mut needs = Vec::new();
    for clause in clauses {
        needs.push(match clause {
            spec::Clause::Field(name, of) => {
                path.push(name.as_str().into());
                let need = tests(&Field::Data(path.clone()), of);
                path.pop();
                need
            }
            spec::Clause::Inside(name, clauses) => {
                path.push(name.as_str().into());
                let need = inside(clauses, path);
                path.pop();
                need
            }
            spec::Clause::Or(any) => Need::Any(any.iter().map(|clauses| inside(clauses, path)).collect()),
        });
    }
    Need::All(needs)
}

fn tests(field: &Field, tests: &[Test]) -> Need {
    Need::any(tests.iter().map(|of| test(field, of)).collect())
}

fn test(field: &Field, test: &Test) -> Need {
    let what = match test {
        Test::Equal(Scalar::String(text)) => What::Exact(text.as_str().into()),
        Test::Equal(Scalar::Boolean(true)) => What::Exact("true".into()),
        Test::Equal(Scalar::Boolean(false)) => What::Exact("false".into()),
        Test::Equal(Scalar::Null) => What::Exact("null".into()),
        Test::Equal(Scalar::Number(number)) => {
            let bound = Some(Bound { at: *number, included: true });
            What::Within(Range { from: bound, to: bound })
        }
        Test::Prefix(text, Case::Counts) => What::Prefix(text.as_str().into()),
        Test::Suffix(text, Case::Counts) => What::Suffix(text.as_str().into()),
        Test::Wildcard(pieces) => match (pieces.first(), pieces.last()) {
            (Some(first), Some(last)) if first.is_empty() && last.is_empty() => return Need::Unknown,
            (Some(first), Some(last)) if first.len() >= last.len() => What::Prefix(first.as_str().into()),
            (_, Some(last)) => What::Suffix(last.as_str().into()),
            (_, None) => return Need::Unknown,
        },
        Test::Numeric(Range { from: None, to: None }) => return Need::Unknown,
        Test::Numeric(range) => What::Within(*range),
        Test::Prefix(_, Case::Ignored)
        | Test::Suffix(_, Case::Ignored)
        | Test::EqualIgnoringCase(_)
        | Test::Cidr(..)
        | Test::Exists(_)
        | Test::AnythingBut(_) => return Need::Unknown,
    };
    Need::key(field, what)
}
