//! The connector `nats`.

use serde_json::Value;
use tidegate_connector::connector::{ReadBack, ReadBackError};
use tidegate_connector::{ConfigError, Connector, Place, Source, Writer};

use crate::config::{SinkConfig, SourceConfig, To};
use crate::sink::{self, NatsWriter, SubjectLook};
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

    fn read_back(&self, _id: &str, config: &Value, place: &Place<'_>) -> Result<Box<dyn ReadBack>, ReadBackError> {
        let SinkConfig { connection, subject, to, .. } = SinkConfig::read(config).map_err(ReadBackError::Config)?;
        let connection = connection.open(place).map_err(ReadBackError::Config)?;
        match (to, subject) {
            (To::Stream { .. }, Some(subject)) => Ok(Box::new(SubjectLook::new(connection, subject))),
            (To::Stream { .. }, None) => {
                Err(ReadBackError::Cannot { why: "the sink has no `subject` of its own".to_owned() })
            }
            (To::Subjects, _) => Err(ReadBackError::Cannot {
                why: "what is plainly published is kept nowhere (`jetstream: false`)".to_owned(),
            }),
        }
    }
}
