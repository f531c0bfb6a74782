//! What a document says about a Kafka source: raw as written, then checked.
//!
//! Besides what [`client`](crate::client) lists:
//!
//! | option | default | limit, meaning |
//! |---|---|---|
//! | `topics` | – | 1 to 64 names or patterns: see [`topics`](crate::topics) |
//! | `group` | `NAMESPACE.NAME` of the source | 1 to 249 bytes; hosts of one group share the partitions |
//! | `start` | `beginning` | `beginning` or `end`: where a group reads that has no position yet, or whose position is gone |
//! | `rebalance` | `cooperative` | `cooperative` moves only the partitions that must move; `classic` takes all away and gives them out anew. All members of a group have the same |
//! | `sessionTimeout` | `45s` | 100ms to 30m, and what the broker allows; a host that is silent for longer loses its partitions. One that was killed is missed for so long: until then nobody has them, not even itself started again |
//! | `drainTimeout` | `30s` | 100ms to 10m; how long a rebalance waits for what is in flight. The group waits for a member that does not answer for a minute more |
//! | `commitInterval` | `1s` | 10ms to 1m; what was settled since comes again after a crash, at most 1,024 events a partition |
//! | `prefetch` | `4Mi` | 64Ki to 256Mi fetched ahead of each partition's lane |
//! | `isolation` | `committed` | `committed` or `uncommitted`: whether messages of open and aborted transactions are read |
//! | `validate` | `envelope` | `envelope` or `full`: how much of a structured event's JSON is checked |
//! | `envelope` | none | wraps messages that are no events; knows `${topic}`, `${partition}`, `${offset}`, `${key}`; `id` is `TOPIC-PARTITION-OFFSET` |
//! | `delivery` | `atLeastOnce` | `atLeastOnce` or `exactlyOnce`: what comes of its events, dead letters too, and how far it has read are written in one transaction ([`transactions`](super::transactions)) |
//! | `transaction` | – | with `exactlyOnce`: `{timeout: 15s, compression: none}`. `timeout` (1s to 15m, and what the broker allows) is how long others may wait for what a host that is gone had begun |
//! | `key` | none | name of an extension, as in `partitionkey`, that a message's key becomes where the event has none of that name |
//! | `acceptHeaders` | none | headers that become context (`header.NAME`); of one that is there several times the last |

use std::path::Path;
use std::time::Duration;

use rdkafka::ClientConfig;
use serde::Deserialize;
use serde_json::Value;
use tidegate_connector::config::{self, Size, Time, ValidateConfig};
use tidegate_connector::envelope::{Envelope, EnvelopeConfig, Transport};
use tidegate_connector::{ConfigError, HeadersConfig, Place};

use super::transactions::Identity;
use crate::binding::{self, Reader};
use crate::client::{self, Connection, RawSasl, RawTls};
use crate::sink::Compression;
use crate::topics;

const TOPICS_MAX: usize = 64;
const GROUP_BYTES_MAX: usize = 249;
const TRANSPORT: Transport<'static> =
    Transport { names: &["topic", "partition", "offset", "key"], default_id: "${topic}-${partition}-${offset}" };
const PREFETCH: (Size, Size) = (Size(64 << 10), Size(256 << 20));
/// A full queue is looked at again after so long; the default of a second would make a lane wait that is quick.
const QUEUE_LOOK_MS: &str = "20";
/// How often a lane's lag is told.
const STATISTICS_MS: &str = "1000";
/// How soon a topic is seen that was not there, or a partition more.
const REFRESH_MS: &str = "10000";
/// What a member may take for a rebalance beyond its draining.
const REBALANCE_SPARE: Duration = Duration::from_secs(60);

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Raw {
    brokers: Vec<String>,
    tls: Option<RawTls>,
    sasl: Option<RawSasl>,
    topics: Vec<String>,
    group: Option<String>,
    #[serde(default)]
    start: Start,
    #[serde(default)]
    rebalance: Rebalance,
    session_timeout: Option<Time>,
    drain_timeout: Option<Time>,
    commit_interval: Option<Time>,
    prefetch: Option<Size>,
    #[serde(default)]
    isolation: Isolation,
    #[serde(default)]
    validate: ValidateConfig,
    envelope: Option<EnvelopeConfig>,
    #[serde(default)]
    delivery: Delivery,
    transaction: Option<RawTransaction>,
    #[serde(default)]
    accept_headers: HeadersConfig,
    key: Option<String>,
}

