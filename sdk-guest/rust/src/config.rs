//! Configuration: JSON in, the author's type out.

use serde::de::DeserializeOwned;

/// The configuration of a module that has none.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoConfig;

/// Reads the configuration of a module that has none: there is none, or an empty object.
///
/// By hand: a module without configuration then carries no JSON parser.
pub fn no_config(config: &str) -> Result<NoConfig, String> {
    let config = config.trim();
    let inside = config.strip_prefix('{').and_then(|rest| rest.strip_suffix('}'));
    let is_none = matches!(config, "" | "null") || inside.is_some_and(|inside| inside.trim().is_empty());
    if is_none { Ok(NoConfig) } else { Err("this module takes no configuration".to_owned()) }
}

/// Reads a configuration. No configuration is `{}` to a type that does not take `null`.
pub fn parse_config<C: DeserializeOwned>(config: &str) -> Result<C, String> {
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
    #![allow(clippy::unwrap_used, reason = "tests")]

    use serde::Deserialize;

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
            assert_eq!(parse_config(text), Ok(Config { minimum: 0 }), "{text:?}");
            assert!(no_config(text).is_ok(), "{text:?}");
        }
        assert_eq!(parse_config("null"), Ok(None::<Config>));
    }

    #[test]
    fn a_wrong_configuration_says_what_is_wrong() {
        let refused = |text| parse_config::<Config>(text).unwrap_err();
        assert_eq!(refused(r#"{"minimun": 1}"#), "unknown field `minimun`, expected `minimum`");
        assert_eq!(refused(r#"{"minimum": "x"}"#), "invalid type: string \"x\", expected u32");
        for text in [r#"{"a":1}"#, "[]", "0", "{", "}"] {
            assert_eq!(no_config(text).unwrap_err(), "this module takes no configuration", "{text:?}");
        }
    }
}
