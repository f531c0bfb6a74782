//! Reading ledgers. A line that cannot be read is an error: a sink never holds half a line.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

/// What becomes of an event if all goes well.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Expect {
    Delivered,
    Dropped,
    DeadLettered,
}

/// One event that was produced.
#[derive(Clone, Debug)]
pub(crate) struct Produced {
    pub(crate) id: String,
    /// Events of one key keep their order.
    pub(crate) key: String,
    pub(crate) expect: Expect,
}

/// The ledger of a producer.
pub(crate) fn produced(path: &Path) -> Result<Vec<Produced>, String> {
    let read = |line: &Value| {
        let expect = match line.get("expect").and_then(Value::as_str) {
            None | Some("delivered") => Expect::Delivered,
            Some("dropped") => Expect::Dropped,
            Some("dead_lettered") => Expect::DeadLettered,
            Some(other) => return Err(format!("unknown expectation `{other}`")),
        };
        let key = line.get("key").and_then(Value::as_str).unwrap_or_default().to_owned();
        Ok(Produced { id: id(line)?, key, expect })
    };
    each_line(path, read)
}

/// Ids of what one place holds, in order, over all its files.
pub(crate) fn ids(paths: &[PathBuf]) -> Result<Vec<String>, String> {
    let mut all = Vec::new();
    for path in paths {
        all.extend(each_line(path, id)?);
    }
    Ok(all)
}

fn id(line: &Value) -> Result<String, String> {
    line.get("id").and_then(Value::as_str).map(str::to_owned).ok_or_else(|| "it has no id".to_owned())
}

fn each_line<T>(path: &Path, read: impl Fn(&Value) -> Result<T, String>) -> Result<Vec<T>, String> {
    let bytes = fs::read(path).map_err(|error| format!("{}: {error}", path.display()))?;
    let Some(lines) = bytes.strip_suffix(b"\n") else {
        let half =
            if bytes.is_empty() { Ok(Vec::new()) } else { Err(format!("{}: ends with half a line", path.display())) };
        return half;
    };
    let parse = |(number, line): (usize, &[u8])| {
        let value = serde_json::from_slice(line).map_err(|error| error.to_string());
        value.and_then(|value| read(&value)).map_err(|error| format!("{}:{}: {error}", path.display(), number + 1))
    };
    lines.split(|&byte| byte == b'\n').enumerate().map(parse).collect()
}
