//! TLS of the admin port: a certificate of its own, and client certificates where an authority for them is named.

use std::{path::PathBuf, sync::Arc};

use rustls::{
    ServerConfig,
    crypto::ring,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _},
    server::WebPkiClientVerifier,
};
use tokio_rustls::TlsAcceptor;

use crate::{authorities, problem::OrProblem as _};

/// Files in PEM.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct TlsArgs {
    /// Serve the admin port over TLS, with this certificate (PEM)
    #[arg(long, value_name = "FILE", requires = "admin_tls_key", help_heading = "Admin port")]
    admin_tls_cert: Option<PathBuf>,
    /// The key of that certificate (PEM)
    #[arg(long, value_name = "FILE", requires = "admin_tls_cert", help_heading = "Admin port")]
    admin_tls_key: Option<PathBuf>,
    /// Know clients by certificates that this authority vouches for (PEM); `cert:NAME ROLES` in the tokens gives them roles
    #[arg(
        long,
        value_name = "FILE",
        requires = "admin_tls_cert",
        requires = "admin_tokens",
        help_heading = "Admin port"
    )]
    admin_client_ca: Option<PathBuf>,
}

impl TlsArgs {
    /// Reads the files, where any are named.
    pub(crate) fn acceptor(&self) -> anyhow::Result<Option<TlsAcceptor>> {
        let (Some(certificate), Some(key)) = (&self.admin_tls_cert, &self.admin_tls_key) else { return Ok(None) };
        let shown = certificate.display();
        let hint = "the admin port needs a certificate and its key in PEM";
        let chain = CertificateDer::pem_file_iter(certificate)
            .and_then(Iterator::collect::<Result<Vec<_>, _>>)
            .or_problem(format!("the certificate {shown} cannot be read"), hint)?;
        let key =
            PrivateKeyDer::from_pem_file(key).or_problem(format!("the key {} cannot be read", key.display()), hint)?;
        let provider = Arc::new(ring::default_provider());
        let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .or_problem("TLS cannot be set up", hint)?;
        let builder = match &self.admin_client_ca {
            None => builder.with_no_client_auth(),
            Some(file) => {
                let failed = format!("the client authority {} cannot be used", file.display());
                let roots = authorities::read(file, &failed, hint)?;
                let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
                // Without one there may be a token.
                let verifier = verifier.allow_unauthenticated().build().or_problem(failed, hint)?;
                builder.with_client_cert_verifier(verifier)
            }
        };
        let config = builder
            .with_single_cert(chain, key)
            .or_problem(format!("the certificate {shown} and its key do not fit"), hint)?;
        Ok(Some(TlsAcceptor::from(Arc::new(config))))
    }
}

/// The common name of the certificate that a client showed; it was found good by the handshake.
pub(super) fn common_name(certificates: Option<&[CertificateDer<'_>]>) -> Option<String> {
    let (_, certificate) = x509_parser::parse_x509_certificate(certificates?.first()?).ok()?;
    let name = certificate.subject().iter_common_name().next()?.as_str().ok()?;
    Some(name.to_owned())
}
