//! The rules of CloudEvents 1.0.2 for attributes and their values (sections "Context Attributes" and "Type System").
//!
//! Checks only; where values come from and where they go is the business of the callers.

use crate::entries;
use crate::row::{DATACONTENTTYPE, DATASCHEMA, NAMES, SOURCE, TIME};
use crate::{InvalidEvent, media, uri};

/// Checks an attribute of the specification that is present, characters included.
pub(crate) fn attribute(field: usize, value: &str) -> Result<(), InvalidEvent> {
    if !characters(value) {
        return Err(InvalidEvent::attribute(NAMES[field], FORBIDDEN_CHARACTER));
    }
    attribute_shape(field, value.as_bytes())
}

/// Checks an attribute of the specification whose characters are known to be allowed.
#[inline]
pub(crate) fn attribute_shape(field: usize, value: &[u8]) -> Result<(), InvalidEvent> {
    let problem = if value.is_empty() {
        "is empty"
    } else if field == SOURCE && !uri::is_reference(value) {
        "is not a URI-reference"
    } else if field == TIME && !is_timestamp(value) {
        "is not an RFC 3339 timestamp"
    } else if field == DATACONTENTTYPE && !media::is_media_type(value) {
        "is not a media type"
    } else if field == DATASCHEMA && !uri::is_absolute(value) {
        "is not an absolute URI"
    } else {
        return Ok(());
    };
    Err(InvalidEvent::attribute(NAMES[field], problem))
}

pub(crate) const FORBIDDEN_CHARACTER: &str = "holds a control character or noncharacter";

/// Whether a text holds only what the type String allows: no control characters (U+0000–001F, U+007F–009F), no
/// noncharacters. (Surrogates cannot occur in a `str`.)
#[inline]
pub(crate) fn characters(text: &str) -> bool {
    text.bytes().all(|byte| matches!(byte, b' '..=b'~')) || text.chars().all(allowed)
}

fn allowed(c: char) -> bool {
    let code = c as u32;
    !c.is_control() && code & 0xFFFE != 0xFFFE && !(0xFDD0..=0xFDEF).contains(&code)
}

/// Checks the name of an extension attribute.
pub(crate) fn extension_name(name: &[u8]) -> Result<(), InvalidEvent> {
    let problem = if name.is_empty() {
        "has an empty name"
    } else if name.len() > entries::NAME_MAX {
        "has a name of more than 255 characters"
    } else if !name.iter().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9')) {
        "has a name of other characters than a-z and 0-9"
    } else if matches!(name, b"data" | b"specversion") || crate::row::field_named(name).is_some() {
        "has a name that is not for extensions"
    } else {
        return Ok(());
    };
    Err(InvalidEvent::attribute(name, problem))
}

/// Checks the value of an extension attribute, in canonical string form (binary: raw bytes), against its kind.
pub(crate) fn extension_value(name: &[u8], kind: u8, value: &[u8]) -> Result<(), InvalidEvent> {
    if kind == entries::BINARY {
        return Ok(());
    }
    let problem = match std::str::from_utf8(value) {
        Err(_) => "is not UTF-8",
        Ok(text) if !characters(text) => FORBIDDEN_CHARACTER,
        Ok(_) => match kind {
            entries::STRING => return Ok(()),
            entries::INTEGER if is_integer(value) => return Ok(()),
            entries::INTEGER => "is not a 32-bit integer",
            entries::BOOLEAN if matches!(value, b"true" | b"false") => return Ok(()),
            entries::BOOLEAN => "is neither `true` nor `false`",
            entries::URI if uri::is_absolute(value) => return Ok(()),
            entries::URI => "is not an absolute URI",
            entries::URI_REFERENCE if uri::is_reference(value) => return Ok(()),
            entries::URI_REFERENCE => "is not a URI-reference",
            entries::TIMESTAMP if is_timestamp(value) => return Ok(()),
            entries::TIMESTAMP => "is not an RFC 3339 timestamp",
            _ => "has an unknown kind",
        },
    };
    Err(InvalidEvent::attribute(name, problem))
}

/// Canonical form of the type Integer: 32 bits, an optional minus sign, no leading zeros.
fn is_integer(value: &[u8]) -> bool {
    let digits = value.strip_prefix(b"-").unwrap_or(value);
    let canonical = digits == b"0" && value.len() == 1 || digits.first().is_some_and(|d| matches!(d, b'1'..=b'9'));
    canonical && std::str::from_utf8(value).is_ok_and(|text| text.parse::<i32>().is_ok())
}

