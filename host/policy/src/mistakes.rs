//! Collects the mistakes of one file, and reads single values: what is not as expected becomes a mistake, never an end.

use std::{fmt::Display, ops::RangeInclusive, sync::Arc};

use serde_json::Value;

use crate::{
    Diagnostic, codes,
    diagnostic::quoted,
    set::{self, Reference},
    spec::Id,
    text::{At, Text},
    tree::{Entry, Kind, Node},
};

/// Mistakes reported of one file. A file with more is not one where the next helps.
const MISTAKES_MAX: usize = 200;

/// What a file has been refused for so far, and which documents it names.
#[derive(Debug)]
pub(crate) struct Mistakes<'t> {
    text: &'t Arc<Text>,
    found: Vec<Diagnostic>,
    references: Vec<Reference>,
}

/// The keys of a mapping.
pub(crate) struct Shape {
    /// For sentences: "a Route", "`limits`".
    pub(crate) what: &'static str,
    pub(crate) keys: &'static [&'static str],
    /// Keys of the design that are not served yet.
    pub(crate) later: &'static [&'static str],
}

/// A mapping whose keys are known to be of its [`Shape`].
pub(crate) struct Fields<'n> {
    entries: &'n [Entry],
    at: At,
    what: &'static str,
    /// Keys of the shape that misspelled ones were taken for.
    meant: Vec<&'static str>,
}

impl<'n> Fields<'n> {
    pub(crate) fn get(&self, key: &str) -> Option<&'n Node> {
        self.entries.iter().find(|e| e.key == key).map(|e| &e.value)
    }

    /// Where the key stands.
    pub(crate) fn key(&self, key: &str) -> Option<At> {
        self.entries.iter().find(|e| e.key == key).map(|e| e.at)
    }

    /// A key that must be there.
    pub(crate) fn need(&self, key: &str, hint: &str, mistakes: &mut Mistakes<'_>) -> Option<&'n Node> {
        let value = self.get(key);
        if value.is_none() && !self.meant.contains(&key) {
            mistakes.hint(codes::MISSING_KEY, self.at, format!("{} needs the key `{key}`", self.what), hint);
        }
        value
    }
}

impl<'t> Mistakes<'t> {
    pub(crate) fn new(text: &'t Arc<Text>) -> Mistakes<'t> {
        Mistakes { text, found: Vec::new(), references: Vec::new() }
    }

    pub(crate) fn text(&self) -> &'t Arc<Text> {
        self.text
    }

    pub(crate) fn into_parts(self) -> (Vec<Diagnostic>, Vec<Reference>) {
        (self.found, self.references)
    }

    /// Takes note of a document that is named; whether it is there shows when all files are read.
    pub(crate) fn names(&mut self, kind: set::Kind, id: Id, at: At) {
        self.references.push(Reference { text: Arc::clone(self.text), at, kind, id });
    }

    /// A line of the file, from 1.
    pub(crate) fn line(&self, number: usize) -> Option<&str> {
        self.text.line(number)
    }

    /// Grows with every mistake: equal before and after means sound.
    pub(crate) fn count(&self) -> usize {
        self.found.len()
    }

    pub(crate) fn add(&mut self, code: &'static str, at: At, message: impl Into<String>) {
        self.push(code, at, message.into(), None);
    }

    pub(crate) fn hint(&mut self, code: &'static str, at: At, message: impl Into<String>, hint: impl Into<String>) {
        self.push(code, at, message.into(), Some(hint.into()));
    }

    pub(crate) fn push(&mut self, code: &'static str, at: At, message: String, hint: Option<String>) {
        if self.found.len() < MISTAKES_MAX {
            self.found.push(self.text.diagnostic(code, at, message, hint));
        } else if self.found.len() == MISTAKES_MAX {
            let message = format!("more than {MISTAKES_MAX} mistakes in this file; the rest is not shown");
            self.found.push(self.text.diagnostic(codes::TOO_MANY_MISTAKES, at, message, None));
        }
    }

    pub(crate) fn not_yet(&mut self, at: At, what: &str) {
        self.hint(
            codes::NOT_YET,
            at,
            format!("{} is not supported yet", quoted(what)),
            "this version of Tidegate does not know it; leave it out",
        );
    }

    pub(crate) fn wrong_type(&mut self, node: &Node, what: &str, expected: &str) {
        let hint = match (&node.kind, expected) {
            (Kind::Plain(Value::Bool(_) | Value::Number(_), raw), "a string") => {
                Some(format!("in quotes it is a string: \"{raw}\""))
            }
            (Kind::String(_) | Kind::Map(_), "a list") => {
                Some("a list is written `[…]`, or as lines that begin with `- `".to_owned())
            }
            (_, _) => None,
        };
        if !matches!(node.kind, Kind::Broken) {
            self.push(
                codes::WRONG_TYPE,
                node.at,
                format!("{what}: expected {expected}, found {}", node.description()),
                hint,
            );
        }
    }

