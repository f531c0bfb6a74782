//! The writer: posts events, in order of their key.

mod config;

use async_trait::async_trait;
use serde_json::Value;
use tidegate_connector::{ConfigError, Place, WriteError, Writer};
use tidegate_event::Event;

pub(crate) use self::config::SinkConfig;
use crate::replies::Hub;

/// Posts to one URL.
#[derive(Debug)]
pub(crate) struct HttpWriter {}

impl HttpWriter {
    /// `replies` is where responses that carry events go; without it a sink with `replies:` is refused.
    pub(crate) fn open(
        id: &str,
        config: &Value,
        place: &Place<'_>,
        replies: Option<&Hub>,
    ) -> Result<Box<dyn Writer>, Vec<ConfigError>> {
        let _ = (id, place, replies, SinkConfig::read(config)?);
        Ok(Box::new(HttpWriter {}))
    }
}

#[async_trait]
impl Writer for HttpWriter {
    async fn write(&mut self, _events: &[Event]) -> Result<(), WriteError> {
        Err(WriteError::Closed { place: String::new(), cause: "not there yet".into() })
    }

    async fn close(&mut self) -> Result<(), WriteError> {
        Ok(())
    }
}
