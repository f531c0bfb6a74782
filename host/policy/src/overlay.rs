//! Candidate documents laid over others: one of the same kind and name takes the other's place, a new one is added.
//!
//! Only names are read here; whether documents are right is for [`check`](crate::check) to say, of the whole set.

use crate::{
    File,
    mistakes::Mistakes,
    names::{self, Name},
    text::Text,
    tree::{self, Kind},
};

/// The files with the candidates added and what those replace left out. Lines keep their numbers.
pub fn overlay(files: Vec<File>, candidates: Vec<File>) -> Vec<File> {
    let named: Vec<Name> = candidates.iter().flat_map(|file| names_of(&file.path, &file.text)).flatten().collect();
    let kept = files.into_iter().map(|file| File { text: without(&file, &named), path: file.path });
    kept.chain(candidates).collect()
}

/// The text with documents of these names left blank.
fn without(file: &File, named: &[Name]) -> String {
    let mut kept = String::with_capacity(file.text.len());
    for piece in names::cut(&file.text) {
        let names = names_of(&file.path, piece);
        if !names.is_empty() && names.iter().all(|name| name.as_ref().is_some_and(|name| named.contains(name))) {
            // The separator stays, so that what is before does not run into what comes after.
            let separator = if piece.starts_with("---") { "---" } else { "" };
            kept += separator;
            kept.extend(piece.chars().filter(|c| *c == '\n'));
        } else {
            kept += piece;
        }
    }
    kept
}

/// Of each document in it; `None` for one that has none, or is no document.
fn names_of(path: &str, text: &str) -> Vec<Option<Name>> {
    let shown = Text::new(path, text);
    // Said by `check`.
    let mut ignored = Mistakes::new(&shown);
    let trees = tree::parse(text, &mut ignored);
    let trees = trees.iter().filter(|tree| !matches!(&tree.root.kind, Kind::Plain(serde_json::Value::Null, _)));
    trees.map(|tree| names::name(&tree.root)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(path: &str, text: &str) -> File {
        File { path: path.into(), text: text.into() }
    }

    fn check(base: &str, candidate: &str, expected: &str) {
        let laid = overlay(vec![file("a", base)], vec![file("b", candidate)]);
        assert_eq!((laid[0].text.as_str(), laid[1].text.as_str()), (expected, candidate), "{base}");
    }

    #[test]
    fn what_a_candidate_names_is_left_out_and_nothing_else() {
        let policy = "kind: FilterPolicy\nmetadata: {name: p}\n";
        check(policy, policy, "\n\n");
        check(&format!("kind: Sink\n---\n{policy}---\nkind: X\n"), policy, "kind: Sink\n---\n\n\n---\nkind: X\n");
        check("--- {kind: FilterPolicy, metadata: {name: p, namespace: default}}", policy, "---");
        for other in ["kind: Route\nmetadata: {name: p}\n", "kind: FilterPolicy\nmetadata: {name: p, namespace: n}\n"] {
            check(other, policy, other);
        }
        check(r#"{"kind": "FilterPolicy", "metadata": {"name": "p"}}"#, policy, "");
    }

    #[test]
    fn what_is_no_document_stays_to_be_complained_about() {
        for base in ["", "# nothing\n", "a: [\n---\n- 1\n", "kind: 7\nmetadata: {name: p}\n"] {
            check(base, "kind: Sink\nmetadata: {name: p}\n", base);
        }
    }
}
