//! What a value is expected to be: exactly this, or what a matcher says. Matchers are mappings of one key that begins with `$`.

use regex::Regex;
use serde_json::{Map, Value, json};

use super::codes;
use crate::{
    diagnostic::quoted,
    mistakes::{Mistakes, did_you_mean},
    tree::{Entry, Kind, Node},
};

/// What a value is expected to be.
#[derive(Clone, Debug)]
pub enum Expected {
    /// This value, all of it.
    Exactly(Value),
    /// A list of as many, each as expected.
    List(Vec<Expected>),
    /// A mapping with these keys and, unless it is open (`$has`), no others.
    Map {
        /// Keys and what is expected behind them.
        entries: Vec<(String, Expected)>,
        /// Whether there may be more.
        open: bool,
    },
    /// `$any: true`: whatever there is.
    Any,
    /// `$absent: true`, of a key: it is not there.
    Absent,
    /// `$prefix`: text that begins so.
    Prefix(String),
    /// `$suffix`: text that ends so.
    Suffix(String),
    /// `$contains`: text with this in it.
    Contains(String),
    /// `$regex`: text in which it is found.
    Regex(Regex),
}

const MATCHERS: [&str; 8] = ["$is", "$has", "$any", "$absent", "$prefix", "$suffix", "$contains", "$regex"];

impl Expected {
    /// Whether a value is as expected; `None`: there is none.
    pub fn fits(&self, found: Option<&Value>) -> bool {
        let text = || found.and_then(Value::as_str);
        match self {
            Expected::Exactly(value) => found == Some(value),
            Expected::List(items) => found.and_then(Value::as_array).is_some_and(|found| {
                found.len() == items.len() && items.iter().zip(found).all(|(item, found)| item.fits(Some(found)))
            }),
            Expected::Map { entries, open } => found.and_then(Value::as_object).is_some_and(|found| {
                entries.iter().all(|(key, expected)| expected.fits(found.get(key)))
                    && (*open || found.keys().all(|key| entries.iter().any(|(known, _)| known == key)))
            }),
            Expected::Any => found.is_some(),
            Expected::Absent => found.is_none(),
            Expected::Prefix(wanted) => text().is_some_and(|text| text.starts_with(wanted)),
            Expected::Suffix(wanted) => text().is_some_and(|text| text.ends_with(wanted)),
            Expected::Contains(wanted) => text().is_some_and(|text| text.contains(wanted)),
            Expected::Regex(wanted) => text().is_some_and(|text| wanted.is_match(text)),
        }
    }

    /// To be shown beside what was found: what fits stands as it was found, so that only what does not fit differs. `None`: it is
    /// right that there is none.
    pub fn beside(&self, found: Option<&Value>) -> Option<Value> {
        if self.fits(found) {
            return found.cloned();
        }
        Some(match (self, found) {
            (Expected::List(items), Some(Value::Array(found))) => {
                items.iter().enumerate().filter_map(|(at, item)| item.beside(found.get(at))).collect()
            }
            (Expected::Map { entries, open }, Some(Value::Object(found))) => {
                // In the order in which they were found, so that order is no difference.
                let mut shown = Map::new();
                for (key, value) in found {
                    match entries.iter().find(|(known, _)| known == key) {
                        Some((_, expected)) => {
                            if let Some(value) = expected.beside(Some(value)) {
                                shown.insert(key.clone(), value);
                            }
                        }
                        None if *open => {
                            shown.insert(key.clone(), value.clone());
                        }
                        None => {}
                    }
                }
                for (key, expected) in entries.iter().filter(|(key, _)| !found.contains_key(key)) {
                    if let Some(value) = expected.beside(None) {
                        shown.insert(key.clone(), value);
                    }
                }
                Value::Object(shown)
            }
            (Expected::Absent, _) => return None,
            (_, _) => self.written(),
        })
    }

    /// As a case writes it.
    pub fn written(&self) -> Value {
        match self {
            Expected::Exactly(value) => value.clone(),
            Expected::List(items) => items.iter().map(Expected::written).collect(),
            Expected::Map { entries, open } => {
                let map = entries.iter().map(|(key, expected)| (key.clone(), expected.written())).collect();
                if *open { json!({"$has": Value::Object(map)}) } else { Value::Object(map) }
            }
            Expected::Any => json!({"$any": true}),
            Expected::Absent => json!({"$absent": true}),
            Expected::Prefix(text) => json!({"$prefix": text}),
            Expected::Suffix(text) => json!({"$suffix": text}),
            Expected::Contains(text) => json!({"$contains": text}),
            Expected::Regex(regex) => json!({"$regex": regex.as_str()}),
        }
    }

