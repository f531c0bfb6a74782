//! How names, entries and reminders stand in the tables. Numbers are big-endian, so that they sort.
//!
//! | table | key | value |
//! | --- | --- | --- |
//! | `meta` | `format` | the form's number |
//! | `lanes` | source, lane | position, as the lane gave it |
//! | `scopes` | policy, route, source, lane | id u32, bytes u64, keys u64 |
//! | `entries` | id u32, key | time of its end u64 (ms since the epoch; 0: none), value |
//! | `reminders` | id u32, time u64, number u64 | keys that may end by then: each length u16, key |
//!
//! Names are length u16 and bytes each.

use std::sync::Arc;

use redb::TableDefinition;

use crate::Usage;

/// Of bytes to bytes.
pub(crate) type Table = TableDefinition<'static, &'static [u8], &'static [u8]>;

pub(crate) const META: Table = TableDefinition::new("meta");
pub(crate) const LANES: Table = TableDefinition::new("lanes");
pub(crate) const SCOPES: Table = TableDefinition::new("scopes");
pub(crate) const ENTRIES: Table = TableDefinition::new("entries");
pub(crate) const REMINDERS: Table = TableDefinition::new("reminders");

pub(crate) const FORMAT_KEY: &[u8] = b"format";
pub(crate) const FORMAT: &[u8] = b"1";

pub(crate) fn names(parts: &[&str]) -> Vec<u8> {
    let mut text = Vec::new();
    for part in parts {
        push_short(&mut text, part.as_bytes());
    }
    text
}

pub(crate) fn split(text: &[u8]) -> Option<Vec<Arc<str>>> {
    shorts(text).map(|part| Some(std::str::from_utf8(part?).ok()?.into())).collect()
}

/// Length and bytes; what is longer than a length can say is cut (names of 64 KiB do not occur, keys are shorter).
pub(crate) fn push_short(out: &mut Vec<u8>, bytes: &[u8]) {
    let length = u16::try_from(bytes.len()).unwrap_or(u16::MAX);
    out.extend_from_slice(&length.to_be_bytes());
    out.extend_from_slice(&bytes[..usize::from(length)]);
}

/// What [`push_short`] put together; `None` where it is cut off.
pub(crate) fn shorts(mut text: &[u8]) -> impl Iterator<Item = Option<&[u8]>> {
    std::iter::from_fn(move || {
        if text.is_empty() {
            return None;
        }
        let part = text.split_first_chunk::<2>().and_then(|(length, rest)| {
            let (part, rest) = rest.split_at_checked(usize::from(u16::from_be_bytes(*length)))?;
            text = rest;
            Some(part)
        });
        if part.is_none() {
            text = &[];
        }
        Some(part)
    })
}

pub(crate) fn entry_key(id: u32, key: &[u8]) -> Vec<u8> {
    let mut name = Vec::with_capacity(4 + key.len());
    name.extend_from_slice(&id.to_be_bytes());
    name.extend_from_slice(key);
    name
}

pub(crate) fn entry(expires_ms: u64, value: &[u8]) -> Vec<u8> {
    let mut text = Vec::with_capacity(8 + value.len());
    text.extend_from_slice(&expires_ms.to_be_bytes());
    text.extend_from_slice(value);
    text
}

/// Time of its end, and value.
pub(crate) fn read_entry(text: &[u8]) -> Option<(u64, &[u8])> {
    let (expires, value) = text.split_first_chunk::<8>()?;
    Some((u64::from_be_bytes(*expires), value))
}

pub(crate) fn reminder(id: u32, at_ms: u64, number: u64) -> [u8; 20] {
    let mut key = [0; 20];
    key[..4].copy_from_slice(&id.to_be_bytes());
    key[4..12].copy_from_slice(&at_ms.to_be_bytes());
    key[12..].copy_from_slice(&number.to_be_bytes());
    key
}

/// All keys that begin with an id: from the first bound, to before the second (`None`: to the end).
pub(crate) fn of_scope(id: u32) -> ([u8; 4], Option<[u8; 4]>) {
    (id.to_be_bytes(), id.checked_add(1).map(u32::to_be_bytes))
}

pub(crate) fn scope_row(id: u32, usage: Usage) -> [u8; 20] {
    let mut row = [0; 20];
    row[..4].copy_from_slice(&id.to_be_bytes());
    row[4..12].copy_from_slice(&usage.bytes.to_be_bytes());
    row[12..].copy_from_slice(&usage.keys.to_be_bytes());
    row
}

pub(crate) fn read_scope_row(row: &[u8]) -> Option<(u32, Usage)> {
    let (id, row) = row.split_first_chunk::<4>()?;
    let (bytes, row) = row.split_first_chunk::<8>()?;
    let keys = row.first_chunk::<8>()?;
    Some((u32::from_be_bytes(*id), Usage { bytes: u64::from_be_bytes(*bytes), keys: u64::from_be_bytes(*keys) }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_come_apart_as_they_were_put_together() {
        let text = names(&["a/b", "", "ü"]);
        assert_eq!(split(&text), Some(vec!["a/b".into(), "".into(), "ü".into()]));
        assert_eq!(split(&text[..text.len() - 1]), None);
        assert_eq!(split(&[]), Some(Vec::new()));
    }
}
