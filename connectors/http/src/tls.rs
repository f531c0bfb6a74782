//! TLS of a listener: certificates reread when they change, client certificates checked where `clientCa` asks for them.
//!
//! TLS 1.2 and 1.3. A connection that stands keeps what its handshake agreed on: a certificate that is exchanged, or a client
//! CA that is withdrawn, counts for the next one. Revocation lists are not looked at.

mod principal;

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{NoServerSessionStorage, WebPkiClientVerifier};
use rustls::{RootCertStore, ServerConfig};
use serde::{Deserialize, Deserializer, de};
use tidegate_connector::config::keep;
use tidegate_connector::{ConfigError, Secret, SecretConfig};

use crate::identity::{Peer, given};

/// `tls:` of a source. Files are PEM, at most 64 KiB each, looked at once a second.
///
/// | option | default | limit |
/// |---|---|---|
/// | `certificate` | – | a path: the listener's certificate, then those that vouch for it |
/// | `key` | – | a path, or a secret (`{file}`, `{env}`): PKCS #8, PKCS #1 or SEC 1 |
/// | `clientCa` | none: clients are not asked | a path: the certificates that may vouch for a client |
/// | `clientAuth` | `required` | `required`: no handshake without a certificate; `optional`: one that is sent must be good |
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(crate) struct TlsConfig {
    certificate: PathBuf,
    key: KeyConfig,
    #[serde(default, deserialize_with = "given")]
    client_ca: Option<PathBuf>,
    #[serde(default, deserialize_with = "given")]
    client_auth: Option<ClientAuth>,
}

#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
enum ClientAuth {
    #[default]
    Required,
    Optional,
}

/// A path is short for `{file: path}`.
#[derive(Clone, Debug)]
struct KeyConfig(SecretConfig);

impl<'de> Deserialize<'de> for KeyConfig {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl<'de> de::Visitor<'de> for Visitor {
            type Value = KeyConfig;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a path, or a secret such as `{env: NAME}`")
            }
            fn visit_str<E: de::Error>(self, path: &str) -> Result<KeyConfig, E> {
                Ok(KeyConfig(SecretConfig::file(path)))
            }
            fn visit_map<M: de::MapAccess<'de>>(self, map: M) -> Result<KeyConfig, M::Error> {
                SecretConfig::deserialize(de::value::MapAccessDeserializer::new(map)).map(KeyConfig)
            }
        }
        deserializer.deserialize_any(Visitor)
    }
}

/// Accepts TLS connections.
pub(crate) struct TlsListener {
    certificate: Secret,
    key: Secret,
    client_ca: Option<(Secret, ClientAuth)>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// What was tried last, good or bad.
    tried: Option<Material>,
    problem: Option<String>,
    config: Option<Arc<ServerConfig>>,
}

/// The contents of the files.
#[derive(Clone)]
struct Material {
    certificate: Arc<[u8]>,
    key: Arc<[u8]>,
    client_ca: Option<Arc<[u8]>>,
}

impl fmt::Debug for TlsListener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { certificate, key, client_ca, state: _ } = self;
        let mut shown = f.debug_struct("TlsListener");
        shown.field("certificate", certificate).field("key", key).field("client_ca", client_ca).finish_non_exhaustive()
    }
}

impl TlsListener {
    /// Touches no file: certificates that are not there yet are a [`TlsListener::server_config`] error.
    pub(crate) fn compile(config: &TlsConfig, base_dir: &Path) -> Result<TlsListener, Vec<ConfigError>> {
        let mut errors = Vec::new();
        let mut file = |pointer: &str, path: &Path| {
            let secret = Secret::compile(&SecretConfig::file(path), base_dir);
            secret.map_err(|_| errors.push(ConfigError::new(pointer, "must name a file"))).ok()
        };
        let certificate = file("/certificate", &config.certificate);
        let client_ca = config.client_ca.as_ref().map(|path| file("/clientCa", path));
        let key = keep(Secret::compile(&config.key.0, base_dir), "/key", &mut errors);
        if config.client_auth.is_some() && client_ca.is_none() {
            errors.push(ConfigError::new("/clientAuth", "without `clientCa` no client certificate can be checked"));
        }
        let (Some(certificate), Some(key), true) = (certificate, key, errors.is_empty()) else { return Err(errors) };
        let client_ca = client_ca.flatten().map(|secret| (secret, config.client_auth.unwrap_or_default()));
        Ok(TlsListener { certificate, key, client_ca, state: Mutex::default() })
    }

