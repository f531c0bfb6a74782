//! `schema`: what the repository has as documents fits, what is wrong does not, and a module tells its own.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;
use tidegate_policy::{File, cases};

use crate::support::{example, root, run};

fn schema() -> jsonschema::Validator {
    let said = run(Path::new("."), &["schema"]).fine();
    jsonschema::validator_for(&serde_json::from_str(&said).expect("JSON")).expect("a schema")
}

/// YAML files under version control that hold documents.
fn documents() -> Vec<PathBuf> {
    let output = Command::new("git").args(["ls-files", "*.yaml", "*.yml"]).current_dir(root()).output().expect("git");
    assert!(output.status.success(), "git lists the files");
    let names = String::from_utf8(output.stdout).expect("text");
    // The demo fills in what stands in braces.
    let names = names.lines().filter(|name| *name != "host/server/src/demo/policies.yaml");
    let paths = names.map(|name| root().join(name)).filter(|path| path.is_file());
    paths
        .filter(|path| fs::read_to_string(path).is_ok_and(|text| text.starts_with("apiVersion: tidegate.dev/")))
        .collect()
}

/// Documents as JSON, by the reader of hosts.
fn values(text: &str) -> Vec<Value> {
    tidegate_policy::values(&File { path: "a.yaml".into(), text: text.to_owned() })
        .unwrap_or_else(|report| panic!("{report}"))
}

#[test]
fn every_document_of_the_repository_fits() {
    let (schema, documents) = (schema(), documents());
    assert!(documents.len() > 4, "{documents:?}");
    for path in documents {
        for value in values(&fs::read_to_string(&path).expect("read")) {
            let misfits: Vec<String> =
                schema.iter_errors(&value).map(|e| format!("{}: {e}", e.instance_path())).collect();
            assert!(misfits.is_empty(), "{}: {misfits:#?}\n{value:#}", path.display());
        }
    }
}

#[test]
fn a_misspelt_option_of_a_connector_does_not_fit() {
    let document = |spec: &str| {
        let text = format!("apiVersion: tidegate.dev/v1alpha1\nkind: Source\nmetadata: {{name: a}}\nspec: {spec}\n");
        values(&text).remove(0)
    };
    let schema = schema();
    assert!(schema.is_valid(&document("{file: {path: a.jsonl, follow: true}}")));
    for wrong in [
        "{file: {path: a.jsonl, folow: true}}",
        "{file: {}}",
        "{file: {path: a}, http: {listen: b}}",
        "{fle: {path: a}}",
    ] {
        assert!(!schema.is_valid(&document(wrong)), "{wrong}");
    }
}

#[test]
fn a_module_tells_the_schema_of_its_configuration() {
    let module = example("order-guard");
    let said = run(Path::new("."), &["schema", module.to_str().expect("a path")]).fine();
    let said: Value = serde_json::from_str(&said).expect("JSON");
    let own = fs::read_to_string(root().join("filters-examples/order-guard/schema.json")).expect("read");
    assert_eq!(said, serde_json::from_str::<Value>(&own).expect("JSON"));
    let module = example("minimal");
    let ran = run(Path::new("."), &["schema", module.to_str().expect("a path")]).ended(1);
    assert!(ran.stderr.contains("gives no schema") && ran.stderr.contains("hint: "), "{}", ran.stderr);
}

#[test]
fn cases_of_the_examples_can_be_read() {
    let path = root().join("filters-examples/order-guard/tests/orders.yaml");
    let file = File { path: "orders.yaml".into(), text: fs::read_to_string(path).expect("read") };
    assert!(cases::read(&file).expect("cases").len() > 4);
}
