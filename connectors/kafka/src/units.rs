//! Times in documents: `500ms`, `10s`, `5m`, as everywhere in documents of the host.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Deserializer, de};
use tidegate_connector::ConfigError;

/// A time, as written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Time(pub(crate) Duration);

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
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a time such as 500ms, 10s or 5m")
            }
            fn visit_str<E: de::Error>(self, text: &str) -> Result<Time, E> {
                text.parse().map_err(E::custom)
            }
        }
        deserializer.deserialize_str(Visitor)
    }
}

/// A time within its limits; `limits` says them to a person.
pub(crate) fn within(
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
