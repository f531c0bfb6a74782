//! Documents as operators write them, and what they are told.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

pub(crate) mod catalogue;
mod conditions;
mod fingerprint;
mod hostile;
mod refused;
mod unused;
mod valid;

use std::net::SocketAddr;

use serde_json::Value;

use crate::{ConfigProblem, ConnectorCheck, Documents, File, Options, Report, Role, check};

/// Two connectors; `file` needs a `path` that is a string, and knows `follow` and `envelope` beside it.
struct Connectors;

impl ConnectorCheck for Connectors {
    fn names(&self) -> Vec<String> {
        vec!["file".into(), "memory".into()]
    }

    fn has_topics(&self, connector: &str) -> bool {
        connector == "memory"
    }

    fn listens_at(&self, _connector: &str, source: &Value) -> Option<SocketAddr> {
        source["listen"].as_str()?.parse().ok()
    }

    fn is_transactional(&self, _connector: &str, source: &Value) -> bool {
        source["exactly"] == true
    }

    fn check_transaction(&self, _connector: &str, _source: &Value, sink: &Value) -> Vec<ConfigProblem> {
        let problem = |key: &str| ConfigProblem {
            pointer: format!("/{key}"),
            problem: "it is elsewhere".into(),
            hint: Some("come here".into()),
        };
        sink.get("elsewhere").map(|_| problem("elsewhere")).into_iter().collect()
    }

    fn check(&self, connector: &str, _role: Role, config: &Value) -> Vec<ConfigProblem> {
        let config = config.as_object().expect("the configuration is always an object");
        if connector != "file" {
            return Vec::new();
        }
        let problem = |pointer: &str, problem: &str, hint: Option<&str>| ConfigProblem {
            pointer: pointer.into(),
            problem: problem.into(),
            hint: hint.map(Into::into),
        };
        let mut problems = Vec::new();
        if !config.get("path").is_some_and(Value::is_string) {
            problems.push(problem("/path", "`file` needs a `path`", Some("as in `path: orders.jsonl`")));
        }
        for key in config.keys().filter(|key| !["path", "follow", "envelope"].contains(&key.as_str())) {
            let pointer = format!("/{}", key.replace('~', "~0").replace('/', "~1"));
            problems.push(problem(&pointer, &format!("`file` has no key `{key}`"), None));
        }
        problems
    }
}

fn run(files: &[(&str, &str)], development: bool) -> Result<Documents, Report> {
    let files: Vec<File> =
        files.iter().map(|(path, text)| File { path: (*path).into(), text: (*text).into() }).collect();
    check(&files, &Options { development, connectors: &Connectors })
}

/// The documents of one good file.
#[track_caller]
fn good(text: &str) -> Documents {
    run(&[("good.yaml", text)], true).unwrap_or_else(|report| panic!("{report}"))
}

/// What a person reads of one bad file.
#[track_caller]
fn bad(text: &str) -> String {
    match run(&[("bad.yaml", text)], true) {
        Ok(documents) => panic!("nothing was wrong: {documents:#?}"),
        Err(report) => report.to_string(),
    }
}

/// Head of a document.
fn document(kind: &str, name: &str, spec: &str) -> String {
    format!("apiVersion: tidegate.dev/v1alpha1\nkind: {kind}\nmetadata: {{name: {name}}}\nspec: {spec}\n---\n")
}

/// A source, sinks and a route that are good, for policies to be about.
fn surroundings() -> String {
    let documents = [
        document("Source", "orders", "{file: {path: orders.jsonl}}"),
        document("Sink", "billing", "{memory: {}}"),
        document("Sink", "dlq", "{memory: {}}"),
        document(
            "Route",
            "orders-to-billing",
            "{from: [{name: orders}], to: [{sink: billing}], deadLetter: {sink: dlq}}",
        ),
    ];
    documents.concat()
}

/// Every option of every kind.
pub(crate) const EVERYTHING: &str = include_str!("tests/everything.yaml");
