//! The connector `nats`.

use serde_json::Value;
use tidegate_connector::{ConfigError, Connector, Place, Source, Writer};

use crate::config::{SinkConfig, SourceConfig};
use crate::sink::{self, NatsWriter};
use crate::source::{self, NatsSource};

/// The `nats` connector.
#[derive(Clone, Copy, Debug, Default)]
pub struct Nats;

impl Connector for Nats {
    fn name(&self) -> &'static str {
        "nats"
    }

    fn check_source(&self, config: &Value) -> Result<(), Vec<ConfigError>> {
        SourceConfig::read(config).map(drop)
    }

    fn check_sink(&self, config: &Value) -> Result<(), Vec<ConfigError>> {
        SinkConfig::read(config).map(drop)
    }

    fn has_topics(&self) -> bool {
        true
    }

    fn open_source(&self, id: &str, config: &Value, place: &Place<'_>) -> Result<Box<dyn Source>, Vec<ConfigError>> {
        let SourceConfig { connection, from, reading } = SourceConfig::read(config)?;
        let connection = connection.open(place)?;
        Ok(Box::new(NatsSource::new(source::Parts { id: id.to_owned(), connection, from, reading })))
    }

    fn open_sink(&self, id: &str, config: &Value, place: &Place<'_>) -> Result<Box<dyn Writer>, Vec<ConfigError>> {
        let SinkConfig { connection, subject, mode, to, headers } = SinkConfig::read(config)?;
        let connection = connection.open(place)?;
        let parts = sink::Parts { id: id.to_owned(), connection, subject, mode, to, headers };
        Ok(Box::new(NatsWriter::new(parts)))
    }
}
