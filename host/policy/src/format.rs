//! Documents written anew: keys in the order of the reference, one way to indent, every comment kept.
//!
//! What a text means does not change, and what is formatted already stays as it is. Both are looked at before anything is
//! answered: a text for which they would not hold is refused, not spoilt.

mod notes;
mod order;
mod print;

use serde_json::Value;

use crate::{
    File, Report, layout,
    mistakes::Mistakes,
    text::{self, At, Text},
    tree,
};

/// Columns that a list or mapping in brackets may reach to; a longer one is written by indentation.
const WIDTH: usize = 120;

/// Why a text is not formatted.
#[derive(Debug)]
pub enum FormatError {
    /// It cannot be read; every mistake.
    Unreadable(Report),
    /// Something in it cannot be written in another way without loss.
    Unsupported {
        /// Line on which the document begins, from 1.
        line: usize,
        /// What it is.
        what: String,
    },
}

impl std::fmt::Display for FormatError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            FormatError::Unreadable(report) => report.fmt(f),
            FormatError::Unsupported { line, what } => write!(f, "the document in line {line} has {what}"),
        }
    }
}

impl std::error::Error for FormatError {}

/// A file of documents, formatted. `schema` is that of documents ([`crate::schema`]): the order of its properties is that of keys; what it
/// does not know stays in the order in which it is written. JSON stays JSON.
///
/// # Errors
/// What cannot be read, or cannot be formatted without loss.
pub fn format(file: &File, schema: &Value) -> Result<String, FormatError> {
    let source = file.text.strip_prefix('\u{feff}').unwrap_or(&file.text);
    let before = meaning(file, source)?;
    if source.trim_start().starts_with('{')
        && let Ok(value) = serde_json::from_str::<Value>(source)
    {
        return Ok(format!("{:#}\n", order::ordered(&value, schema)));
    }
    // As YAML ends lines; inside of quotes it is a space all the same.
    let source = source.replace("\r\n", "\n").replace('\r', "\n");
    let (mut formatted, mut comments) = (String::new(), Vec::new());
    for (first_line, piece) in pieces(&source) {
        let layout = layout::read(piece).map_err(|error| FormatError::Unsupported {
            line: first_line + 1,
            what: match error {
                layout::Unreadable::NotYaml(problem) => problem,
                layout::Unreadable::Feature(feature) => feature.to_owned(),
            },
        })?;
        comments.extend(layout.comments.iter().map(|comment| comment.text.clone()));
        print::document(piece, &layout, schema, &mut formatted);
    }
    let unsupported =
        || FormatError::Unsupported { line: 1, what: "something that cannot be formatted without loss".into() };
    let after = File { path: file.path.clone(), text: formatted };
    if meaning(&after, &after.text).map_err(|_| unsupported())? != before {
        return Err(unsupported());
    }
    let mut kept: Vec<String> = Vec::new();
    for (_, piece) in pieces(&after.text) {
        kept.extend(layout::read(piece).map_err(|_| unsupported())?.comments.into_iter().map(|comment| comment.text));
    }
    kept.sort();
    comments.sort();
    if kept != comments { Err(unsupported()) } else { Ok(after.text) }
}

/// The values of all documents, mappings without their order.
fn meaning(file: &File, source: &str) -> Result<Vec<Value>, FormatError> {
    let text = Text::new(&file.path, source);
    let mut mistakes = Mistakes::new(&text);
    if source.len() > crate::FILE_BYTES_MAX {
        crate::too_large(source.len(), &mut mistakes);
    }
    let trees = tree::parse(source, &mut mistakes);
    let (found, _) = mistakes.into_parts();
    if !found.is_empty() {
        return Err(FormatError::Unreadable(Report::new(found)));
    }
    let values = trees.iter().map(|tree| tree.root.json());
    let broken = || {
        let at = At { line: 1, column: 1, length: 1 };
        let diagnostic = text.diagnostic(crate::codes::NOT_YAML, at, "it cannot be read".into(), None);
        FormatError::Unreadable(Report::new(vec![diagnostic]))
    };
    // Documents that hold nothing come and go with separators.
    values.filter(|value| *value != Some(Value::Null)).map(|value| value.map(sorted).ok_or_else(broken)).collect()
}

fn sorted(value: Value) -> Value {
    match value {
        Value::Object(map) => {
            let mut entries: Vec<(String, Value)> = map.into_iter().map(|(key, value)| (key, sorted(value))).collect();
            entries.sort_by(|a, b| a.0.cmp(&b.0));
            Value::Object(entries.into_iter().collect())
        }
        Value::Array(items) => items.into_iter().map(sorted).collect(),
        value @ (Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_)) => value,
    }
}

/// The text cut before each `---`, with the lines before each piece.
fn pieces(text: &str) -> Vec<(usize, &str)> {
    let lines = text::lines(text);
    let mut starts: Vec<(usize, usize)> = lines
        .iter()
        .enumerate()
        .filter(|(_, (_, line))| tree::begins_document(line))
        .map(|(number, (at, _))| (number, *at))
        .collect();
    if starts.first().is_none_or(|(_, at)| *at > 0) {
        starts.insert(0, (0, 0));
    }
    let ends = starts.iter().skip(1).map(|(_, at)| *at).chain([text.len()]);
    starts.iter().zip(ends).map(|((number, start), end)| (*number, &text[*start..end])).collect()
}

#[cfg(test)]
mod tests;
