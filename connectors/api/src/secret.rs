//! Secrets by reference: `secret: {file: …}` or `{env: …}`, never the value itself. Read when used, and again when it changed.

use std::path::Path;

use serde::Deserialize;

use crate::ConfigError;

/// Where a secret stands, as in a document. Placeholder, completed by the owner.
#[derive(Clone, Debug, Deserialize)]
pub struct SecretConfig(serde_json::Value);

/// A secret that is read when it is needed. `Debug` never shows it.
#[derive(Debug)]
pub struct Secret {}

/// Why there is no secret now: names the file or variable, never shows what is in it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{place}: {problem}")]
pub struct SecretError {
    /// The file or variable.
    pub place: String,
    /// What is wrong with it.
    pub problem: String,
}

impl Secret {
    /// Relative paths start at `base_dir`. Touches nothing: whether it is there is seen when it is read.
    pub fn compile(_config: &SecretConfig, _base_dir: &Path) -> Result<Secret, Vec<ConfigError>> {
        todo!()
    }

    /// The value now, without the line end at the end of a file. Files are looked at again at most once a second; a file that
    /// cannot be read any more gives the last value, with a warning.
    pub fn read(&self) -> Result<std::sync::Arc<[u8]>, SecretError> {
        todo!()
    }
}
