//! Events as text: read from files, shown as JSON, and compared line by line.

use std::{
    fs,
    io::{self, Read as _, Write},
    path::Path,
};

use bytes::Bytes;
use serde_json::{Value, value::RawValue};
use similar::{ChangeTag, TextDiff};
use tidegate_event::{
    Event,
    json::{self, Validate},
};

use crate::problem::{OrProblem as _, problem};

const FORMS: &str = "one CloudEvent, an array of them, or one a line";

/// The events of a file: one CloudEvent in JSON, an array of them, or one a line. `-` is stdin.
pub(crate) fn read(path: &Path) -> anyhow::Result<Vec<Event>> {
    let shown = path.display();
    let mut text = Vec::new();
    let read = if path.as_os_str() == "-" {
        io::stdin().lock().read_to_end(&mut text).map(|_| ())
    } else {
        fs::read(path).map(|bytes| text = bytes)
    };
    read.or_problem(format!("{shown} cannot be read"), "name a file with CloudEvents in JSON, or `-` for stdin")?;
    let events = split(&text).or_problem(format!("{shown} is not JSON"), FORMS)?;
    if events.is_empty() {
        return Err(problem(format!("{shown} holds no event"), FORMS));
    }
    let decode = |(at, text): (usize, &RawValue)| {
        decode(text.get()).or_problem(
            format!("event {} of {shown} is no CloudEvent", at + 1),
            "it needs at least specversion \"1.0\", id, source and type",
        )
    };
    events.into_iter().enumerate().map(decode).collect()
}

/// One event in the JSON format, all of it checked.
pub(crate) fn decode(text: &str) -> Result<Event, tidegate_event::json::DecodeError> {
    json::decode(&Bytes::copy_from_slice(text.as_bytes()), Validate::Full)
}

/// Values one after another, arrays taken apart.
fn split(text: &[u8]) -> Result<Vec<&RawValue>, serde_json::Error> {
    let mut events = Vec::new();
    for value in serde_json::Deserializer::from_slice(text).into_iter::<&RawValue>() {
        let value = value?;
        if value.get().starts_with('[') {
            events.extend(serde_json::from_str::<Vec<&RawValue>>(value.get())?);
        } else {
            events.push(value);
        }
    }
    Ok(events)
}

/// In the JSON format of CloudEvents, on one line.
pub(crate) fn line(event: &Event) -> String {
    let mut text = Vec::new();
    json::encode(event, &mut text);
    String::from_utf8_lossy(&text).into_owned()
}

/// In the JSON format of CloudEvents.
pub(crate) fn value(event: &Event) -> Value {
    let text = line(event);
    serde_json::from_str(&text).unwrap_or(Value::String(text))
}

/// Lines of the pretty JSON that differ, with two around them; `-` stands before what is of the first only. Nothing where they are
/// equal.
pub(crate) fn diff(before: &str, after: &str, indent: usize, out: &mut dyn Write) -> io::Result<()> {
    const CONTEXT: usize = 2;
    let diff = TextDiff::from_lines(before, after);
    for (at, group) in diff.grouped_ops(CONTEXT).iter().enumerate() {
        if at > 0 {
            writeln!(out, "{:indent$}  …", "")?;
        }
        for change in group.iter().flat_map(|op| diff.iter_changes(op)) {
            let sign = match change.tag() {
                ChangeTag::Delete => '-',
                ChangeTag::Insert => '+',
                ChangeTag::Equal => ' ',
            };
            write!(out, "{:indent$}{sign} {change}", "")?;
        }
    }
    Ok(())
}

/// As a person reads it: indented, with an end of line.
pub(crate) fn pretty(value: &Value) -> String {
    format!("{value:#}\n")
}
