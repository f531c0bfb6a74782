//! A document as a tree of values that know where they stand. Knows YAML, knows no document.
//!
//! Only what JSON can say is a value here: anchors, aliases, tags and keys that are no words are refused (no document
//! can multiply itself), and so is what is too deep or too much. After a mistake reading goes on where it can.

mod build;
mod json;
mod scalar;

use std::sync::Arc;

use serde_json::Value;

use crate::{
    codes,
    mistakes::Mistakes,
    text::{self, At},
};

/// Values and keys of one file. At about 100 bytes each, this is 5 MB; the largest real documents have some hundred.
pub(crate) const NODES_MAX: usize = 50_000;
/// Mappings and lists in one another. Documents need ten, a condition sixteen more.
pub(crate) const DEPTH_MAX: usize = 64;

/// A value and its place.
#[derive(Debug)]
pub(crate) struct Node {
    pub(crate) kind: Kind,
    /// Of a block mapping or list: the key it belongs to.
    pub(crate) at: At,
}

#[derive(Debug)]
pub(crate) enum Kind {
    /// Something that was refused when it was read; whoever meets it says nothing more about it.
    Broken,
    /// Null, a boolean or a number; and how it is written.
    Plain(Value, String),
    String(String),
    List(Vec<Node>),
    Map(Vec<Entry>),
}

/// A key and its value.
#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) key: String,
    pub(crate) at: At,
    pub(crate) value: Node,
}

/// One document of a file.
#[derive(Debug)]
pub(crate) struct Tree {
    pub(crate) root: Arc<Node>,
    /// Whether all of it was read. Otherwise it ends where the text could not be understood.
    pub(crate) whole: bool,
}

impl Node {
    /// The value of a key, where this is a mapping that has it.
    pub(crate) fn get(&self, key: &str) -> Option<&Node> {
        match &self.kind {
            Kind::Map(entries) => entries.iter().find(|e| e.key == key).map(|e| &e.value),
            Kind::Broken | Kind::Plain(..) | Kind::String(_) | Kind::List(_) => None,
        }
    }

    /// The entries of a mapping; of anything else, none.
    pub(crate) fn entries(&self) -> &[Entry] {
        match &self.kind {
            Kind::Map(entries) => entries,
            Kind::Broken | Kind::Plain(..) | Kind::String(_) | Kind::List(_) => &[],
        }
    }

    /// For sentences: "expected a list, found …".
    pub(crate) fn description(&self) -> String {
        match &self.kind {
            Kind::Broken => "something refused".to_owned(),
            Kind::Plain(Value::Null, _) => "nothing".to_owned(),
            Kind::Plain(Value::Bool(_), raw) => format!("the boolean `{raw}`"),
            Kind::Plain(_, raw) => format!("the number {}", crate::diagnostic::quoted(raw)),
            Kind::String(text) => format!("the string {}", crate::diagnostic::quoted(text)),
            Kind::List(_) => "a list".to_owned(),
            Kind::Map(_) => "a mapping".to_owned(),
        }
    }

    /// As JSON; `None` where part of it was refused.
    pub(crate) fn json(&self) -> Option<Value> {
        Some(match &self.kind {
            Kind::Broken => return None,
            Kind::Plain(value, _) => value.clone(),
            Kind::String(text) => Value::String(text.clone()),
            Kind::List(items) => Value::Array(items.iter().map(Node::json).collect::<Option<_>>()?),
            Kind::Map(entries) => {
                Value::Object(entries.iter().map(|e| Some((e.key.clone(), e.value.json()?))).collect::<Option<_>>()?)
            }
        })
    }
}

/// Reads all documents of a file. One that is not YAML does not hide the others.
pub(crate) fn parse(source: &str, mistakes: &mut Mistakes) -> Vec<Tree> {
    let lines = text::lines(source);
    // A line that begins with `---` begins a document wherever it stands (YAML 1.2.2, section 9.1.2), even inside
    // quotes; so the text can be cut there before it is understood.
    let mut starts: Vec<usize> = (1..lines.len()).filter(|&i| begins_document(lines[i].1)).collect();
    starts.insert(0, 0);

    let mut trees = Vec::new();
    let mut nodes_left = NODES_MAX;
    for (i, &first) in starts.iter().enumerate() {
        let end = starts.get(i + 1).map_or(source.len(), |&next| lines[next].0);
        let text = json::for_yaml(&source[lines[first].0..end]);
        let piece = build::Piece { text: &text, first_line: first };
        build::read(&piece, &mut nodes_left, mistakes, &mut trees);
        if nodes_left == 0 {
            let at = At { line: first + 1, column: 1, length: 1 };
            mistakes.hint(
                codes::TOO_DEEP,
                at,
                format!("the file holds more than {NODES_MAX} values"),
                "divide it into several files",
            );
            break;
        }
    }
    trees
}

/// Whether a word without quotes is a string, and no number, boolean or null.
pub(crate) fn is_string(word: &str) -> bool {
    matches!(scalar::resolve(word), Ok(Value::String(_)))
}

pub(crate) fn begins_document(line: &str) -> bool {
    line.strip_prefix("---").is_some_and(|rest| rest.is_empty() || rest.starts_with([' ', '\t']))
}