    /// Whether it says every value: then what was found can be written in its place.
    pub fn is_exact(&self) -> bool {
        match self {
            Expected::Exactly(_) => true,
            Expected::List(items) => items.iter().all(Expected::is_exact),
            Expected::Map { entries, open } => !open && entries.iter().all(|(_, expected)| expected.is_exact()),
            Expected::Any
            | Expected::Absent
            | Expected::Prefix(_)
            | Expected::Suffix(_)
            | Expected::Contains(_)
            | Expected::Regex(_) => false,
        }
    }

    /// The same with keys that a mapping does not name.
    pub(super) fn with_defaults(self, defaults: &[(&str, Value)]) -> Expected {
        let Expected::Map { mut entries, open: false } = self else { return self };
        for (key, value) in defaults {
            if !entries.iter().any(|(known, _)| known == key) {
                entries.push(((*key).to_owned(), Expected::Exactly(value.clone())));
            }
        }
        Expected::Map { entries, open: false }
    }

    /// The value of a key, where it is said exactly.
    pub(super) fn key(&self, name: &str) -> Option<&Expected> {
        let Expected::Map { entries, .. } = self else { return None };
        entries.iter().find(|(key, _)| key == name).map(|(_, value)| value)
    }
}

/// What a node of a case expects; `None` where it was a mistake, which has been said.
pub(super) fn read(node: &Node, mistakes: &mut Mistakes<'_>) -> Option<Expected> {
    match &node.kind {
        Kind::Broken => None,
        Kind::Plain(value, _) => Some(Expected::Exactly(value.clone())),
        Kind::String(text) => Some(Expected::Exactly(Value::String(text.clone()))),
        Kind::List(items) => {
            let items: Vec<Option<Expected>> = items.iter().map(|item| read(item, mistakes)).collect();
            Some(Expected::List(items.into_iter().collect::<Option<_>>()?))
        }
        Kind::Map(entries) => match entries.iter().find(|entry| entry.key.starts_with('$')) {
            Some(entry) if entries.len() == 1 => matcher(entry, mistakes),
            Some(entry) => {
                let hint =
                    "a matcher stands alone, as in `{$has: {…}}`; a key that begins with `$` is written `{$is: {…}}`";
                let message = format!("{} beside other keys", quoted(&entry.key));
                mistakes.hint(codes::MATCHER, entry.at, message, hint);
                None
            }
            None => map(entries, mistakes).map(|entries| Expected::Map { entries, open: false }),
        },
    }
}

/// The same where text is expected: `reason`, a line's message.
pub(super) fn text(node: &Node, what: &str, mistakes: &mut Mistakes<'_>) -> Option<Expected> {
    if let Kind::Map(entries) = &node.kind
        && let Some(entry) = entries.iter().find(|entry| ["$has", "$absent"].contains(&entry.key.as_str()))
    {
        mistakes.add(codes::MATCHER, entry.at, format!("{what} is text, and `{}` is not for text", entry.key));
        return None;
    }
    if let Kind::Map(entries) = &node.kind
        && entries.iter().any(|entry| entry.key.starts_with('$'))
    {
        return read(node, mistakes);
    }
    mistakes.string(node, what).map(|text| Expected::Exactly(Value::String(text.to_owned())))
}

fn map(entries: &[Entry], mistakes: &mut Mistakes<'_>) -> Option<Vec<(String, Expected)>> {
    let read: Vec<Option<(String, Expected)>> =
        entries.iter().map(|entry| Some((entry.key.clone(), read(&entry.value, mistakes)?))).collect();
    read.into_iter().collect()
}

