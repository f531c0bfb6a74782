//! Documents of a host.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tidegate_policy::{ConfigProblem, ConnectorCheck, File, Options, Role, check};

struct Memory;

impl ConnectorCheck for Memory {
    fn has_topics(&self, _: &str) -> bool {
        false
    }
    fn names(&self) -> Vec<String> {
        vec!["memory".into()]
    }
    fn check(&self, _: &str, _: Role, _: &serde_json::Value) -> Vec<ConfigProblem> {
        Vec::new()
    }
}

fuzz_target!(|input: &str| {
    let files = [File { path: "fuzz.yaml".into(), text: input.to_owned() }];
    if let Err(report) = check(&files, &Options { development: true, connectors: &Memory }) {
        assert!(!report.to_string().is_empty());
    }
});
