//! JSON web tokens (RFC 7519, signed as in RFC 7515): signature, issuer, audience, times, principal.
//!
//! The key decides how it may be used, never the token: a key is bound to its algorithms when it is read, and only those of
//! them that `algorithms` lists are tried. There is no shared-secret algorithm: who can verify those can also issue them.

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use jsonwebtoken::Algorithm;
use serde::Deserialize;
use serde_json::Value;
use tidegate_connector::ConfigError;
use tidegate_connector::config::{Time, keep};

use super::jwks::{Jwks, JwksConfig, KeySet, Lookup};
use super::verified::{self, Entry, Verified};
use super::{given, is_principal};

/// Bytes of a token at most; servers of this size of header are rare.
const TOKEN_BYTES_MAX: usize = 16 << 10;
/// Default of `leeway`.
const LEEWAY_DEFAULT: Duration = Duration::from_secs(60);
/// `leeway` at most: beyond that it is the clocks that want repair.
const LEEWAY_MAX: Duration = Duration::from_secs(600);
/// `audience` at most.
const AUDIENCES_MAX: usize = 64;

/// `auth.jwt`.
///
/// | option | default | limit |
/// |---|---|---|
/// | `jwks` | – | the keys: see [`JwksConfig`] |
/// | `issuer` | – | what `iss` must be, letter for letter |
/// | `audience` | – | a text or up to 64 of them; one must be in `aud` |
/// | `principal` | `sub` | the claim that is the principal: a text, not empty |
/// | `algorithms` | all of them | `RS256` `RS384` `RS512` `PS256` `PS384` `PS512` `ES256` `ES384` `EdDSA` |
/// | `leeway` | `60s` | `0s` to `10m`, in whole seconds: how far clocks may differ |
///
/// `exp` is required; `nbf` counts where there is one. A verified token is remembered by its hash until it expires or the keys
/// change, 4096 to 8192 tokens at most.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct JwtConfig {
    jwks: JwksConfig,
    issuer: String,
    audience: OneOrMany,
    #[serde(default, deserialize_with = "given")]
    principal: Option<String>,
    #[serde(default, deserialize_with = "given")]
    algorithms: Option<Vec<AlgorithmName>>,
    leeway: Option<Time>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(untagged, expecting = "a text or a list of texts")]
enum OneOrMany {
    One(String),
    Many(Vec<String>),
}

#[derive(Clone, Copy, Debug, Deserialize)]
enum AlgorithmName {
    RS256,
    RS384,
    RS512,
    PS256,
    PS384,
    PS512,
    ES256,
    ES384,
    EdDSA,
}

impl AlgorithmName {
    const ALL: [AlgorithmName; 9] = [
        AlgorithmName::RS256,
        AlgorithmName::RS384,
        AlgorithmName::RS512,
        AlgorithmName::PS256,
        AlgorithmName::PS384,
        AlgorithmName::PS512,
        AlgorithmName::ES256,
        AlgorithmName::ES384,
        AlgorithmName::EdDSA,
    ];

    fn algorithm(self) -> Algorithm {
        match self {
            AlgorithmName::RS256 => Algorithm::RS256,
            AlgorithmName::RS384 => Algorithm::RS384,
            AlgorithmName::RS512 => Algorithm::RS512,
            AlgorithmName::PS256 => Algorithm::PS256,
            AlgorithmName::PS384 => Algorithm::PS384,
            AlgorithmName::PS512 => Algorithm::PS512,
            AlgorithmName::ES256 => Algorithm::ES256,
            AlgorithmName::ES384 => Algorithm::ES384,
            AlgorithmName::EdDSA => Algorithm::EdDSA,
        }
    }
}

/// Why a token is not accepted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Refused {
    /// Which check failed.
    Token(String),
    /// There are no keys to check with.
    Unavailable(String),
}

fn refused<T>(problem: impl Into<String>) -> Result<T, Refused> {
    Err(Refused::Token(problem.into()))
}

/// Tokens are `header.payload.signature`; others are not worth a look at the keys.
pub(super) fn looks_like_one(token: &str) -> bool {
    token.bytes().filter(|byte| *byte == b'.').count() == 2
}

/// The `jwt` form, checked.
#[derive(Debug)]
pub(super) struct JwtCheck {
    keys: Jwks,
    issuer: String,
    audiences: Vec<String>,
    principal: String,
    algorithms: Vec<Algorithm>,
    leeway: u64,
    verified: Mutex<Verified>,
}

