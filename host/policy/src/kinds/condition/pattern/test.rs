//! What stands in the list of a pattern's field: literals, and mappings of one key.

use std::net::IpAddr;

use serde_json::Value;

use super::{Reader, number};
use crate::{
    codes,
    diagnostic::quoted,
    mistakes::did_you_mean,
    spec::{Bound, Case, Range, Scalar, Test},
    text::At,
    tree::{Entry, Kind, Node},
};

/// Stars of a wildcard: each is another search in the value.
const STARS_MAX: usize = 8;
/// Bytes of a text that values are compared with.
const TEXT_BYTES_MAX: usize = 4_096;

const WORDS: [&str; 8] =
    ["prefix", "suffix", "equals-ignore-case", "wildcard", "anything-but", "numeric", "cidr", "exists"];

pub(super) fn read(reader: &mut Reader<'_, '_>, node: &Node) -> Option<Test> {
    reader.count(1, node.at)?;
    match &node.kind {
        Kind::Map(entries) => match entries.as_slice() {
            [entry] => word(reader, entry),
            _ => refuse(reader, node.at, "a test has exactly one key".into(), Some(words())),
        },
        Kind::List(_) => refuse(reader, node.at, "a list in a list".into(), None),
        Kind::String(_) | Kind::Plain(..) | Kind::Broken => scalar(reader, node).map(Test::Equal),
    }
}

fn words() -> String {
    format!("it is one of {}, or a value", WORDS.join(", "))
}

fn refuse<T>(reader: &mut Reader<'_, '_>, at: At, message: String, hint: Option<String>) -> Option<T> {
    reader.mistakes.push(codes::PATTERN, at, message, hint);
    None
}

fn scalar(reader: &mut Reader<'_, '_>, node: &Node) -> Option<Scalar> {
    match &node.kind {
        Kind::String(text) => bounded(reader, text, node.at).map(Scalar::String),
        Kind::Plain(Value::Null, _) => Some(Scalar::Null),
        Kind::Plain(Value::Bool(boolean), _) => Some(Scalar::Boolean(*boolean)),
        Kind::Plain(value, raw) => match number(value) {
            Some(number) => Some(Scalar::Number(number)),
            None => refuse(reader, node.at, format!("no number to compare with: {}", quoted(raw)), None),
        },
        Kind::Broken => None,
        Kind::List(_) | Kind::Map(_) => refuse(reader, node.at, "expected a single value".into(), None),
    }
}

fn bounded(reader: &mut Reader<'_, '_>, text: &str, at: At) -> Option<String> {
    if text.len() > TEXT_BYTES_MAX {
        let message = format!("a text of {} bytes; {TEXT_BYTES_MAX} is the most", text.len());
        reader.mistakes.add(codes::CONDITION_TOO_LARGE, at, message);
        return None;
    }
    Some(text.to_owned())
}

fn word(reader: &mut Reader<'_, '_>, entry: &Entry) -> Option<Test> {
    let value = &entry.value;
    match entry.key.as_str() {
        "prefix" => cased(reader, entry).map(|(text, case)| Test::Prefix(text, case)),
        "suffix" => cased(reader, entry).map(|(text, case)| Test::Suffix(text, case)),
        "equals-ignore-case" => text(reader, entry, value).map(Test::EqualIgnoringCase),
        "wildcard" => wildcard(reader, entry, value),
        "anything-but" => anything_but(reader, value),
        "numeric" => numeric(reader, value).map(Test::Numeric),
        "cidr" => cidr(reader, entry),
        "exists" => reader.mistakes.boolean(value, "`exists`").map(Test::Exists),
        key => {
            let hint = did_you_mean(key, &WORDS).map_or_else(words, |word| format!("did you mean `{word}`?"));
            refuse(reader, entry.at, format!("no test named {}", quoted(key)), Some(hint))
        }
    }
}

/// A text that is not empty.
fn text(reader: &mut Reader<'_, '_>, entry: &Entry, node: &Node) -> Option<String> {
    let text = reader.mistakes.string(node, &format!("`{}`", entry.key))?;
    if text.is_empty() {
        return refuse(reader, node.at, format!("`{}` of nothing", entry.key), None);
    }
    bounded(reader, text, node.at)
}

/// `prefix: text`, or `prefix: {equals-ignore-case: text}`.
fn cased(reader: &mut Reader<'_, '_>, entry: &Entry) -> Option<(String, Case)> {
    match &entry.value.kind {
        Kind::Map(entries) => match entries.as_slice() {
            [inner] if inner.key == "equals-ignore-case" => {
                text(reader, inner, &inner.value).map(|text| (text, Case::Ignored))
            }
            _ => refuse(
                reader,
                entry.value.at,
                format!("`{}` is a text, or `{{equals-ignore-case: text}}`", entry.key),
                None,
            ),
        },
        Kind::String(_) | Kind::Plain(..) | Kind::List(_) | Kind::Broken => {
            text(reader, entry, &entry.value).map(|text| (text, Case::Counts))
        }
    }
}

