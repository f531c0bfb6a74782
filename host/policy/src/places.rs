//! Where the values of a document stand, for checks that come later and know only JSON pointers (RFC 6901).

use std::sync::Arc;

use crate::{
    Diagnostic, Place,
    text::{At, Text},
    tree::{Kind, Node},
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
pub(crate) fn find(root: &Node, pointer: &str) -> At {
    let mut node = root;
    for token in pointer.split('/').skip(1) {
        let child = match &node.kind {
            Kind::Map(_) => node.get(&token.replace("~1", "/").replace("~0", "~")),
            Kind::List(items) => token.parse::<usize>().ok().and_then(|i| items.get(i)),
            Kind::Broken | Kind::Plain(..) | Kind::String(_) => None,
        };
        match child {
            Some(child) => node = child,
            None => break,
        }
    }
    node.at
}
