//! Configuration: JSON in, the author's type out.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer};

/// The configuration of a module that has none.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoConfig;

impl<'de> Deserialize<'de> for NoConfig {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<NoConfig, D::Error> {
        let value = serde_json::Value::deserialize(deserializer)?;
        match value.as_object() {
            Some(object) if object.is_empty() => Ok(NoConfig),
            None if value.is_null() => Ok(NoConfig),
            Some(_) | None => Err(serde::de::Error::custom("this module takes no configuration")),
        }
    }
}

/// Reads what `configure` was given. No configuration is `{}` to a type that does not take `null`.
pub(crate) fn parse<C: DeserializeOwned>(config: &str) -> Result<C, String> {
    let config = config.trim();
    if matches!(config, "" | "null") {
        return serde_json::from_str("null").or_else(|_| serde_json::from_str("{}")).map_err(|e| without_place(&e));
    }
    serde_json::from_str(config).map_err(|e| without_place(&e))
}

/// The error without its line and column: they are of the host's rendering of the document, which nobody has seen.
fn without_place(error: &serde_json::Error) -> String {
    let text = error.to_string();
    match text.rfind(" at line ") {
        Some(place) => text[..place].to_owned(),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Deserialize, PartialEq)]
    #[serde(deny_unknown_fields)]
    struct Config {
        #[serde(default)]
        minimum: u32,
    }

    #[test]
    fn no_configuration_is_an_empty_one() {
        for text in ["", "null", "{}", " {} "] {
            assert_eq!(parse(text), Ok(Config { minimum: 0 }), "{text:?}");
            assert!(parse::<NoConfig>(text).is_ok(), "{text:?}");
        }
        assert_eq!(parse("null"), Ok(None::<Config>));
    }

    #[test]
    fn a_wrong_configuration_says_what_is_wrong() {
        let refused = |text| parse::<Config>(text).unwrap_err();
        assert_eq!(refused(r#"{"minimun": 1}"#), "unknown field `minimun`, expected `minimum`");
        assert_eq!(refused(r#"{"minimum": "x"}"#), "invalid type: string \"x\", expected u32");
        assert_eq!(parse::<NoConfig>(r#"{"a":1}"#).unwrap_err(), "this module takes no configuration");
    }
}