/// What of a header counts. `crit` names extensions that must be understood (RFC 7515, section 4.1.11): there are none.
#[derive(Deserialize)]
struct Header {
    alg: String,
    kid: Option<String>,
    crit: Option<Value>,
}

/// A token taken apart; nothing of it is believed yet.
struct Parts<'a> {
    /// `header.payload`.
    signed: &'a str,
    payload: &'a str,
    signature: &'a str,
    algorithm: Algorithm,
    kid: Option<String>,
}

impl JwtCheck {
    pub(super) fn compile(config: &JwtConfig, base_dir: &Path) -> Result<Self, Vec<ConfigError>> {
        let mut errors = Vec::new();
        let keys = keep(Jwks::compile(&config.jwks, base_dir), "/jwks", &mut errors);
        let audiences = match &config.audience {
            OneOrMany::One(audience) => vec![audience.clone()],
            OneOrMany::Many(audiences) => audiences.clone(),
        };
        if !(1..=AUDIENCES_MAX).contains(&audiences.len()) || audiences.iter().any(String::is_empty) {
            errors.push(ConfigError::new("/audience", format!("1 to {AUDIENCES_MAX} texts, none of them empty")));
        }
        if config.issuer.is_empty() {
            errors.push(ConfigError::new("/issuer", "must not be empty"));
        }
        let principal = config.principal.clone().unwrap_or_else(|| "sub".to_owned());
        if principal.is_empty() {
            errors.push(ConfigError::new("/principal", "must name a claim"));
        }
        let algorithms = config.algorithms.as_deref().unwrap_or(&AlgorithmName::ALL);
        if algorithms.is_empty() {
            errors.push(ConfigError::new("/algorithms", "without any, every token is refused"));
        }
        let leeway = config.leeway.map_or(LEEWAY_DEFAULT, |Time(leeway)| leeway);
        if leeway > LEEWAY_MAX {
            errors.push(ConfigError::new("/leeway", "must be between 0s and 10m"));
        }
        let (Some(keys), true) = (keys, errors.is_empty()) else { return Err(errors) };
        Ok(Self {
            keys,
            issuer: config.issuer.clone(),
            audiences,
            principal,
            algorithms: algorithms.iter().map(|name| name.algorithm()).collect(),
            leeway: leeway.as_secs(),
            verified: Mutex::default(),
        })
    }

    /// The principal of a good token.
    pub(super) async fn check(&self, token: &str) -> Result<Arc<str>, Refused> {
        let since_1970 = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
        self.check_at(token, since_1970.unwrap_or_default().as_secs()).await
    }

    pub(super) async fn check_at(&self, token: &str, now: u64) -> Result<Arc<str>, Refused> {
        if token.len() > TOKEN_BYTES_MAX {
            return refused(format!("the token is longer than {TOKEN_BYTES_MAX} bytes"));
        }
        let mut keys = self.keys.current().await.map_err(Refused::Unavailable)?;
        let digest = verified::digest(token);
        if let Some(principal) = self.lock().get(&digest, keys.number(), now) {
            return Ok(principal);
        }
        let parts = self.take_apart(token)?;
        let mut signature = check_signature(&parts, &keys);
        let newer_may_help = match signature {
            Signature::Good => false,
            Signature::NoKey(_) => true,
            // The only key, which has no name, may have been exchanged for another.
            Signature::Wrong => parts.kid.is_none(),
        };
        if newer_may_help && let Some(newer) = self.keys.newer(&keys).await {
            keys = newer;
            signature = check_signature(&parts, &keys);
        }
        match signature {
            Signature::Good => {}
            Signature::Wrong => return refused("the signature is wrong"),
            Signature::NoKey(problem) => return refused(problem),
        }
        let (principal, until) = self.check_claims(parts.payload, now)?;
        let entry = Entry { principal: principal.clone(), until, key_set: keys.number() };
        self.lock().insert(digest, entry);
        Ok(principal)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Verified> {
        self.verified.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn take_apart<'a>(&self, token: &'a str) -> Result<Parts<'a>, Refused> {
        let malformed = || Refused::Token("not a signed JSON web token".to_owned());
        let (signed, signature) = token.rsplit_once('.').ok_or_else(malformed)?;
        let (header, payload) = signed.split_once('.').ok_or_else(malformed)?;
        let header: Header = from_base64(header).ok_or_else(malformed)?;
        let algorithm = self.algorithms.iter().find(|algorithm| name(**algorithm) == header.alg);
        let Some(&algorithm) = algorithm else {
            // What a stranger wrote is not repeated at length.
            let shown: String = header.alg.chars().filter(char::is_ascii_alphanumeric).take(16).collect();
            return refused(format!("the algorithm `{shown}` is not accepted"));
        };
        if header.crit.is_some() {
            return refused("the token has critical extensions (`crit`), of which none is understood");
        }
        Ok(Parts { signed, payload, signature, algorithm, kid: header.kid })
    }