    /// A mapping with no other keys than those of its shape.
    pub(crate) fn fields<'n>(&mut self, node: &'n Node, shape: &Shape) -> Option<Fields<'n>> {
        let Kind::Map(entries) = &node.kind else {
            self.wrong_type(node, shape.what, "a mapping");
            return None;
        };
        let mut meant = Vec::new();
        for entry in entries.iter().filter(|e| !shape.keys.contains(&e.key.as_str())) {
            if shape.later.contains(&entry.key.as_str()) {
                self.not_yet(entry.at, &entry.key);
            } else {
                meant.extend(self.unknown_key(entry, shape));
            }
        }
        Some(Fields { entries, at: node.at, what: shape.what, meant })
    }

    /// Answers with the key that was probably meant.
    pub(crate) fn unknown_key(&mut self, entry: &Entry, shape: &Shape) -> Option<&'static str> {
        let meant = did_you_mean(&entry.key, shape.keys);
        let hint = match meant {
            Some(word) => format!("did you mean `{word}`?"),
            None => format!("it has the keys {}", shape.keys.join(", ")),
        };
        self.hint(codes::UNKNOWN_KEY, entry.at, format!("{} has no key {}", shape.what, quoted(&entry.key)), hint);
        meant
    }

    pub(crate) fn string<'n>(&mut self, node: &'n Node, what: &str) -> Option<&'n str> {
        match &node.kind {
            Kind::String(text) => Some(text),
            Kind::Broken | Kind::Plain(..) | Kind::List(_) | Kind::Map(_) => {
                self.wrong_type(node, what, "a string");
                None
            }
        }
    }

    pub(crate) fn list<'n>(&mut self, node: &'n Node, what: &str) -> Option<&'n [Node]> {
        match &node.kind {
            Kind::List(items) => Some(items),
            Kind::Broken | Kind::Plain(..) | Kind::String(_) | Kind::Map(_) => {
                self.wrong_type(node, what, "a list");
                None
            }
        }
    }

    /// A list of at least one.
    pub(crate) fn filled_list<'n>(&mut self, node: &'n Node, what: &str) -> Option<&'n [Node]> {
        let items = self.list(node, what)?;
        if items.is_empty() {
            self.add(codes::EMPTY, node.at, format!("{what}: the list is empty"));
        }
        Some(items)
    }

    pub(crate) fn boolean(&mut self, node: &Node, what: &str) -> Option<bool> {
        match &node.kind {
            Kind::Plain(Value::Bool(value), _) => Some(*value),
            Kind::Broken | Kind::Plain(..) | Kind::String(_) | Kind::List(_) | Kind::Map(_) => {
                self.wrong_type(node, what, "true or false");
                None
            }
        }
    }

    pub(crate) fn integer<N: TryFrom<i64> + Display>(
        &mut self,
        node: &Node,
        what: &str,
        range: RangeInclusive<i64>,
    ) -> Option<N> {
        let Kind::Plain(Value::Number(number), raw) = &node.kind else {
            self.wrong_type(node, what, "a number");
            return None;
        };
        let value = number.as_i64().filter(|n| range.contains(n)).and_then(|n| N::try_from(n).ok());
        if value.is_none() {
            let message = format!("{what} is {}", quoted(raw));
            let hint = format!("it is a whole number from {} to {}", range.start(), range.end());
            self.hint(codes::OUT_OF_RANGE, node.at, message, hint);
        }
        value
    }

    /// One of a closed set of words.
    pub(crate) fn word<T: Copy>(
        &mut self,
        node: &Node,
        what: &str,
        words: &[(&'static str, T)],
        later: &[&str],
    ) -> Option<T> {
        let text = self.string(node, what)?;
        if let Some((_, value)) = words.iter().find(|(word, _)| *word == text) {
            return Some(*value);
        }
        if later.contains(&text) {
            self.not_yet(node.at, text);
            return None;
        }
        let known: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
        let hint = match did_you_mean(text, &known) {
            Some(word) => format!("did you mean `{word}`?"),
            None => format!("it is one of {}", known.join(", ")),
        };
        self.hint(codes::UNKNOWN_VALUE, node.at, format!("{what} cannot be {}", quoted(text)), hint);
        None
    }
}

/// The candidate that is most like a word, where one is: at most a third of the letters differ. Case does not count.
pub(crate) fn did_you_mean<'c>(word: &str, candidates: &[&'c str]) -> Option<&'c str> {
    // Longer words are none that were meant to be a key; comparing them would take time with the square of the length.
    const LENGTH_MAX: usize = 64;
    if word.len() > LENGTH_MAX {
        return None;
    }
    let lower = word.to_lowercase();
    let distance = |candidate: &str| strsim::osa_distance(&lower, &candidate.to_lowercase());
    candidates
        .iter()
        .map(|&candidate| (distance(candidate), candidate))
        .filter(|(distance, candidate)| *distance <= (candidate.chars().count().max(lower.chars().count()) / 3).max(1))
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}
