//! Fields of a payload by their path. Payloads have up to 25 MB, of which a handful of fields are looked at: nothing else is
//! built.

use std::borrow::Cow;
use std::collections::HashMap;

use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

/// The members of an object, unread.
#[derive(Debug)]
pub(super) struct Payload<'b>(Members<'b>);

/// A name may have escapes, so it is not always borrowed.
#[derive(Debug, PartialEq, Eq, Hash, Deserialize)]
struct Name<'b>(#[serde(borrow)] Cow<'b, str>);

type Members<'b> = HashMap<Name<'b>, &'b RawValue>;

impl<'b> Payload<'b> {
    pub(super) fn read(body: &'b [u8]) -> Result<Payload<'b>, String> {
        serde_json::from_slice(body).map(Payload).map_err(|_| "the body is no JSON object".into())
    }

    /// A string, number or boolean as text; `None` where there is nothing, or null, or something else.
    pub(super) fn text(&self, path: &str) -> Option<String> {
        let (first, rest) = path.split_once('.').map_or((path, None), |(first, rest)| (first, Some(rest)));
        let raw = self.0.get(&Name(first.into()))?;
        match rest {
            Some(rest) => Payload(serde_json::from_str(raw.get()).ok()?).text(rest),
            None if raw.get().starts_with(['{', '[']) => None,
            None => match serde_json::from_str(raw.get()).ok()? {
                Value::String(text) => Some(text),
                number @ Value::Number(_) => Some(number.to_string()),
                Value::Bool(boolean) => Some(boolean.to_string()),
                Value::Null | Value::Array(_) | Value::Object(_) => None,
            },
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use super::*;

    #[test]
    fn fields_by_path() {
        let body = br#"{"a": {"b": "x\u00e9", "n": 12, "z": null, "o": {}}, "t\u0065xt": true, "x.y": 1}"#;
        let payload = Payload::read(body).unwrap();
        for (path, expected) in [
            ("a.b", Some("xé")),
            ("a.n", Some("12")),
            ("text", Some("true")),
            ("a.z", None),
            ("a.o", None),
            ("a", None),
            ("a.b.c", None),
            ("b", None),
            ("x.y", None),
        ] {
            assert_eq!(payload.text(path).as_deref(), expected, "{path}");
        }
        assert_eq!(Payload::read(b"[]").unwrap_err(), "the body is no JSON object");
    }
}
