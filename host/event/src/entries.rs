//! Extensions and context as the contract writes them: runs of entries.
//!
//! Name length u8, kind u8, value length u32 little-endian, name, value; unaligned. What is written here is well formed;
//! what a guest returns is read with [`Entries`] too, which says where it is not.

use std::borrow::Cow;

use crate::Value;

pub(crate) const REMOVED: u8 = 0;
pub(crate) const STRING: u8 = 1;
pub(crate) const INTEGER: u8 = 2;
pub(crate) const BOOLEAN: u8 = 3;
pub(crate) const BINARY: u8 = 4;
pub(crate) const URI: u8 = 5;
pub(crate) const URI_REFERENCE: u8 = 6;
pub(crate) const TIMESTAMP: u8 = 7;

const HEADER: usize = 6;

/// Longest name: its length is one byte.
pub(crate) const NAME_MAX: usize = u8::MAX as usize;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Entry<'a> {
    pub(crate) name: &'a [u8],
    pub(crate) kind: u8,
    pub(crate) value: &'a [u8],
}

/// The bytes end within an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Malformed;

/// Walks a run of entries.
#[derive(Clone, Debug)]
pub(crate) struct Entries<'a> {
    rest: &'a [u8],
}

impl<'a> Entries<'a> {
    pub(crate) fn new(run: &'a [u8]) -> Self {
        Self { rest: run }
    }

    fn split(&mut self) -> Option<Entry<'a>> {
        let (header, rest) = self.rest.split_at_checked(HEADER)?;
        let value_len = u32::from_le_bytes([header[2], header[3], header[4], header[5]]) as usize;
        let (name, rest) = rest.split_at_checked(usize::from(header[0]))?;
        let (value, rest) = rest.split_at_checked(value_len)?;
        self.rest = rest;
        Some(Entry { name, kind: header[1], value })
    }
}

impl<'a> Iterator for Entries<'a> {
    type Item = Result<Entry<'a>, Malformed>;

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() {
            return None;
        }
        let entry = self.split();
        if entry.is_none() {
            self.rest = &[];
        }
        Some(entry.ok_or(Malformed))
    }
}

/// The entries of a run that was checked.
pub(crate) fn checked(run: &[u8]) -> impl Iterator<Item = Entry<'_>> {
    Entries::new(run).map_while(Result::ok)
}

/// The entry with this name, in a run that was checked.
pub(crate) fn find<'a>(run: &'a [u8], name: &[u8]) -> Option<Entry<'a>> {
    checked(run).find(|entry| entry.name == name)
}

/// Appends an entry. Names are at most [`NAME_MAX`] bytes, values under 4 GiB.
pub(crate) fn push(out: &mut Vec<u8>, entry: Entry<'_>) {
    debug_assert!(entry.name.len() <= NAME_MAX);
    let mut header = [0u8; HEADER];
    header[0] = entry.name.len() as u8;
    header[1] = entry.kind;
    header[2..].copy_from_slice(&(entry.value.len() as u32).to_le_bytes());
    out.reserve(HEADER + entry.name.len() + entry.value.len());
    out.extend_from_slice(&header);
    out.extend_from_slice(entry.name);
    out.extend_from_slice(entry.value);
}

/// Puts an entry in, in place of the one of that name.
pub(crate) fn set(run: &mut Vec<u8>, entry: Entry<'_>) {
    remove(run, entry.name);
    push(run, entry);
}

/// Takes the entry of that name out.
pub(crate) fn remove(run: &mut Vec<u8>, name: &[u8]) {
    let mut at = 0;
    while let Some(old) = Entries::new(&run[at..]).split() {
        let len = HEADER + old.name.len() + old.value.len();
        if old.name == name {
            run.drain(at..at + len);
        } else {
            at += len;
        }
    }
}

impl<'a> Entry<'a> {
    /// The typed value of a checked entry.
    pub(crate) fn to_value(self) -> Value<'a> {
        let text = || Cow::Borrowed(crate::event::text(self.value));
        match self.kind {
            INTEGER => text().parse().map_or_else(|_| Value::String(text()), Value::Integer),
            BOOLEAN => Value::Boolean(self.value == b"true"),
            BINARY => Value::Binary(Cow::Borrowed(self.value)),
            URI => Value::Uri(text()),
            URI_REFERENCE => Value::UriRef(text()),
            TIMESTAMP => Value::Timestamp(text()),
            _ => Value::String(text()),
        }
    }

    /// The value in canonical string form (CloudEvents 1.0.2, section 3.1 "Type System").
    pub(crate) fn to_canonical(self) -> Cow<'a, str> {
        match self.kind {
            BINARY => Cow::Owned(base64_simd::STANDARD.encode_to_string(self.value)),
            _ => Cow::Borrowed(crate::event::text(self.value)),
        }
    }
}
