//! TLS of the client: whom it trusts, and who it is.

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, RootCertStore};

use super::config::TlsFiles;

/// What a file looked like when it was read; another look differs when it was changed.
type Stamp = Vec<Option<(SystemTime, u64)>>;

/// Configurations for new connections; files are read again when they changed.
#[derive(Debug)]
pub(super) struct ClientTls {
    files: TlsFiles,
    seen: Mutex<Option<(Stamp, Arc<ClientConfig>)>>,
}

impl ClientTls {
    /// Touches nothing: what is missing is an error of [`ClientTls::config`].
    pub(super) fn new(files: TlsFiles) -> ClientTls {
        ClientTls { files, seen: Mutex::default() }
    }

    /// For the next connection. Files that went bad after they were good are an error: who replaces them is told.
    pub(super) fn config(&self) -> Result<Arc<ClientConfig>, String> {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let stamp = self.stamp();
        if let Some((before, config)) = &*seen
            && *before == stamp
        {
            return Ok(config.clone());
        }
        let config = Arc::new(self.load()?);
        *seen = Some((stamp, config.clone()));
        Ok(config)
    }

    fn stamp(&self) -> Stamp {
        let client = self.files.client.iter().flat_map(|(certificate, key)| [certificate, key]);
        let look = |path: &std::path::PathBuf| {
            let metadata = std::fs::metadata(path).ok()?;
            Some((metadata.modified().ok()?, metadata.len()))
        };
        self.files.ca.iter().chain(client).map(look).collect()
    }

    fn load(&self) -> Result<ClientConfig, String> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
        let builder = builder.map_err(|error| error.to_string())?.with_root_certificates(self.roots()?);
        let mut config = match &self.files.client {
            None => builder.with_no_client_auth(),
            Some((certificate, key)) => {
                let chain = certificates(certificate)?;
                let key = PrivateKeyDer::from_pem_file(key).map_err(|error| in_file(key, error))?;
                builder.with_client_auth_cert(chain, key).map_err(|error| in_file(certificate, error))?
            }
        };
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        Ok(config)
    }

    fn roots(&self) -> Result<RootCertStore, String> {
        let mut roots = RootCertStore::empty();
        match &self.files.ca {
            Some(path) => {
                for certificate in certificates(path)? {
                    roots.add(certificate).map_err(|error| in_file(path, error))?;
                }
            }
            None => {
                // Some of a system's roots are too odd for any client; the others count.
                roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
                if roots.is_empty() {
                    return Err("the system has no certificates of authorities to trust; set `tls.ca`".to_owned());
                }
            }
        }
        Ok(roots)
    }
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, String> {
    let found = CertificateDer::pem_file_iter(path).map_err(|error| in_file(path, error))?;
    let found: Vec<_> = found.collect::<Result<_, _>>().map_err(|error| in_file(path, error))?;
    if found.is_empty() {
        return Err(in_file(path, "has no certificate"));
    }
    Ok(found)
}

fn in_file(path: &Path, problem: impl std::fmt::Display) -> String {
    format!("{}: {problem}", path.display())
}
