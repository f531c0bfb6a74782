//! What a person reads when a configuration is wrong.
#![allow(clippy::unwrap_used, reason = "tests")]

use serde::Deserialize;
use serde_json::{Value, json};
use tidegate_connector::config::{self, Size};

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
#[allow(dead_code, reason = "only read by serde")]
struct Example {
    path: String,
    max_bytes: Option<Size>,
    mode: Option<Mode>,
    inner: Option<Inner>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Mode {
    Keep,
    Discard,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(dead_code, reason = "only read by serde")]
struct Inner {
    count: u32,
}

/// Each expected error is `pointer: problem (hint)`.
fn check(config: Value, expected: &[&str]) {
    let errors = config::parse::<Example>(&config).map(|_| Vec::new()).unwrap_or_else(|errors| errors);
    let shown: Vec<String> = errors
        .iter()
        .map(|e| format!("{e}{}", e.hint.as_ref().map_or(String::new(), |hint| format!(" ({hint})"))))
        .collect();
    assert_eq!(shown, expected, "{config}");
}

#[test]
fn a_good_configuration_passes() {
    check(json!({"path": "a"}), &[]);
    check(json!({"path": "a", "maxBytes": "16Mi", "mode": "keep", "inner": {"count": 1}}), &[]);
    assert!(matches!(config::parse::<Mode>(&json!("discard")).unwrap(), Mode::Discard));
}

#[test]
fn every_mistake_has_its_place_and_where_possible_a_hint() {
    check(json!(null), &[": `path` is required"]);
    check(json!({"path": "a", "maxByte": 1}), &["/maxByte: unknown key `maxByte` (did you mean `maxBytes`?)"]);
    // What is misspelt is not missing as well; what is not a misspelling of it leaves it missing.
    check(json!({"pth": "a"}), &["/pth: unknown key `pth` (did you mean `path`?)"]);
    check(
        json!({"zzz": "a"}),
        &["/zzz: unknown key `zzz` (one of `path`, `maxBytes`, `mode`, `inner`)", ": `path` is required"],
    );
    check(json!({"path": "a", "zzz": 1}), &["/zzz: unknown key `zzz` (one of `path`, `maxBytes`, `mode`, `inner`)"]);
    check(json!({"path": "a", "mode": "kep"}), &["/mode: unknown value `kep` (did you mean `keep`?)"]);
    check(json!({"path": 1}), &["/path: invalid type: integer `1`, expected a string"]);
    check(
        json!({"path": "a", "maxBytes": "16 Mb"}),
        &["/maxBytes: `16 Mb` is no size; write bytes, or a number with Ki, Mi, Gi, k, M or G"],
    );
}

#[test]
fn all_mistakes_are_told_at_once() {
    check(
        json!({"pth": "a", "maxBytes": -1, "inner": {"count": "x", "more": 1}}),
        &[
            "/pth: unknown key `pth` (did you mean `path`?)",
            "/maxBytes: invalid type: integer `-1`, expected a size such as 16Mi or a number of bytes",
            "/inner/count: invalid type: string \"x\", expected u32",
            "/inner/more: unknown key `more` (one of `count`)",
        ],
    );
}

#[test]
fn sizes_have_units() {
    for (text, bytes) in
        [("7", 7), ("64Ki", 64 << 10), ("16 MiB", 16 << 20), ("1Gi", 1 << 30), ("10k", 10_000), ("2G", 2_000_000_000)]
    {
        assert_eq!(text.parse(), Ok(Size(bytes)), "{text}");
    }
    for text in ["", "Ki", "-1", "1.5Mi", "1Ti", "99999999999999999999", "18446744073709551615Ki"] {
        assert!(text.parse::<Size>().is_err(), "{text}");
    }
}
