//! How the host finds a connector by the word in a document, and how a connector refuses a configuration.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use serde_json::Value;
use tidegate_event::Event;

use crate::{Source, SourceError, Writer};

/// One kind of thing to connect to; `file`, `memory`, later `http`, `kafka`, `nats`.
pub trait Connector: Send + Sync + std::fmt::Debug {
    /// The word in documents: `spec: {file: {...}}`.
    fn name(&self) -> &'static str;
    /// Checks a source's configuration without touching anything outside. All mistakes, not only the first.
    fn check_source(&self, config: &Value) -> Result<(), Vec<ConfigError>>;
    /// Checks a sink's configuration without touching anything outside. All mistakes, not only the first.
    fn check_sink(&self, config: &Value) -> Result<(), Vec<ConfigError>>;
    /// Whether its sinks have topics (or subjects): then an event that was sent to one of them says which, in its context
    /// under [`DESTINATION`]; where it does not, the sink's own is meant.
    fn has_topics(&self) -> bool {
        false
    }
    /// Where a source of this configuration listens, so that no other can. The configuration has been checked.
    fn listens_at(&self, source: &Value) -> Option<SocketAddr> {
        let _ = source;
        None
    }
    /// Whether a source of this configuration delivers exactly once: what comes of its events, dead letters too, and how far it has read
    /// are written in one transaction. The configuration has been checked.
    fn is_transactional(&self, source: &Value) -> bool {
        let _ = source;
        false
    }
    /// Why the transactions of such a source could not write for a sink of this connector; places are in the sink's configuration. Both have
    /// been checked.
    fn check_transaction(&self, source: &Value, sink: &Value) -> Vec<ConfigError> {
        let _ = (source, sink);
        vec![ConfigError::new("", format!("`{}` has no transactions", self.name()))]
    }
    /// Opens a source; called once per host and document. `id` is `namespace/name` and stays the same over restarts:
    /// positions are kept under it. Called inside a tokio runtime. What is outside and missing (a file, a broker) is no error
    /// here: the source reports it as transient.
    fn open_source(&self, id: &str, config: &Value, place: &Place<'_>) -> Result<Box<dyn Source>, Vec<ConfigError>>;
    /// Opens a sink's writers, at least one; called once per host and document, as above. With several, events of one stream
    /// share one ([`Sink::start_all`](crate::Sink::start_all)); most have one, and all events one order.
    fn open_sinks(
        &self,
        id: &str,
        config: &Value,
        place: &Place<'_>,
    ) -> Result<Vec<Box<dyn Writer>>, Vec<ConfigError>> {
        Ok(vec![self.open_sink(id, config, place)?])
    }
    /// Opens one writer for the whole of a sink.
    fn open_sink(&self, id: &str, config: &Value, place: &Place<'_>) -> Result<Box<dyn Writer>, Vec<ConfigError>>;
    /// Opens what a sink of this configuration has written and still holds, to look at it: dead letters are listed and
    /// replayed through this. Nobody's position moves, nothing is taken away, and a sink that writes at the same time is
    /// not kept from it. Called inside a tokio runtime; `id` and `place` as of the sink. The default: it cannot be done.
    fn read_back(&self, id: &str, config: &Value, place: &Place<'_>) -> Result<Box<dyn ReadBack>, ReadBackError> {
        let _ = (id, config, place);
        Err(ReadBackError::Cannot { why: format!("what `{}` has sent is not kept here", self.name()) })
    }
}

/// What a sink has written, from the oldest that is still there to the newest there was when it was opened.
///
/// Not a [`Source`]: nothing is settled or delivered again, it ends, and each record knows where it stands.
#[async_trait]
pub trait ReadBack: Send {
    /// The next records, not many at a time: at most [`LANE_BATCH_EVENTS`](crate::LANE_BATCH_EVENTS) or
    /// [`LANE_BATCH_BYTES`](crate::LANE_BATCH_BYTES), a larger one alone; never none. Lanes may come one after another or mixed.
    /// `None` at the end. After a transient error the caller may call again.
    async fn next(&mut self) -> Result<Option<Vec<Record>>, SourceError>;
}

/// One message that a sink has written. Lane and position together are the same however often it is read.
#[derive(Clone, Debug)]
pub struct Record {
    /// A partition, a stream, a file, whatever it is called now; without white space and `@`.
    pub lane: Arc<str>,
    /// Grows within the lane: an offset, a sequence, a line. Where nothing lies between two records, it is one more.
    pub position: u64,
    /// The event; or what stands there instead, for others may have written there too.
    pub message: Result<Event, Unreadable>,
}

/// A message that is no event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unreadable {
    /// What is wrong with it.
    pub problem: String,
    /// Its bytes, cut to [`MALFORMED_BYTES`](crate::MALFORMED_BYTES) where there are more.
    pub message: Bytes,
}

/// Why what a sink has written cannot be read back.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReadBackError {
    /// Not with this connector, or this configuration.
    #[error("{why}")]
    Cannot {
        /// One sentence, without a full stop.
        why: String,
    },
    /// The configuration has mistakes.
    #[error("the configuration has mistakes")]
    Config(Vec<ConfigError>),
}

