//! Reads the top level of a structured event: its members become a row of spans.
//!
//! What is inside `data` is only measured. Order of members does not matter; a member that stands twice is refused.

use std::borrow::Cow;
use std::ops::Range;

use crate::entries::{self, Entry};
use crate::event::flags_of;
use crate::json::DecodeError;
use crate::json::scan::{Problem, Scanner};
use crate::json::strings::unescape;
use crate::row::{self, NAMES, ROW_WORDS, Row, SIDE};
use crate::{EXTENSIONS_MAX, Form, InvalidEvent, media, rules};

/// Reads events one after the other, with the same scratch memory.
#[derive(Default)]
pub(crate) struct Reader {
    /// Extension entries of the event being read.
    extensions: Vec<u8>,
    extension_count: usize,
    /// A string without its escapes.
    scratch: Vec<u8>,
}

/// A member's value, as the scanner left it: a range of the text.
enum Found {
    /// The inside of a string; `special` if escapes or unusual characters are in it.
    String { inner: Range<usize>, special: bool },
    /// An object or array, brackets included.
    Container(Range<usize>),
    /// A number or literal.
    Scalar(Range<usize>, Scalar),
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Scalar {
    Null,
    True,
    False,
    Number,
}

impl Found {
    /// The whole value, a string's quotes included.
    fn range(&self) -> Range<usize> {
        match self {
            Self::String { inner, .. } => inner.start - 1..inner.end + 1,
            Self::Container(range) | Self::Scalar(range, _) => range.clone(),
        }
    }

    fn is_null(&self) -> bool {
        matches!(self, Self::Scalar(_, Scalar::Null))
    }
}

/// One event in the making.
struct Draft<'a> {
    text: &'a str,
    /// Where the text stands in the message.
    base: usize,
    row: Row,
    /// Attribute fields seen, null or not; one bit each.
    seen: u32,
    specversion: bool,
    data: Option<Found>,
    data_base64: Option<Found>,
}

const SEEN_SPECVERSION: u32 = 1 << 16;
const SEEN_DATA: u32 = 1 << 17;
const SEEN_BASE64: u32 = 1 << 18;

impl Reader {
    /// The row of the event that `text` is; spans count from `base` before the text, and in `side`.
    pub(crate) fn read(&mut self, text: &str, base: usize, side: &mut Vec<u8>) -> Result<Row, DecodeError> {
        self.extensions.clear();
        self.extension_count = 0;
        let mut draft =
            Draft { text, base, row: [0; ROW_WORDS], seen: 0, specversion: false, data: None, data_base64: None };
        self.members(&mut draft, side)?;
        self.finish(draft, side)
    }

    fn members(&mut self, draft: &mut Draft<'_>, side: &mut Vec<u8>) -> Result<(), DecodeError> {
        let text = draft.text.as_bytes();
        let mut scanner = Scanner::new(text);
        let start = blanks(text, 0);
        let mut at = blanks(text, expect(text, start, b'{', "an event begins with `{`")?);
        if text.get(at) == Some(&b'}') {
            at += 1;
        } else {
            loop {
                at = self.member(draft, &mut scanner, at, side)?;
                match text.get(at) {
                    Some(b',') => at = blanks(text, at + 1),
                    Some(b'}') => break at += 1,
                    Some(_) => return Err(problem(at, "`,` or `}` is missing")),
                    None => return Err(problem(at, "the text ends within the event")),
                }
            }
        }
        draft.row[row::WHOLE] = (draft.base + start) as u32;
        draft.row[row::WHOLE + 1] = (at - start) as u32;
        match blanks(text, at) {
            end if end == text.len() => Ok(()),
            end => Err(problem(end, "text after the event")),
        }
    }

    /// Reads a member from its key on; the position after it and the blanks that follow.
    #[inline]
    fn member(
        &mut self,
        draft: &mut Draft<'_>,
        scanner: &mut Scanner<'_>,
        at: usize,
        side: &mut Vec<u8>,
    ) -> Result<usize, DecodeError> {
        let text = draft.text.as_bytes();
        let key_start = expect(text, at, b'"', "a member begins with `\"`")?;
        let key = scanner.string_end(key_start)?;
        let colon = blanks(text, key.end + 1);
        let value_start = blanks(text, expect(text, colon, b':', "`:` is missing")?);
        let value = value(text, scanner, value_start)?;
        let after = blanks(text, value.range().end);
        let name = &draft.text[key_start..key.end];
        if key.special && name.contains('\\') {
            let mut name_bytes = Vec::new();
            unescape(name, key_start, &mut name_bytes)?;
            self.take(draft, &name_bytes, value, side)?;
        } else {
            self.take(draft, name.as_bytes(), value, side)?;
        }
        Ok(after)
    }