fn matcher(entry: &Entry, mistakes: &mut Mistakes<'_>) -> Option<Expected> {
    let Entry { key, at, value } = entry;
    let flag = |mistakes: &mut Mistakes<'_>, expected: Expected| match mistakes.boolean(value, &quoted(key))? {
        true => Some(expected),
        false => {
            mistakes.hint(codes::MATCHER, *at, format!("{} is only ever `true`", quoted(key)), "leave it out");
            None
        }
    };
    let text = |mistakes: &mut Mistakes<'_>| mistakes.string(value, &quoted(key)).map(str::to_owned);
    match key.as_str() {
        "$is" => value.json().map(Expected::Exactly),
        "$any" => flag(mistakes, Expected::Any),
        "$absent" => flag(mistakes, Expected::Absent),
        "$prefix" => text(mistakes).map(Expected::Prefix),
        "$suffix" => text(mistakes).map(Expected::Suffix),
        "$contains" => text(mistakes).map(Expected::Contains),
        "$regex" => match Regex::new(&text(mistakes)?) {
            Ok(regex) => Some(Expected::Regex(regex)),
            Err(error) => {
                let problem = error.to_string();
                let last = problem.lines().last().unwrap_or_default().trim_start_matches("error: ").to_owned();
                mistakes.add(codes::MATCHER, value.at, format!("no regular expression: {last}"));
                None
            }
        },
        "$has" => match &value.kind {
            Kind::Map(entries) => map(entries, mistakes).map(|entries| Expected::Map { entries, open: true }),
            Kind::Broken => None,
            Kind::Plain(..) | Kind::String(_) | Kind::List(_) => {
                mistakes.wrong_type(value, "`$has`", "a mapping");
                None
            }
        },
        _ => {
            let hint = match did_you_mean(key, &MATCHERS) {
                Some(word) => format!("did you mean `{word}`?"),
                None => format!("there are {}", MATCHERS.join(", ")),
            };
            mistakes.hint(codes::UNKNOWN_MATCHER, *at, format!("no matcher named {}", quoted(key)), hint);
            None
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use super::*;
    use crate::{text::Text, tree};

    fn expected(yaml: &str) -> Result<Expected, String> {
        let text = Text::new("case.yaml", yaml);
        let mut mistakes = Mistakes::new(&text);
        let trees = tree::parse(yaml, &mut mistakes);
        let expected = read(&trees[0].root, &mut mistakes);
        let (found, _) = mistakes.into_parts();
        match expected {
            Some(expected) if found.is_empty() => Ok(expected),
            _ => Err(found.iter().map(ToString::to_string).collect()),
        }
    }

    #[track_caller]
    fn check(yaml: &str, found: &str, fits: bool) {
        let found: Value = serde_json::from_str(found).unwrap();
        assert_eq!(expected(yaml).unwrap().fits(Some(&found)), fits, "{yaml} and {found}");
    }

    #[test]
    fn what_is_written_is_meant_exactly() {
        check("{a: 1, b: [x, {c: null}]}", r#"{"b": ["x", {"c": null}], "a": 1}"#, true);
        check("{a: 1}", r#"{"a": 1, "b": 2}"#, false);
        check("{a: 1, b: 2}", r#"{"a": 1}"#, false);
        check("{a: 1}", r#"{"a": "1"}"#, false);
        check("[1, 2]", "[2, 1]", false);
        check("[1]", "[1, 1]", false);
    }

    #[test]
    fn matchers_say_what_may_differ() {
        check("{$has: {a: 1}}", r#"{"a": 1, "b": 2}"#, true);
        check("{$has: {a: 1}}", r#"{"b": 2}"#, false);
        check("{a: {$any: true}}", r#"{"a": null}"#, true);
        check("{a: {$any: true}}", "{}", false);
        check("{$has: {a: {$absent: true}}}", r#"{"b": 1}"#, true);
        check("{$has: {a: {$absent: true}}}", r#"{"a": null}"#, false);
        check("{$prefix: ab}", r#""abc""#, true);
        check("{$suffix: ab}", r#""abc""#, false);
        check("{$contains: b}", r#""abc""#, true);
        check("{$contains: b}", r#"["b"]"#, false);
        check("{$regex: '^a.c$'}", r#""abc""#, true);
        check("{$regex: '^b'}", r#""abc""#, false);
        check("{$is: {$has: {a: 1}}}", r#"{"$has": {"a": 1}}"#, true);
    }

    #[test]
    fn a_matcher_that_is_none_is_a_mistake() {
        for (yaml, code, says) in [
            ("{$prefx: a}", "T101", "did you mean `$prefix`?"),
            ("{$between: [1, 2]}", "T101", "there are $is, $has"),
            ("{$has: {}, b: 1}", "T102", "beside other keys"),
            ("{$regex: '('}", "T102", "no regular expression"),
            ("{$any: false}", "T102", "only ever `true`"),
            ("{$contains: 1}", "P107", "expected a string"),
            ("{$has: a}", "P107", "expected a mapping"),
        ] {
            let said = expected(yaml).unwrap_err();
            assert!(said.contains(&format!("[{code}]")) && said.contains(says), "{yaml}: {said}");
        }
    }

    #[test]
    fn only_what_does_not_fit_is_shown_differently() {
        let expected = expected("{$has: {a: {$prefix: x}, b: 1, c: {$absent: true}}}").unwrap();
        let found = serde_json::json!({"z": 0, "b": 2, "a": "xy", "c": 3});
        assert_eq!(expected.beside(Some(&found)), Some(serde_json::json!({"z": 0, "b": 1, "a": "xy"})));
    }
}