    /// The principal, and when the token expires. Called only for what was signed.
    fn check_claims(&self, payload: &str, now: u64) -> Result<(Arc<str>, u64), Refused> {
        let Some(Value::Object(claims)) = from_base64::<Value>(payload) else {
            return refused("the payload is no JSON object");
        };
        if claims.get("iss").and_then(Value::as_str) != Some(&self.issuer) {
            return refused("the issuer (`iss`) is another");
        }
        let ours =
            |audience: &Value| audience.as_str().is_some_and(|audience| self.audiences.iter().any(|a| a == audience));
        let for_us = match claims.get("aud") {
            Some(Value::Array(audiences)) => audiences.iter().any(ours),
            Some(audience) => ours(audience),
            None => false,
        };
        if !for_us {
            return refused("the audience (`aud`) is another");
        }
        let Some(expires) = claims.get("exp").and_then(time) else {
            return refused("the token does not say when it expires (`exp`)");
        };
        let until = expires.saturating_add(self.leeway);
        if now >= until {
            return refused("the token has expired (`exp`)");
        }
        match claims.get("nbf").map(time) {
            Some(Some(not_before)) if not_before > now.saturating_add(self.leeway) => {
                return refused("the token is not valid yet (`nbf`)");
            }
            Some(None) => return refused("`nbf` is no time"),
            Some(Some(_)) | None => {}
        }
        match claims.get(&self.principal).and_then(Value::as_str) {
            Some(principal) if is_principal(principal) => Ok((principal.into(), until)),
            Some(_) | None => refused(format!("the claim `{}` names no principal", self.principal)),
        }
    }
}

enum Signature {
    Good,
    Wrong,
    NoKey(String),
}

fn check_signature(parts: &Parts<'_>, keys: &KeySet) -> Signature {
    match keys.find(parts.kid.as_deref(), parts.algorithm) {
        Lookup::Keys(found) => {
            let good = |key| {
                jsonwebtoken::crypto::verify(parts.signature, parts.signed.as_bytes(), key, parts.algorithm)
                    .unwrap_or(false)
            };
            if found.into_iter().any(good) { Signature::Good } else { Signature::Wrong }
        }
        Lookup::None => Signature::NoKey(match parts.kid {
            Some(_) => "no key has the token's `kid` and algorithm".to_owned(),
            None => "no key has the token's algorithm".to_owned(),
        }),
        Lookup::Ambiguous => Signature::NoKey("the token names no key (`kid`), and there are several".to_owned()),
    }
}

fn from_base64<T: serde::de::DeserializeOwned>(part: &str) -> Option<T> {
    let decoded = base64_simd::URL_SAFE_NO_PAD.decode_to_vec(part).ok()?;
    serde_json::from_slice(&decoded).ok()
}

/// NumericDate (RFC 7519, section 2): seconds, maybe with a fraction, which is cut off.
fn time(value: &Value) -> Option<u64> {
    match value.as_u64() {
        Some(seconds) => Some(seconds),
        // Casts of floats saturate.
        None => value.as_f64().filter(|seconds| *seconds >= 0.0).map(|seconds| seconds as u64),
    }
}

/// As in the registry of RFC 7518.
pub(super) fn name(algorithm: Algorithm) -> &'static str {
    match algorithm {
        Algorithm::HS256 => "HS256",
        Algorithm::HS384 => "HS384",
        Algorithm::HS512 => "HS512",
        Algorithm::ES256 => "ES256",
        Algorithm::ES384 => "ES384",
        Algorithm::RS256 => "RS256",
        Algorithm::RS384 => "RS384",
        Algorithm::RS512 => "RS512",
        Algorithm::PS256 => "PS256",
        Algorithm::PS384 => "PS384",
        Algorithm::PS512 => "PS512",
        Algorithm::EdDSA => "EdDSA",
    }
}

#[cfg(test)]
mod tests;
