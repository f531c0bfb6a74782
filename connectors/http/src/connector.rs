//! The connector `http`.

use std::net::SocketAddr;
use std::path::Path;

use serde_json::Value;
use tidegate_connector::{ConfigError, Connector, Place, Source, Writer};

use crate::replies::Hub;
use crate::sink::{HttpWriter, SinkConfig};
use crate::source::{HttpSource, SourceConfig};

/// The `http` connector.
#[derive(Clone, Debug, Default)]
pub struct Http {
    replies: Option<Hub>,
}

impl Http {
    /// The connector whose sinks hand the events of responses to the sources of the `replies` connector that has this hub.
    pub fn with_replies(hub: Hub) -> Self {
        Self { replies: Some(hub) }
    }
}

impl Connector for Http {
    fn name(&self) -> &'static str {
        "http"
    }

    fn check_source(&self, config: &Value) -> Result<(), Vec<ConfigError>> {
        SourceConfig::read(config, Path::new("")).map(drop)
    }

    fn check_sink(&self, config: &Value) -> Result<(), Vec<ConfigError>> {
        SinkConfig::read(config).map(drop)
    }

    fn listens_at(&self, source: &Value) -> Option<SocketAddr> {
        SourceConfig::read(source, Path::new("")).ok().map(|source| source.listen())
    }

    fn open_source(&self, _id: &str, config: &Value, place: &Place<'_>) -> Result<Box<dyn Source>, Vec<ConfigError>> {
        Ok(Box::new(HttpSource::new(SourceConfig::read(config, place.base_dir)?)))
    }

    fn open_sinks(
        &self,
        id: &str,
        config: &Value,
        place: &Place<'_>,
    ) -> Result<Vec<Box<dyn Writer>>, Vec<ConfigError>> {
        HttpWriter::open_all(id, config, place, self.replies.as_ref())
    }

    fn open_sink(&self, id: &str, config: &Value, place: &Place<'_>) -> Result<Box<dyn Writer>, Vec<ConfigError>> {
        HttpWriter::open(id, config, place, self.replies.as_ref())
    }
}
