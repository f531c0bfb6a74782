//! How lists are written: as a table for people, as JSON or YAML for programs.

use std::io::{self, Write};

use serde_json::Value;

/// How a result is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Form {
    // For people. Without doc comments on the variants help stays one line an option.
    Table,
    Json,
    Yaml,
}

impl Form {
    /// The value as a program reads it; false where a person shall get a table.
    pub(crate) fn written(self, value: &Value, out: &mut dyn Write) -> io::Result<bool> {
        match self {
            Form::Table => return Ok(false),
            Form::Json => writeln!(out, "{value:#}")?,
            Form::Yaml => yaml(value, 0, out)?,
        }
        Ok(true)
    }
}

/// Block style; strings as JSON writes them, which YAML reads.
fn yaml(value: &Value, indent: usize, out: &mut dyn Write) -> io::Result<()> {
    match value {
        Value::Object(object) if !object.is_empty() => {
            for (key, value) in object {
                write!(out, "{:indent$}{}:", "", word(key))?;
                inner(value, indent, out)?;
            }
            Ok(())
        }
        Value::Array(list) if !list.is_empty() => {
            for item in list {
                write!(out, "{:indent$}-", "")?;
                inner(item, indent, out)?;
            }
            Ok(())
        }
        Value::String(_) | Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_) | Value::Array(_) => {
            writeln!(out, "{:indent$}{value}", "")
        }
    }
}

fn inner(value: &Value, indent: usize, out: &mut dyn Write) -> io::Result<()> {
    let nested = value.as_object().is_some_and(|object| !object.is_empty())
        || value.as_array().is_some_and(|list| !list.is_empty());
    if nested {
        writeln!(out)?;
        yaml(value, indent + 2, out)
    } else {
        writeln!(out, " {value}")
    }
}

fn word(key: &str) -> String {
    let plain = !key.is_empty() && key.bytes().all(|byte| byte.is_ascii_alphabetic());
    if plain { key.to_owned() } else { Value::from(key).to_string() }
}

/// The text of a member; empty where there is none.
pub(crate) fn text(value: &Value, key: &str) -> String {
    match &value[key] {
        Value::Null => String::new(),
        Value::String(text) => crate::human::plain(text),
        other @ (Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_)) => other.to_string(),
    }
}

/// The members of a list.
pub(crate) fn items<'v>(value: &'v Value, key: &str) -> &'v [Value] {
    value[key].as_array().map_or(&[], Vec::as_slice)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use serde_json::json;

    use super::*;

    #[test]
    fn yaml_is_read_as_what_it_was() {
        let mut out = Vec::new();
        yaml(&json!({"a": [{"b": 1, "c d": []}, "x: y"], "e": null, "f": {}}), 0, &mut out).unwrap();
        let expected = "a:\n  -\n    b: 1\n    \"c d\": []\n  - \"x: y\"\ne: null\nf: {}\n";
        assert_eq!(String::from_utf8(out).unwrap(), expected);
    }
}
