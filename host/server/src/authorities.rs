//! Whom to trust in TLS, as a file names them.

use std::path::Path;

use rustls::{
    RootCertStore,
    pki_types::{CertificateDer, pem::PemObject as _},
};

use crate::problem::OrProblem as _;

/// The authorities of a file in PEM; `failed` says what they were wanted for.
pub(crate) fn read(file: &Path, failed: &str, hint: &str) -> anyhow::Result<RootCertStore> {
    let mut roots = RootCertStore::empty();
    for root in CertificateDer::pem_file_iter(file).or_problem(failed, hint)? {
        roots.add(root.or_problem(failed, hint)?).or_problem(failed, hint)?;
    }
    Ok(roots)
}
