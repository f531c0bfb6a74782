//! The three types and how one is cast to another (sections 3.1 and 3.7).

use std::borrow::Cow;
use std::fmt;
use std::io::Write as _;

/// The type of a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Type {
    /// Unicode characters.
    String,
    /// 32 bits, signed.
    Integer,
    /// `true` or `false`.
    Boolean,
}

impl fmt::Display for Type {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Type::String => "String",
            Type::Integer => "Integer",
            Type::Boolean => "Boolean",
        })
    }
}

impl Type {
    /// Section 3.1, "zero value".
    pub(crate) fn zero<'v>(self) -> Value<'v> {
        match self {
            Type::String => Value::String(Cow::Borrowed("")),
            Type::Integer => Value::Integer(0),
            Type::Boolean => Value::Boolean(false),
        }
    }
}

/// What an expression comes to. Texts point into the event or the expression where they can.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value<'v> {
    /// Also what is URI, URI-reference, timestamp or binary (base64) in an event.
    String(Cow<'v, str>),
    /// 32 bits.
    Integer(i32),
    /// `true` or `false`.
    Boolean(bool),
}

impl<'v> Value<'v> {
    /// Its type.
    pub fn type_of(&self) -> Type {
        match self {
            Value::String(_) => Type::String,
            Value::Integer(_) => Type::Integer,
            Value::Boolean(_) => Type::Boolean,
        }
    }

    /// `None`: it cannot be cast.
    pub(crate) fn integer(&self) -> Option<i32> {
        match self {
            Value::Integer(integer) => Some(*integer),
            Value::Boolean(boolean) => Some(i32::from(*boolean)),
            // An optional sign and decimal digits, no blanks: exactly what the standard library takes.
            Value::String(text) => text.parse().ok(),
        }
    }

    /// `None`: it cannot be cast.
    pub(crate) fn boolean(&self) -> Option<bool> {
        match self {
            Value::Boolean(boolean) => Some(*boolean),
            Value::Integer(integer) => Some(*integer != 0),
            Value::String(text) if text.eq_ignore_ascii_case("true") => Some(true),
            Value::String(text) if text.eq_ignore_ascii_case("false") => Some(false),
            Value::String(_) => None,
        }
    }

    /// Always possible.
    pub(crate) fn into_text(self) -> Cow<'v, str> {
        match self {
            Value::String(text) => text,
            Value::Integer(integer) => Cow::Owned(integer.to_string()),
            Value::Boolean(boolean) => Cow::Borrowed(word(boolean)),
        }
    }

    /// As text, without allocating.
    pub(crate) fn with_text<T>(&self, look: impl FnOnce(&str) -> T) -> T {
        match self {
            Value::String(text) => look(text),
            Value::Boolean(boolean) => look(word(*boolean)),
            Value::Integer(integer) => {
                // `-2147483648` has eleven characters.
                let mut room = [0u8; 11];
                let mut rest = &mut room[..];
                let written = write!(rest, "{integer}").map_or(0, |()| 11 - rest.len());
                look(std::str::from_utf8(&room[..written]).unwrap_or_default())
            }
        }
    }

    /// Whether it is equal to `other` once it is cast to the other's type; `None`: it cannot be cast.
    pub(crate) fn equals(&self, other: &Value<'_>) -> Option<bool> {
        match other {
            Value::String(wanted) => Some(self.with_text(|text| text == wanted)),
            Value::Integer(wanted) => self.integer().map(|integer| integer == *wanted),
            Value::Boolean(wanted) => self.boolean().map(|boolean| boolean == *wanted),
        }
    }

    /// Whether it can be cast.
    pub(crate) fn is_castable(&self, to: Type) -> bool {
        match to {
            Type::String => true,
            Type::Integer => self.integer().is_some(),
            Type::Boolean => self.boolean().is_some(),
        }
    }
}

fn word(boolean: bool) -> &'static str {
    if boolean { "true" } else { "false" }
}
