//! An event as it arrived, wherever that was, against the one it should be.

use std::collections::BTreeMap;

use base64_simd::STANDARD;
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use super::table::{Difference, Effect, Row};

/// An event: attributes, and data.
#[derive(Clone, Debug, PartialEq)]
pub struct Seen {
    pub attributes: BTreeMap<String, Value>,
    pub data: Data,
}

#[derive(Clone, Debug, PartialEq)]
pub enum Data {
    None,
    /// A JSON value, with its text where that is known.
    Json(Value, Option<String>),
    /// A string that is not JSON.
    Text(String),
    Bytes(Vec<u8>),
    /// As an SDK hands it out: a string is text or a JSON string.
    Value(Value),
    /// As it was sent, which is looked at elsewhere.
    Sent,
}

impl Data {
    /// As bytes; `None` where no text is known.
    pub fn content(&self) -> Option<Vec<u8>> {
        match self {
            Data::None => Some(Vec::new()),
            Data::Json(_, text) => text.clone().map(String::into_bytes),
            Data::Text(text) => Some(text.clone().into_bytes()),
            Data::Bytes(bytes) => Some(bytes.clone()),
            Data::Value(Value::String(text)) => Some(text.clone().into_bytes()),
            Data::Value(_) | Data::Sent => None,
        }
    }

    /// Whether `self` is what it should be.
    fn is(&self, expected: &Data) -> bool {
        match (expected, self) {
            (Data::Sent, _) => true,
            (Data::None, got) | (got, Data::None) => *got == Data::None,
            (Data::Json(expected, _), Data::Json(got, _) | Data::Value(got)) => expected == got,
            (Data::Text(expected), Data::Value(got)) => got == expected,
            (Data::Value(expected), Data::Value(got) | Data::Json(got, _)) => expected == got,
            // What is text to the one may be bytes to the other, as long as it is the same.
            (expected, got) => expected.content().is_some() && expected.content() == got.content(),
        }
    }

    fn from_line(line: &Value) -> Data {
        match (line.get("value"), line["base64"].as_str()) {
            (Some(value), _) => Data::Value(value.clone()),
            (None, Some(base64)) => Data::Bytes(STANDARD.decode_to_vec(base64).unwrap()),
            (None, None) => Data::None,
        }
    }
}

fn is_json(attributes: &BTreeMap<String, Value>) -> bool {
    attributes.get("datacontenttype").is_none_or(|text| text.as_str().unwrap().to_ascii_lowercase().contains("json"))
}

impl Seen {
    /// A structured event, as text.
    pub fn structured(text: &str) -> Seen {
        let members: BTreeMap<String, Box<RawValue>> =
            serde_json::from_str(text).unwrap_or_else(|error| panic!("no JSON object ({error}): {text}"));
        let mut attributes: BTreeMap<String, Value> =
            members.iter().map(|(name, raw)| (name.clone(), serde_json::from_str(raw.get()).unwrap())).collect();
        let base64 = attributes.remove("data_base64");
        let data = match (attributes.remove("data"), base64) {
            (Some(_), Some(_)) => panic!("both `data` and `data_base64`: {text}"),
            (None, None) => Data::None,
            (None, Some(base64)) => Data::Bytes(STANDARD.decode_to_vec(base64.as_str().unwrap()).unwrap()),
            (Some(Value::String(string)), None) if !is_json(&attributes) => Data::Text(string),
            (Some(value), None) => Data::Json(value, Some(members["data"].get().to_owned())),
        };
        Seen { attributes, data }
    }

    /// What a receiver printed.
    pub fn received(line: &Value) -> Seen {
        let attributes = line["attributes"].as_object().unwrap_or_else(|| panic!("{line}"));
        let attributes = attributes.iter().map(|(name, value)| (name.clone(), value.clone())).collect();
        Seen { attributes, data: Data::from_line(&line["data"]) }
    }

    /// What should be seen of an event that went in a mode, with these differences.
    pub fn expected(row: &Row, mode: &str, differences: &[&Difference]) -> Seen {
        let mut seen = Seen::structured(&Value::from(row.event.clone()).to_string());
        if mode == "binary" {
            // Headers are strings: binary mode does not say more.
            for value in seen.attributes.values_mut().filter(|value| !value.is_string()) {
                *value = value.to_string().into();
            }
        }
        for difference in differences {
            match &difference.effect {
                Effect::Becomes(changes) => seen.change(changes),
                Effect::NoMode(_) | Effect::GivesUp(_) | Effect::Refused(_) => {}
            }
        }
        seen
    }

    fn change(&mut self, changes: &Map<String, Value>) {
        for (name, value) in changes {
            if name == "data" {
                self.data = match (value.as_str(), self.data.content()) {
                    (Some("sent"), _) => Data::Sent,
                    (Some("text"), Some(text)) => Data::Text(String::from_utf8(text).unwrap()),
                    (text, _) => {
                        assert_eq!(text, None, "data becomes what?");
                        Data::from_line(value)
                    }
                };
            } else if value.is_null() {
                self.attributes.remove(name);
            } else {
                self.attributes.insert(name.clone(), value.clone());
            }
        }
    }

    /// The id as it should be seen.
    pub fn id(&self) -> &str {
        self.attributes["id"].as_str().unwrap()
    }

    /// What is not as it should be; nothing where all is.
    pub fn against(&self, expected: &Seen) -> Vec<String> {
        let any = |value: Option<&Value>| value.is_some_and(Value::is_object);
        let mut names: Vec<&String> = self.attributes.keys().chain(expected.attributes.keys()).collect();
        names.sort();
        names.dedup();
        let pairs = names.into_iter().map(|name| (name, expected.attributes.get(name), self.attributes.get(name)));
        let wrong = pairs.filter(|(_, expected, got)| !(expected == got || got.is_some() && any(*expected)));
        let mut problems: Vec<String> = wrong
            .map(|(name, expected, got)| format!("{name}: expected {}, got {}", shown(&expected), shown(&got)))
            .collect();
        if !self.data.is(&expected.data) {
            problems.push(format!("data: expected {}, got {}", shown(&expected.data), shown(&self.data)));
        }
        problems
    }
}

/// The beginning, of what may be long.
fn shown(what: &impl std::fmt::Debug) -> String {
    format!("{what:?}").chars().take(200).collect()
}
