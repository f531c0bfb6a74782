//! The built-in functions (section 3.5). Names are matched in any case, and told apart by how many arguments they take.

use std::borrow::Cow;

use crate::{FailureKind, Type, Value, failure::FailureKind::FunctionEvaluation};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Function {
    Length,
    Concat,
    ConcatWs,
    Lower,
    Upper,
    Trim,
    Left,
    Right,
    Substring,
    Abs,
    Int,
    Bool,
    String,
    IsInt,
    IsBool,
}

/// What is known of a function before it is called.
#[derive(Debug)]
pub(crate) struct Signature {
    pub(crate) name: &'static str,
    pub(crate) function: Function,
    /// Of the first arguments; `None` takes any type.
    pub(crate) parameters: &'static [Option<Type>],
    /// Arguments at least.
    pub(crate) least: usize,
    /// Of all further arguments, as many as there are.
    pub(crate) more: Option<Type>,
    pub(crate) result: Type,
}

const STRING: Option<Type> = Some(Type::String);
const INTEGER: Option<Type> = Some(Type::Integer);

const fn fixed(name: &'static str, function: Function, parameters: &'static [Option<Type>], result: Type) -> Signature {
    Signature { name, function, parameters, least: parameters.len(), more: None, result }
}

pub(crate) const SIGNATURES: &[Signature] = &[
    fixed("LENGTH", Function::Length, &[STRING], Type::Integer),
    Signature { more: STRING, ..fixed("CONCAT", Function::Concat, &[], Type::String) },
    Signature { more: STRING, ..fixed("CONCAT_WS", Function::ConcatWs, &[STRING], Type::String) },
    fixed("LOWER", Function::Lower, &[STRING], Type::String),
    fixed("UPPER", Function::Upper, &[STRING], Type::String),
    fixed("TRIM", Function::Trim, &[STRING], Type::String),
    fixed("LEFT", Function::Left, &[STRING, INTEGER], Type::String),
    fixed("RIGHT", Function::Right, &[STRING, INTEGER], Type::String),
    Signature { least: 2, ..fixed("SUBSTRING", Function::Substring, &[STRING, INTEGER, INTEGER], Type::String) },
    fixed("ABS", Function::Abs, &[INTEGER], Type::Integer),
    fixed("INT", Function::Int, &[INTEGER], Type::Integer),
    fixed("BOOL", Function::Bool, &[Some(Type::Boolean)], Type::Boolean),
    fixed("STRING", Function::String, &[STRING], Type::String),
    fixed("IS_INT", Function::IsInt, &[None], Type::Boolean),
    fixed("IS_BOOL", Function::IsBool, &[None], Type::Boolean),
];

impl Signature {
    pub(crate) fn named(name: &str) -> Option<&'static Signature> {
        SIGNATURES.iter().find(|signature| signature.name.eq_ignore_ascii_case(name))
    }

    pub(crate) fn takes(&self, arguments: usize) -> bool {
        arguments >= self.least && (self.more.is_some() || arguments <= self.parameters.len())
    }

    /// What the argument at a position is cast to; `None`: any type will do.
    pub(crate) fn parameter(&self, at: usize) -> Option<Type> {
        self.parameters.get(at).copied().unwrap_or(self.more)
    }

    /// Whether its text is made, not cut out of an argument.
    pub(crate) fn makes_text(&self) -> bool {
        matches!(self.function, Function::Concat | Function::ConcatWs | Function::Lower | Function::Upper)
    }

    /// For messages: `SUBSTRING takes 2 to 3 arguments`.
    pub(crate) fn arity(&self) -> String {
        let plural = |n: usize| if n == 1 { "" } else { "s" };
        match (self.least, self.parameters.len(), self.more) {
            (least, _, Some(_)) => format!("{} takes {least} or more arguments", self.name),
            (least, most, None) if least == most => format!("{} takes {most} argument{}", self.name, plural(most)),
            (least, most, None) => format!("{} takes {least} to {most} arguments", self.name),
        }
    }
}

/// The result; and, where something is wrong with it, what.
pub(crate) type Called<'v> = (Value<'v>, Option<FailureKind>);