    #[inline]
    fn take(
        &mut self,
        draft: &mut Draft<'_>,
        name: &[u8],
        value: Found,
        side: &mut Vec<u8>,
    ) -> Result<(), DecodeError> {
        if let Some(field) = row::field_named(name) {
            draft.first(1 << field, name)?;
            return self.attribute(draft, field, value, side);
        }
        match name {
            b"specversion" => {
                draft.first(SEEN_SPECVERSION, name)?;
                draft.specversion(value)
            }
            b"data" => {
                draft.first(SEEN_DATA, name)?;
                draft.data = Some(value);
                Ok(())
            }
            b"data_base64" => {
                draft.first(SEEN_BASE64, name)?;
                draft.data_base64 = Some(value).filter(|value| !value.is_null());
                Ok(())
            }
            _ => self.extension(draft, name, value),
        }
    }

    fn attribute(
        &mut self,
        draft: &mut Draft<'_>,
        field: usize,
        value: Found,
        side: &mut Vec<u8>,
    ) -> Result<(), DecodeError> {
        let (inner, special) = match value {
            Found::String { inner, special } => (inner, special),
            _ if value.is_null() => return Ok(()),
            Found::Container(_) | Found::Scalar(..) => return Err(not_a_string(NAMES[field].as_bytes())),
        };
        let literal = &draft.text[inner.clone()];
        if !special {
            rules::attribute_shape(field, literal.as_bytes())?;
        } else if literal.contains('\\') {
            let start = side.len();
            unescape(literal, inner.start, side)?;
            rules::attribute(field, crate::event::text(&side[start..]))?;
            row::set_span(&mut draft.row, field, start as u32 | SIDE, (side.len() - start) as u32);
            return Ok(());
        } else {
            rules::attribute(field, literal)?;
        }
        row::set_span(&mut draft.row, field, (draft.base + inner.start) as u32, inner.len() as u32);
        Ok(())
    }

    fn extension(&mut self, draft: &Draft<'_>, name: &[u8], value: Found) -> Result<(), DecodeError> {
        rules::extension_name(name)?;
        self.extension_count += 1;
        if self.extension_count > EXTENSIONS_MAX {
            return Err(InvalidEvent::TooManyExtensions.into());
        }
        let (kind, value) = match &value {
            Found::String { inner, special } => (entries::STRING, self.plain(draft.text, inner, *special)?),
            Found::Scalar(_, Scalar::Null) => (entries::REMOVED, Cow::Borrowed(&b""[..])),
            Found::Scalar(_, Scalar::True) => (entries::BOOLEAN, Cow::Borrowed(&b"true"[..])),
            Found::Scalar(_, Scalar::False) => (entries::BOOLEAN, Cow::Borrowed(&b"false"[..])),
            Found::Scalar(range, Scalar::Number) => (entries::INTEGER, integer(&draft.text.as_bytes()[range.clone()])),
            Found::Container(_) => {
                return Err(InvalidEvent::attribute(name, "is an object or array").into());
            }
        };
        // What was not looked at while it was unescaped.
        if kind == entries::INTEGER || kind == entries::STRING && matches!(value, Cow::Owned(_)) {
            rules::extension_value(name, kind, &value)?;
        }
        entries::push(&mut self.extensions, Entry { name, kind, value: &value });
        Ok(())
    }

