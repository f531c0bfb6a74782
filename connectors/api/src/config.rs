//! Reading a connector's configuration: serde for the shape, JSON pointers and hints for the person.
//!
//! Configurations are small and written by people, so that every mistake is worth a place and a hint. Nothing here knows
//! YAML: the host maps pointers back to lines.

use std::time::Duration;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer, de};
use serde_json::Value;
use serde_path_to_error::Segment;
use tidegate_event::json::Validate;

use crate::ConfigError;

/// Mistakes reported of one configuration at most.
const ERRORS_MAX: usize = 16;

/// Reads a configuration; all mistakes that can be told apart, not only the first.
///
/// `T` should refuse unknown fields (`#[serde(deny_unknown_fields)]`): they are answered with "did you mean".
pub fn parse<T: DeserializeOwned>(config: &Value) -> Result<T, Vec<ConfigError>> {
    // A configuration left empty (`file:`) has no members.
    let mut config = if config.is_null() { Value::Object(serde_json::Map::new()) } else { config.clone() };
    let mut errors = Vec::new();
    // What was cut out to look for further mistakes: it is not missing.
    let mut removed: Vec<String> = Vec::new();
    loop {
        let (error, pointer) = match serde_path_to_error::deserialize::<_, T>(&config) {
            Ok(parsed) if errors.is_empty() => return Ok(parsed),
            Ok(_) => return Err(errors),
            Err(error) => {
                let pointer = pointer(error.path());
                (error.into_inner().to_string(), pointer)
            }
        };
        let spurious = missing(&error).is_some_and(|name| removed.contains(&format!("{pointer}/{}", escape(name))));
        if !spurious {
            errors.push(explain(pointer.clone(), &error));
        }
        // A key that is misspelt is not missing as well.
        if let Some(meant) = unknown_field(&error).and_then(|(name, known)| closest(name, known)) {
            let parent = pointer.rsplit_once('/').map_or("", |(parent, _)| parent);
            removed.push(format!("{parent}/{}", escape(meant)));
        }
        if errors.len() >= ERRORS_MAX || !remove(&mut config, &pointer) {
            return Err(errors);
        }
        removed.push(pointer);
    }
}

fn pointer(path: &serde_path_to_error::Path) -> String {
    let mut pointer = String::new();
    for segment in path {
        match segment {
            Segment::Seq { index } => pointer.push_str(&format!("/{index}")),
            Segment::Map { key } => pointer.push_str(&format!("/{}", escape(key))),
            Segment::Enum { variant } => pointer.push_str(&format!("/{}", escape(variant))),
            Segment::Unknown => {}
        }
    }
    pointer
}

fn escape(key: &str) -> String {
    key.replace('~', "~0").replace('/', "~1")
}

/// Takes the member at `pointer` out, so that the rest can be looked at; false where there is none.
fn remove(config: &mut Value, pointer: &str) -> bool {
    let Some((parent, key)) = pointer.rsplit_once('/') else { return false };
    let key = key.replace("~1", "/").replace("~0", "~");
    match config.pointer_mut(parent) {
        Some(Value::Object(members)) => members.shift_remove(&key).is_some(),
        Some(_) | None => false,
    }
}

/// The field a serde message calls unknown, and those it knows.
fn unknown_field(message: &str) -> Option<(&str, Vec<&str>)> {
    let name = message.strip_prefix("unknown field `")?.split('`').next()?;
    Some((name, message.split('`').skip(3).step_by(2).collect()))
}

/// The field a serde message calls missing.
fn missing(message: &str) -> Option<&str> {
    message.strip_prefix("missing field `")?.split('`').next()
}

fn explain(pointer: String, message: &str) -> ConfigError {
    if let Some(name) = missing(message) {
        return ConfigError::new(pointer, format!("`{name}` is required"));
    }
    for kind in ["field", "variant"] {
        if let Some(rest) = message.strip_prefix(&format!("unknown {kind} `")) {
            let mut names = rest.split('`').step_by(2);
            let name = names.next().unwrap_or_default();
            let known: Vec<&str> = message.split('`').skip(3).step_by(2).collect();
            let noun = if kind == "field" { "key" } else { "value" };
            let error = ConfigError::new(pointer, format!("unknown {noun} `{name}`"));
            return match closest(name, known.iter().copied()) {
                Some(near) => error.hint(format!("did you mean `{near}`?")),
                None if known.is_empty() => error,
                None => error.hint(format!("one of {}", quote(&known))),
            };
        }
    }
    ConfigError::new(pointer, message)
}

fn quote(names: &[&str]) -> String {
    names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}

