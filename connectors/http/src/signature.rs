//! HMAC signatures over the raw body, compared in constant time: GitHub's form and a configurable one.
//!
//! ```yaml
//! signature: {secret: {file: webhook-secret}}   # GitHub's: X-Hub-Signature-256: sha256=HEX
//! ---
//! signature:                                    # Slack's
//!   secret: {file: signing-secret}
//!   header: X-Slack-Signature
//!   prefix: v0=
//!   signed: v0:${timestamp}:${body}
//!   timestamp: {header: X-Slack-Request-Timestamp}
//! ---
//! signature:                                    # Stripe's: Stripe-Signature: t=1492774577,v1=HEX,v1=HEX
//!   secret: {env: STRIPE_SECRET}
//!   header: Stripe-Signature
//!   separator: ","
//!   prefix: v1=
//!   signed: ${timestamp}.${body}
//!   timestamp: {header: Stripe-Signature, prefix: t=}
//! ```
//!
//! | option | default | limit |
//! |---|---|---|
//! | `secret` | required | `{file: …}` or `{env: …}` |
//! | `header` | `X-Hub-Signature-256` | a header name; without it only `secret` may be given |
//! | `prefix` | `sha256=` without `header`, else nothing | what stands before the signature in the header |
//! | `separator` | none: the header is one signature | one character; of what it separates any may be right, 16 parts at most |
//! | `algorithm` | `sha256` | `sha256`, `sha512` |
//! | `encoding` | `hex` | `hex` (either case), `base64`, `base64url` (without padding) |
//! | `signed` | `${body}` | literal text, `${body}` once, `${timestamp}`, `${header.NAME}` |
//! | `timestamp.header` | – | holds seconds since 1970; it must be part of `signed` |
//! | `timestamp.prefix` | none | picks the part of a header that `separator` splits |
//! | `timestamp.tolerance` | `5m` | 1 s to 1440 m, both ways |
//!
//! A signature says who sent a body, not when: without `timestamp` a request can be sent again as it is, and makes the same
//! event again (with the same id, where the id comes from the request). With it, only within the tolerance.

mod form;
mod signed;

use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use http::{HeaderMap, StatusCode};
use serde::Deserialize;
use tidegate_connector::config::{Time, keep};
use tidegate_connector::{ConfigError, Secret, SecretConfig};

use self::form::{Algorithm, Encoding, Parts};
use self::signed::Signed;

/// How far a timestamp may be off by default: what Stripe and Slack advise.
const TOLERANCE_DEFAULT: Duration = Duration::from_secs(300);
/// `tolerance` at least: timestamps are whole seconds.
const TOLERANCE_MIN: Duration = Duration::from_secs(1);
/// `tolerance` at most: a day. More is no protection any more.
const TOLERANCE_MAX: Duration = Duration::from_secs(86_400);
/// GitHub's header and prefix.
const GITHUB: (&str, &str) = ("X-Hub-Signature-256", "sha256=");

/// `signature:` of a source, as in the document.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct SignatureConfig {
    secret: SecretConfig,
    header: Option<String>,
    prefix: Option<String>,
    separator: Option<String>,
    algorithm: Option<Algorithm>,
    encoding: Option<Encoding>,
    signed: Option<String>,
    timestamp: Option<TimestampConfig>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct TimestampConfig {
    header: String,
    #[serde(default)]
    prefix: String,
    tolerance: Option<Time>,
}

/// Why a request is refused. Says what is missing or wrong, never what would be right.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum SignatureError {
    /// The request has no good signature.
    #[error("{0}")]
    Refused(String),
    /// It cannot be told now, and may be later: there is no secret. Why is in the log, not in the answer.
    #[error("signatures cannot be checked at the moment")]
    Unavailable,
}

impl SignatureError {
    /// 401, or 503 where the fault is ours.
    pub(crate) fn status(&self) -> StatusCode {
        match self {
            Self::Refused(_) => StatusCode::UNAUTHORIZED,
            Self::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
        }
    }
}

/// Checks signatures; its secret is reread when it changes.
#[derive(Debug)]
pub(crate) struct SignatureCheck {
    secret: Secret,
    parts: Parts,
    algorithm: Algorithm,
    encoding: Encoding,
    signed: Signed,
    timestamp: Option<Timestamp>,
}

#[derive(Debug)]
struct Timestamp {
    parts: Parts,
    /// In seconds.
    tolerance: u64,
}

