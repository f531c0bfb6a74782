//! How the host finds a connector by the word in a document, and how a connector refuses a configuration.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use serde_json::Value;

use crate::{Source, Writer};

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
}

/// Context of an event that a route sends to a topic (or subject) of its choice. Only the host can set it.
pub const DESTINATION: &str = "destination";

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
