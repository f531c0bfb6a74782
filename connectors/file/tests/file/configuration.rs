//! What a person reads when a configuration is wrong.

use serde_json::{Value, json};
use tidegate_connector::{ConfigError, Connector};
use tidegate_connector_file::File;

/// Each expected error is `pointer: problem (hint)`.
fn check(result: Result<(), Vec<ConfigError>>, config: &Value, expected: &[&str]) {
    let errors = result.err().unwrap_or_default();
    let hint = |e: &ConfigError| e.hint.as_ref().map_or(String::new(), |hint| format!(" ({hint})"));
    let shown: Vec<String> = errors.iter().map(|e| format!("{e}{}", hint(e))).collect();
    assert_eq!(shown, expected, "{config}");
}

fn source(config: Value, expected: &[&str]) {
    check(File.check_source(&config), &config, expected);
}

fn sink(config: Value, expected: &[&str]) {
    check(File.check_sink(&config), &config, expected);
}

#[test]
fn sources() {
    let rule = json!({"type": "t", "source": "/s"});
    source(json!({"path": "a.jsonl"}), &[]);
    source(json!({"path": "a", "follow": true, "start": "end", "validate": "full", "maxLineBytes": "1Mi"}), &[]);
    source(json!({"path": "a", "format": "lines", "envelope": rule}), &[]);
    source(
        json!({"pth": "a", "follow": "yes"}),
        &[
            "/pth: unknown key `pth` (did you mean `path`?)",
            "/follow: invalid type: string \"yes\", expected a boolean",
        ],
    );
    source(
        json!({"path": "", "maxLineBytes": 1, "format": "lines"}),
        &[
            "/path: must name a file",
            "/maxLineBytes: must be between 256 and 1Gi",
            "/format: lines that are no CloudEvents need an `envelope` (add `envelope: {type: com.example.line, source: /files/NAME}`)",
        ],
    );
    source(
        json!({"path": "a", "envelope": rule}),
        &["/envelope: events need no envelope (add `format: lines` if the lines are no CloudEvents)"],
    );
    source(
        json!({"path": "a", "format": "lines", "envelope": {"type": "t", "source": "/s", "id": "${ofset}"}}),
        &["/envelope/id: nothing is called `ofset` here (did you mean `${offset}`?)"],
    );
}

#[test]
fn sinks() {
    sink(json!({"path": "a"}), &[]);
    sink(json!({"path": "a", "maxBytes": "100Mi", "keep": 3}), &[]);
    sink(json!({"path": "a", "keep": 3}), &["/keep: without `maxBytes` there is no rotation (add `maxBytes: 100Mi`)"]);
    sink(
        json!({"path": "a", "maxBytes": 0, "keep": 0}),
        &["/maxBytes: must be more than 0", "/keep: must be between 1 and 1000"],
    );
    sink(json!({"path": "a", "maxBytez": 5}), &["/maxBytez: unknown key `maxBytez` (did you mean `maxBytes`?)"]);
}
