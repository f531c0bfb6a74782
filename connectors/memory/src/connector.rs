//! The connector: queues by name.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use serde_json::Value;
use tidegate_connector::connector::{ReadBack, ReadBackError};
use tidegate_connector::{ConfigError, Connector, Place, Source, Writer};

use crate::Queue;
use crate::config::{SinkConfig, SourceConfig};
use crate::sink::MemoryWriter;
use crate::source::MemorySource;

/// The `memory` connector; clones are handles to the same queues.
///
/// ```
/// use tidegate_connector_memory::Memory;
/// let memory = Memory::new();
/// assert_eq!(memory.queue("orders").counts(), memory.queue("orders").counts());
/// ```
#[derive(Clone, Debug, Default)]
pub struct Memory {
    queues: Arc<Mutex<BTreeMap<String, Queue>>>,
}

impl Memory {
    /// Without any queue.
    pub fn new() -> Self {
        Self::default()
    }

    /// The queue of this name; made, with one lane, when it is first asked for.
    pub fn queue(&self, name: &str) -> Queue {
        let mut queues = self.queues.lock().unwrap_or_else(PoisonError::into_inner);
        queues.entry(name.to_owned()).or_insert_with(|| Queue::new(name)).clone()
    }
}

impl Connector for Memory {
    fn name(&self) -> &'static str {
        "memory"
    }

    fn check_source(&self, config: &Value) -> Result<(), Vec<ConfigError>> {
        SourceConfig::read(config).map(drop)
    }

    fn check_sink(&self, config: &Value) -> Result<(), Vec<ConfigError>> {
        SinkConfig::read(config).map(drop)
    }

    /// The events of a queue keep the topic they were sent to in their context.
    fn has_topics(&self) -> bool {
        true
    }

    fn open_source(&self, _id: &str, config: &Value, _: &Place<'_>) -> Result<Box<dyn Source>, Vec<ConfigError>> {
        let config = SourceConfig::read(config)?;
        let queue = self.queue(&config.name);
        queue.set_lanes(config.lanes);
        Ok(Box::new(MemorySource::new(queue)))
    }

    fn open_sink(&self, _id: &str, config: &Value, _: &Place<'_>) -> Result<Box<dyn Writer>, Vec<ConfigError>> {
        let config = SinkConfig::read(config)?;
        Ok(Box::new(MemoryWriter::new(self.queue(&config.name), config.mode)))
    }

    fn read_back(&self, _id: &str, _config: &Value, _: &Place<'_>) -> Result<Box<dyn ReadBack>, ReadBackError> {
        Err(ReadBackError::Cannot { why: "a queue in memory ends with the host that holds it".into() })
    }
}
