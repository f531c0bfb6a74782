//! Values of extension attributes, and the runs of entries that carry them.
//!
//! An entry: name length u8, kind u8, value length u32 little-endian, name, value. Context uses the same form.

use std::borrow::Cow;

use crate::bindings::trusted;

/// The value of an extension attribute.
///
/// The kind is a hint: transports without types (HTTP headers) deliver everything as a string. [`Value::to_integer`] and
/// [`Value::to_boolean`] read both.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Value<'a> {
    /// Text.
    String(&'a str),
    /// A 32-bit integer.
    Integer(i32),
    /// A truth value.
    Boolean(bool),
    /// Bytes.
    Binary(&'a [u8]),
    /// An absolute URI.
    Uri(&'a str),
    /// A URI reference.
    UriRef(&'a str),
    /// An RFC 3339 timestamp.
    Timestamp(&'a str),
}

/// Kinds as the contract numbers them.
const REMOVED: u8 = 0;
const STRING: u8 = 1;
const INTEGER: u8 = 2;
const BOOLEAN: u8 = 3;
const BINARY: u8 = 4;
const URI: u8 = 5;
const URI_REF: u8 = 6;
const TIMESTAMP: u8 = 7;

impl<'a> Value<'a> {
    /// The text of a string, URI, URI reference or timestamp.
    pub fn as_str(self) -> Option<&'a str> {
        match self {
            Value::String(s) | Value::Uri(s) | Value::UriRef(s) | Value::Timestamp(s) => Some(s),
            Value::Integer(_) | Value::Boolean(_) | Value::Binary(_) => None,
        }
    }

    /// An integer, or text that is one.
    pub fn to_integer(self) -> Option<i32> {
        match self {
            Value::Integer(i) => Some(i),
            Value::String(s) => s.parse().ok(),
            Value::Boolean(_) | Value::Binary(_) | Value::Uri(_) | Value::UriRef(_) | Value::Timestamp(_) => None,
        }
    }

    /// A truth value, or text that is one.
    pub fn to_boolean(self) -> Option<bool> {
        match self {
            Value::Boolean(b) => Some(b),
            Value::String("true") => Some(true),
            Value::String("false") => Some(false),
            Value::String(_)
            | Value::Integer(_)
            | Value::Binary(_)
            | Value::Uri(_)
            | Value::UriRef(_)
            | Value::Timestamp(_) => None,
        }
    }

    /// Kind and canonical form, as they stand in an entry.
    #[inline]
    fn encoded(&self) -> (u8, Cow<'_, [u8]>) {
        match self {
            Value::String(s) => (STRING, s.as_bytes().into()),
            Value::Integer(i) => (INTEGER, i.to_string().into_bytes().into()),
            Value::Boolean(b) => (BOOLEAN, (if *b { &b"true"[..] } else { b"false" }).into()),
            Value::Binary(b) => (BINARY, (*b).into()),
            Value::Uri(s) => (URI, s.as_bytes().into()),
            Value::UriRef(s) => (URI_REF, s.as_bytes().into()),
            Value::Timestamp(s) => (TIMESTAMP, s.as_bytes().into()),
        }
    }

    /// A kind of a later contract, or text that does not parse as its kind, is read as a string.
    fn decode(kind: u8, value: &'a [u8]) -> Value<'a> {
        match kind {
            BINARY => Value::Binary(value),
            INTEGER => trusted(value).parse().map_or(Value::String(trusted(value)), Value::Integer),
            BOOLEAN => Value::String(trusted(value)).to_boolean().map_or(Value::String(trusted(value)), Value::Boolean),
            URI => Value::Uri(trusted(value)),
            URI_REF => Value::UriRef(trusted(value)),
            TIMESTAMP => Value::Timestamp(trusted(value)),
            _ => Value::String(trusted(value)),
        }
    }
}

impl<'a> From<&'a str> for Value<'a> {
    fn from(s: &'a str) -> Value<'a> {
        Value::String(s)
    }
}

impl<'a> From<&'a String> for Value<'a> {
    fn from(s: &'a String) -> Value<'a> {
        Value::String(s)
    }
}

impl From<i32> for Value<'_> {
    fn from(i: i32) -> Self {
        Value::Integer(i)
    }
}

impl From<bool> for Value<'_> {
    fn from(b: bool) -> Self {
        Value::Boolean(b)
    }
}

impl<'a> From<&'a [u8]> for Value<'a> {
    fn from(b: &'a [u8]) -> Value<'a> {
        Value::Binary(b)
    }
}

/// One entry, not yet decoded.
#[derive(Clone, Copy)]
pub(crate) struct Entry<'a> {
    pub(crate) name: &'a [u8],
    kind: u8,
    value: &'a [u8],
    /// The whole entry.
    pub(crate) raw: &'a [u8],
}

impl<'a> Entry<'a> {
    pub(crate) fn value(self) -> Value<'a> {
        Value::decode(self.kind, self.value)
    }

    /// The value in canonical string form; absent for bytes.
    pub(crate) fn text(self) -> Option<&'a str> {
        (self.kind != BINARY).then(|| trusted(self.value))
    }

    #[cfg(not(target_family = "wasm"))]
    pub(crate) fn is_removal(self) -> bool {
        self.kind == REMOVED
    }
}

/// Walks a run of entries; stops at one that is cut.
#[derive(Clone, Copy)]
pub(crate) struct Entries<'a>(pub(crate) &'a [u8]);

const ENTRY_HEAD: usize = 6;

impl<'a> Iterator for Entries<'a> {
    type Item = Entry<'a>;

