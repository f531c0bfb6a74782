//! The documents of a file one by one: what each is called, its text, and what it says whatever its form. For whoever keeps
//! documents, and compares them.

use serde_json::{Map, Value};

use crate::{
    File,
    mistakes::Mistakes,
    spec::DEFAULT_NAMESPACE,
    text::{self, Text},
    tree::{self, Kind, Node},
};

/// Kind, namespace, name.
pub(crate) type Name = (String, String, String);

/// One document of a file, whether it is right or not.
#[derive(Clone, Debug, PartialEq)]
pub struct Piece {
    /// Kind, namespace, name as they are written; `None` where it does not say all of them.
    pub name: Option<(String, String, String)>,
    /// As it stands, with what is around it up to the next `---`.
    pub text: String,
    /// What it says; equal for documents that differ in their form only. Null where it cannot be read.
    pub value: Value,
}

/// The documents of a file, in order. Pieces without a document (comments, nothing at all) are left out.
pub fn pieces(file: &File) -> Vec<Piece> {
    let text = file.text.strip_prefix('\u{feff}').unwrap_or(&file.text);
    if text.len() > crate::FILE_BYTES_MAX {
        return vec![Piece { name: None, text: text.to_owned(), value: Value::Null }];
    }
    cut(text).filter_map(|text| piece(&file.path, text)).collect()
}

/// The text cut before each `---`.
pub(crate) fn cut(text: &str) -> impl Iterator<Item = &str> {
    let mut starts: Vec<usize> =
        text::lines(text).into_iter().filter(|(_, line)| tree::begins_document(line)).map(|(at, _)| at).collect();
    starts.insert(0, 0);
    starts.push(text.len());
    (0..starts.len() - 1).map(move |at| &text[starts[at]..starts[at + 1]])
}

fn piece(path: &str, text: &str) -> Option<Piece> {
    let shown = Text::new(path, text);
    // Said by `check`.
    let mut ignored = Mistakes::new(&shown);
    let trees = tree::parse(text, &mut ignored);
    let broken = || Piece { name: None, text: text.to_owned(), value: Value::Null };
    let Some(tree) = trees.first() else {
        let blank = text.lines().all(|line| line.trim().is_empty() || line.starts_with(['#', '-']));
        return (!blank).then(broken);
    };
    let value = value(&tree.root);
    if !tree.whole {
        return Some(broken());
    }
    (!value.is_null()).then(|| Piece { name: name(&tree.root), text: text.to_owned(), value })
}

fn value(node: &Node) -> Value {
    match &node.kind {
        Kind::Broken => Value::Null,
        Kind::Plain(value, _) => value.clone(),
        Kind::String(text) => Value::String(text.clone()),
        Kind::List(items) => Value::Array(items.iter().map(value).collect()),
        Kind::Map(entries) => {
            let entries = entries.iter().map(|entry| (entry.key.clone(), value(&entry.value)));
            Value::Object(entries.collect::<Map<_, _>>())
        }
    }
}

/// As a document says it: the one place where names are read without checking them.
pub(crate) fn name(root: &Node) -> Option<Name> {
    let metadata = root.get("metadata")?;
    let namespace = metadata.get("namespace").map_or(Some(DEFAULT_NAMESPACE), string)?;
    Some((string(root.get("kind")?)?.to_owned(), namespace.to_owned(), string(metadata.get("name")?)?.to_owned()))
}

fn string(node: &Node) -> Option<&str> {
    match &node.kind {
        Kind::String(text) => Some(text),
        Kind::Broken | Kind::Plain(..) | Kind::List(_) | Kind::Map(_) => None,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use super::*;

    fn of(text: &str) -> Vec<Piece> {
        pieces(&File { path: "a.yaml".into(), text: text.into() })
    }

    #[test]
    fn documents_are_told_apart_and_named() {
        let found = of(
            "# head\n---\nkind: Sink\nmetadata: {name: a}\n---\n# nothing\n---\n{kind: Route, metadata: {name: b, namespace: n}}\n",
        );
        let names: Vec<_> = found.iter().map(|piece| piece.name.clone().unwrap()).collect();
        let name = |kind: &str, namespace: &str, name: &str| (kind.to_owned(), namespace.to_owned(), name.to_owned());
        assert_eq!(names, [name("Sink", "default", "a"), name("Route", "n", "b")]);
        assert_eq!(found[0].text, "---\nkind: Sink\nmetadata: {name: a}\n");
    }

    #[test]
    fn the_form_of_a_document_makes_no_other_of_it() {
        let (block, flow) = (of("kind: Sink\nspec:\n  a: [1]\n"), of(r#"{"kind": "Sink", "spec": {"a": [1]}}"#));
        assert_eq!(block[0].value, flow[0].value);
        assert_ne!(block[0].value, of("{kind: Sink, spec: {a: [2]}}")[0].value);
    }

    #[test]
    fn what_cannot_be_read_is_a_piece_without_a_name() {
        assert_eq!(of("a: [").len(), 1);
        assert_eq!(of("a: [")[0].name, None);
        assert!(of("# only this\n").is_empty());
        assert!(of("").is_empty());
    }
}
