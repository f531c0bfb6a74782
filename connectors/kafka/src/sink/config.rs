//! What a document says about a Kafka sink: raw as written, then checked.
//!
//! Besides what [`client`](crate::client) lists:
//!
//! | option | default | limit, meaning |
//! |---|---|---|
//! | `topic` | none | where events go for which a route's target names no topic; without it those are refused |
//! | `mode` | `binary` | `binary` or `structured` |
//! | `key` | the ordering key | name of the attribute that becomes the key; else it is the key the event came with, or its `partitionkey` |
//! | `passHeaders` | none | headers of an event's context (`header.NAME`) that are sent with it |
//! | `compression` | `none` | `none`, `gzip`, `snappy`, `lz4`, `zstd` |
//! | `linger` | `1ms` | 0ms to 1s that a batch waits for more |
//! | `timeout` | `30s` | 1s to 10m without any message getting through, after which a group is taken back and tried again |
//! | `maxMessageBytes` | `1000000` | 1Ki to 256Mi; larger events are refused. Not more than the topics' `max.message.bytes` |
//!
//! Always idempotent, always `acks=all`: an event is durable when all replicas in sync have it.

use std::time::Duration;

use rdkafka::ClientConfig;
use serde::Deserialize;
use serde_json::Value;
use tidegate_connector::config::{self, Size, Time};
use tidegate_connector::{ConfigError, Headers, HeadersConfig, Place};

use crate::binding::{self, Mode};
use crate::client::{self, Connection, RawSasl, RawTls};
use crate::topics;

/// Kafka's brokers take a little more by default.
pub(crate) const MESSAGE_BYTES_DEFAULT: Size = Size(1_000_000);
pub(crate) const MESSAGE_BYTES: (Size, Size) = (Size(1 << 10), Size(256 << 20));
/// How long a new topic may take to become known before it counts as unknown.
pub(crate) const UNKNOWN_AFTER_MS: &str = "5000";

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Raw {
    brokers: Vec<String>,
    tls: Option<RawTls>,
    sasl: Option<RawSasl>,
    topic: Option<String>,
    #[serde(default)]
    mode: Mode,
    key: Option<String>,
    #[serde(default)]
    pass_headers: HeadersConfig,
    #[serde(default)]
    compression: Compression,
    linger: Option<Time>,
    timeout: Option<Time>,
    max_message_bytes: Option<Size>,
}

#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Compression {
    #[default]
    None,
    Gzip,
    Snappy,
    Lz4,
    Zstd,
}

impl Compression {
    /// As librdkafka calls it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Compression::None => "none",
            Compression::Gzip => "gzip",
            Compression::Snappy => "snappy",
            Compression::Lz4 => "lz4",
            Compression::Zstd => "zstd",
        }
    }
}

/// A Kafka sink, checked.
#[derive(Debug)]
pub(crate) struct SinkConfig {
    pub(super) connection: Connection,
    pub(super) topic: Option<String>,
    pub(super) mode: Mode,
    pub(super) key: Option<String>,
    pub(super) pass: Headers,
    pub(super) timeout: Duration,
    pub(super) max_message_bytes: Size,
    compression: Compression,
    linger: Duration,
}

impl SinkConfig {
    /// Relative paths start at the place, if there is one yet.
    pub(crate) fn read(value: &Value, place: Option<&Place<'_>>) -> Result<Self, Vec<ConfigError>> {
        let raw: Raw = config::parse(value)?;
        let mut errors = Vec::new();
        let connection = Connection::check(&raw.brokers, raw.tls, raw.sasl, client::base_dir(place), &mut errors);
        if let Some(problem) = raw.topic.as_deref().and_then(topics::problem) {
            errors.push(ConfigError::new("/topic", problem));
        }
        if raw.key.as_deref().is_some_and(|name| !binding::is_attribute(name)) {
            errors.push(ConfigError::new("/key", "is no name of an attribute: lower-case letters and digits only"));
        }
        let pass = raw.pass_headers.check("/passHeaders", binding::is_own);
        let pass = config::keep(pass, "", &mut errors).unwrap_or_default();
        let ms = Duration::from_millis;
        let linger = Time::within(raw.linger, ms(1), (ms(0), ms(1_000), "0ms and 1s"), "/linger", &mut errors);
        let timeout =
            Time::within(raw.timeout, ms(30_000), (ms(1_000), ms(600_000), "1s and 10m"), "/timeout", &mut errors);
        let max_message_bytes = raw.max_message_bytes.unwrap_or(MESSAGE_BYTES_DEFAULT);
        if !(MESSAGE_BYTES.0..=MESSAGE_BYTES.1).contains(&max_message_bytes) {
            errors.push(ConfigError::new("/maxMessageBytes", "must be between 1Ki and 256Mi"));
        }
        if !errors.is_empty() {
            return Err(errors);
        }
        let Raw { topic, mode, key, compression, .. } = raw;
        Ok(SinkConfig { connection, topic, mode, key, pass, timeout, max_message_bytes, compression, linger })
    }

    /// What librdkafka is told; the error says which secret is not there.
    pub(super) fn client_config(&self) -> Result<ClientConfig, String> {
        let mut config = self.connection.client_config()?;
        config
            .set("enable.idempotence", "true")
            .set("acks", "all")
            .set("partitioner", "murmur2_random")
            // Groups are taken back as a whole, by the writer: single messages would let others get ahead.
            .set("message.timeout.ms", "0")
            .set("topic.metadata.propagation.max.ms", UNKNOWN_AFTER_MS)
            .set("linger.ms", self.linger.as_millis().to_string())
            .set("message.max.bytes", self.max_message_bytes.0.to_string())
            .set("batch.size", self.max_message_bytes.0.min(MESSAGE_BYTES_DEFAULT.0).to_string())
            .set("compression.type", self.compression.name());
        Ok(config)
    }
}
