//! Which documents two sets do not have in common. What counts is what documents say, not how they are written.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use tidegate_policy::{File, names};

/// Documents by `KIND NAMESPACE/NAME`, sorted.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Difference {
    /// Only in the newer set.
    pub added: Vec<String>,
    /// In both, and not the same.
    pub changed: Vec<String>,
    /// Only in the older set.
    pub removed: Vec<String>,
}

impl Difference {
    /// From `before` to `after`. Pieces that are no documents count as one document without a name.
    pub fn between(before: &[File], after: &[File]) -> Difference {
        let (before, after) = (said(before), said(after));
        let mut difference = Difference::default();
        for (name, value) in &after {
            match before.get(name) {
                None => difference.added.push(name.clone()),
                Some(known) if known != value => difference.changed.push(name.clone()),
                Some(_) => {}
            }
        }
        difference.removed = before.into_keys().filter(|name| !after.contains_key(name)).collect();
        difference
    }

    /// Whether the sets say the same.
    pub fn is_empty(&self) -> bool {
        self.added.is_empty() && self.changed.is_empty() && self.removed.is_empty()
    }
}

/// What each document says, by its name.
fn said(files: &[File]) -> BTreeMap<String, Vec<Value>> {
    let mut said: BTreeMap<String, Vec<Value>> = BTreeMap::new();
    for piece in files.iter().flat_map(names::pieces) {
        let name = match &piece.name {
            Some((kind, namespace, name)) => format!("{kind} {namespace}/{name}"),
            None => "a document without a name".to_owned(),
        };
        let value = if piece.value.is_null() { Value::String(piece.text) } else { piece.value };
        said.entry(name).or_default().push(value);
    }
    said
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sink(name: &str, path: &str) -> String {
        format!("---\nkind: Sink\nmetadata: {{name: {name}}}\nspec: {{file: {{path: {path}}}}}\n")
    }

    fn files(texts: &[String]) -> Vec<File> {
        texts.iter().map(|text| File { path: "a.yaml".into(), text: text.clone() }).collect()
    }

    #[test]
    fn what_is_added_changed_and_removed_is_named() {
        let before = files(&[sink("a", "1") + &sink("b", "1"), sink("c", "1")]);
        let after = files(&[sink("d", "1") + &sink("b", "2"), sink("a", "1")]);
        let expected = Difference {
            added: vec!["Sink default/d".into()],
            changed: vec!["Sink default/b".into()],
            removed: vec!["Sink default/c".into()],
        };
        assert_eq!(Difference::between(&before, &after), expected);
        assert!(Difference::between(&before, &before).is_empty());
    }
}
