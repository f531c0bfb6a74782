//! Attribute values in headers (HTTP binding, section 3.1.3.2): percent-encoding both ways, double quotes on the way in.

use std::borrow::Cow;

use http::HeaderValue;
use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};

/// Space, double quote and percent; what is not ASCII is always escaped.
const ESCAPED: &AsciiSet = &CONTROLS.add(b' ').add(b'"').add(b'%');

/// The value of an attribute as a header's.
#[expect(clippy::expect_used, reason = "names the invariant")]
pub(super) fn encode(value: &str) -> HeaderValue {
    let plain = value.bytes().all(|byte| matches!(byte, b'!'..=b'~') && byte != b'"' && byte != b'%');
    let header = if plain {
        HeaderValue::from_str(value)
    } else {
        HeaderValue::from_maybe_shared(utf8_percent_encode(value, ESCAPED).to_string().into_bytes())
    };
    header.expect("invariant: all but printable ASCII is escaped")
}

/// The value of an attribute from a header's; the error is the rest of a sentence about the header. Characters that should have
/// been escaped are taken as they are, as long as they are UTF-8: some senders escape nothing.
pub(super) fn decode(header: &[u8]) -> Result<Cow<'_, str>, &'static str> {
    let raw = std::str::from_utf8(header).map_err(|_| "is not UTF-8")?;
    let unquoted = match memchr::memchr(b'"', header) {
        None => Cow::Borrowed(raw),
        Some(_) => Cow::Owned(unquote(raw)?),
    };
    match memchr::memchr(b'%', unquoted.as_bytes()) {
        None => Ok(unquoted),
        Some(first) => unescape(unquoted.as_bytes(), first).map(Cow::Owned),
    }
}

/// Takes double quotes away, and backslashes within them (RFC 7230, section 3.2.6).
fn unquote(raw: &str) -> Result<String, &'static str> {
    let mut out = String::with_capacity(raw.len());
    let mut quoted = false;
    let mut chars = raw.chars();
    while let Some(c) = chars.next() {
        match c {
            '"' => quoted = !quoted,
            '\\' if quoted => out.push(chars.next().ok_or("ends within double quotes")?),
            c => out.push(c),
        }
    }
    if quoted { Err("ends within double quotes") } else { Ok(out) }
}

/// One round of percent-decoding, from the first percent sign on.
fn unescape(text: &[u8], first: usize) -> Result<String, &'static str> {
    let mut out = Vec::with_capacity(text.len());
    out.extend_from_slice(&text[..first]);
    let mut rest = &text[first..];
    while let Some((&byte, after)) = rest.split_first() {
        if byte != b'%' {
            out.push(byte);
            rest = after;
            continue;
        }
        let Some((hex, after)) = after.split_first_chunk::<2>() else { return Err(TORN) };
        out.push(digit(hex[0])? << 4 | digit(hex[1])?);
        rest = after;
    }
    String::from_utf8(out).map_err(|_| "is not UTF-8 once its percent signs are decoded")
}

const TORN: &str = "has a `%` without two hexadecimal digits (a percent sign itself is `%25`)";

fn digit(hex: u8) -> Result<u8, &'static str> {
    match hex {
        b'0'..=b'9' => Ok(hex - b'0'),
        b'a'..=b'f' => Ok(hex - b'a' + 10),
        b'A'..=b'F' => Ok(hex - b'A' + 10),
        _ => Err(TORN),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_must_be_is_escaped() {
        for (value, header) in [
            ("plain", "plain"),
            ("a b", "a%20b"),
            ("100%", "100%25"),
            ("\"", "%22"),
            ("é€😀", "%C3%A9%E2%82%AC%F0%9F%98%80"),
            ("\u{7f}\r\n", "%7F%0D%0A"),
            ("(a)\\;,+'", "(a)\\;,+'"),
            ("", ""),
        ] {
            assert_eq!(encode(value), header, "{value:?}");
            assert_eq!(decode(header.as_bytes()).as_deref(), Ok(value), "{header}");
        }
    }

    #[test]
    fn nothing_is_copied_that_stands_there_plainly() {
        for header in ["plain", "a b", "é\\"] {
            assert!(matches!(decode(header.as_bytes()), Ok(Cow::Borrowed(_))), "{header}");
        }
    }

    #[test]
    fn the_position_of_an_escape_does_not_matter() {
        for (header, value) in [("%41", "A"), ("x%41", "xA"), ("%41x", "Ax"), ("\"%4\"1", "A"), ("%25%34%31", "%41")] {
            assert_eq!(decode(header.as_bytes()).as_deref(), Ok(value), "{header}");
        }
        for header in ["%", "x%", "x%4", "%4x", "%x4", "\"", "a\"b", "\"\\"] {
            assert!(decode(header.as_bytes()).is_err(), "{header}");
        }
    }
}