    /// A string without escapes; owned if anything in it was unusual, so that its characters need a check.
    fn plain<'t>(&mut self, text: &'t str, inner: &Range<usize>, special: bool) -> Result<Cow<'t, [u8]>, Problem> {
        let literal = &text[inner.clone()];
        if !special {
            return Ok(Cow::Borrowed(literal.as_bytes()));
        }
        let mut out = Vec::with_capacity(literal.len());
        unescape(literal, inner.start, &mut out)?;
        Ok(Cow::Owned(out))
    }

    fn finish(&mut self, mut draft: Draft<'_>, side: &mut Vec<u8>) -> Result<Row, DecodeError> {
        if !draft.specversion {
            return Err(InvalidEvent::Missing("specversion").into());
        }
        for field in [row::ID, row::SOURCE, row::TYPE] {
            if row::span(&draft.row, field).1 == 0 {
                return Err(InvalidEvent::Missing(NAMES[field]).into());
            }
        }
        if self.extension_count > 0 {
            self.settle_extensions()?;
            row::set_span(&mut draft.row, row::EXTENSIONS, side.len() as u32 | SIDE, self.extensions.len() as u32);
            side.extend_from_slice(&self.extensions);
        }
        match (draft.data.take(), draft.data_base64.take()) {
            (None, None) => {}
            (Some(_), Some(_)) => return Err(InvalidEvent::TwoPayloads.into()),
            (Some(value), None) => draft.data(value, side)?,
            (None, Some(value)) => self.base64(&mut draft, value, side)?,
        }
        if side.len() > row::BUFFER_MAX { Err(InvalidEvent::TooLarge.into()) } else { Ok(draft.row) }
    }

    /// Refuses extensions given twice and drops those that are null.
    fn settle_extensions(&mut self) -> Result<(), InvalidEvent> {
        let mut nulls = false;
        for (at, entry) in entries::checked(&self.extensions).enumerate() {
            nulls |= entry.kind == entries::REMOVED;
            if entries::checked(&self.extensions).take(at).any(|other| other.name == entry.name) {
                return Err(InvalidEvent::repeated(entry.name));
            }
        }
        if nulls {
            let mut kept = Vec::with_capacity(self.extensions.len());
            for entry in entries::checked(&self.extensions).filter(|entry| entry.kind != entries::REMOVED) {
                entries::push(&mut kept, entry);
            }
            self.extensions = kept;
        }
        Ok(())
    }

    fn base64(&mut self, draft: &mut Draft<'_>, value: Found, side: &mut Vec<u8>) -> Result<(), DecodeError> {
        let Found::String { inner, special } = value else {
            return Err(InvalidEvent::attribute("data_base64", "is not a string").into());
        };
        let literal = &draft.text[inner.clone()];
        let encoded = if special {
            self.scratch.clear();
            unescape(literal, inner.start, &mut self.scratch)?;
            &self.scratch[..]
        } else {
            literal.as_bytes()
        };
        let start = side.len();
        base64_simd::STANDARD
            .decode_append(encoded, side)
            .map_err(|_| InvalidEvent::attribute("data_base64", "is not base64"))?;
        draft.row[row::FLAGS] = flags_of(Form::Binary);
        row::set_span(&mut draft.row, row::DATA, start as u32 | SIDE, (side.len() - start) as u32);
        Ok(())
    }
}

impl Draft<'_> {
    /// Notes a member; refused if it was seen before.
    #[inline]
    fn first(&mut self, bit: u32, name: &[u8]) -> Result<(), InvalidEvent> {
        if self.seen & bit != 0 {
            return Err(InvalidEvent::repeated(name));
        }
        self.seen |= bit;
        Ok(())
    }

    fn specversion(&mut self, value: Found) -> Result<(), DecodeError> {
        match value {
            Found::String { inner, special } => {
                let literal = &self.text[inner.clone()];
                let mut found = Vec::new();
                if special {
                    unescape(literal, inner.start, &mut found)?;
                } else if literal != "1.0" {
                    found.extend_from_slice(literal.as_bytes());
                } else {
                    self.specversion = true;
                    return Ok(());
                }
                self.specversion = found == b"1.0";
                if self.specversion { Ok(()) } else { Err(InvalidEvent::specversion(&found).into()) }
            }
            _ if value.is_null() => Ok(()),
            Found::Container(_) | Found::Scalar(..) => Err(not_a_string(b"specversion")),
        }
    }

    /// Settles what the `data` member is, now that the content type is known.
    fn data(&mut self, value: Found, side: &mut Vec<u8>) -> Result<(), DecodeError> {
        let (start, len) = row::span(&self.row, row::DATACONTENTTYPE);
        let json = len == 0 || {
            let media_type = match start & SIDE {
                0 => &self.text.as_bytes()[start as usize - self.base..][..len as usize],
                _ => &side[(start & !SIDE) as usize..][..len as usize],
            };
            media::is_json(media_type)
        };
        if let (Found::String { inner, special }, false) = (&value, json) {
            self.row[row::FLAGS] = flags_of(Form::Text);
            let literal = &self.text[inner.clone()];
            if *special && literal.contains('\\') {
                let start = side.len();
                unescape(literal, inner.start, side)?;
                row::set_span(&mut self.row, row::DATA, start as u32 | SIDE, (side.len() - start) as u32);
            } else {
                row::set_span(&mut self.row, row::DATA, (self.base + inner.start) as u32, inner.len() as u32);
            }
        } else {
            let range = value.range();
            self.row[row::FLAGS] = flags_of(Form::Json);
            self.row[row::MARKS] = row::JSON_CHECKED;
            row::set_span(&mut self.row, row::DATA, (self.base + range.start) as u32, range.len() as u32);
        }
        Ok(())
    }
}

