//! JSON strings: taking escapes out, and putting them in.

use crate::json::scan::Problem;

/// Appends what a string's inner text means. `at` is where that text stands, for errors.
pub(crate) fn unescape(inner: &str, at: usize, out: &mut Vec<u8>) -> Result<(), Problem> {
    let bytes = inner.as_bytes();
    let mut done = 0;
    while let Some(backslash) = memchr::memchr(b'\\', &bytes[done..]).map(|offset| done + offset) {
        out.extend_from_slice(&bytes[done..backslash]);
        let (character, len) =
            escape(&bytes[backslash + 1..]).ok_or(Problem { at: at + backslash, what: "a bad escape in a string" })?;
        out.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
        done = backslash + 1 + len;
    }
    out.extend_from_slice(&bytes[done..]);
    Ok(())
}

/// The character that the text after a backslash stands for, and how many bytes of it say so.
fn escape(text: &[u8]) -> Option<(char, usize)> {
    let simple = match text.first()? {
        b'"' => '"',
        b'\\' => '\\',
        b'/' => '/',
        b'b' => '\u{8}',
        b'f' => '\u{c}',
        b'n' => '\n',
        b'r' => '\r',
        b't' => '\t',
        b'u' => return unicode(&text[1..]),
        _ => return None,
    };
    Some((simple, 1))
}

/// A `\u` escape, with its second half where it is a surrogate; a surrogate alone is none.
fn unicode(text: &[u8]) -> Option<(char, usize)> {
    let first = hex(text)?;
    if let Some(character) = char::from_u32(first) {
        return Some((character, 5));
    }
    let second = text[4..].strip_prefix(b"\\u").and_then(hex)?;
    let pair = (0xD800..0xDC00).contains(&first) && (0xDC00..0xE000).contains(&second);
    let character = char::from_u32(0x10000 + ((first & 0x3FF) << 10) + (second & 0x3FF))?;
    pair.then_some((character, 11))
}

fn hex(text: &[u8]) -> Option<u32> {
    let digits = text.first_chunk::<4>()?;
    digits.iter().try_fold(0, |value, &digit| Some(value << 4 | char::from(digit).to_digit(16)?))
}

/// Appends a text as a JSON string, quotes included.
pub(crate) fn write(text: &[u8], out: &mut Vec<u8>) {
    out.push(b'"');
    let mut done = 0;
    for (at, &byte) in text.iter().enumerate() {
        if byte >= b' ' && byte != b'"' && byte != b'\\' {
            continue;
        }
        out.extend_from_slice(&text[done..at]);
        done = at + 1;
        write_escape(byte, out);
    }
    out.extend_from_slice(&text[done..]);
    out.push(b'"');
}

fn write_escape(byte: u8, out: &mut Vec<u8>) {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    match byte {
        b'"' => out.extend_from_slice(b"\\\""),
        b'\\' => out.extend_from_slice(b"\\\\"),
        b'\n' => out.extend_from_slice(b"\\n"),
        b'\r' => out.extend_from_slice(b"\\r"),
        b'\t' => out.extend_from_slice(b"\\t"),
        _ => {
            out.extend_from_slice(b"\\u00");
            out.push(HEX[usize::from(byte >> 4)]);
            out.push(HEX[usize::from(byte & 15)]);
        }
    }
}
