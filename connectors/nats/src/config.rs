//! What a document says about a NATS source or sink: raw as written, then checked. The crate's documentation lists the options.

pub(crate) mod connection;

use std::time::Duration;

use serde::Deserialize;
use serde_json::Value;
use tidegate_connector::config::{self, Time, ValidateConfig};
use tidegate_connector::envelope::{Envelope, EnvelopeConfig, Transport};
use tidegate_connector::{ConfigError, Headers, HeadersConfig};

use self::connection::{Connection, Raw, RawAuth, RawTls};
use crate::binding::{self, Mode};
use crate::subject::{check_entity, check_name, check_pattern};

const SUBJECTS_MAX: usize = 64;
const ACK_WAIT_DEFAULT: Duration = Duration::from_secs(30);
const ACK_WAIT_MIN: Duration = Duration::from_secs(1);
const ACK_WAIT_MAX: Duration = Duration::from_secs(600);
/// Messages a consumer hands out unacknowledged: a lane's window of the host, and as much again read ahead.
const ACK_PENDING_DEFAULT: usize = 8192;
const ACK_PENDING_MAX: usize = 65_536;
const IN_FLIGHT_DEFAULT: usize = 8192;
const ACK_TIMEOUT_DEFAULT: Duration = Duration::from_secs(5);
const ACK_TIMEOUT_MIN: Duration = Duration::from_millis(100);
const ACK_TIMEOUT_MAX: Duration = Duration::from_secs(60);

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct RawSource {
    servers: Vec<String>,
    auth: Option<RawAuth>,
    tls: Option<RawTls>,
    #[serde(default)]
    subjects: Vec<String>,
    queue: Option<String>,
    stream: Option<String>,
    consumer: Option<String>,
    start: Option<Start>,
    ack_wait: Option<Time>,
    max_ack_pending: Option<usize>,
    #[serde(default)]
    validate: ValidateConfig,
    envelope: Option<EnvelopeConfig>,
    #[serde(default)]
    accept_headers: HeadersConfig,
}

/// Where a consumer that is made new begins.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Start {
    #[default]
    Beginning,
    End,
}

/// A source, checked.
#[derive(Debug)]
pub(crate) struct SourceConfig {
    pub(crate) connection: Connection,
    pub(crate) from: From,
    pub(crate) reading: binding::Reading,
}

/// What is read.
#[derive(Clone, Debug)]
pub(crate) enum From {
    /// What is published while we listen.
    Subjects { subjects: Vec<String>, queue: Option<String> },
    /// What a stream keeps.
    Stream(StreamConfig),
}

/// A consumer of a stream.
#[derive(Clone, Debug)]
pub(crate) struct StreamConfig {
    pub(crate) stream: String,
    /// `None`: named after the source.
    pub(crate) consumer: Option<String>,
    /// Of these only; empty: all.
    pub(crate) subjects: Vec<String>,
    pub(crate) start: Start,
    pub(crate) ack_wait: Duration,
    pub(crate) max_ack_pending: usize,
}

impl SourceConfig {
    pub(crate) fn read(value: &Value) -> Result<Self, Vec<ConfigError>> {
        let raw: RawSource = config::parse(value)?;
        let mut errors = Vec::new();
        let connection = Connection::check(Raw { servers: raw.servers, auth: raw.auth, tls: raw.tls }, &mut errors);
        if raw.subjects.len() > SUBJECTS_MAX {
            errors.push(ConfigError::new("/subjects", format!("more than {SUBJECTS_MAX} subjects")));
        }
        for (index, subject) in raw.subjects.iter().enumerate() {
            named(&format!("/subjects/{index}"), subject, check_pattern(subject), &mut errors);
        }
        let of_streams = [
            ("consumer", raw.consumer.is_some()),
            ("start", raw.start.is_some()),
            ("ackWait", raw.ack_wait.is_some()),
            ("maxAckPending", raw.max_ack_pending.is_some()),
        ];
        let transport = match raw.stream {
            Some(_) => Transport { names: binding::STREAM_NAMES, default_id: "${stream}:${sequence}" },
            None => Transport { names: binding::SUBJECT_NAMES, default_id: "${hash}" },
        };
        let from = match raw.stream {
            None => {
                for (key, _) in of_streams.iter().filter(|(_, given)| *given) {
                    let error = ConfigError::new(format!("/{key}"), "applies to streams only");
                    errors.push(error.hint("add `stream: NAME`"));
                }
                if raw.subjects.is_empty() {
                    errors.push(ConfigError::new("/subjects", "without `stream` there must be subjects"));
                }
                if let Some(queue) = &raw.queue {
                    named("/queue", queue, check_entity(queue), &mut errors);
                }
                From::Subjects { subjects: raw.subjects, queue: raw.queue }
            }
            Some(stream) => {
                named("/stream", &stream, check_entity(&stream), &mut errors);
                if let Some(consumer) = &raw.consumer {
                    named("/consumer", consumer, check_entity(consumer), &mut errors);
                }
                if raw.queue.is_some() {
                    let error = ConfigError::new("/queue", "applies to plain subjects, not to streams");
                    errors.push(error.hint("several sources share a stream by `subjects`, each with a `consumer`"));
                }
                let limits = (ACK_WAIT_MIN, ACK_WAIT_MAX, "1s and 10m");
                let ack_wait = Time::within(raw.ack_wait, ACK_WAIT_DEFAULT, limits, "/ackWait", &mut errors);
                let max_ack_pending = raw.max_ack_pending.unwrap_or(ACK_PENDING_DEFAULT);
                if !(1..=ACK_PENDING_MAX).contains(&max_ack_pending) {
                    errors.push(ConfigError::new("/maxAckPending", format!("must be between 1 and {ACK_PENDING_MAX}")));
                }
                From::Stream(StreamConfig {
                    stream,
                    consumer: raw.consumer,
                    subjects: raw.subjects,
                    start: raw.start.unwrap_or_default(),
                    ack_wait,
                    max_ack_pending,
                })
            }
        };
        let envelope = raw.envelope.map(|rule| Envelope::compile(&rule, transport));
        let envelope = envelope.and_then(|rule| config::keep(rule, "/envelope", &mut errors));
        let headers = checked_headers(&raw.accept_headers, "/acceptHeaders", &mut errors);
        if !errors.is_empty() {
            return Err(errors);
        }
        let validate = raw.validate.into();
        Ok(SourceConfig { connection, from, reading: binding::Reading { validate, envelope, headers } })
    }
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct RawSink {
    servers: Vec<String>,
    auth: Option<RawAuth>,
    tls: Option<RawTls>,
    subject: Option<String>,
    #[serde(default)]
    mode: RawMode,
    jetstream: Option<bool>,
    message_id: Option<MessageId>,
    in_flight: Option<usize>,
    ack_timeout: Option<Time>,
    #[serde(default)]
    pass_headers: HeadersConfig,
}

#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
enum RawMode {
    #[default]
    Structured,
    Binary,
}

/// What `Nats-Msg-Id` says.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub(crate) enum MessageId {
    /// The subject, the event's source and its id.
    #[default]
    Event,
    /// It is not sent.
    None,
}