/// RFC 3339, section 5.6 `date-time`, with `T` and `Z` in either case; days are checked against the calendar, a
/// second of 60 is accepted in any minute (leap seconds are announced, not computed).
pub(crate) fn is_timestamp(value: &[u8]) -> bool {
    let Some((head, rest)) = value.split_first_chunk::<19>() else { return false };
    let punctuation = head[4] == b'-' && head[7] == b'-' && head[13] == b':' && head[16] == b':';
    if !punctuation || !matches!(head[10], b'T' | b't') {
        return false;
    }
    let (Some(century), Some(year)) = (two(head, 0), two(head, 2)) else { return false };
    let (Some(month), Some(day), Some(hour)) = (two(head, 5), two(head, 8), two(head, 11)) else { return false };
    let (Some(minute), Some(second)) = (two(head, 14), two(head, 17)) else { return false };
    let date = day >= 1 && day <= days(century * 100 + year, month);
    date && hour <= 23 && minute <= 59 && second <= 60 && is_zone(after_fraction(rest))
}

/// What follows a fraction of a second; nothing where the fraction has no digits, so that no zone is found.
fn after_fraction(rest: &[u8]) -> &[u8] {
    let Some(fraction) = rest.strip_prefix(b".") else { return rest };
    let digits = fraction.iter().take_while(|byte| byte.is_ascii_digit()).count();
    if digits == 0 { &[] } else { &fraction[digits..] }
}

fn is_zone(zone: &[u8]) -> bool {
    match zone {
        b"Z" | b"z" => true,
        [b'+' | b'-', _, _, b':', _, _] => {
            two(zone, 1).is_some_and(|hour| hour <= 23) && two(zone, 4).is_some_and(|minute| minute <= 59)
        }
        _ => false,
    }
}

fn two(text: &[u8], at: usize) -> Option<u32> {
    let (tens, ones) = (text[at].wrapping_sub(b'0'), text[at + 1].wrapping_sub(b'0'));
    (tens <= 9 && ones <= 9).then(|| u32::from(tens) * 10 + u32::from(ones))
}

/// Days of a month; 0 for a month that is none.
fn days(year: u32, month: u32) -> u32 {
    let leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    match month {
        1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
        4 | 6 | 9 | 11 => 30,
        2 if leap => 29,
        2 => 28,
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn timestamps() {
        let good =
            "2018-04-05T17:31:00Z|2024-02-29T00:00:00+14:00|2016-12-31T23:59:60.123456789-00:00|2000-02-29t00:00:00z";
        let bad = "|2018-04-05|2018-04-05 17:31:00Z|2018-04-05T17:31:00|2018-04-05T17:31:00.Z|2023-02-29T00:00:00Z|\
                   1900-02-29T00:00:00Z|2018-13-05T17:31:00Z|2018-04-05T24:00:00Z|2018-04-05T17:60:00Z|\
                   2018-04-05T17:31:61Z|2018-04-05T17:31:00+24:00|2018-04-05T17:31:00+1:00|2018-04-05T17:31:00ZZ|\
                   2018-00-05T17:31:00Z|2018-04-00T17:31:00Z|18-04-05T17:31:00Z";
        for text in good.split('|') {
            assert!(is_timestamp(text.as_bytes()), "{text}");
        }
        for text in bad.split('|') {
            assert!(!is_timestamp(text.as_bytes()), "{text}");
        }
    }

    #[test]
    fn characters_of_a_string() {
        for text in ["", "plain ~", "grüße 日本 🎉", "\u{a0}", "\u{fdf0}"] {
            assert!(characters(text), "{text:?}");
        }
        for text in ["\t", "a\u{7f}", "\u{80}", "é\u{9f}", "\u{fdd0}", "\u{ffff}", "\u{1fffe}", "\u{10ffff}", "\0"] {
            assert!(!characters(text), "{text:?}");
        }
    }

    #[test]
    fn integers_are_32_bits_and_canonical() {
        for text in ["0", "-1", "2147483647", "-2147483648"] {
            assert!(is_integer(text.as_bytes()), "{text}");
        }
        for text in ["", "-", "-0", "01", "+1", "1.0", "2147483648", "-2147483649", " 1", "1e2"] {
            assert!(!is_integer(text.as_bytes()), "{text}");
        }
    }
}
