//! The schema takes what `check` takes, and refuses what it can of what `check` refuses.

#![allow(clippy::unwrap_used, reason = "tests")]

use serde_json::Value;

use super::{ConnectorSchema, schema};
use crate::{mistakes::Mistakes, text::Text, tree};

/// Connectors of the tests, which say nothing of their configuration.
fn validator() -> jsonschema::Validator {
    let any = |name: &str| ConnectorSchema { name: name.into(), source: Value::Bool(true), sink: Value::Bool(true) };
    jsonschema::validator_for(&schema(&[any("file"), any("memory")])).unwrap()
}

fn documents(text: &str) -> Vec<Value> {
    let shown = Text::new("a.yaml", text);
    let trees = tree::parse(text, &mut Mistakes::new(&shown));
    trees.iter().filter_map(|tree| tree.root.json()).filter(|value| *value != Value::Null).collect()
}

#[test]
fn every_option_of_every_kind_is_taken() {
    let validator = validator();
    for document in documents(crate::tests::EVERYTHING) {
        let misfits: Vec<String> =
            validator.iter_errors(&document).map(|e| format!("{}: {e}", e.instance_path())).collect();
        assert!(misfits.is_empty(), "{misfits:#?}\n{document:#}");
    }
}

/// Codes of mistakes that a schema of one document can see. The others are of the text, of documents together, of numbers and lists that
/// depend on each other, of what is inside an expression or a connector, or of limits of durations and sizes.
const WITHIN: [&str; 19] = [
    "P103", "P107", "P108", "P109", "P111", "P112", "P120", "P121", "P122", "P123", "P127", "P130", "P131", "P140",
    "P141", "P150", "P152", "P153", "P160",
];

#[test]
fn bad_documents_are_refused() {
    let validator = validator();
    let examples = crate::tests::catalogue::examples();
    for code in WITHIN {
        let (_, text) = examples.iter().find(|(known, _)| *known == code).unwrap();
        let refused = documents(text).iter().any(|document| !validator.is_valid(document));
        assert!(refused, "{code} is taken:\n{text}");
    }
}
