//! Where the servers are, who we are to them, and what TLS there is.

use std::path::PathBuf;
use std::sync::Arc;

use serde::Deserialize;
use tidegate_connector::config;
use tidegate_connector::{ConfigError, Place, Secret, SecretConfig, SecretRef};

/// Servers at most: more than a cluster has.
const SERVERS_MAX: usize = 32;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "lowercase")]
pub(crate) enum RawAuth {
    User(RawUser),
    Token(SecretRef),
    Nkey(SecretRef),
    Credentials(SecretRef),
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RawUser {
    name: String,
    password: SecretRef,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(crate) struct RawTls {
    ca: Option<PathBuf>,
    client_certificate: Option<RawClientCertificate>,
    #[serde(default)]
    first: bool,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawClientCertificate {
    certificate: PathBuf,
    key: PathBuf,
}

/// Whom to connect to and how, checked.
#[derive(Clone, Debug)]
pub(crate) struct Connection {
    /// As written in the document.
    pub(crate) servers: Vec<String>,
    auth: Option<AuthConfig>,
    /// Relative to the place of the document until [`Connection::open`].
    pub(crate) tls: Option<TlsFiles>,
}

#[derive(Clone, Debug)]
enum AuthConfig {
    User { name: String, password: SecretConfig },
    Token(SecretConfig),
    Nkey(SecretConfig),
    Credentials(SecretConfig),
}

/// Files of TLS; being there, TLS is required.
#[derive(Clone, Debug, Default)]
pub(crate) struct TlsFiles {
    pub(crate) ca: Option<PathBuf>,
    /// Certificate chain and key.
    pub(crate) client: Option<(PathBuf, PathBuf)>,
    /// The handshake comes before the server says anything.
    pub(crate) first: bool,
}

/// The same with its secrets at hand.
#[derive(Clone, Debug)]
pub(crate) struct Opened {
    pub(crate) servers: Vec<String>,
    pub(crate) auth: Option<Auth>,
    pub(crate) tls: Option<TlsFiles>,
}

/// Who we are.
#[derive(Clone, Debug)]
pub(crate) enum Auth {
    User { name: String, password: Arc<Secret> },
    Token(Arc<Secret>),
    Nkey(Arc<Secret>),
    Credentials(Arc<Secret>),
}

/// What a document says of a connection.
#[derive(Debug)]
pub(crate) struct Raw {
    pub(crate) servers: Vec<String>,
    pub(crate) auth: Option<RawAuth>,
    pub(crate) tls: Option<RawTls>,
}

impl Connection {
    pub(crate) fn check(raw: Raw, errors: &mut Vec<ConfigError>) -> Connection {
        check_servers(&raw.servers, errors);
        let auth = raw.auth.map(|auth| match auth {
            RawAuth::User(RawUser { name, password }) => {
                if name.is_empty() {
                    errors.push(ConfigError::new("/auth/user/name", "must not be empty"));
                }
                AuthConfig::User { name, password: password.secret }
            }
            RawAuth::Token(token) => AuthConfig::Token(token.secret),
            RawAuth::Nkey(seed) => AuthConfig::Nkey(seed.secret),
            RawAuth::Credentials(file) => AuthConfig::Credentials(file.secret),
        });
        if let Some(auth) = &auth {
            let (pointer, secret) = match auth {
                AuthConfig::User { password, .. } => ("/auth/user/password/secret", password),
                AuthConfig::Token(token) => ("/auth/token/secret", token),
                AuthConfig::Nkey(seed) => ("/auth/nkey/secret", seed),
                AuthConfig::Credentials(file) => ("/auth/credentials/secret", file),
            };
            config::keep(Secret::compile(secret, std::path::Path::new("")), pointer, errors);
        }
        let tls = raw.tls.map(|tls| TlsFiles {
            ca: tls.ca,
            client: tls.client_certificate.map(|files| (files.certificate, files.key)),
            first: tls.first,
        });
        Connection { servers: raw.servers, auth, tls }
    }

    /// With what stands beside the document.
    pub(crate) fn open(&self, place: &Place<'_>) -> Result<Opened, Vec<ConfigError>> {
        let secret = |config: &SecretConfig| Secret::compile(config, place.base_dir).map(Arc::new);
        let auth = match &self.auth {
            None => None,
            Some(AuthConfig::User { name, password }) => {
                Some(Auth::User { name: name.clone(), password: secret(password)? })
            }
            Some(AuthConfig::Token(token)) => Some(Auth::Token(secret(token)?)),
            Some(AuthConfig::Nkey(seed)) => Some(Auth::Nkey(secret(seed)?)),
            Some(AuthConfig::Credentials(file)) => Some(Auth::Credentials(secret(file)?)),
        };
        let path = |path: &PathBuf| place.base_dir.join(path);
        let tls = self.tls.as_ref().map(|tls| TlsFiles {
            ca: tls.ca.as_ref().map(path),
            client: tls.client.as_ref().map(|(certificate, key)| (path(certificate), path(key))),
            first: tls.first,
        });
        Ok(Opened { servers: self.servers.clone(), auth, tls })
    }
}

fn check_servers(servers: &[String], errors: &mut Vec<ConfigError>) {
    if servers.is_empty() || servers.len() > SERVERS_MAX {
        errors.push(ConfigError::new("/servers", format!("must have between 1 and {SERVERS_MAX} servers")));
    }
    for (index, server) in servers.iter().enumerate() {
        let at = format!("/servers/{index}");
        let rest = server.strip_prefix("nats://").or_else(|| server.strip_prefix("tls://"));
        match rest {
            Some(rest) if rest.contains('@') => {
                let error = ConfigError::new(at, "a server's address has no user or password");
                errors.push(error.hint("write `auth: {user: {name: …, password: {secret: {file: …}}}}`"));
            }
            Some(_) if server.parse::<async_nats::ServerAddr>().is_ok() => {}
            Some(_) | None => {
                let error = ConfigError::new(at, format!("`{server}` is no address of a server"));
                errors.push(error.hint("write `nats://HOST:4222`, or `tls://…` where TLS is required"));
            }
        }
    }
}
