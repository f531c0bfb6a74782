//! Where the values of a document stand, for checks that come later and know only JSON pointers (RFC 6901).

use std::sync::Arc;

use crate::{
    Diagnostic, Place,
    text::{At, Text},
    tree::{Entry, Kind, Node},
};

/// Where the values of a document stand, by JSON pointer (`/spec/wasm/config/fields/0`). [`Places::of`] answers for the
/// nearest parent where the pointer itself is unknown, so that later checks (a module's config schema) can still name a
/// place. Cloning is two reference counts.
#[derive(Clone, Debug, Default)]
pub struct Places(Option<(Arc<Text>, Arc<Node>)>);

impl Places {
    pub(crate) fn new(text: &Arc<Text>, root: &Arc<Node>) -> Places {
        Places(Some((Arc::clone(text), Arc::clone(root))))
    }

    /// The file the document stands in, as [`crate::File::path`] names it; empty where it came from none.
    pub fn file(&self) -> &str {
        self.0.as_ref().map_or("", |(text, _)| text.path())
    }

    /// The place of a value, or of its nearest parent that is there. `None` where the document came from no text.
    pub fn of(&self, pointer: &str) -> Option<Place> {
        self.0.as_ref().map(|(text, root)| text.place(find(root, pointer)))
    }

    /// A diagnostic at that pointer, with its snippet.
    pub fn diagnostic(&self, code: &'static str, pointer: &str, message: String, hint: Option<String>) -> Diagnostic {
        match &self.0 {
            Some((text, root)) => text.diagnostic(code, find(root, pointer), message, hint),
            None => Diagnostic { code, message, place: None, hint, line: None },
        }
    }
}

/// Where a pointer leads, or the last value on its way.
fn find(root: &Node, pointer: &str) -> At {
    walk(root, pointer).last().map_or(root.at, |(_, node)| node.at)
}

/// As [`find`], from the value of an entry on; but a value of a mapping is underlined together with its key, for
/// problems that may be about either.
pub(crate) fn find_entry(root: &Entry, pointer: &str) -> At {
    let (key, node) = walk(&root.value, pointer).last().unwrap_or((Some(root.at), &root.value));
    match key {
        Some(key) if key.line == node.at.line && node.at.column > key.column => {
            At { length: node.at.column - key.column + node.at.length, ..key }
        }
        Some(key) => key,
        None => node.at,
    }
}

/// The values on the way of a pointer, as far as they are there, with the places of their keys.
fn walk<'n>(root: &'n Node, pointer: &str) -> impl Iterator<Item = (Option<At>, &'n Node)> {
    let mut node = root;
    pointer.split('/').skip(1).map_while(move |token| {
        let (key, child) = match &node.kind {
            Kind::Map(entries) => {
                let key = token.replace("~1", "/").replace("~0", "~");
                entries.iter().find(|e| e.key == key).map(|e| (Some(e.at), &e.value))?
            }
            Kind::List(items) => (None, token.parse::<usize>().ok().and_then(|i| items.get(i))?),
            Kind::Broken | Kind::Plain(..) | Kind::String(_) => return None,
        };
        node = child;
        Some((key, child))
    })
}
