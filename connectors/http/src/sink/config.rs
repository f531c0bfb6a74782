//! What a document says about an HTTP sink: raw as written, then checked.
//!
//! | option | default | limit, meaning |
//! |---|---|---|
//! | `url` | – | `http://` or `https://`, without user, password or fragment |
//! | `mode` | `binary` | `binary`, `structured`, `batched` |
//! | `headers` | none | sent with every request; a value is text or `{secret: {file: …}}`, `{secret: {env: …}}` |
//! | `passHeaders` | none | up to 32 headers that an event came with (`header.NAME` of its context), sent on with it; not in batched mode. While the host traces, an event with a span has `traceparent` and `tracestate` of that instead |
//! | `auth` | none | `{bearer: {secret: …}}` or `{basic: {username: …, password: {secret: …}}}` |
//! | `allow` | none | networks, or `loopback`, `private`, `link-local`: see [`reach`](super::reach) |
//! | `tls` | system's roots | `{ca: FILE}` trusts that file instead; `{clientCertificate: {certificate: FILE, key: FILE}}`; PEM |
//! | `timeouts.connect` | `5s` | 10ms to 10m; name, TCP and TLS together |
//! | `timeouts.response` | `30s` | 10ms to 10m; from the request to the head of its response |
//! | `timeouts.whole` | `60s` | 10ms to 10m; from the request to the end of its response |
//! | `concurrency` | `64` | 1 to 1024 requests under way at once |
//! | `unkeyed` | `ordered` | `ordered`, `concurrent`: see [`sink`](super) |
//! | `batch.events` | `100` | 1 to 1024 events in a request, in batched mode |
//! | `batch.bytes` | `1Mi` | 1Ki to 8Mi of event values in a request; a larger event goes alone |
//! | `maxResponse` | `1Mi` | 1Ki to 64Mi; see [`outcome`](super::outcome) for what becomes of a larger one |
//! | `handshake` | none | `{origin: HOST}`, and `rate` 1 to 1000000 requests a minute asked for: see [`handshake`](super::handshake) |
//! | `replies` | none | `{source: NAME}`, and `timeout` (`30s`, 10ms to 10m): see [`replies`](crate::replies) |
//!
//! Retries, the circuit breaker and rates are the sink's own, whatever its connector.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use http::header::{self, HeaderName, HeaderValue};
use serde::Deserialize;
use serde_json::Value;
use tidegate_connector::config::{self, Size, Time};
use tidegate_connector::{ConfigError, HeadersConfig, Place, Secret, SecretConfig, SecretRef};

use super::reach::Reach;
use super::target::Target;
use crate::binding::Mode;

const TIMEOUT_MIN: Duration = Duration::from_millis(10);
const TIMEOUT_MAX: Duration = Duration::from_secs(600);
const CONCURRENCY_MAX: usize = 1024;
const BATCH_EVENTS_MAX: usize = 1024;
const BATCH_BYTES: (Size, Size) = (Size(1 << 10), Size(8 << 20));
const RESPONSE_BYTES: (Size, Size) = (Size(1 << 10), Size(64 << 20));
const RATE_MAX: u32 = 1_000_000;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Raw {
    url: String,
    #[serde(default)]
    mode: RawMode,
    #[serde(default)]
    headers: BTreeMap<String, RawHeader>,
    #[serde(default)]
    pass_headers: HeadersConfig,
    auth: Option<RawAuth>,
    #[serde(default)]
    allow: Vec<String>,
    tls: Option<RawTls>,
    #[serde(default)]
    timeouts: RawTimeouts,
    concurrency: Option<usize>,
    #[serde(default)]
    unkeyed: Unkeyed,
    batch: Option<RawBatch>,
    max_response: Option<Size>,
    handshake: Option<RawHandshake>,
    replies: Option<RawReplies>,
}

#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
enum RawMode {
    #[default]
    Binary,
    Structured,
    Batched,
}

/// Text, or a secret. Serde's untagged enums lose what is wrong inside: the value is looked at by hand.
#[derive(Debug)]
enum RawHeader {
    Text(String),
    Secret(SecretConfig),
}

