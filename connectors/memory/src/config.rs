//! What a document says about a memory source or sink.

use serde::Deserialize;
use serde_json::Value;
use tidegate_connector::{ConfigError, config};

/// Lanes of a queue at most; each is a task of the host.
const LANES_MAX: usize = 1024;

/// `memory:` of a source.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct SourceConfig {
    /// The queue; made when it is first named.
    pub(crate) name: String,
    /// Lanes it has at least.
    #[serde(default = "one")]
    pub(crate) lanes: usize,
}

fn one() -> usize {
    1
}

impl SourceConfig {
    pub(crate) fn read(value: &Value) -> Result<Self, Vec<ConfigError>> {
        let config: Self = config::parse(value)?;
        if (1..=LANES_MAX).contains(&config.lanes) {
            return Ok(config);
        }
        Err(vec![ConfigError::new("/lanes", format!("must be between 1 and {LANES_MAX}"))])
    }
}

/// `memory:` of a sink.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct SinkConfig {
    /// The queue; made when it is first named.
    pub(crate) name: String,
    /// What becomes of the events.
    #[serde(default)]
    pub(crate) mode: Mode,
}

/// What a memory sink does with events.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Mode {
    /// Appends them to the queue.
    #[default]
    Keep,
    /// Counts them.
    Discard,
}

impl SinkConfig {
    pub(crate) fn read(value: &Value) -> Result<Self, Vec<ConfigError>> {
        config::parse(value)
    }
}
