//! Headers that travel beside an event: those a source accepts become context, those a sink passes are written from it.
//!
//! Deny by default: what nobody named stays behind. Which headers are the event's own (`ce-…`, `content-type`) is the
//! connector's to say; it refuses them in a configuration.

use serde::Deserialize;

use crate::ConfigError;

/// Headers in one list at most.
pub const HEADERS_MAX: usize = 32;
/// Bytes of a name at most.
const NAME_BYTES_MAX: usize = 128;
/// Before the name of a header in an event's context.
const PREFIX: &str = "header.";

/// A list of header names as in a document: `acceptHeaders: [x-tenant]`.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(transparent)]
pub struct HeadersConfig(Vec<String>);

/// A checked list of header names, in lower case: they mean the same whatever their case.
///
/// ```
/// use tidegate_connector::headers::HeadersConfig;
/// let config: HeadersConfig = serde_json::from_value(serde_json::json!(["X-Tenant"])).unwrap();
/// let headers = config.check("/acceptHeaders", |name| name.starts_with("ce-")).unwrap();
/// assert_eq!(headers.context("x-tenant"), Some("header.x-tenant"));
/// assert_eq!(headers.context("X-Tenant"), Some("header.x-tenant"));
/// assert_eq!(headers.context("cookie"), None);
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Headers {
    /// As context knows them, [`PREFIX`] and all.
    contexts: Vec<String>,
}

impl HeadersConfig {
    /// The names, as written.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(String::as_str)
    }

    /// Checks names; `own` says which belong to the event itself. Errors stand at `pointer/INDEX`.
    pub fn check(&self, pointer: &str, own: impl Fn(&str) -> bool) -> Result<Headers, Vec<ConfigError>> {
        let mut errors = Vec::new();
        let mut contexts: Vec<String> = Vec::new();
        if self.0.len() > HEADERS_MAX {
            errors.push(ConfigError::new(pointer, format!("more than {HEADERS_MAX} headers")));
        }
        for (index, name) in self.0.iter().enumerate() {
            let context = format!("{PREFIX}{}", name.to_ascii_lowercase());
            let at = || format!("{pointer}/{index}");
            if !is_name(name) {
                errors.push(ConfigError::new(at(), "no name of a header"));
            } else if own(&context[PREFIX.len()..]) {
                let error = ConfigError::new(at(), format!("`{name}` belongs to the event itself"));
                errors.push(error.hint("attributes and extensions are always passed on"));
            } else if contexts.contains(&context) {
                errors.push(ConfigError::new(at(), format!("`{name}` stands there twice")));
            } else {
                contexts.push(context);
            }
        }
        if errors.is_empty() { Ok(Headers { contexts }) } else { Err(errors) }
    }
}

impl Headers {
    /// What an event's context calls the header, if it is in the list.
    pub fn context(&self, header: &str) -> Option<&str> {
        self.pairs().find(|(name, _)| name.eq_ignore_ascii_case(header)).map(|(_, context)| context)
    }

    /// Every header: its name in lower case, and what an event's context calls it.
    pub fn pairs(&self) -> impl Iterator<Item = (&str, &str)> + '_ {
        self.contexts.iter().map(|context| (&context[PREFIX.len()..], context.as_str()))
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.contexts.is_empty()
    }
}

/// RFC 9110 section 5.6.2; brokers take more, but what cannot travel everywhere is no good name.
fn is_name(name: &str) -> bool {
    let token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    (1..=NAME_BYTES_MAX).contains(&name.len()) && name.bytes().all(token)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    fn problems(config: serde_json::Value) -> Vec<String> {
        let config: HeadersConfig = serde_json::from_value(config).unwrap();
        let checked = config.check("/h", |name| name == "content-type");
        checked.err().unwrap_or_default().iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_list_is_of_names_each_once_and_none_of_the_events_own() {
        assert_eq!(problems(serde_json::json!(["X-Tenant", "traceparent"])), Vec::<String>::new());
        assert_eq!(
            problems(serde_json::json!(["a b", "", "Content-Type", "x", "X"])),
            [
                "/h/0: no name of a header",
                "/h/1: no name of a header",
                "/h/2: `Content-Type` belongs to the event itself",
                "/h/4: `X` stands there twice",
            ]
        );
        let many: Vec<String> = (0..=HEADERS_MAX).map(|index| format!("x-{index}")).collect();
        assert_eq!(problems(serde_json::json!(many)), ["/h: more than 32 headers"]);
    }
}
