//! TLS of a listener: certificates reread when they change, client certificates checked where `clientCa` asks for them.

use std::path::Path;
use std::sync::Arc;

use serde::Deserialize;
use tidegate_connector::ConfigError;

use crate::identity::Peer;

/// `tls:` of a source. Placeholder, completed by the owner.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct TlsConfig(serde_json::Value);

/// Accepts TLS connections.
#[derive(Debug)]
pub(crate) struct TlsListener {}

impl TlsListener {
    /// Touches no file: certificates that are not there yet are a [`TlsListener::server_config`] error.
    pub(crate) fn compile(_config: &TlsConfig, _base_dir: &Path) -> Result<TlsListener, Vec<ConfigError>> {
        todo!()
    }

    /// For the next connection; ALPN offers `h2` and `http/1.1`. Rereads files that changed; keeps the last good ones where
    /// the new ones are bad, with a warning.
    pub(crate) fn server_config(&self) -> Result<Arc<rustls::ServerConfig>, String> {
        todo!()
    }

    /// What the handshake proved.
    pub(crate) fn peer(&self, _connection: &rustls::ServerConnection) -> Peer {
        todo!()
    }
}
