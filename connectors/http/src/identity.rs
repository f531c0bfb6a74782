//! Who sends: bearer tokens, basic credentials, JSON web tokens, client certificates.
//!
//! Several forms may be listed; any one of them suffices. `Authorization` counts before a certificate: whoever sends credentials
//! of a listed form is judged by them, and wrong ones are not made good by a certificate. A principal is only a name: forms
//! listed together share one space of names, and who may issue in one of them can take a name of the other.

mod jwks;
mod jwt;
mod known;
mod verified;

use std::path::Path;

use http::HeaderMap;
use http::header::AUTHORIZATION;
use serde::{Deserialize, Deserializer};
use tidegate_connector::config::keep;
use tidegate_connector::{ConfigError, SecretConfig};

use self::jwt::{JwtCheck, JwtConfig, Refused};
use self::known::{Credential, Found, Known};

/// `tokens` and `users` at most: each request is compared with all of them.
const CREDENTIALS_MAX: usize = 256;

/// `auth:` of a source: at least one form.
///
/// | option | default | limit |
/// |---|---|---|
/// | `bearer.tokens[]` | – | 1 to 256 of `{principal, secret}`; to rotate, list the old and the new one under one principal |
/// | `basic.users[]` | – | 1 to 256 of `{name, secret}`; `principal` is `name` unless given |
/// | `jwt` | – | see [`JwtConfig`] |
/// | `certificate: {}` | – | the client certificate's name; needs `tls.clientCa` |
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(crate) struct AuthConfig {
    #[serde(default, deserialize_with = "given")]
    bearer: Option<BearerConfig>,
    #[serde(default, deserialize_with = "given")]
    basic: Option<BasicConfig>,
    #[serde(default, deserialize_with = "given")]
    jwt: Option<JwtConfig>,
    #[serde(default, deserialize_with = "given")]
    certificate: Option<CertificateConfig>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct BearerConfig {
    tokens: Vec<TokenConfig>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct TokenConfig {
    principal: String,
    secret: SecretConfig,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct BasicConfig {
    users: Vec<UserConfig>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct UserConfig {
    name: String,
    principal: Option<String>,
    secret: SecretConfig,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct CertificateConfig {}

/// What the connection tells of its other end.
#[derive(Clone, Debug, Default)]
pub(crate) struct Peer {
    /// The principal of a verified client certificate (`clientCa`): its first URI or DNS name, else its common name.
    pub(crate) certificate: Option<String>,
}

/// Why a request is turned away.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Denied {
    /// 401: no credentials, or wrong ones. With the value of `WWW-Authenticate`, and what is wrong (never what would be right).
    Unauthenticated { challenge: String, problem: String },
    /// 403: known, but not allowed in.
    Forbidden { problem: String },
    /// 503: the keys to check with cannot be had now.
    Unavailable { problem: String },
}

/// Whether the name in a client certificate is a way in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Certificates {
    Accepted,
    Ignored,
}

/// Checks credentials. Shared by all connections of a listener; secrets and keys are reread when they change.
#[derive(Debug)]
pub(crate) struct Authenticator {
    bearer: Option<Known>,
    basic: Option<Known>,
    jwt: Option<JwtCheck>,
    certificates: Certificates,
}

impl Authenticator {
    /// Relative paths of secrets start at `base_dir`. Touches nothing outside.
    pub(crate) fn compile(config: &AuthConfig, base_dir: &Path) -> Result<Authenticator, Vec<ConfigError>> {
        let mut errors = Vec::new();
        let bearer = config.bearer.as_ref().map(|bearer| bearer.credentials(base_dir, &mut errors));
        let basic = config.basic.as_ref().map(|basic| basic.credentials(base_dir, &mut errors));
        let jwt = config.jwt.as_ref().and_then(|jwt| keep(JwtCheck::compile(jwt, base_dir), "/jwt", &mut errors));
        let certificates = match config.certificate {
            Some(CertificateConfig {}) => Certificates::Accepted,
            None => Certificates::Ignored,
        };
        if bearer.is_none() && basic.is_none() && config.jwt.is_none() && certificates == Certificates::Ignored {
            let error = ConfigError::new("", "names no form of credentials");
            errors.push(error.hint("one of `bearer`, `basic`, `jwt`, `certificate`"));
        }
        if !errors.is_empty() {
            return Err(errors);
        }
        Ok(Authenticator { bearer: bearer.map(Known::new), basic: basic.map(Known::new), jwt, certificates })
    }

    /// What a listener with `tls.clientCa` and no `auth` does: the certificate tells.
    pub(crate) fn certificates() -> Authenticator {
        Authenticator { bearer: None, basic: None, jwt: None, certificates: Certificates::Accepted }
    }

    /// Whether `auth` makes no sense without `tls.clientCa`.
    pub(crate) fn needs_client_ca(&self) -> bool {
        self.certificates == Certificates::Accepted
    }

    /// The principal that the request proves to be of.
    pub(crate) async fn authenticate(&self, headers: &HeaderMap, peer: &Peer) -> Result<String, Denied> {
        if self.bearer.is_some() || self.basic.is_some() || self.jwt.is_some() {
            let mut values = headers.get_all(AUTHORIZATION).iter();
            match (values.next(), values.next()) {
                (Some(value), None) => {
                    let text = value.to_str().map_err(|_| self.wrong("`Authorization` is not ASCII text"))?;
                    let (scheme, credentials) = text.split_once(' ').unwrap_or((text, ""));
                    let credentials = credentials.trim_matches(' ');
                    if let Some(outcome) = self.judge(scheme, credentials).await {
                        return outcome;
                    }
                }
                (Some(_), Some(_)) => return Err(self.wrong("more than one `Authorization` header")),
                (None, _) => {}
            }
        }
        match (self.certificates, &peer.certificate) {
            (Certificates::Accepted, Some(principal)) => Ok(principal.clone()),
            (Certificates::Accepted | Certificates::Ignored, _) => {
                Err(self.nobody(headers.contains_key(AUTHORIZATION)))
            }
        }
    }

    /// `None` where the scheme is of no listed form: as if nothing had been sent.
    async fn judge(&self, scheme: &str, credentials: &str) -> Option<Result<String, Denied>> {
        if scheme.eq_ignore_ascii_case("basic") {
            return self.basic.as_ref().map(|known| self.judge_basic(known, credentials));
        }
        if !scheme.eq_ignore_ascii_case("bearer") || (self.bearer.is_none() && self.jwt.is_none()) {
            return None;
        }
        let found = self.bearer.as_ref().map_or(Found::Nobody, |known| known.find("", credentials.as_bytes()));
        Some(match (found, &self.jwt) {
            (Found::Principal(principal), _) => Ok(principal.to_string()),
            (Found::Nobody | Found::Unreadable, Some(jwt)) if jwt::looks_like_one(credentials) => {
                jwt.check(credentials).await.map(|principal| principal.to_string()).map_err(|refused| match refused {
                    Refused::Token(problem) => self.wrong_token(problem),
                    Refused::Unavailable(problem) => Denied::Unavailable { problem },
                })
            }
            (Found::Unreadable, _) => Err(unreadable()),
            (Found::Nobody, _) => Err(self.wrong_token("unknown token")),
        })
    }

    fn judge_basic(&self, known: &Known, credentials: &str) -> Result<String, Denied> {
        let decoded = base64_simd::STANDARD
            .decode_to_vec(credentials)
            .map_err(|_| self.wrong("basic credentials are not in base64"))?;
        let colon = decoded.iter().position(|byte| *byte == b':');
        let colon = colon.ok_or_else(|| self.wrong("basic credentials have no `:`"))?;
        let name = std::str::from_utf8(&decoded[..colon]).map_err(|_| self.wrong("wrong name or password"))?;
        match known.find(name, &decoded[colon + 1..]) {
            Found::Principal(principal) => Ok(principal.to_string()),
            Found::Nobody => Err(self.wrong("wrong name or password")),
            Found::Unreadable => Err(unreadable()),
        }
    }

    fn nobody(&self, sent_others: bool) -> Denied {
        if self.bearer.is_none() && self.basic.is_none() && self.jwt.is_none() {
            // 401 would have to name a scheme to try; there is none.
            return Denied::Forbidden { problem: "a client certificate that names its owner is required".to_owned() };
        }
        self.wrong(match sent_others {
            true => "`Authorization` has a scheme that is not accepted here",
            false => "no credentials",
        })
    }

    fn wrong(&self, problem: impl Into<String>) -> Denied {
        Denied::Unauthenticated { challenge: self.challenge(""), problem: problem.into() }
    }

    fn wrong_token(&self, problem: impl Into<String>) -> Denied {
        Denied::Unauthenticated { challenge: self.challenge(", error=\"invalid_token\""), problem: problem.into() }
    }

    /// RFC 9110, section 11.6.1: one challenge for each scheme there is.
    fn challenge(&self, bearer_error: &str) -> String {
        let bearer =
            (self.bearer.is_some() || self.jwt.is_some()).then(|| format!("Bearer realm=\"tidegate\"{bearer_error}"));
        let basic = self.basic.is_some().then(|| "Basic realm=\"tidegate\", charset=\"UTF-8\"".to_owned());
        bearer.into_iter().chain(basic).collect::<Vec<_>>().join(", ")
    }
}

/// Whoever sent it may be right; which secret it is stands in the log only.
fn unreadable() -> Denied {
    Denied::Unavailable { problem: "the credentials cannot be checked now".to_owned() }
}

impl BearerConfig {
    fn credentials(&self, base_dir: &Path, errors: &mut Vec<ConfigError>) -> Vec<Credential> {
        check_count("/bearer/tokens", self.tokens.len(), errors);
        let compile = |(index, token): (usize, &TokenConfig)| {
            let pointer = format!("/bearer/tokens/{index}");
            check_principal(&format!("{pointer}/principal"), &token.principal, errors);
            let credential = Credential::compile("", &token.principal, &token.secret, base_dir);
            keep(credential, &format!("{pointer}/secret"), errors)
        };
        self.tokens.iter().enumerate().filter_map(compile).collect()
    }
}

impl BasicConfig {
    fn credentials(&self, base_dir: &Path, errors: &mut Vec<ConfigError>) -> Vec<Credential> {
        check_count("/basic/users", self.users.len(), errors);
        let compile = |(index, user): (usize, &UserConfig)| {
            let pointer = format!("/basic/users/{index}");
            if user.name.is_empty() || user.name.contains(|c: char| c == ':' || c.is_control()) {
                let problem = "a name is not empty and has neither `:` nor control characters (RFC 7617)";
                errors.push(ConfigError::new(format!("{pointer}/name"), problem));
            }
            let principal = user.principal.as_ref().unwrap_or(&user.name);
            if user.principal.is_some() {
                check_principal(&format!("{pointer}/principal"), principal, errors);
            }
            let credential = Credential::compile(&user.name, principal, &user.secret, base_dir);
            keep(credential, &format!("{pointer}/secret"), errors)
        };
        self.users.iter().enumerate().filter_map(compile).collect()
    }
}

fn check_count(pointer: &str, count: usize, errors: &mut Vec<ConfigError>) {
    if !(1..=CREDENTIALS_MAX).contains(&count) {
        errors.push(ConfigError::new(pointer, format!("must be between 1 and {CREDENTIALS_MAX}")));
    }
}

fn check_principal(pointer: &str, principal: &str, errors: &mut Vec<ConfigError>) {
    if !is_principal(principal) {
        errors.push(ConfigError::new(pointer, "a principal is not empty and has no control characters"));
    }
}

/// Whether a name can be a principal, wherever it comes from: it goes into logs, attributes and headers.
pub(crate) fn is_principal(name: &str) -> bool {
    !name.is_empty() && !name.contains(char::is_control)
}

/// Headers that never become part of an event: they would end in sinks and dead letters.
pub(crate) const CREDENTIALS: [&str; 4] = ["authorization", "cookie", "proxy-authorization", "set-cookie"];

/// For what guards something: a key that is written and left empty (`clientCa:`) is a mistake, not a wish to go without.
pub(crate) fn given<'de, T: Deserialize<'de>, D: Deserializer<'de>>(deserializer: D) -> Result<Option<T>, D::Error> {
    T::deserialize(deserializer).map(Some)
}

#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
