//! A value as YAML on one line.

use serde_json::Value;

use crate::tree;

/// A value on one line, read back as the same value. Words stand without quotes where that is certain to be the same string.
///
/// ```
/// let value = serde_json::json!({"type": "com.acme.order", "n": 1, "note": "a: b", "list": ["1", null]});
/// assert_eq!(tidegate_policy::flow_yaml(&value), r#"{type: com.acme.order, n: 1, note: "a: b", list: ["1", null]}"#);
/// ```
pub fn flow_yaml(value: &Value) -> String {
    match value {
        Value::Null | Value::Bool(_) | Value::Number(_) => value.to_string(),
        Value::String(text) => word(text),
        Value::Array(items) => format!("[{}]", items.iter().map(flow_yaml).collect::<Vec<_>>().join(", ")),
        Value::Object(map) => {
            let entries: Vec<String> =
                map.iter().map(|(key, value)| format!("{}: {}", word(key), flow_yaml(value))).collect();
            format!("{{{}}}", entries.join(", "))
        }
    }
}

/// A string, in quotes unless it needs none.
pub(crate) fn word(text: &str) -> String {
    let inner = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.' | '/' | '@' | '+' | ' ');
    let plain = text.chars().all(inner)
        && text.starts_with(|c: char| c.is_ascii_alphanumeric() || matches!(c, '/' | '_'))
        && !text.ends_with(' ')
        && !text.contains("  ")
        && tree::is_string(text);
    if plain { text.to_owned() } else { quoted(text) }
}

/// In double quotes, with the escapes that JSON and YAML share.
pub(crate) fn quoted(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len() + 2);
    quoted.push('"');
    for c in text.chars() {
        match c {
            '"' => quoted.push_str("\\\""),
            '\\' => quoted.push_str("\\\\"),
            '\n' => quoted.push_str("\\n"),
            '\r' => quoted.push_str("\\r"),
            '\t' => quoted.push_str("\\t"),
            // What YAML does not call printable, or takes for the end of a line.
            c if c.is_control() || matches!(c, '\u{2028}' | '\u{2029}' | '\u{feff}' | '\u{fffe}' | '\u{ffff}') => {
                quoted.push_str(&format!("\\u{:04x}", u32::from(c)));
            }
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use proptest::prelude::*;

    use super::*;
    use crate::{mistakes::Mistakes, text::Text};

    fn value() -> impl Strategy<Value = Value> {
        let text = prop_oneof![any::<String>(), "[a-z0-9:#,\\[\\]{} '\"~.+-]{0,8}"];
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<u64>().prop_map(Value::from),
            (-1e9..1e9).prop_map(Value::from),
            text.prop_map(Value::from),
        ];
        leaf.prop_recursive(4, 24, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                prop::collection::hash_map("[ -~é]{0,6}", inner, 0..4)
                    .prop_map(|map| Value::Object(map.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_back(value in value()) {
            let yaml = format!("a: {}\n", flow_yaml(&value));
            let text = Text::new("a.yaml", &yaml);
            let mut mistakes = Mistakes::new(&text);
            let trees = tree::parse(&yaml, &mut mistakes);
            let (found, _) = mistakes.into_parts();
            prop_assert!(found.is_empty(), "{yaml}: {found:?}");
            prop_assert_eq!(trees[0].root.get("a").unwrap().json(), Some(value), "{}", yaml);
        }
    }
}