impl<'de> Deserialize<'de> for RawHeader {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = Value::deserialize(deserializer)?;
        if let Value::String(text) = value {
            return Ok(RawHeader::Text(text));
        }
        let secret = SecretRef::deserialize(value).map(|SecretRef { secret }| RawHeader::Secret(secret));
        secret.map_err(|error| serde::de::Error::custom(format!("a header is text or `{{secret: …}}`: {error}")))
    }
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
enum RawAuth {
    Bearer(SecretRef),
    Basic(RawBasic),
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawBasic {
    username: String,
    password: SecretRef,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct RawTls {
    ca: Option<PathBuf>,
    client_certificate: Option<RawClientCertificate>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawClientCertificate {
    certificate: PathBuf,
    key: PathBuf,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawTimeouts {
    connect: Option<Time>,
    response: Option<Time>,
    whole: Option<Time>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawBatch {
    events: Option<usize>,
    bytes: Option<Size>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawHandshake {
    origin: String,
    rate: Option<u32>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawReplies {
    source: String,
    timeout: Option<Time>,
}

/// What holds for events without an ordering key.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub(super) enum Unkeyed {
    /// Those of one connection go one after another, and so do all others.
    #[default]
    Ordered,
    /// In any order.
    Concurrent,
}

/// A header value that may be secret.
#[derive(Debug)]
pub(super) enum HeaderSource {
    Text(HeaderValue),
    Secret(SecretConfig),
}

/// Credentials, as configured.
#[derive(Debug)]
pub(super) enum AuthSource {
    Bearer(SecretConfig),
    Basic { username: String, password: SecretConfig },
}

/// Limits of one exchange.
#[derive(Clone, Copy, Debug)]
pub(super) struct Timeouts {
    pub(super) connect: Duration,
    pub(super) response: Duration,
    pub(super) whole: Duration,
}

/// Files of a client's TLS.
#[derive(Clone, Debug, Default)]
pub(super) struct TlsFiles {
    pub(super) ca: Option<PathBuf>,
    /// Certificate chain and key.
    pub(super) client: Option<(PathBuf, PathBuf)>,
}

/// An HTTP sink, checked.
#[derive(Debug)]
pub(crate) struct SinkConfig {
    pub(super) target: Target,
    pub(super) mode: Mode,
    pub(super) headers: Vec<(HeaderName, HeaderSource)>,
    /// Each with the name of the context entry it stands in.
    pub(super) pass_headers: Vec<(HeaderName, String)>,
    pub(super) auth: Option<AuthSource>,
    pub(super) reach: Reach,
    /// Relative to the place of the document until [`SinkConfig::at`].
    pub(super) tls: TlsFiles,
    pub(super) timeouts: Timeouts,
    pub(super) concurrency: usize,
    pub(super) unkeyed: Unkeyed,
    pub(super) batch_events: usize,
    pub(super) batch_bytes: usize,
    pub(super) max_response: usize,
    pub(super) handshake: Option<HandshakeConfig>,
    pub(super) replies: Option<RepliesConfig>,
}

/// `handshake:`, checked.
#[derive(Debug)]
pub(super) struct HandshakeConfig {
    pub(super) origin: HeaderValue,
    pub(super) rate: Option<u32>,
}

/// `replies:`, checked.
#[derive(Debug)]
pub(super) struct RepliesConfig {
    /// A name in the sink's own namespace.
    pub(super) source: String,
    pub(super) timeout: Duration,
}

impl SinkConfig {
    pub(crate) fn read(value: &Value) -> Result<Self, Vec<ConfigError>> {
        let raw: Raw = config::parse(value)?;
        let mut checks = Checks::default();
        let target = checks.target(&raw.url);
        let headers = checks.headers(raw.headers, raw.auth.is_some());
        let pass_headers = checks.pass_headers(&raw.pass_headers);
        let mode = match raw.mode {
            RawMode::Binary => Mode::Binary,
            RawMode::Structured => Mode::Structured,
            RawMode::Batched => Mode::Batched,
        };
        if mode == Mode::Batched && !pass_headers.is_empty() {
            checks.fail("/passHeaders", "a batch has many events and one set of headers; use another `mode`");
        }
        if mode != Mode::Batched && raw.batch.is_some() {
            checks.fail("/batch", "applies to `mode: batched` only");
        }
        let mut reach = Reach::default();
        if let Some(target) = &target {
            reach.allow_host(&target.host);
            if !target.https && raw.tls.is_some() {
                checks.fail("/tls", "an `http://` URL has no TLS");
            }
        }
        for (index, entry) in raw.allow.iter().enumerate() {
            if let Err(problem) = reach.allow(entry) {
                checks.fail(format!("/allow/{index}"), problem);
            }
        }
        let auth = raw.auth.map(|auth| checks.auth(auth));
        let time = |checks: &mut Checks, name: &str, time: Option<Time>, default_s| {
            let time = time.map_or(Duration::from_secs(default_s), |Time(time)| time);
            checks.within(name, time, TIMEOUT_MIN..=TIMEOUT_MAX, "10ms", "10m");
            time
        };
        let timeouts = Timeouts {
            connect: time(&mut checks, "/timeouts/connect", raw.timeouts.connect, 5),
            response: time(&mut checks, "/timeouts/response", raw.timeouts.response, 30),
            whole: time(&mut checks, "/timeouts/whole", raw.timeouts.whole, 60),
        };
        let replies = raw.replies.map(|RawReplies { source, timeout }| {
            if source.is_empty() || source.contains('/') {
                checks.fail("/replies/source", "must be the name of a source in the sink's namespace");
            }
            RepliesConfig { source, timeout: time(&mut checks, "/replies/timeout", timeout, 30) }
        });
        let handshake = raw.handshake.and_then(|handshake| checks.handshake(handshake));
        let concurrency = raw.concurrency.unwrap_or(64);
        checks.within("/concurrency", concurrency, 1..=CONCURRENCY_MAX, "1", "1024");
        let batch = raw.batch.unwrap_or(RawBatch { events: None, bytes: None });
        let batch_events = batch.events.unwrap_or(100);
        checks.within("/batch/events", batch_events, 1..=BATCH_EVENTS_MAX, "1", "1024");
        let batch_bytes = batch.bytes.unwrap_or(Size(1 << 20));
        checks.within("/batch/bytes", batch_bytes, BATCH_BYTES.0..=BATCH_BYTES.1, "1Ki", "8Mi");
        let max_response = raw.max_response.unwrap_or(Size(1 << 20));
        checks.within("/maxResponse", max_response, RESPONSE_BYTES.0..=RESPONSE_BYTES.1, "1Ki", "64Mi");
        let tls = raw.tls.map_or_else(TlsFiles::default, |tls| TlsFiles {
            ca: tls.ca,
            client: tls.client_certificate.map(|files| (files.certificate, files.key)),
        });
        let Some(target) = target.filter(|_| checks.errors.is_empty()) else { return Err(checks.errors) };
        Ok(SinkConfig {
            target,
            mode,
            headers,
            pass_headers,
            auth,
            reach,
            tls,
            timeouts,
            concurrency,
            unkeyed: raw.unkeyed,
            batch_events,
            batch_bytes: batch_bytes.as_usize(),
            max_response: max_response.as_usize(),
            handshake,
            replies,
        })
    }

    pub(super) fn at(mut self, place: &Place<'_>) -> Self {
        let below = |path: &mut PathBuf| *path = place.base_dir.join(&*path);
        self.tls.ca.as_mut().map(below);
        if let Some((certificate, key)) = &mut self.tls.client {
            below(certificate);
            below(key);
        }
        self
    }
}

/// Whether a header, in lower case, is decided by the event, the connection or the message's own form.
fn is_taken(name: &str) -> bool {
    const TAKEN: &[HeaderName] = &[
        header::CONNECTION,
        header::CONTENT_ENCODING,
        header::CONTENT_LENGTH,
        header::CONTENT_TYPE,
        header::EXPECT,
        header::HOST,
        header::TE,
        header::TRAILER,
        header::TRANSFER_ENCODING,
        header::UPGRADE,
    ];
    TAKEN.iter().any(|taken| taken == name) || name.starts_with("ce-") || name == "keep-alive"
}

/// Collects what is wrong.
#[derive(Default)]
struct Checks {
    errors: Vec<ConfigError>,
}

impl Checks {
    fn fail(&mut self, pointer: impl Into<String>, problem: impl Into<String>) {
        self.errors.push(ConfigError::new(pointer, problem));
    }

    fn within<T: PartialOrd>(
        &mut self,
        pointer: &str,
        value: T,
        range: std::ops::RangeInclusive<T>,
        least: &str,
        most: &str,
    ) {
        if !range.contains(&value) {
            self.fail(pointer, format!("must be between {least} and {most}"));
        }
    }

    fn target(&mut self, url: &str) -> Option<Target> {
        match Target::parse(url) {
            Ok(target) => Some(target),
            Err(problem) => {
                self.fail("/url", problem);
                None
            }
        }
    }

    fn secret(&mut self, pointer: &str, secret: &SecretConfig) {
        config::keep(Secret::compile(secret, Path::new("")), &format!("{pointer}/secret"), &mut self.errors);
    }

    fn auth(&mut self, auth: RawAuth) -> AuthSource {
        match auth {
            RawAuth::Bearer(SecretRef { secret }) => {
                self.secret("/auth/bearer", &secret);
                AuthSource::Bearer(secret)
            }
            RawAuth::Basic(RawBasic { username, password: SecretRef { secret } }) => {
                self.secret("/auth/basic/password", &secret);
                // RFC 7617, section 2: the first colon ends the name.
                if username.contains(':') || username.contains(char::is_control) {
                    self.fail("/auth/basic/username", "must have no colon and no control character");
                }
                AuthSource::Basic { username, password: secret }
            }
        }
    }

    fn headers(&mut self, headers: BTreeMap<String, RawHeader>, authorized: bool) -> Vec<(HeaderName, HeaderSource)> {
        let mut checked = Vec::new();
        for (name, value) in headers {
            let pointer = format!("/headers/{}", name.replace('~', "~0").replace('/', "~1"));
            let Some(name) = self.header_name(&pointer, &name) else { continue };
            if authorized && name == header::AUTHORIZATION {
                self.fail(&*pointer, "`auth` already says it");
            }
            match value {
                RawHeader::Text(text) => match HeaderValue::from_str(&text) {
                    Ok(value) => checked.push((name, HeaderSource::Text(value))),
                    Err(_) => self.fail(pointer, "a header value must have no control characters"),
                },
                RawHeader::Secret(secret) => {
                    self.secret(&pointer, &secret);
                    checked.push((name, HeaderSource::Secret(secret)));
                }
            }
        }
        checked
    }

    fn pass_headers(&mut self, names: &HeadersConfig) -> Vec<(HeaderName, String)> {
        match names.check("/passHeaders", is_taken) {
            // What is checked is a header's name.
            Ok(headers) => {
                headers.pairs().filter_map(|(name, entry)| Some((name.parse().ok()?, entry.into()))).collect()
            }
            Err(errors) => {
                self.errors.extend(errors);
                Vec::new()
            }
        }
    }

    /// A header that is free: not one that the event, the connection or the message's own form decides.
    fn header_name(&mut self, pointer: &str, name: &str) -> Option<HeaderName> {
        let Ok(name) = HeaderName::try_from(name) else {
            self.fail(pointer, format!("`{name}` is no header name"));
            return None;
        };
        if is_taken(name.as_str()) {
            self.fail(pointer, format!("`{name}` is decided by the event or the connection"));
            return None;
        }
        Some(name)
    }

    fn handshake(&mut self, handshake: RawHandshake) -> Option<HandshakeConfig> {
        let RawHandshake { origin, rate } = handshake;
        if let Some(rate) = rate {
            self.within("/handshake/rate", rate, 1..=RATE_MAX, "1", "1000000");
        }
        // Webhook specification, section 4.1.1: a DNS expression.
        let dns = |c: char| c.is_ascii_alphanumeric() || c == '.' || c == '-';
        let valid = !origin.is_empty() && origin.len() <= 253 && origin.chars().all(dns);
        match HeaderValue::try_from(origin) {
            Ok(origin) if valid => Some(HandshakeConfig { origin, rate }),
            Ok(_) | Err(_) => {
                self.fail(
                    "/handshake/origin",
                    "must be a DNS name that stands for this system, as in events.example.com",
                );
                None
            }
        }
    }
}
