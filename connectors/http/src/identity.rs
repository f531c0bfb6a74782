//! Who sends: bearer tokens, basic credentials, JSON web tokens, client certificates.

use std::path::Path;

use http::HeaderMap;
use serde::Deserialize;
use tidegate_connector::ConfigError;

/// `auth:` of a source. Placeholder, completed by the owner.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct AuthConfig(serde_json::Value);

/// What the connection tells of its other end.
#[derive(Clone, Debug, Default)]
pub(crate) struct Peer {
    /// The principal of a verified client certificate (`clientCa`): its first URI or DNS name, else its common name.
    pub(crate) certificate: Option<String>,
}

/// Why a request is turned away.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Denied {
    /// 401: no credentials, or wrong ones. With the value of `WWW-Authenticate`, and what is wrong (never what would be right).
    Unauthenticated { challenge: String, problem: String },
    /// 403: known, but not allowed in.
    Forbidden { problem: String },
    /// 503: the keys to check with cannot be had now.
    Unavailable { problem: String },
}

/// Checks credentials. Shared by all connections of a listener; secrets and keys are reread when they change.
#[derive(Debug)]
pub(crate) struct Authenticator {}

impl Authenticator {
    /// Relative paths of secrets start at `base_dir`. Touches nothing outside.
    pub(crate) fn compile(_config: &AuthConfig, _base_dir: &Path) -> Result<Authenticator, Vec<ConfigError>> {
        todo!()
    }

    /// The principal that the request proves to be of.
    pub(crate) async fn authenticate(&self, _headers: &HeaderMap, _peer: &Peer) -> Result<String, Denied> {
        todo!()
    }
}
