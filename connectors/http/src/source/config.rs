//! What a document says about an HTTP source: raw as written, then checked.
//!
//! | option | default | limit, meaning |
//! |---|---|---|
//! | `listen` | required | an IP address and a port, or `localhost:PORT`; loopback only, unless senders prove who they are (`auth`, `signature`, `tls.clientCa`) or `insecure: true` says that they need not |
//! | `path` | any | compared whole with the path as sent; anything else is 404 |
//! | `lanes` | `8` | 1 to 256; events with one ordering key share a lane, as those without one do within a connection |
//! | `timeout` | `30s` | 1ms to 10m until a request's events are settled; then 503, and the events go on |
//! | `maxBody` | `1Mi` | 1 to 256Mi of a body, as sent and inflated |
//! | `maxBodies` | `64Mi` | all bodies that are being read in several pieces; beyond it 503. At least `maxBody` |
//! | `maxHeaderBytes` | `64Ki` | 8Ki to 1Mi of a head; also the most that a connection reads at once |
//! | `maxHeaders` | `100` | 1 to 1000 headers |
//! | `maxConnections` | `4096` | 1 to 1048576; beyond it connections are told 503 and closed |
//! | `maxBatch` | `1024` | 1 to 65536 events in a request |
//! | `queue.events` | `1024` | 1 to 1048576 events that wait for a lane; beyond it 503 |
//! | `queue.bytes` | `4Mi` | 1 to 1Gi of them; what is larger than that may wait alone |
//! | `rate` | none | `{requests, per, burst}`: at most so many requests `per` (`1s`, 1ms to 60m), `burst` (`requests`) at once; beyond it 429; of all senders together, counted behind `auth` |
//! | `headerTimeout` | `10s` | 1ms to 10m from the connection or the first byte of a head to its end; also for a TLS handshake |
//! | `bodyTimeout` | `10s` | 1ms to 10m for a body, and a second more for every `minBodyRate` bytes that came; then 408 |
//! | `minBodyRate` | `500` | 1 to 1Gi bytes a second |
//! | `idleTimeout` | `60s` | 1ms to 10m between requests |
//! | `tls` | none | see [`tls`](crate::tls) |
//! | `auth` | none | see [`identity`](crate::identity); with `tls.clientCa` alone the certificate tells |
//! | `insecure` | `false` | whether anybody who can reach the address may send |
//! | `envelope` | none | makes events of requests that are none, see [`envelope`](crate::envelope); under a `signature` of all requests, as `ce-` headers are not signed |
//! | `signature` | none | see [`signature`](crate::signature); without an `envelope` events in binary mode are refused under it |
//! | `acceptHeaders` | none | up to 32 headers that become context `header.NAME`, in lower case; none that hold credentials |
//! | `allowOrigins` | none | up to 64 origins, or `*`, that a webhook handshake grants; compared whole |
//!
//! Every event has the context `peer` (`ADDRESS:PORT`), `path`, and `principal` where somebody was authenticated.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::Path;
use std::time::Duration;

use http::HeaderName;
use serde::Deserialize;
use serde_json::Value;
use tidegate_connector::config::{self, Size, Time};
use tidegate_connector::{ConfigError, HeadersConfig};

use super::rate::Rate;
use crate::envelope::{RequestEnvelope, RequestEnvelopeConfig};
use crate::identity::{self, AuthConfig, Authenticator};
use crate::signature::{SignatureCheck, SignatureConfig};
use crate::tls::{TlsConfig, TlsListener};

