//! What JSON may say that YAML may not: characters written as two escapes (RFC 8259, section 7).

use std::borrow::Cow;

use serde_json::value::RawValue;

/// A document for the parser of YAML: in JSON, pairs of surrogates become the one escape that YAML has for them.
///
/// In text that is not JSON they are no escapes (in plain words and single quotes) or wrong. Columns behind such a pair,
/// in the same line, are two less than they were.
pub(super) fn for_yaml(text: &str) -> Cow<'_, str> {
    let may_have_pairs =
        text.as_bytes().windows(4).any(|w| w[0] == b'\\' && w[1] == b'u' && matches!(w[2], b'd' | b'D'));
    if !may_have_pairs || serde_json::from_str::<&RawValue>(text).is_err() {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('\\') {
        let (before, escape) = rest.split_at(at);
        out.push_str(before);
        // Whatever it escapes goes with it, so that `\\\\ud83d` is a backslash and a word.
        let length = match pair(escape) {
            Some(character) => {
                out.push_str(&format!("\\U{:08X}", u32::from(character)));
                12
            }
            None => {
                out.push_str(&escape[..2]);
                2
            }
        };
        rest = &escape[length..];
    }
    out.push_str(rest);
    Cow::Owned(out)
}

/// The character that `\uD83D\uDE00` stands for.
fn pair(text: &str) -> Option<char> {
    let unit = |from: usize| {
        let hex = text.get(from..from + 6)?.strip_prefix("\\u")?;
        u16::from_str_radix(hex, 16).ok()
    };
    char::decode_utf16([unit(0)?, unit(6)?]).next()?.ok().filter(|c| u32::from(*c) > 0xFFFF)
}
