//! `replies`: a source of the events that services answer with to what an HTTP sink posts.

use serde_json::Value;
use tidegate_connector::{ConfigError, Connector, Place, Source, Writer};

/// Where sinks find the sources that take their replies. Clones are handles to the same one.
#[derive(Clone, Debug, Default)]
pub struct Hub {}

/// The `replies` connector. Shares its [`Hub`] with the `Http` connector whose sinks name its sources.
#[derive(Clone, Debug, Default)]
pub struct Replies {
    hub: Hub,
}

impl Replies {
    /// For the `Http` connector.
    pub fn hub(&self) -> Hub {
        self.hub.clone()
    }
}

impl Connector for Replies {
    fn name(&self) -> &'static str {
        "replies"
    }

    fn check_source(&self, _config: &Value) -> Result<(), Vec<ConfigError>> {
        Ok(())
    }

    fn check_sink(&self, _config: &Value) -> Result<(), Vec<ConfigError>> {
        Err(vec![ConfigError::new("", "`replies` is a source only")])
    }

    fn open_source(&self, _id: &str, _config: &Value, _: &Place<'_>) -> Result<Box<dyn Source>, Vec<ConfigError>> {
        Err(vec![ConfigError::new("", "not there yet")])
    }

    fn open_sink(&self, _id: &str, config: &Value, _: &Place<'_>) -> Result<Box<dyn Writer>, Vec<ConfigError>> {
        self.check_sink(config)?;
        Err(Vec::new())
    }
}