#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Start {
    #[default]
    Beginning,
    End,
}

#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Rebalance {
    #[default]
    Cooperative,
    Classic,
}

#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Isolation {
    #[default]
    Committed,
    Uncommitted,
}

#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
enum Delivery {
    #[default]
    AtLeastOnce,
    ExactlyOnce,
}

#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct RawTransaction {
    timeout: Option<Time>,
    #[serde(default)]
    compression: Compression,
}

/// How transactions are made.
#[derive(Debug)]
pub(super) struct Transactional {
    pub(super) timeout: Duration,
    pub(super) compression: Compression,
    /// Where the name is kept that the brokers know this host by.
    pub(super) identity: Identity,
}

/// A Kafka source, checked.
#[derive(Debug)]
pub(crate) struct SourceConfig {
    pub(super) connection: Connection,
    /// As librdkafka takes them.
    pub(super) subscription: Vec<String>,
    /// As written, with commas between.
    pub(super) topics: String,
    pub(super) group: String,
    pub(super) drain_timeout: Duration,
    pub(super) commit_interval: Duration,
    pub(super) reader: Reader,
    /// Where it delivers exactly once.
    pub(super) transactional: Option<Transactional>,
    start: Start,
    rebalance: Rebalance,
    session_timeout: Duration,
    prefetch: Size,
    isolation: Isolation,
    patterns: bool,
}

impl SourceConfig {
    /// `id` is `namespace/name`. Relative paths start at the place, if there is one yet.
    pub(crate) fn read(id: &str, value: &Value, place: Option<&Place<'_>>) -> Result<Self, Vec<ConfigError>> {
        let raw: Raw = config::parse(value)?;
        let mut errors = Vec::new();
        let transactional = raw.transactional(id, place, &mut errors);
        let connection = Connection::check(&raw.brokers, raw.tls, raw.sasl, client::base_dir(place), &mut errors);
        let subscription = subscription(&raw.topics, &mut errors);
        let group = raw.group.unwrap_or_else(|| id.replace('/', "."));
        if !(1..=GROUP_BYTES_MAX).contains(&group.len()) {
            errors.push(ConfigError::new("/group", "must be 1 to 249 bytes"));
        }
        let ms = Duration::from_millis;
        let session = (ms(100), ms(1_800_000), "100ms and 30m");
        let drain = (ms(100), ms(600_000), "100ms and 10m");
        let commit = (ms(10), ms(60_000), "10ms and 1m");
        let session_timeout = Time::within(raw.session_timeout, ms(45_000), session, "/sessionTimeout", &mut errors);
        let drain_timeout = Time::within(raw.drain_timeout, ms(30_000), drain, "/drainTimeout", &mut errors);
        let commit_interval = Time::within(raw.commit_interval, ms(1_000), commit, "/commitInterval", &mut errors);
        let prefetch = raw.prefetch.unwrap_or(Size(4 << 20));
        if !(PREFETCH.0..=PREFETCH.1).contains(&prefetch) {
            errors.push(ConfigError::new("/prefetch", "must be between 64Ki and 256Mi"));
        }
        let envelope = raw.envelope.map(|envelope| Envelope::compile(&envelope, TRANSPORT));
        let envelope = envelope.and_then(|rule| config::keep(rule, "/envelope", &mut errors));
        let accept = raw.accept_headers.check("/acceptHeaders", binding::is_own);
        let accept = config::keep(accept, "", &mut errors).unwrap_or_default();
        if raw.key.as_deref().is_some_and(|name| !binding::is_extension(name)) {
            errors.push(ConfigError::new("/key", "is no name of an extension, as `partitionkey` is"));
        }
        if !errors.is_empty() {
            return Err(errors);
        }
        let validate = raw.validate.into();
        Ok(SourceConfig {
            connection,
            subscription,
            topics: raw.topics.join(","),
            group,
            drain_timeout,
            commit_interval,
            reader: Reader { validate, envelope, accept, key: raw.key },
            transactional,
            start: raw.start,
            rebalance: raw.rebalance,
            session_timeout,
            prefetch,
            isolation: raw.isolation,
            patterns: raw.topics.iter().any(|topic| topics::is_pattern(topic)),
        })
    }

    /// Whether it delivers exactly once.
    pub(crate) fn is_transactional(&self) -> bool {
        self.transactional.is_some()
    }

