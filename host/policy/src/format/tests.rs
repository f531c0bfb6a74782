//! What is formatted means the same, keeps its comments, and stays as it is when it is formatted again.

#![allow(clippy::unwrap_used, reason = "tests")]

use proptest::prelude::*;
use serde_json::{Value, json};

use super::{FormatError, format};
use crate::File;

fn schema() -> Value {
    let memory = crate::ConnectorSchema { name: "memory".into(), source: true.into(), sink: true.into() };
    crate::schema(&[memory])
}

fn formatted(text: &str) -> Result<String, FormatError> {
    format(&File { path: "a.yaml".into(), text: text.into() }, &schema())
}

#[track_caller]
fn check(text: &str, expected: &str) {
    let once = formatted(text).unwrap_or_else(|error| panic!("{error}\n{text}"));
    assert_eq!(once, expected, "of {text}");
    assert_eq!(formatted(&once).unwrap_or_else(|error| panic!("{error}\n{once}")), once, "formatted twice");
}

#[test]
fn keys_stand_in_the_order_of_the_reference() {
    check(
        "spec: {retry: {delay: 1s, max: 3}, memory: {b: 1, a: 2}}\nmetadata: {namespace: shop, name: out}\nkind: Sink\napiVersion: tidegate.dev/v1alpha1\n",
        "apiVersion: tidegate.dev/v1alpha1\nkind: Sink\nmetadata: {name: out, namespace: shop}\nspec: {memory: {b: 1, a: 2}, retry: {max: 3, delay: 1s}}\n",
    );
    check("zebra: 1\nkind: Sink\nape: 2\n", "kind: Sink\nzebra: 1\nape: 2\n");
}

#[test]
fn comments_go_where_what_they_are_about_goes() {
    check(
        "# top\n\nspec: # of the sink\n    # which\n    memory:   {}   # here\n    # foot\nkind: Sink   # kind\n\n\n# meta\nmetadata:\n      name: a\n# end\n",
        "# top\n\nkind: Sink # kind\n\n# meta\nmetadata:\n  name: a\n\nspec: # of the sink\n  # which\n  memory: {} # here\n  # foot\n# end\n",
    );
    check("a: [ # list\n  1, # one\n\n  # two\n  2\n] # after\n", "# after\na: # list\n- 1 # one\n\n# two\n- 2\n");
    check("- # x\n  a: 1\n  # y\n- b\n# z\n", "- # x\n  a: 1\n  # y\n- b\n# z\n");
    check("# only\n", "# only\n");
    check("a: | # why\n    x\n    # text\nb: 1\n", "a: | # why\n  x\n  # text\nb: 1\n");
}

#[test]
fn there_is_one_way_to_write_it() {
    check("a:\n    - b:   1\n      c: 2\n    -   - 3\n        - 4\n    -\n", "a:\n- b: 1\n  c: 2\n- - 3\n  - 4\n-\n");
    check("a: {b:   1,c: [2,3 ]}\n", "a: {b: 1, c: [2, 3]}\n");
    check("a: one\n  two\nb: \"x\n  y\"\n", "a: \"one two\"\nb: \"x y\"\n");
    check("a: >-\n      one\n      two\n\n      three\nb: 'it''s'\n", "a: >-\n  one\n  two\n\n  three\nb: 'it''s'\n");
    check("--- # first\na: 1\n---\n---\nb:\n", "--- # first\na: 1\n---\n---\nb:\n");
    check("a: 1\r\nb: 2\r\n", "a: 1\nb: 2\n");
    let long = format!("a: {{{}}}\n", (0..20).map(|n| format!("key{n}: value{n}")).collect::<Vec<_>>().join(", "));
    let lines: String = (0..20).map(|n| format!("  key{n}: value{n}\n")).collect();
    check(&long, &format!("a:\n{lines}"));
}

#[test]
fn json_stays_json() {
    let text = r#"{"spec": {"retry": {}, "memory": {}}, "kind": "Sink"}"#;
    let once = formatted(text).unwrap();
    let value: Value = serde_json::from_str(&once).unwrap();
    assert_eq!(value, json!({"kind": "Sink", "spec": {"memory": {}, "retry": {}}}));
    assert!(once.find("kind") < once.find("spec") && once.ends_with("}\n"), "{once}");
    assert_eq!(formatted(&once).unwrap(), once);
}

#[test]
fn what_cannot_be_read_is_not_touched() {
    for text in ["a: [1\n", "a: &x 1\nb: *x\n", "a: 1\na: 2\n", "a:\n\tb: 1\n"] {
        assert!(matches!(formatted(text), Err(FormatError::Unreadable(_))), "{text}");
    }
}

/// A document of lines, with comments everywhere.
fn document() -> impl Strategy<Value = String> {
    let word = prop_oneof!["[a-z]{1,6}", Just("kind".to_owned()), Just("Sink".to_owned()), Just("spec".to_owned())];
    let scalar = prop_oneof![
        word.clone(),
        "[0-9]{1,3}",
        "\"[a-z #:]{0,8}\"",
        "'[a-z #:]{0,8}'",
        Just(String::new()),
        Just("{a: 1, b: [x, {c: 'y'}]}".to_owned()),
        Just("[1,   2 ]".to_owned()),
    ];
    let tail = prop_oneof![4 => Just(String::new()), 1 => Just(" # tail".to_owned()), 1 => Just("   #x".to_owned())];
    let above = prop_oneof![6 => Just(0_u8), 1 => Just(1), 1 => Just(2), 1 => Just(3)];
    let line = (0_usize..4, any::<bool>(), word, scalar, tail, above, 0_usize..5);
    prop::collection::vec(line, 1..14).prop_map(|lines| {
        let (mut text, mut depth) = (String::new(), 0);
        // What the line above opened; below it one may go one deeper.
        let mut open = false;
        for (number, (wanted, opens, key, scalar, tail, above, column)) in lines.into_iter().enumerate() {
            depth = if open { depth + 1 } else { wanted.min(depth) };
            match above {
                1 => text.push('\n'),
                2 => text.push_str(&format!("{}# c{number}\n", " ".repeat(column))),
                3 => text.push_str(&format!("\n{}# d{number}\n\n", " ".repeat(3 * depth))),
                _ => {}
            }
            open = opens && depth < 4;
            let indent = " ".repeat(3 * depth);
            let value = if open { String::new() } else { format!(" {scalar}") };
            text.push_str(&format!("{indent}{key}{number}:{value}{tail}\n"));
        }
        text
    })
}

proptest! {
    #[test]
    fn formatting_twice_is_formatting_once(text in document()) {
        // Meaning and comments are looked at by `format` itself: it refuses what would lose any.
        match formatted(&text) {
            Ok(once) => prop_assert_eq!(formatted(&once).unwrap(), once.clone(), "of\n{}\nonce\n{}", text, once),
            Err(FormatError::Unreadable(_)) => {}
            Err(error @ FormatError::Unsupported { .. }) => prop_assert!(false, "{error}:\n{text}"),
        }
    }
}