/// A sink, checked.
#[derive(Debug)]
pub(crate) struct SinkConfig {
    pub(crate) connection: Connection,
    pub(crate) subject: Option<String>,
    pub(crate) mode: Mode,
    pub(crate) to: To,
    pub(crate) headers: Headers,
}

/// What a write waits for.
#[derive(Clone, Copy, Debug)]
pub(crate) enum To {
    /// That the server took it.
    Subjects,
    /// That a stream stored it.
    Stream { message_id: MessageId, in_flight: usize, ack_timeout: Duration },
}

impl SinkConfig {
    pub(crate) fn read(value: &Value) -> Result<Self, Vec<ConfigError>> {
        let raw: RawSink = config::parse(value)?;
        let mut errors = Vec::new();
        let connection = Connection::check(Raw { servers: raw.servers, auth: raw.auth, tls: raw.tls }, &mut errors);
        if let Some(subject) = &raw.subject {
            named("/subject", subject, check_name(subject), &mut errors);
        }
        let in_flight = raw.in_flight.unwrap_or(IN_FLIGHT_DEFAULT);
        if !(1..=IN_FLIGHT_DEFAULT).contains(&in_flight) {
            errors.push(ConfigError::new("/inFlight", format!("must be between 1 and {IN_FLIGHT_DEFAULT}")));
        }
        let limits = (ACK_TIMEOUT_MIN, ACK_TIMEOUT_MAX, "100ms and 60s");
        let ack_timeout = Time::within(raw.ack_timeout, ACK_TIMEOUT_DEFAULT, limits, "/ackTimeout", &mut errors);
        let to = if raw.jetstream.unwrap_or(true) {
            To::Stream { message_id: raw.message_id.unwrap_or_default(), in_flight, ack_timeout }
        } else {
            let of_streams = [
                ("messageId", raw.message_id.is_some()),
                ("inFlight", raw.in_flight.is_some()),
                ("ackTimeout", raw.ack_timeout.is_some()),
            ];
            for (key, _) in of_streams.iter().filter(|(_, given)| *given) {
                errors.push(ConfigError::new(format!("/{key}"), "applies to streams, and `jetstream` is false"));
            }
            To::Subjects
        };
        let headers = checked_headers(&raw.pass_headers, "/passHeaders", &mut errors);
        if !errors.is_empty() {
            return Err(errors);
        }
        let mode = match raw.mode {
            RawMode::Structured => Mode::Structured,
            RawMode::Binary => Mode::Binary,
        };
        Ok(SinkConfig { connection, subject: raw.subject, mode, to, headers })
    }
}

fn checked_headers(headers: &HeadersConfig, pointer: &str, errors: &mut Vec<ConfigError>) -> Headers {
    let own = |name: &str| name.starts_with("ce-") || name == "content-type" || name.starts_with("nats-");
    config::keep(headers.check(pointer, own), "", errors).unwrap_or_default()
}

fn named(pointer: &str, name: &str, checked: Result<(), &'static str>, errors: &mut Vec<ConfigError>) {
    if let Err(problem) = checked {
        errors.push(ConfigError::new(pointer, format!("`{name}` {problem}")));
    }
}
