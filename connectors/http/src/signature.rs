//! HMAC signatures over the raw body, compared in constant time: GitHub's form and a configurable one.

use std::path::Path;

use http::HeaderMap;
use serde::Deserialize;
use tidegate_connector::ConfigError;

/// `signature:` of a source. Placeholder, completed by the owner.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct SignatureConfig(serde_json::Value);

/// Checks signatures; its secret is reread when it changes.
#[derive(Debug)]
pub(crate) struct SignatureCheck {}

impl SignatureCheck {
    /// Relative paths of secrets start at `base_dir`. Touches no file: a secret that is not there refuses requests instead.
    pub(crate) fn compile(_config: &SignatureConfig, _base_dir: &Path) -> Result<SignatureCheck, Vec<ConfigError>> {
        todo!()
    }

    /// Whether the body, as received on the wire (before inflating), has the signature that its headers claim; the error says
    /// what is missing or wrong, never what would be right. Answered with 401.
    pub(crate) fn check(&self, _headers: &HeaderMap, _body: &[u8]) -> Result<(), String> {
        todo!()
    }
}