impl Function {
    /// Arguments are as many as it takes and have the types of its parameters.
    pub(crate) fn call<'v>(self, arguments: &mut [Value<'v>]) -> Called<'v> {
        let value = match (self, arguments) {
            (Function::Length, [x]) => {
                Value::Integer(x.with_text(|text| i32::try_from(text.chars().count()).unwrap_or(i32::MAX)))
            }
            (Function::Concat, parts) => joined("", parts),
            (Function::ConcatWs, [delimiter, parts @ ..]) => delimiter.with_text(|delimiter| joined(delimiter, parts)),
            (Function::Lower, [x]) => changed(take(x), char::is_lowercase, str::to_lowercase),
            (Function::Upper, [x]) => changed(take(x), char::is_uppercase, str::to_uppercase),
            (Function::Trim, [x]) => cut(take(x), |text| {
                let start = text.len() - text.trim_start().len();
                start..start + text.trim().len()
            }),
            (Function::Left, [x, y]) => return side(take(x), y, |text, count| 0..end_of(text, count)),
            (Function::Right, [x, y]) => {
                return side(take(x), y, |text, count| {
                    let before = text.chars().count().saturating_sub(count);
                    end_of(text, before)..text.len()
                });
            }
            (Function::Substring, [x, position]) => return substring(take(x), position, None),
            (Function::Substring, [x, position, length]) => return substring(take(x), position, length.integer()),
            (Function::Abs, [x]) => {
                let x = x.integer().unwrap_or_default();
                return match x.checked_abs() {
                    Some(absolute) => (Value::Integer(absolute), None),
                    None => (Value::Integer(i32::MAX), Some(FailureKind::Math)),
                };
            }
            // The argument has been cast already.
            (Function::Int | Function::Bool | Function::String, [x]) => std::mem::replace(x, Value::Boolean(false)),
            (Function::IsInt, [x]) => Value::Boolean(x.is_castable(Type::Integer)),
            (Function::IsBool, [x]) => Value::Boolean(x.is_castable(Type::Boolean)),
            (_, _) => return (Value::Boolean(false), Some(FailureKind::MissingFunction)),
        };
        (value, None)
    }
}

fn take<'v>(value: &mut Value<'v>) -> Cow<'v, str> {
    std::mem::replace(value, Value::Boolean(false)).into_text()
}

fn joined<'v>(delimiter: &str, parts: &[Value<'v>]) -> Value<'v> {
    let mut text = String::new();
    for (at, part) in parts.iter().enumerate() {
        if at > 0 {
            text.push_str(delimiter);
        }
        part.with_text(|part| text.push_str(part));
    }
    Value::String(text.into())
}

/// Texts that are in that case already are not copied.
fn changed<'v>(text: Cow<'v, str>, is: impl Fn(char) -> bool, change: impl Fn(&str) -> String) -> Value<'v> {
    let as_it_is = text.chars().all(|c| if c.is_ascii() { !c.is_ascii_alphabetic() || is(c) } else { false });
    Value::String(if as_it_is { text } else { change(&text).into() })
}

fn cut<'v>(text: Cow<'v, str>, range: impl FnOnce(&str) -> std::ops::Range<usize>) -> Value<'v> {
    let range = range(&text);
    Value::String(match text {
        Cow::Borrowed(text) => Cow::Borrowed(&text[range]),
        Cow::Owned(text) => Cow::Owned(text[range].to_owned()),
    })
}

/// The byte that `count` characters end at.
fn end_of(text: &str, count: usize) -> usize {
    text.char_indices().nth(count).map_or(text.len(), |(at, _)| at)
}

fn side<'v>(
    text: Cow<'v, str>,
    count: &Value<'v>,
    range: impl FnOnce(&str, usize) -> std::ops::Range<usize>,
) -> Called<'v> {
    match usize::try_from(count.integer().unwrap_or_default()) {
        Ok(count) => (cut(text, |text| range(text, count)), None),
        Err(_) => (Value::String(text), Some(FunctionEvaluation)),
    }
}

fn substring<'v>(text: Cow<'v, str>, position: &Value<'v>, length: Option<i32>) -> Called<'v> {
    let nothing = || Type::String.zero();
    let position = i64::from(position.integer().unwrap_or_default());
    let characters = i64::try_from(text.chars().count()).unwrap_or(i64::MAX);
    let wrong = position > characters || position < -characters || length.is_some_and(i32::is_negative);
    if wrong {
        return (nothing(), Some(FunctionEvaluation));
    }
    if position == 0 {
        return (nothing(), None);
    }
    let first = if position < 0 { characters + position } else { position - 1 };
    let first = usize::try_from(first).unwrap_or_default();
    let length = length.map_or(usize::MAX, |length| usize::try_from(length).unwrap_or_default());
    let cut = cut(text, |text| {
        let start = end_of(text, first);
        start..start + end_of(&text[start..], length)
    });
    (cut, None)
}