/// A part of a configuration that was checked by itself; or nothing, and its errors where the part stands.
pub fn keep<T>(part: Result<T, Vec<ConfigError>>, pointer: &str, errors: &mut Vec<ConfigError>) -> Option<T> {
    let below = |error: ConfigError| ConfigError { pointer: format!("{pointer}{}", error.pointer), ..error };
    part.map_err(|found| errors.extend(found.into_iter().map(below))).ok()
}

/// The name a person probably meant: at most a third of its letters wrong, case aside.
pub fn closest<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let lower = name.to_lowercase();
    known
        .into_iter()
        .map(|candidate| (strsim::damerau_levenshtein(&lower, &candidate.to_lowercase()), candidate))
        .filter(|(distance, candidate)| *distance <= (candidate.len().max(name.len()) / 3).max(1))
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// A number of bytes: `1048576`, or text with a unit: `64Ki`, `16Mi`, `1Gi` (powers of 1024), `10k`, `10M`, `1G` (of 1000).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Size(pub u64);

impl Size {
    /// As `usize`, at most its maximum.
    pub fn as_usize(self) -> usize {
        usize::try_from(self.0).unwrap_or(usize::MAX)
    }
}

impl std::str::FromStr for Size {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let digits = text.trim_end_matches(|c: char| !c.is_ascii_digit());
        let unit: u64 = match text[digits.len()..].trim() {
            "" | "B" => 1,
            "Ki" | "KiB" => 1 << 10,
            "Mi" | "MiB" => 1 << 20,
            "Gi" | "GiB" => 1 << 30,
            "k" | "kB" => 1_000,
            "M" | "MB" => 1_000_000,
            "G" | "GB" => 1_000_000_000,
            _ => return Err(format!("`{text}` is no size; write bytes, or a number with Ki, Mi, Gi, k, M or G")),
        };
        let count: u64 =
            digits.parse().map_err(|_| format!("`{text}` is no size; write a whole number, as in 16Mi"))?;
        count.checked_mul(unit).map(Size).ok_or_else(|| format!("`{text}` is more bytes than there can be"))
    }
}

impl<'de> Deserialize<'de> for Size {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl de::Visitor<'_> for Visitor {
            type Value = Size;
            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("a size such as 16Mi or a number of bytes")
            }
            fn visit_u64<E: de::Error>(self, count: u64) -> Result<Size, E> {
                Ok(Size(count))
            }
            fn visit_str<E: de::Error>(self, text: &str) -> Result<Size, E> {
                text.parse().map_err(E::custom)
            }
        }
        deserializer.deserialize_any(Visitor)
    }
}

/// A time, as everywhere in documents of the host: `500ms`, `10s`, `5m`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Time(pub Duration);

impl Time {
    /// A time within its limits, or `default` where none is written. `limits` says to a person what `min` and `max` are; the
    /// error stands at `pointer`.
    pub fn within(
        time: Option<Time>,
        default: Duration,
        (min, max, limits): (Duration, Duration, &str),
        pointer: &str,
        errors: &mut Vec<ConfigError>,
    ) -> Duration {
        let time = time.map_or(default, |time| time.0);
        if !(min..=max).contains(&time) {
            errors.push(ConfigError::new(pointer, format!("must be between {limits}")));
        }
        time
    }
}

impl std::str::FromStr for Time {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let no_time = || format!("`{text}` is no time; write a whole number with ms, s or m, as in 10s");
        let digits = text.trim_end_matches(|c: char| !c.is_ascii_digit());
        let unit_ms = match &text[digits.len()..] {
            "ms" => 1,
            "s" => 1_000,
            "m" => 60_000,
            _ => return Err(no_time()),
        };
        let count: u64 = digits.parse().map_err(|_| no_time())?;
        count.checked_mul(unit_ms).map(|ms| Time(Duration::from_millis(ms))).ok_or_else(no_time)
    }
}

impl<'de> Deserialize<'de> for Time {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl de::Visitor<'_> for Visitor {
            type Value = Time;
            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("a time such as 500ms, 10s or 5m")
            }
            fn visit_str<E: de::Error>(self, text: &str) -> Result<Time, E> {
                text.parse().map_err(E::custom)
            }
        }
        deserializer.deserialize_str(Visitor)
    }
}

/// How much of an event's JSON is checked, as in a document: `validate: envelope` or `full`.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub enum ValidateConfig {
    /// Structure and attributes.
    #[default]
    Envelope,
    /// The grammar inside `data`, too.
    Full,
}

impl From<ValidateConfig> for Validate {
    fn from(config: ValidateConfig) -> Validate {
        match config {
            ValidateConfig::Envelope => Validate::Envelope,
            ValidateConfig::Full => Validate::Full,
        }
    }
}