impl SignatureCheck {
    /// Relative paths of secrets start at `base_dir`. Touches no file: a secret that is not there refuses requests instead.
    pub(crate) fn compile(config: &SignatureConfig, base_dir: &Path) -> Result<SignatureCheck, Vec<ConfigError>> {
        let mut errors = Vec::new();
        let secret = keep(Secret::compile(&config.secret, base_dir), "/secret", &mut errors);
        if config.header.is_none() {
            config.only_github(&mut errors);
        }
        let (header, prefix) = match &config.header {
            Some(header) => (header.as_str(), config.prefix.as_deref().unwrap_or_default()),
            None => GITHUB,
        };
        let separator = keep(separator(config.separator.as_deref()), "/separator", &mut errors).flatten();
        let parts = keep(Parts::new(header, prefix, separator), "/header", &mut errors);
        let signed = keep(Signed::compile(config.signed.as_deref().unwrap_or("${body}")), "/signed", &mut errors);
        let timestamp = config.timestamp.as_ref().and_then(|config| config.compile(separator, &mut errors));
        match (&signed, &config.timestamp) {
            (Some(signed), Some(_)) if !signed.names_timestamp() => {
                let error = ConfigError::new("/signed", "the timestamp is not part of what is signed");
                errors.push(error.hint("write what the sender signs, as in `${timestamp}.${body}`"));
            }
            (Some(signed), None) if signed.names_timestamp() => {
                let error = ConfigError::new("/signed", "there is no `timestamp` here");
                errors.push(error.hint("say where it comes from: `timestamp: {header: …}`"));
            }
            _ => {}
        }
        let (Some(secret), Some(parts), Some(signed), true) = (secret, parts, signed, errors.is_empty()) else {
            return Err(errors);
        };
        let (algorithm, encoding) = (config.algorithm.unwrap_or_default(), config.encoding.unwrap_or_default());
        Ok(SignatureCheck { secret, parts, algorithm, encoding, signed, timestamp })
    }

    /// Whether the body, as received on the wire (before inflating), has the signature that its headers claim.
    pub(crate) fn check(&self, headers: &HeaderMap, body: &[u8]) -> Result<(), SignatureError> {
        // Before 1970 there is no timestamp that is near.
        let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
        self.check_at(now, headers, body)
    }

    fn check_at(&self, now: u64, headers: &HeaderMap, body: &[u8]) -> Result<(), SignatureError> {
        let timestamp = match &self.timestamp {
            Some(timestamp) => timestamp.read(now, headers).map_err(SignatureError::Refused)?,
            None => "",
        };
        let mut claims = self.parts.of(headers).map_err(SignatureError::Refused)?;
        let secret = self.secret.read().map_err(|error| {
            tracing::warn!(%error, "requests are refused: signatures cannot be checked without the secret");
            SignatureError::Unavailable
        })?;
        let message = self.signed.fill(timestamp, headers, body).map_err(SignatureError::Refused)?;
        let right = self.encoding.text(&self.algorithm.hmac(&secret, message));
        if claims.any(|claim| self.encoding.same(claim, &right)) {
            return Ok(());
        }
        Err(SignatureError::Refused(format!("the signature in header `{}` does not fit the body", self.parts.header())))
    }
}

impl SignatureConfig {
    /// The other options describe a form; without `header` it is GitHub's, whole.
    fn only_github(&self, errors: &mut Vec<ConfigError>) {
        let given = [
            ("prefix", self.prefix.is_some()),
            ("separator", self.separator.is_some()),
            ("algorithm", self.algorithm.is_some()),
            ("encoding", self.encoding.is_some()),
            ("signed", self.signed.is_some()),
            ("timestamp", self.timestamp.is_some()),
        ];
        for (name, _) in given.into_iter().filter(|(_, given)| *given) {
            let error = ConfigError::new(format!("/{name}"), "applies to a form of your own only");
            errors.push(error.hint("add `header: NAME`; without it the form is GitHub's"));
        }
    }
}

impl TimestampConfig {
    fn compile(&self, separator: Option<char>, errors: &mut Vec<ConfigError>) -> Option<Timestamp> {
        let tolerance = self.tolerance.map_or(TOLERANCE_DEFAULT, |Time(tolerance)| tolerance);
        if !(TOLERANCE_MIN..=TOLERANCE_MAX).contains(&tolerance) {
            errors.push(ConfigError::new("/timestamp/tolerance", "must be between 1s and 1440m"));
        }
        // Without a prefix the header is the timestamp, whatever separates signatures.
        let separator = separator.filter(|_| !self.prefix.is_empty());
        let parts = keep(Parts::new(&self.header, &self.prefix, separator), "/timestamp/header", errors)?;
        Some(Timestamp { parts, tolerance: tolerance.as_secs() })
    }
}

impl Timestamp {
    /// The timestamp as it stands in the header, if it is near.
    fn read<'h>(&self, now: u64, headers: &'h HeaderMap) -> Result<&'h str, String> {
        let header = self.parts.header();
        let text = self.parts.of(headers)?.next().ok_or_else(|| format!("header `{header}` has no timestamp"))?;
        let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        let at: Option<u64> = text.parse().ok().filter(|_| digits);
        let at = at.ok_or_else(|| format!("the timestamp in header `{header}` is no number of seconds"))?;
        if now.abs_diff(at) > self.tolerance {
            let when = if at < now { "old" } else { "far ahead" };
            return Err(format!("the timestamp in header `{header}` is too {when}: {} s are allowed", self.tolerance));
        }
        Ok(text)
    }
}

fn separator(text: Option<&str>) -> Result<Option<char>, Vec<ConfigError>> {
    let Some(text) = text else { return Ok(None) };
    let mut chars = text.chars();
    match (chars.next(), chars.next()) {
        (Some(separator), None) => Ok(Some(separator)),
        _ => Err(vec![ConfigError::new("", "must be one character")]),
    }
}

#[cfg(test)]
mod tests;
