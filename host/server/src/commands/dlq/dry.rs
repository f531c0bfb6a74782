//! Connectors for a dry run: they check as the real ones do, and what is written goes nowhere.

use std::sync::Arc;

use async_trait::async_trait;
use serde_json::Value;
use tidegate_connector::{ConfigError, Connector, Place, Registry, Source, WriteError, Writer};
use tidegate_event::Event;

/// The same connectors, dry.
pub(super) fn registry(real: &Registry) -> Arc<Registry> {
    let mut dry = Registry::default();
    for connector in real.names().filter_map(|name| real.get(name)) {
        dry.insert(Arc::new(Dry(connector.clone())));
    }
    Arc::new(dry)
}

#[derive(Debug)]
struct Dry(Arc<dyn Connector>);

impl Connector for Dry {
    fn name(&self) -> &'static str {
        self.0.name()
    }

    fn check_source(&self, config: &Value) -> Result<(), Vec<ConfigError>> {
        self.0.check_source(config)
    }

    fn check_sink(&self, config: &Value) -> Result<(), Vec<ConfigError>> {
        self.0.check_sink(config)
    }

    fn has_topics(&self) -> bool {
        self.0.has_topics()
    }

    fn open_source(&self, _: &str, _: &Value, _: &Place<'_>) -> Result<Box<dyn Source>, Vec<ConfigError>> {
        Err(vec![ConfigError::new("", "a dry run opens no source")])
    }

    fn open_sink(&self, _: &str, _: &Value, _: &Place<'_>) -> Result<Box<dyn Writer>, Vec<ConfigError>> {
        Ok(Box::new(Nowhere))
    }
}

struct Nowhere;

#[async_trait]
impl Writer for Nowhere {
    async fn write(&mut self, _: &[Event]) -> Result<(), WriteError> {
        Ok(())
    }

    async fn close(&mut self) -> Result<(), WriteError> {
        Ok(())
    }
}