/// The elements of a JSON array, each an object; on an error, how many came before it.
pub(crate) fn elements(text: &str) -> Result<Vec<Range<usize>>, (usize, Problem)> {
    let text = text.as_bytes();
    let mut found = Vec::new();
    let mut scanner = Scanner::new(text);
    let mut step = |found: &mut Vec<Range<usize>>| -> Result<(), Problem> {
        let start = blanks(text, 0);
        let mut at = blanks(text, expect(text, start, b'[', "a batch begins with `[`")?);
        if text.get(at) == Some(&b']') {
            at += 1;
        } else {
            loop {
                let open = expect(text, at, b'{', "an event begins with `{`")?;
                let end = scanner.container_end(open)?;
                found.push(at..end);
                at = blanks(text, end);
                match text.get(at) {
                    Some(b',') => at = blanks(text, at + 1),
                    Some(b']') => break at += 1,
                    _ => return Err(Problem { at, what: "`,` or `]` is missing" }),
                }
            }
        }
        match blanks(text, at) {
            end if end == text.len() => Ok(()),
            end => Err(Problem { at: end, what: "text after the batch" }),
        }
    };
    match step(&mut found) {
        Ok(()) => Ok(found),
        Err(problem) => Err((found.len(), problem)),
    }
}

#[inline]
fn value(text: &[u8], scanner: &mut Scanner<'_>, at: usize) -> Result<Found, Problem> {
    match text.get(at) {
        Some(b'"') => {
            let found = scanner.string_end(at + 1)?;
            Ok(Found::String { inner: at + 1..found.end, special: found.special })
        }
        Some(b'{' | b'[') => scanner.container_end(at + 1).map(|end| Found::Container(at..end)),
        Some(_) => scalar(text, at),
        None => Err(Problem { at, what: "the text ends before a value" }),
    }
}

fn scalar(text: &[u8], at: usize) -> Result<Found, Problem> {
    let rest = &text[at..];
    let len = rest.iter().position(|byte| matches!(byte, b',' | b'}' | b']' | b' ' | b'\t' | b'\n' | b'\r'));
    let word = &rest[..len.unwrap_or(rest.len())];
    let scalar = match word {
        b"null" => Scalar::Null,
        b"true" => Scalar::True,
        b"false" => Scalar::False,
        _ if is_number(word) => Scalar::Number,
        _ => return Err(Problem { at, what: "not a value" }),
    };
    Ok(Found::Scalar(at..at + word.len(), scalar))
}

/// RFC 8259, section 6.
fn is_number(word: &[u8]) -> bool {
    let digits = |text: &[u8]| text.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let rest = word.strip_prefix(b"-").unwrap_or(word);
    let whole = digits(rest);
    if whole == 0 || whole > 1 && rest[0] == b'0' {
        return false;
    }
    let mut rest = &rest[whole..];
    if let Some(fraction) = rest.strip_prefix(b".") {
        let len = digits(fraction);
        if len == 0 {
            return false;
        }
        rest = &fraction[len..];
    }
    match rest {
        [] => true,
        [b'e' | b'E', exponent @ ..] => {
            let exponent = exponent.strip_prefix(b"+").or(exponent.strip_prefix(b"-")).unwrap_or(exponent);
            !exponent.is_empty() && digits(exponent) == exponent.len()
        }
        _ => false,
    }
}

/// A JSON number in the canonical form of an Integer, if it is one: minus zero is zero.
fn integer(word: &[u8]) -> Cow<'_, [u8]> {
    if word == b"-0" { Cow::Borrowed(b"0") } else { Cow::Borrowed(word) }
}

/// The position after the blanks from `at` on.
#[inline]
fn blanks(text: &[u8], at: usize) -> usize {
    match text.get(at) {
        Some(b' ' | b'\n' | b'\r' | b'\t') => {
            let blank = |byte: &u8| matches!(byte, b' ' | b'\n' | b'\r' | b'\t');
            at + text[at..].iter().take_while(|byte| blank(byte)).count()
        }
        _ => at,
    }
}

/// The position after this character, which must stand here.
#[inline]
fn expect(text: &[u8], at: usize, byte: u8, what: &'static str) -> Result<usize, Problem> {
    if text.get(at) == Some(&byte) { Ok(at + 1) } else { Err(Problem { at, what }) }
}

fn problem(at: usize, what: &'static str) -> DecodeError {
    Problem { at, what }.into()
}

fn not_a_string(name: &[u8]) -> DecodeError {
    InvalidEvent::attribute(name, "is not a string").into()
}
