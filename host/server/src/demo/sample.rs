//! Short pieces of what a demo is about, for the screen.

use std::{
    fs::File,
    io::{self, BufRead as _, BufReader},
    path::Path,
};

use serde_json::Value;
use similar::{ChangeTag, TextDiff};

use crate::demo::orders::Order;

/// The lines of one policy among documents.
pub(crate) fn policy<'a>(documents: &'a str, name: &str) -> impl Iterator<Item = &'a str> {
    let named = format!("metadata: {{name: {name},");
    let wanted = |document: &&str| document.contains("kind: FilterPolicy") && document.contains(&named);
    documents.split("---\n").find(wanted).unwrap_or_default().lines()
}

/// The lines that differ, with `-` and `+`.
pub(crate) fn changes(before: &str, after: &str) -> Vec<String> {
    let diff = TextDiff::from_lines(before, after);
    let lines = diff.iter_all_changes().filter_map(|change| {
        let sign = match change.tag() {
            ChangeTag::Delete => '-',
            ChangeTag::Insert => '+',
            ChangeTag::Equal => return None,
        };
        Some(format!("{sign} {}", change.value().trim_end()))
    });
    lines.collect()
}

/// The data of the first order in an output, as it went in and as it came out. `None`: nothing came out yet.
pub(crate) fn first_out(output: &Path) -> io::Result<Option<(Value, Value)>> {
    let file = match File::open(output) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    let mut line = String::new();
    BufReader::new(file).read_line(&mut line)?;
    let after: Option<Value> = serde_json::from_str(&line).ok();
    Ok(after.and_then(|after| {
        let number = Order::number_of(after.get("id")?.as_str()?)?;
        Some((Order::nth(number).data(), after.get("data")?.clone()))
    }))
}
