//! The connector `kafka`.

use serde_json::Value;
use tidegate_connector::connector::{ReadBack, ReadBackError};
use tidegate_connector::{ConfigError, Connector, Place, Source, Writer};

use crate::sink::{Back, KafkaWriter, SinkConfig};
use crate::source::{KafkaSource, SourceConfig};
use crate::transaction;

/// The `kafka` connector.
///
/// ```
/// use serde_json::json;
/// use tidegate_connector::Connector as _;
/// use tidegate_connector_kafka::Kafka;
///
/// let orders = json!({"brokers": ["kafka-1:9092"], "topics": ["shop.*"], "group": "checks"});
/// assert!(Kafka.check_source(&orders).is_ok());
/// let errors = Kafka.check_sink(&json!({"brokers": ["kafka-1"], "topik": "out"})).unwrap_err();
/// assert_eq!(errors[0].hint.as_deref(), Some("did you mean `topic`?"));
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct Kafka;

impl Connector for Kafka {
    fn name(&self) -> &'static str {
        "kafka"
    }

    fn check_source(&self, config: &Value) -> Result<(), Vec<ConfigError>> {
        SourceConfig::read("namespace/name", config, None).map(drop)
    }

    fn check_sink(&self, config: &Value) -> Result<(), Vec<ConfigError>> {
        SinkConfig::read(config, None).map(drop)
    }

    fn has_topics(&self) -> bool {
        true
    }

    fn is_transactional(&self, source: &Value) -> bool {
        SourceConfig::read("namespace/name", source, None).is_ok_and(|source| source.is_transactional())
    }

    fn check_transaction(&self, source: &Value, sink: &Value) -> Vec<ConfigError> {
        transaction::check(source, sink)
    }

    fn open_source(&self, id: &str, config: &Value, place: &Place<'_>) -> Result<Box<dyn Source>, Vec<ConfigError>> {
        Ok(Box::new(KafkaSource::new(SourceConfig::read(id, config, Some(place))?)))
    }

    fn open_sink(&self, _id: &str, config: &Value, place: &Place<'_>) -> Result<Box<dyn Writer>, Vec<ConfigError>> {
        Ok(Box::new(KafkaWriter::new(SinkConfig::read(config, Some(place))?)))
    }

    fn read_back(&self, _id: &str, config: &Value, place: &Place<'_>) -> Result<Box<dyn ReadBack>, ReadBackError> {
        let config = SinkConfig::read(config, Some(place)).map_err(ReadBackError::Config)?;
        Ok(Box::new(Back::new(config)?))
    }
}