    #[inline]
    fn next(&mut self) -> Option<Entry<'a>> {
        let (&[name_len, kind, a, b, c, d], rest) = self.0.split_first_chunk::<ENTRY_HEAD>()?;
        let (name, rest) = rest.split_at_checked(usize::from(name_len))?;
        let (value, rest) = rest.split_at_checked(usize::try_from(u32::from_le_bytes([a, b, c, d])).ok()?)?;
        let raw = &self.0[..self.0.len() - rest.len()];
        self.0 = rest;
        Some(Entry { name, kind, value, raw })
    }
}

impl<'a> Entries<'a> {
    #[inline]
    pub(crate) fn named(mut self, name: &str) -> Option<Entry<'a>> {
        self.find(|entry| same(entry.name, name.as_bytes()))
    }
}

/// Appends an entry; without a value, its removal. A name past 255 bytes is cut, and the host refuses it as too long.
#[inline]
pub(crate) fn put_entry(out: &mut Vec<u8>, name: &str, value: Option<Value<'_>>) {
    let (kind, value) = value.as_ref().map_or((REMOVED, (&[][..]).into()), Value::encoded);
    let name = &name.as_bytes()[..name.len().min(usize::from(u8::MAX))];
    let length = u32::try_from(value.len()).unwrap_or(u32::MAX).to_le_bytes();
    out.reserve(ENTRY_HEAD + name.len() + value.len());
    out.extend_from_slice(&[
        u8::try_from(name.len()).unwrap_or(u8::MAX),
        kind,
        length[0],
        length[1],
        length[2],
        length[3],
    ]);
    append(out, name);
    append(out, &value);
}

/// Appends bytes. Up to here by words: for the few bytes of a name, the call that `memory.copy` is costs more than the copy.
const SHORT: usize = 64;

#[inline]
pub(crate) fn append(out: &mut Vec<u8>, bytes: &[u8]) {
    if bytes.len() > SHORT {
        out.extend_from_slice(bytes);
        return;
    }
    let (words, rest) = bytes.as_chunks::<8>();
    words.iter().for_each(|word| out.extend_from_slice(word));
    let (halves, rest) = rest.as_chunks::<4>();
    halves.iter().for_each(|half| out.extend_from_slice(half));
    rest.iter().for_each(|byte| out.push(*byte));
}

/// Equality by words, where a call of `memcmp` would cost more than the words do.
#[inline]
pub(crate) fn same(a: &[u8], b: &[u8]) -> bool {
    if a.len() != b.len() {
        return false;
    }
    let (words_a, rest_a) = a.as_chunks::<8>();
    let (words_b, rest_b) = b.as_chunks::<8>();
    words_a.iter().zip(words_b).all(|(x, y)| u64::from_le_bytes(*x) == u64::from_le_bytes(*y))
        && rest_a.iter().zip(rest_b).all(|(x, y)| x == y)
}

/// What C's `memcmp` says of two slices of one length, by words. Nothing in it may compare slices: they are compared with it.
#[cfg(any(target_family = "wasm", test))]
#[inline]
pub(crate) fn order(a: &[u8], b: &[u8]) -> i32 {
    let (words_a, rest_a) = a.as_chunks::<8>();
    let (words_b, rest_b) = b.as_chunks::<8>();
    for (x, y) in words_a.iter().zip(words_b) {
        let (x, y) = (u64::from_be_bytes(*x), u64::from_be_bytes(*y));
        if x != y {
            return if x < y { -1 } else { 1 };
        }
    }
    for (x, y) in rest_a.iter().zip(rest_b) {
        if x != y {
            return i32::from(*x) - i32::from(*y);
        }
    }
    0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_and_rests_are_appended_and_compared_as_bytes_are() {
        let bytes: Vec<u8> = (0..200).collect();
        for length in 0..200 {
            let mut out = vec![7];
            append(&mut out, &bytes[..length]);
            assert_eq!(out[1..], bytes[..length]);
            assert!(same(&out[1..], &bytes[..length]));
            assert_eq!(order(&out[1..], &bytes[..length]), 0);
            for wrong in 1..=length {
                let mut other = out[1..].to_vec();
                other[wrong - 1] ^= 1;
                assert!(!same(&other, &bytes[..length]), "{length} bytes, byte {wrong} differs");
                assert_eq!(order(&other, &bytes[..length]).signum(), other[..].cmp(&bytes[..length]) as i32);
            }
        }
    }

    #[test]
    fn entries_come_out_as_they_went_in() {
        let values = [
            Value::String("ü"),
            Value::Integer(-5),
            Value::Boolean(true),
            Value::Binary(&[0, 255]),
            Value::Uri("urn:x"),
            Value::UriRef("/x"),
            Value::Timestamp("2026-01-01T00:00:00Z"),
        ];
        let mut run = Vec::new();
        values.iter().for_each(|value| put_entry(&mut run, "name", Some(*value)));
        assert_eq!(Entries(&run).map(Entry::value).collect::<Vec<_>>(), values);
        for cut in 0..run.len() {
            assert!(Entries(&run[..cut]).count() < values.len(), "a cut entry is none: {cut}");
        }
    }

    #[test]
    fn what_does_not_parse_as_its_kind_is_text() {
        assert_eq!(Value::decode(INTEGER, b"5000000000"), Value::String("5000000000"));
        assert_eq!(Value::decode(BOOLEAN, b"yes"), Value::String("yes"));
        assert_eq!(Value::decode(99, b"later"), Value::String("later"));
        assert_eq!(Value::String("true").to_boolean(), Some(true));
        assert_eq!(Value::String("12").to_integer(), Some(12));
    }
}