/// `\*` is a star, `\\` a backslash.
fn wildcard(reader: &mut Reader<'_, '_>, entry: &Entry, node: &Node) -> Option<Test> {
    let written = text(reader, entry, node)?;
    let mut pieces = vec![String::new()];
    let mut characters = written.chars();
    let mut star_before = false;
    while let Some(c) = characters.next() {
        let star = c == '*';
        if star && star_before {
            return refuse(reader, node.at, "two stars beside each other".into(), Some("one says the same".into()));
        }
        star_before = star;
        let next = match c {
            '*' => {
                pieces.push(String::new());
                continue;
            }
            '\\' => characters.next().filter(|next| matches!(next, '*' | '\\')),
            c => Some(c),
        };
        let (Some(c), Some(last)) = (next, pieces.last_mut()) else {
            let hint = Some("`\\*` is a star, `\\\\` a backslash".into());
            return refuse(reader, node.at, "a backslash before neither star nor backslash".into(), hint);
        };
        last.push(c);
    }
    if pieces.len() - 1 > STARS_MAX {
        let message = format!("a wildcard with {} stars; {STARS_MAX} is the most", pieces.len() - 1);
        reader.mistakes.add(codes::CONDITION_TOO_LARGE, node.at, message);
        return None;
    }
    match pieces.len() {
        1 => Some(Test::Equal(Scalar::String(pieces.remove(0)))),
        _ => Some(Test::Wildcard(pieces)),
    }
}

/// A value, several, or one of four words with a text or several.
fn anything_but(reader: &mut Reader<'_, '_>, node: &Node) -> Option<Test> {
    let tests: Vec<Option<Test>> = match &node.kind {
        Kind::Map(entries) => match entries.as_slice() {
            [entry] if ["prefix", "suffix", "equals-ignore-case", "wildcard"].contains(&entry.key.as_str()) => {
                each(&entry.value).map(|item| within(reader, entry, item)).collect()
            }
            _ => {
                let hint = "it takes prefix, suffix, equals-ignore-case or wildcard";
                return refuse(reader, node.at, "`anything-but` of something else".into(), Some(hint.into()));
            }
        },
        Kind::List(_) | Kind::String(_) | Kind::Plain(..) | Kind::Broken => {
            each(node).map(|item| scalar(reader, item).map(Test::Equal)).collect()
        }
    };
    if tests.is_empty() {
        return refuse(reader, node.at, "`anything-but` nothing".into(), Some("write `exists: true`".into()));
    }
    reader.count(tests.len(), node.at)?;
    tests.into_iter().collect::<Option<_>>().map(Test::AnythingBut)
}

fn each(node: &Node) -> impl Iterator<Item = &Node> {
    match &node.kind {
        Kind::List(items) => items.iter(),
        Kind::Broken | Kind::Plain(..) | Kind::String(_) | Kind::Map(_) => std::slice::from_ref(node).iter(),
    }
}

fn within(reader: &mut Reader<'_, '_>, entry: &Entry, item: &Node) -> Option<Test> {
    match entry.key.as_str() {
        "prefix" => text(reader, entry, item).map(|text| Test::Prefix(text, Case::Counts)),
        "suffix" => text(reader, entry, item).map(|text| Test::Suffix(text, Case::Counts)),
        "equals-ignore-case" => text(reader, entry, item).map(Test::EqualIgnoringCase),
        _ => wildcard(reader, entry, item),
    }
}

/// `[">", 0, "<=", 5]`.
fn numeric(reader: &mut Reader<'_, '_>, node: &Node) -> Option<Range> {
    let items = reader.mistakes.list(node, "`numeric`")?;
    let usage = "it is like `[\">\", 0, \"<=\", 5]` or `[\"=\", 5]`";
    let mut range = Range { from: None, to: None };
    for pair in items.chunks(2) {
        let read = match pair {
            [Node { kind: Kind::String(operator), .. }, Node { kind: Kind::Plain(value, _), .. }] => {
                number(value).map(|number| (operator.as_str(), number))
            }
            _ => None,
        };
        let bound = |at, included| Some(Bound { at, included });
        let (from, to) = match read {
            Some(("=", at)) => (bound(at, true), bound(at, true)),
            Some((">", at)) => (bound(at, false), None),
            Some((">=", at)) => (bound(at, true), None),
            Some(("<", at)) => (None, bound(at, false)),
            Some(("<=", at)) => (None, bound(at, true)),
            _ => return refuse(reader, node.at, "no comparison of numbers".into(), Some(usage.into())),
        };
        let twice = from.is_some() && range.from.is_some() || to.is_some() && range.to.is_some();
        if twice {
            return refuse(reader, node.at, "two bounds of the same side".into(), Some(usage.into()));
        }
        range = Range { from: from.or(range.from), to: to.or(range.to) };
    }
    let empty = match (range.from, range.to) {
        (None, None) => return refuse(reader, node.at, "no comparison of numbers".into(), Some(usage.into())),
        (Some(from), Some(to)) => from.at > to.at || from.at == to.at && !(from.included && to.included),
        (_, _) => false,
    };
    if empty {
        return refuse(reader, node.at, "no number is within these bounds".into(), None);
    }
    Some(range)
}

fn cidr(reader: &mut Reader<'_, '_>, entry: &Entry) -> Option<Test> {
    let written = text(reader, entry, &entry.value)?;
    let parsed = written.split_once('/').and_then(|(address, bits)| {
        let address: IpAddr = address.parse().ok()?;
        let most = if address.is_ipv4() { 32 } else { 128 };
        bits.parse::<u8>().ok().filter(|bits| *bits <= most).map(|bits| Test::Cidr(address, bits))
    });
    if parsed.is_none() {
        let hint = "it is like `10.0.0.0/24` or `2001:db8::/32`".to_owned();
        return refuse(reader, entry.value.at, format!("no network: {}", quoted(&written)), Some(hint));
    }
    parsed
}
