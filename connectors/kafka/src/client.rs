//! How a broker is reached: what sources and sinks have in common in documents, and what librdkafka is told of it.
//!
//! | option | default | limit, meaning |
//! |---|---|---|
//! | `brokers` | – | 1 to 64 addresses `host:port` to begin with; the cluster tells the others |
//! | `tls` | none: no TLS | `{}` trusts the system's roots, `{ca: FILE}` that file instead; `{clientCertificate: {certificate: FILE, key: FILE}}`; PEM |
//! | `sasl` | none | `{mechanism: scram-sha-256, username: NAME, password: {secret: {file: …}}}`; also `scram-sha-512`, and `plain` where there is TLS |
//!
//! A name that a broker's certificate does not have is an error; there is no option to overlook that. Secrets are read when a client
//! is made, and again when a broker has refused them.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rdkafka::ClientConfig;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use serde::Deserialize;
use tidegate_connector::config;
use tidegate_connector::{ConfigError, Place, Secret, SecretRef};

use crate::log::ClientLog;

const BROKERS_MAX: usize = 64;
/// A broker that comes back is met within a second.
const RECONNECT_MAX_MS: &str = "1000";

/// `tls:`, as written.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(crate) struct RawTls {
    ca: Option<PathBuf>,
    client_certificate: Option<RawClientCertificate>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawClientCertificate {
    certificate: PathBuf,
    key: PathBuf,
}

/// `sasl:`, as written.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RawSasl {
    mechanism: Mechanism,
    username: String,
    password: SecretRef,
}

#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
enum Mechanism {
    #[serde(rename = "plain")]
    Plain,
    #[serde(rename = "scram-sha-256")]
    ScramSha256,
    #[serde(rename = "scram-sha-512")]
    ScramSha512,
}

/// How a cluster is reached, checked.
#[derive(Debug)]
pub(crate) struct Connection {
    /// As written, with commas between: what operators look for, and what librdkafka is told.
    pub(crate) brokers: Arc<str>,
    tls: Option<RawTls>,
    sasl: Option<Sasl>,
    /// What clients made from it say.
    pub(crate) log: Arc<ClientLog>,
}

#[derive(Debug)]
struct Sasl {
    mechanism: Mechanism,
    username: String,
    password: Secret,
}

impl Connection {
    /// Relative paths start at `base_dir`.
    pub(crate) fn check(
        brokers: &[String],
        tls: Option<RawTls>,
        sasl: Option<RawSasl>,
        base_dir: &Path,
        errors: &mut Vec<ConfigError>,
    ) -> Connection {
        if !(1..=BROKERS_MAX).contains(&brokers.len()) {
            errors.push(ConfigError::new("/brokers", format!("must be 1 to {BROKERS_MAX} addresses")));
        }
        for (index, broker) in brokers.iter().enumerate().filter(|(_, broker)| !is_address(broker)) {
            let error = ConfigError::new(format!("/brokers/{index}"), format!("`{broker}` is no address"));
            errors.push(error.hint("write host:port, as in `kafka-1:9092`"));
        }
        if tls.is_none() && sasl.as_ref().is_some_and(|sasl| sasl.mechanism == Mechanism::Plain) && !loopback(brokers) {
            let error = ConfigError::new("/sasl/mechanism", "`plain` sends the password readable to everybody");
            errors.push(error.hint("add `tls`, or use `scram-sha-512`"));
        }
        let sasl = sasl.and_then(|raw| Sasl::check(raw, base_dir, errors));
        let at = |path: PathBuf| base_dir.join(path);
        let tls = tls.map(|tls| RawTls {
            ca: tls.ca.map(at),
            client_certificate: tls
                .client_certificate
                .map(|pair| RawClientCertificate { certificate: at(pair.certificate), key: at(pair.key) }),
        });
        Connection { brokers: brokers.join(",").into(), tls, sasl, log: Arc::default() }
    }

