//! What a document says about an HTTP sink: raw as written, then checked.

use serde_json::Value;
use tidegate_connector::ConfigError;

/// An HTTP sink, checked.
#[derive(Debug)]
pub(crate) struct SinkConfig {}

impl SinkConfig {
    pub(crate) fn read(_value: &Value) -> Result<Self, Vec<ConfigError>> {
        Ok(SinkConfig {})
    }
}