/// Context of an event that a route sends to a topic (or subject) of its choice. Only the host can set it.
pub const DESTINATION: &str = "destination";

/// Context of a dead letter: what tells it from other dead letters of the same event, the same wherever it is made anew. A sink whose
/// broker drops what it has seen before makes this part of what it goes by. Only the host can set it.
pub const ENTRY: &str = "entry";

/// Context of an event that has a span of its own while the host traces: what a sink whose transport carries traces says there of
/// the hop, not of the event (W3C Trace Context). Only the host can set it.
pub const TRACEPARENT: &str = "traceparent";
/// What vendors know of that trace, beside [`TRACEPARENT`]; absent: nothing.
pub const TRACESTATE: &str = "tracestate";

/// Where things of a document live.
#[derive(Clone, Copy, Debug)]
pub struct Place<'a> {
    /// Relative paths in a configuration start here.
    pub base_dir: &'a Path,
    /// Where the host keeps what must survive a restart (cursors). Connectors create what they need below it.
    pub state_dir: &'a Path,
}

/// What is wrong with a configuration, at a JSON pointer inside it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{pointer}: {problem}")]
pub struct ConfigError {
    /// RFC 6901, relative to the configuration: `/envelope/type`; empty for the whole.
    pub pointer: String,
    /// What is wrong, without the place.
    pub problem: String,
    /// What to do about it, where that is known.
    pub hint: Option<String>,
}

impl ConfigError {
    /// An error at a JSON pointer, without a hint.
    pub fn new(pointer: impl Into<String>, problem: impl Into<String>) -> Self {
        Self { pointer: pointer.into(), problem: problem.into(), hint: None }
    }

    /// The same error with a hint.
    #[must_use]
    pub fn hint(self, hint: impl Into<String>) -> Self {
        Self { hint: Some(hint.into()), ..self }
    }
}

/// The connectors of a host, by name.
#[derive(Clone, Debug, Default)]
pub struct Registry {
    connectors: BTreeMap<&'static str, Arc<dyn Connector>>,
}

impl Registry {
    /// Adds a connector; one of the same name is replaced and returned.
    pub fn insert(&mut self, connector: Arc<dyn Connector>) -> Option<Arc<dyn Connector>> {
        self.connectors.insert(connector.name(), connector)
    }

    /// The connector a document means by `name`.
    pub fn get(&self, name: &str) -> Option<&Arc<dyn Connector>> {
        self.connectors.get(name)
    }

    /// All names, sorted.
    pub fn names(&self) -> impl Iterator<Item = &'static str> + '_ {
        self.connectors.keys().copied()
    }
}