    /// What librdkafka is told; reads secrets. The error says which one is not there.
    pub(crate) fn client_config(&self) -> Result<ClientConfig, String> {
        let mut config = ClientConfig::new();
        config.set("bootstrap.servers", &*self.brokers).set("client.id", "tidegate");
        config.set("reconnect.backoff.max.ms", RECONNECT_MAX_MS);
        config.set(
            "security.protocol",
            match (&self.tls, &self.sasl) {
                (None, None) => "plaintext",
                (None, Some(_)) => "sasl_plaintext",
                (Some(_), None) => "ssl",
                (Some(_), Some(_)) => "sasl_ssl",
            },
        );
        config.set_log_level(RDKafkaLogLevel::Warning);
        if let Some(tls) = &self.tls {
            if let Some(ca) = &tls.ca {
                config.set("ssl.ca.location", readable(ca)?);
            }
            if let Some(pair) = &tls.client_certificate {
                config.set("ssl.certificate.location", readable(&pair.certificate)?);
                config.set("ssl.key.location", readable(&pair.key)?);
            }
        }
        if let Some(sasl) = &self.sasl {
            let password = sasl.password.read().map_err(|error| error.to_string())?;
            let password = std::str::from_utf8(&password).map_err(|_| "the password is not UTF-8".to_owned())?;
            config.set("sasl.mechanisms", sasl.mechanism.name());
            config.set("sasl.username", &sasl.username).set("sasl.password", password);
        }
        Ok(config)
    }
}

impl Sasl {
    fn check(raw: RawSasl, base_dir: &Path, errors: &mut Vec<ConfigError>) -> Option<Sasl> {
        if raw.username.is_empty() {
            errors.push(ConfigError::new("/sasl/username", "must not be empty"));
        }
        let password = Secret::compile(&raw.password.secret, base_dir);
        let password = config::keep(password, "/sasl/password/secret", errors)?;
        Some(Sasl { mechanism: raw.mechanism, username: raw.username, password })
    }
}

impl Mechanism {
    fn name(self) -> &'static str {
        match self {
            Mechanism::Plain => "PLAIN",
            Mechanism::ScramSha256 => "SCRAM-SHA-256",
            Mechanism::ScramSha512 => "SCRAM-SHA-512",
        }
    }
}

/// A file that librdkafka will be able to open; it does not name those that it cannot.
fn readable(path: &Path) -> Result<String, String> {
    let path_shown = path.display().to_string();
    File::open(path).map_err(|error| format!("{path_shown}: {error}"))?;
    Ok(path_shown)
}

/// A comma would make two of one; a scheme is no part of it.
fn is_address(text: &str) -> bool {
    let port = |text: &str| text.parse::<u16>().is_ok_and(|port| port > 0);
    let host = |text: &str| !text.is_empty() && !text.contains(['/', ',', ' ']);
    text.rsplit_once(':').is_some_and(|(name, number)| host(name) && port(number))
}

fn loopback(brokers: &[String]) -> bool {
    let hosts = brokers.iter().map(|broker| broker.rsplit_once(':').map_or("", |(host, _)| host));
    hosts.into_iter().all(|host| matches!(host, "127.0.0.1" | "localhost" | "[::1]"))
}

/// Where relative paths of a configuration start when it is only checked.
pub(crate) fn base_dir<'a>(place: Option<&Place<'a>>) -> &'a Path {
    place.map_or(Path::new(""), |place| place.base_dir)
}

/// What librdkafka says is wrong, without the words around it.
pub(crate) fn cause(error: &KafkaError) -> String {
    error.rdkafka_error_code().map_or_else(|| error.to_string(), |code| code.to_string())
}

/// Whether a broker does not know who we are: a secret may have changed.
pub(crate) fn is_refusal(code: RDKafkaErrorCode) -> bool {
    matches!(code, RDKafkaErrorCode::Authentication | RDKafkaErrorCode::SaslAuthenticationFailed)
}