    /// Whether clients are asked for certificates, so that they can name a principal.
    pub(crate) fn checks_clients(&self) -> bool {
        self.client_ca.is_some()
    }

    /// For the next connection; ALPN offers `h2` and `http/1.1`. Rereads files that changed; keeps the last good ones where
    /// the new ones are bad, with a warning.
    pub(crate) fn server_config(&self) -> Result<Arc<ServerConfig>, String> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let material = match self.read() {
            Ok(material) => material,
            Err(problem) => return state.config.clone().ok_or(problem),
        };
        if !state.tried.as_ref().is_some_and(|tried| tried.same(&material)) {
            state.problem = None;
            match self.build(&material) {
                Ok(config) => {
                    if state.config.replace(config).is_some() {
                        tracing::info!(certificate = ?self.certificate, "changed certificates are used from now on");
                    }
                }
                Err(problem) => {
                    if state.config.is_some() {
                        // As while only one of certificate and key has been exchanged.
                        tracing::warn!(problem, "changed certificates cannot be used; the last good ones stay");
                    }
                    state.problem = Some(problem);
                }
            }
            state.tried = Some(material);
        }
        let problem = state.problem.clone();
        state.config.clone().ok_or_else(|| problem.unwrap_or_default())
    }

    /// What the handshake proved.
    pub(crate) fn peer(&self, connection: &rustls::ServerConnection) -> Peer {
        let certificate = connection.peer_certificates().and_then(|chain| chain.first());
        Peer { certificate: certificate.and_then(|certificate| principal::principal(certificate)) }
    }

    fn read(&self) -> Result<Material, String> {
        let read = |secret: &Secret| secret.read().map_err(|error| error.to_string());
        Ok(Material {
            certificate: read(&self.certificate)?,
            key: read(&self.key)?,
            client_ca: self.client_ca.as_ref().map(|(secret, _)| read(secret)).transpose()?,
        })
    }

    fn build(&self, material: &Material) -> Result<Arc<ServerConfig>, String> {
        let provider = Arc::new(ring::default_provider());
        let chain = certificates(&material.certificate).ok_or("`certificate` is no certificate in PEM form")?;
        // What exactly is wrong with a key is not shown: it might be the key.
        let key = PrivateKeyDer::from_pem_slice(&material.key).map_err(|_| "`key` is no private key in PEM form")?;
        let builder = ServerConfig::builder_with_provider(provider.clone())
            .with_safe_default_protocol_versions()
            .map_err(|error| error.to_string())?;
        let builder = match (&self.client_ca, &material.client_ca) {
            (Some((_, client_auth)), Some(content)) => {
                let mut roots = RootCertStore::empty();
                for certificate in certificates(content).ok_or("`clientCa` is no certificate in PEM form")? {
                    roots.add(certificate).map_err(|error| format!("`clientCa`: {error}"))?;
                }
                let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
                let verifier = match client_auth {
                    ClientAuth::Required => verifier,
                    ClientAuth::Optional => verifier.allow_unauthenticated(),
                };
                builder.with_client_cert_verifier(verifier.build().map_err(|error| format!("`clientCa`: {error}"))?)
            }
            _ => builder.with_no_client_auth(),
        };
        let mut config =
            builder.with_single_cert(chain, key).map_err(|error| format!("certificate and key: {error}"))?;
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        if self.client_ca.is_some() {
            // A resumed session is not verified again: it would outlive the client's certificate.
            config.session_storage = Arc::new(NoServerSessionStorage {});
            config.send_tls13_tickets = 0;
        }
        Ok(Arc::new(config))
    }
}

impl Material {
    fn same(&self, other: &Material) -> bool {
        let same_ca = match (&self.client_ca, &other.client_ca) {
            (Some(a), Some(b)) => Arc::ptr_eq(a, b),
            (None, None) => true,
            (Some(_), None) | (None, Some(_)) => false,
        };
        same_ca && Arc::ptr_eq(&self.certificate, &other.certificate) && Arc::ptr_eq(&self.key, &other.key)
    }
}

/// All certificates of a PEM text; `None` where one is broken or there is none.
fn certificates(pem: &[u8]) -> Option<Vec<CertificateDer<'static>>> {
    let found: Vec<_> = CertificateDer::pem_slice_iter(pem).collect::<Result<_, _>>().ok()?;
    Some(found).filter(|found| !found.is_empty())
}

#[cfg(test)]
mod tests;