/// Default of `lanes`.
const LANES_DEFAULT: u32 = 8;
/// `lanes` at most: each is a task with a window of its own.
const LANES_MAX: u32 = 256;
/// Default of `timeout`.
const TIMEOUT_DEFAULT: Duration = Duration::from_secs(30);
/// `timeout` at most.
const TIMEOUT_MAX: Duration = Duration::from_secs(600);
/// Default of `maxBody`.
const BODY_DEFAULT: Size = Size(1 << 20);
/// `maxBody` at most.
const BODY_MAX: Size = Size(256 << 20);
/// Default of `maxBodies`.
const BODIES_DEFAULT: Size = Size(64 << 20);
/// Default of `maxHeaderBytes`.
const HEADER_BYTES_DEFAULT: Size = Size(64 << 10);
/// `maxHeaderBytes` at least: what hyper reads at once.
const HEADER_BYTES_MIN: Size = Size(8 << 10);
/// `maxHeaderBytes` at most: every connection may hold so much.
const HEADER_BYTES_MAX: Size = Size(1 << 20);
/// Default of `maxHeaders`; hyper keeps so many without allocating.
pub(super) const HEADERS_DEFAULT: u32 = 100;
/// `maxHeaders` at most.
const HEADERS_MAX: u32 = 1000;
/// Default of `maxConnections`.
const CONNECTIONS_DEFAULT: u32 = 4096;
/// `maxConnections` at most.
const CONNECTIONS_MAX: u32 = 1 << 20;
/// Default of `maxBatch`.
const BATCH_DEFAULT: u32 = 1024;
/// `maxBatch` at most.
const BATCH_MAX: u32 = 1 << 16;
/// Default of `queue.events`.
const QUEUE_EVENTS_DEFAULT: u32 = 1024;
/// `queue.events` at most.
const QUEUE_EVENTS_MAX: u32 = 1 << 20;
/// Default of `queue.bytes`.
const QUEUE_BYTES_DEFAULT: Size = Size(4 << 20);
/// `queue.bytes` at most.
const QUEUE_BYTES_MAX: Size = Size(1 << 30);
/// Default of `headerTimeout`.
const HEADER_TIMEOUT_DEFAULT: Duration = Duration::from_secs(10);
/// Default of `bodyTimeout`.
const BODY_TIMEOUT_DEFAULT: Duration = Duration::from_secs(10);
/// Default of `minBodyRate`.
const BODY_RATE_DEFAULT: Size = Size(500);
/// Default of `idleTimeout`.
const IDLE_TIMEOUT_DEFAULT: Duration = Duration::from_secs(60);
/// `allowOrigins` at most.
const LIST_MAX: usize = 64;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct RawSource {
    listen: String,
    path: Option<String>,
    lanes: Option<u32>,
    timeout: Option<Time>,
    max_body: Option<Size>,
    max_bodies: Option<Size>,
    max_header_bytes: Option<Size>,
    max_headers: Option<u32>,
    max_connections: Option<u32>,
    max_batch: Option<u32>,
    #[serde(default)]
    queue: RawQueue,
    rate: Option<RawRate>,
    header_timeout: Option<Time>,
    body_timeout: Option<Time>,
    min_body_rate: Option<Size>,
    idle_timeout: Option<Time>,
    #[serde(default, deserialize_with = "identity::given")]
    tls: Option<TlsConfig>,
    #[serde(default, deserialize_with = "identity::given")]
    auth: Option<AuthConfig>,
    #[serde(default)]
    insecure: bool,
    envelope: Option<RequestEnvelopeConfig>,
    #[serde(default, deserialize_with = "identity::given")]
    signature: Option<SignatureConfig>,
    #[serde(default)]
    accept_headers: HeadersConfig,
    #[serde(default)]
    allow_origins: Vec<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawQueue {
    events: Option<u32>,
    bytes: Option<Size>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawRate {
    requests: u32,
    per: Option<Time>,
    burst: Option<u32>,
}

/// An HTTP source, checked.
#[derive(Debug)]
pub(crate) struct SourceConfig {
    pub(super) listen: SocketAddr,
    /// Compared whole with the path as sent.
    pub(super) path: Option<String>,
    pub(super) lanes: usize,
    pub(super) timeout: Duration,
    pub(super) max_body: usize,
    pub(super) max_bodies: usize,
    pub(super) max_header_bytes: usize,
    pub(super) max_headers: u32,
    pub(super) max_connections: usize,
    pub(super) max_batch: usize,
    pub(super) queue: Bound,
    pub(super) rate: Option<Rate>,
    pub(super) patience: Patience,
    pub(super) tls: Option<TlsListener>,
    pub(super) auth: Option<Authenticator>,
    pub(super) envelope: Option<RequestEnvelope>,
    pub(super) signature: Option<SignatureCheck>,
    /// Header, and the name of its context entry.
    pub(super) accept_headers: Vec<(HeaderName, String)>,
    pub(super) allow_origins: Vec<String>,
}

/// What a lane's queue holds at most.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bound {
    pub(super) events: usize,
    pub(super) bytes: usize,
}

/// How long a client may take.
#[derive(Clone, Copy, Debug)]
pub(super) struct Patience {
    /// From the first byte of a head to its end; also for a TLS handshake.
    pub(super) header: Duration,
    /// For a body, plus one second for every `body_rate` bytes that came.
    pub(super) body: Duration,
    /// Bytes a second.
    pub(super) body_rate: u64,
    /// Between requests.
    pub(super) idle: Duration,
}

impl SourceConfig {
    /// Where it listens.
    pub(crate) fn listen(&self) -> SocketAddr {
        self.listen
    }

    /// Reads a configuration; relative paths in it start at `base_dir`. Touches nothing outside.
    pub(crate) fn read(value: &Value, base_dir: &Path) -> Result<Self, Vec<ConfigError>> {
        let raw: RawSource = config::parse(value)?;
        let mut check = Check::default();
        let listen = check.listen(&raw.listen);
        let tls = check.part("/tls", raw.tls.map(|tls| TlsListener::compile(&tls, base_dir)));
        let asked_auth = raw.auth.is_some();
        let auth = check.part("/auth", raw.auth.map(|auth| Authenticator::compile(&auth, base_dir)));
        let checks_clients = tls.as_ref().is_some_and(TlsListener::checks_clients);
        if !checks_clients && auth.as_ref().is_some_and(Authenticator::needs_client_ca) {
            check.error("/auth/certificate", "without `tls: {clientCa}` no client shows a certificate", None);
        }
        if let Some(listen) = listen {
            check.exposure(listen, asked_auth || raw.signature.is_some() || checks_clients || raw.insecure);
        }
        // A certificate that was asked for is a way in where no other is named.
        let auth = auth.or_else(|| (checks_clients && !asked_auth).then(Authenticator::certificates));
        if let Some(path) = &raw.path
            && !path.starts_with('/')
        {
            check.error("/path", "must begin with `/`", None);
        }
        let max_body = check.size("/maxBody", raw.max_body, BODY_DEFAULT, Size(1)..=BODY_MAX);
        let max_bodies = check.size(
            "/maxBodies",
            raw.max_bodies,
            BODIES_DEFAULT.max(Size(max_body as u64)),
            Size(1)..=Size(1 << 40),
        );
        if max_bodies < max_body {
            check.error("/maxBodies", "must not be less than `maxBody`", None);
        }
        let header_bytes = HEADER_BYTES_MIN..=HEADER_BYTES_MAX;
        let time = Duration::from_millis(1)..=TIMEOUT_MAX;
        let checked = SourceConfig {
            listen: listen.unwrap_or_else(|| SocketAddr::from((Ipv4Addr::LOCALHOST, 0))),
            path: raw.path,
            lanes: check.count("/lanes", raw.lanes, LANES_DEFAULT, LANES_MAX) as usize,
            timeout: check.time("/timeout", raw.timeout, TIMEOUT_DEFAULT, &time),
            max_body,
            max_bodies,
            max_header_bytes: check.size("/maxHeaderBytes", raw.max_header_bytes, HEADER_BYTES_DEFAULT, header_bytes),
            max_headers: check.count("/maxHeaders", raw.max_headers, HEADERS_DEFAULT, HEADERS_MAX),
            max_connections: check.count("/maxConnections", raw.max_connections, CONNECTIONS_DEFAULT, CONNECTIONS_MAX)
                as usize,
            max_batch: check.count("/maxBatch", raw.max_batch, BATCH_DEFAULT, BATCH_MAX) as usize,
            queue: Bound {
                events: check.count("/queue/events", raw.queue.events, QUEUE_EVENTS_DEFAULT, QUEUE_EVENTS_MAX) as usize,
                bytes: check.size("/queue/bytes", raw.queue.bytes, QUEUE_BYTES_DEFAULT, Size(1)..=QUEUE_BYTES_MAX),
            },
            rate: raw.rate.and_then(|rate| check.rate(&rate)),
            patience: Patience {
                header: check.time("/headerTimeout", raw.header_timeout, HEADER_TIMEOUT_DEFAULT, &time),
                body: check.time("/bodyTimeout", raw.body_timeout, BODY_TIMEOUT_DEFAULT, &time),
                body_rate: check.size("/minBodyRate", raw.min_body_rate, BODY_RATE_DEFAULT, Size(1)..=Size(1 << 30))
                    as u64,
                idle: check.time("/idleTimeout", raw.idle_timeout, IDLE_TIMEOUT_DEFAULT, &time),
            },
            tls,
            auth,
            envelope: check.part("/envelope", raw.envelope.map(|rule| RequestEnvelope::compile(&rule))),
            signature: check.part("/signature", raw.signature.map(|rule| SignatureCheck::compile(&rule, base_dir))),
            accept_headers: check.headers(&raw.accept_headers),
            allow_origins: check.origins(raw.allow_origins),
        };
        if check.errors.is_empty() { Ok(checked) } else { Err(check.errors) }
    }
}

/// Whether a header, in lower case, is one of the event itself.
fn is_own(name: &str) -> bool {
    name.starts_with("ce-") || name == "content-type"
}

/// Collects every mistake; what is wrong is replaced by something that lets the rest be looked at.
#[derive(Default)]
struct Check {
    errors: Vec<ConfigError>,
}

impl Check {
    fn error(&mut self, pointer: impl Into<String>, problem: impl Into<String>, hint: Option<&str>) {
        self.errors.push(ConfigError {
            pointer: pointer.into(),
            problem: problem.into(),
            hint: hint.map(str::to_owned),
        });
    }

    fn listen(&mut self, text: &str) -> Option<SocketAddr> {
        if let Some(port) = text.strip_prefix("localhost:").and_then(|port| port.parse().ok()) {
            return Some(SocketAddr::from((Ipv4Addr::LOCALHOST, port)));
        }
        let address = text.parse().ok();
        if address.is_none() {
            let hint = "write an IP address and a port, as in 127.0.0.1:8080, [::1]:8080 or 0.0.0.0:8080";
            self.error("/listen", format!("`{text}` is no address to listen at"), Some(hint));
        }
        address
    }

    /// Whoever can reach a listener can send: only this machine may, unless senders prove who they are.
    fn exposure(&mut self, listen: SocketAddr, allowed: bool) {
        let ip = listen.ip().to_canonical();
        if !ip.is_loopback() && !allowed {
            let loopback =
                if ip.is_ipv4() { Ipv4Addr::LOCALHOST.to_string() } else { format!("[{}]", Ipv6Addr::LOCALHOST) };
            let hint = format!(
                "add `auth`, `signature` or `tls: {{clientCa}}`; or listen at {loopback}:{}; or say `insecure: true`",
                listen.port()
            );
            let problem = "other machines could send here, and nothing asks who they are";
            self.errors.push(ConfigError::new("/listen", problem).hint(hint));
        }
    }

    fn count(&mut self, pointer: &str, value: Option<u32>, default: u32, max: u32) -> u32 {
        let value = value.unwrap_or(default);
        if !(1..=max).contains(&value) {
            self.error(pointer, format!("must be between 1 and {max}"), None);
        }
        value
    }

    fn size(
        &mut self,
        pointer: &str,
        value: Option<Size>,
        default: Size,
        range: std::ops::RangeInclusive<Size>,
    ) -> usize {
        let value = value.unwrap_or(default);
        if !range.contains(&value) {
            self.error(pointer, format!("must be between {} and {} bytes", range.start().0, range.end().0), None);
        }
        value.as_usize()
    }

    fn time(
        &mut self,
        pointer: &str,
        value: Option<Time>,
        default: Duration,
        range: &std::ops::RangeInclusive<Duration>,
    ) -> Duration {
        let value = value.map_or(default, |Time(value)| value);
        if !range.contains(&value) {
            self.error(pointer, format!("must be between {:?} and {:?}", range.start(), range.end()), None);
        }
        value
    }

    fn rate(&mut self, raw: &RawRate) -> Option<Rate> {
        let per = raw.per.map_or(Duration::from_secs(1), |Time(per)| per);
        let burst = raw.burst.unwrap_or(raw.requests);
        if raw.requests == 0 {
            self.error("/rate/requests", "must be at least 1", None);
        }
        if raw.burst == Some(0) {
            self.error("/rate/burst", "must be at least 1", None);
        }
        if per < Duration::from_millis(1) || per > Duration::from_secs(3600) {
            self.error("/rate/per", "must be between 1ms and 60m", None);
        }
        Rate::new(raw.requests, per, burst)
    }

    fn part<T>(&mut self, pointer: &str, part: Option<Result<T, Vec<ConfigError>>>) -> Option<T> {
        config::keep(part?, pointer, &mut self.errors)
    }

    fn headers(&mut self, names: &HeadersConfig) -> Vec<(HeaderName, String)> {
        for (index, name) in names.names().enumerate() {
            if identity::CREDENTIALS.iter().any(|held| held.eq_ignore_ascii_case(name)) {
                let problem = format!("`{name}` holds credentials, which do not travel with events");
                self.error(format!("/acceptHeaders/{index}"), problem, None);
            }
        }
        match names.check("/acceptHeaders", is_own) {
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

    fn origins(&mut self, origins: Vec<String>) -> Vec<String> {
        if origins.len() > LIST_MAX {
            self.error("/allowOrigins", format!("more than {LIST_MAX} origins"), None);
        }
        for (index, origin) in origins.iter().enumerate() {
            if origin.is_empty() || !origin.bytes().all(|b| b.is_ascii_graphic()) {
                self.error(
                    format!("/allowOrigins/{index}"),
                    format!("`{origin}` is no origin"),
                    Some("as in eventgrid.example.com, or *"),
                );
            }
        }
        origins
    }
}