    /// Whether one of its topics stands for many.
    pub(super) fn has_patterns(&self) -> bool {
        self.patterns
    }

    /// Whether messages of open transactions are not read yet.
    pub(super) fn is_isolated(&self) -> bool {
        matches!(self.isolation, Isolation::Committed)
    }

    /// How long a member may keep the others waiting in a rebalance, and itself wait for its place in the group.
    pub(super) fn poll_interval(&self) -> Duration {
        (self.drain_timeout + REBALANCE_SPARE).max(self.session_timeout)
    }

    /// What librdkafka is told; the error says which secret is not there.
    pub(super) fn client_config(&self) -> Result<ClientConfig, String> {
        let mut config = self.connection.client_config()?;
        let heartbeat = (self.session_timeout / 10).clamp(Duration::from_millis(20), Duration::from_secs(3));
        config
            .set("group.id", &self.group)
            .set("enable.auto.commit", "false")
            .set("enable.auto.offset.store", "false")
            .set(
                "auto.offset.reset",
                match self.start {
                    Start::Beginning => "earliest",
                    Start::End => "latest",
                },
            )
            .set(
                "partition.assignment.strategy",
                match self.rebalance {
                    Rebalance::Cooperative => "cooperative-sticky",
                    Rebalance::Classic => "range,roundrobin",
                },
            )
            .set(
                "isolation.level",
                match self.isolation {
                    Isolation::Committed => "read_committed",
                    Isolation::Uncommitted => "read_uncommitted",
                },
            )
            .set("session.timeout.ms", self.session_timeout.as_millis().to_string())
            .set("heartbeat.interval.ms", heartbeat.as_millis().to_string())
            .set("max.poll.interval.ms", self.poll_interval().as_millis().to_string())
            .set("queued.max.messages.kbytes", (self.prefetch.0 >> 10).to_string())
            .set("fetch.queue.backoff.ms", QUEUE_LOOK_MS)
            .set("statistics.interval.ms", STATISTICS_MS)
            .set("topic.metadata.refresh.interval.ms", REFRESH_MS);
        if self.patterns {
            // Brokers keep topics of their own, which no pattern means.
            config.set("topic.blacklist", "^__");
        }
        Ok(config)
    }
}

impl Raw {
    fn transactional(
        &self,
        id: &str,
        place: Option<&Place<'_>>,
        errors: &mut Vec<ConfigError>,
    ) -> Option<Transactional> {
        let ms = Duration::from_millis;
        if self.delivery == Delivery::AtLeastOnce {
            if self.transaction.is_some() {
                let error =
                    ConfigError::new("/transaction", "there are no transactions without `delivery: exactlyOnce`");
                errors.push(error.hint("leave it out, or add `delivery: exactlyOnce`"));
            }
            return None;
        }
        if matches!(self.isolation, Isolation::Uncommitted) {
            let error = ConfigError::new("/isolation", "`uncommitted` beside `delivery: exactlyOnce`");
            errors.push(error.hint("leave it out: what is read uncommitted may never have been"));
        }
        if self.commit_interval.is_some() {
            let error = ConfigError::new("/commitInterval", "`commitInterval` beside `delivery: exactlyOnce`");
            errors.push(error.hint("leave it out: every transaction commits the position"));
        }
        let RawTransaction { timeout, compression } = self.transaction.unwrap_or_default();
        let limits = (ms(1_000), ms(900_000), "1s and 15m");
        let timeout = Time::within(timeout, ms(15_000), limits, "/transaction/timeout", errors);
        let identity = Identity::new(id, place.map_or(Path::new(""), |place| place.state_dir));
        Some(Transactional { timeout, compression, identity })
    }
}

fn subscription(topics: &[String], errors: &mut Vec<ConfigError>) -> Vec<String> {
    if !(1..=TOPICS_MAX).contains(&topics.len()) {
        errors.push(ConfigError::new("/topics", format!("must be 1 to {TOPICS_MAX} topics")));
    }
    let mut subscription = Vec::with_capacity(topics.len());
    for (index, topic) in topics.iter().enumerate() {
        match topics::subscription(topic) {
            Ok(topic) => subscription.push(topic),
            Err(problem) => errors.push(ConfigError::new(format!("/topics/{index}"), format!("`{topic}` {problem}"))),
        }
    }
    subscription
}
