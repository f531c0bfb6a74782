//! HTTPS: whom the sink trusts, who it is, and which HTTP is spoken.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use http::Version;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::pki_types::PrivateKeyDer;
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};
use serde_json::{Value, json};
use tidegate_connector::Writer;
use tidegate_connector_http::Http;
use tokio_rustls::TlsAcceptor;

use super::upstream::{Upstream, status};
use super::{events, open_with, told, with};

type Authority = CertifiedIssuer<'static, KeyPair>;

fn authority() -> Authority {
    let mut params = CertificateParams::new(Vec::<String>::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap()
}

/// A certificate for localhost, and its key.
fn leaf(authority: &Authority) -> (rcgen::Certificate, KeyPair) {
    let key = KeyPair::generate().unwrap();
    let params = CertificateParams::new(vec!["localhost".to_owned(), "127.0.0.1".to_owned()]).unwrap();
    (params.signed_by(&key, authority).unwrap(), key)
}

async fn upstream(authority: &Authority, clients: Option<&Authority>, protocols: &[&str]) -> Upstream {
    let (certificate, key) = leaf(authority);
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ServerConfig::builder_with_provider(provider.clone()).with_safe_default_protocol_versions().unwrap();
    let builder = match clients {
        None => builder.with_no_client_auth(),
        Some(clients) => {
            let mut roots = RootCertStore::empty();
            roots.add(clients.der().clone()).unwrap();
            let verifier = WebPkiClientVerifier::builder_with_provider(roots.into(), provider);
            builder.with_client_cert_verifier(verifier.build().unwrap())
        }
    };
    let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
    let mut config = builder.with_single_cert(vec![certificate.der().clone()], key).unwrap();
    config.alpn_protocols = protocols.iter().map(|name| name.as_bytes().to_vec()).collect();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    Upstream::over(
        |_| status(204),
        move |tcp| {
            let accepting = acceptor.accept(tcp);
            async move { accepting.await.ok() }
        },
    )
    .await
}

fn sink(upstream: &Upstream, folder: &Path, more: Value) -> Box<dyn Writer> {
    let config = json!({"url": format!("https://localhost:{}/events", upstream.address.port())});
    open_with(&Http::default(), &with(config, more), folder)
}

fn trusting(folder: &Path, authority: &Authority) -> Value {
    fs::write(folder.join("ca.pem"), authority.pem()).unwrap();
    json!({"tls": {"ca": "ca.pem"}})
}

#[tokio::test]
async fn the_service_chooses_the_http_it_speaks() {
    let cases: [(&[&str], Version); 3] =
        [(&["h2", "http/1.1"], Version::HTTP_2), (&["http/1.1"], Version::HTTP_11), (&[], Version::HTTP_11)];
    for (protocols, version) in cases {
        let (folder, authority) = (tempfile::tempdir().unwrap(), authority());
        let upstream = upstream(&authority, None, protocols).await;
        let mut more = trusting(folder.path(), &authority);
        more["unkeyed"] = json!("concurrent");
        let mut sink = sink(&upstream, folder.path(), more);
        sink.write(&events(0..50)).await.unwrap();
        sink.write(&events(50..51)).await.unwrap();
        let requests = upstream.requests();
        assert_eq!(upstream.ids().len(), 51);
        assert!(requests.iter().all(|request| request.version() == version), "{protocols:?}");
        if version == Version::HTTP_2 {
            assert_eq!(upstream.connections(), 1, "streams of one connection");
            assert_eq!(requests[0].uri().path(), "/events");
        }
    }
}

#[tokio::test]
async fn a_service_nobody_trusts_is_sent_nothing_until_its_authority_is_trusted() {
    let (folder, real, other) = (tempfile::tempdir().unwrap(), authority(), authority());
    let upstream = upstream(&real, None, &[]).await;
    let mut sink = sink(&upstream, folder.path(), trusting(folder.path(), &other));
    let (kind, cause) = told(sink.write(&events(0..1)).await);
    assert!(kind == "again" && cause.contains("certificate"), "{kind}: {cause}");
    // The file is read again when it changed: its length does, whatever the clock of the file system shows.
    fs::write(folder.path().join("ca.pem"), format!("{}\n\n", real.pem())).unwrap();
    sink.write(&events(0..1)).await.unwrap();
    fs::remove_file(folder.path().join("ca.pem")).unwrap();
    assert_eq!(upstream.ids(), ["e0"]);
}

#[tokio::test]
async fn files_that_are_missing_are_named() {
    let (folder, authority) = (tempfile::tempdir().unwrap(), authority());
    let upstream = upstream(&authority, None, &[]).await;
    let mut sink = sink(&upstream, folder.path(), json!({"tls": {"ca": "missing.pem"}}));
    let (kind, cause) = told(sink.write(&events(0..1)).await);
    assert!(kind == "again" && cause.contains("missing.pem"), "{kind}: {cause}");
}

#[tokio::test]
async fn a_service_that_asks_who_is_there_is_shown_the_certificate() {
    let (folder, services, clients) = (tempfile::tempdir().unwrap(), authority(), authority());
    let upstream = upstream(&services, Some(&clients), &["h2"]).await;
    let (certificate, key) = leaf(&clients);
    fs::write(folder.path().join("client.pem"), certificate.pem()).unwrap();
    fs::write(folder.path().join("client.key"), key.serialize_pem()).unwrap();
    let mut more = trusting(folder.path(), &services);
    let (kind, cause) = told(sink(&upstream, folder.path(), more.clone()).write(&events(0..1)).await);
    assert_eq!(kind, "again", "{cause}");
    more["tls"]["clientCertificate"] = json!({"certificate": "client.pem", "key": "client.key"});
    sink(&upstream, folder.path(), more).write(&events(0..1)).await.unwrap();
    assert_eq!(upstream.ids(), ["e0"]);
}
