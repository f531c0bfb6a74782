//! Who sends, over real connections: credentials, certificates, signatures; and requests that are no CloudEvents.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use hmac::{Hmac, Mac};
use http_body_util::Full;
use hyper_util::rt::{TokioExecutor, TokioIo};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, ExtendedKeyUsagePurpose, IsCa, KeyPair};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use serde_json::json;
use sha2::Sha256;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::raw::{ask, event, request};
use super::rig::{Host, host, ids};

#[tokio::test]
async fn a_sender_without_credentials_is_asked_for_them_and_one_with_them_is_known() {
    let dir = tempfile::tempdir().unwrap();
    let secret = dir.path().join("token");
    fs::write(&secret, "s3cret").unwrap();
    let auth = json!({"bearer": {"tokens": [{"principal": "shop", "secret": {"file": secret}}]}});
    let host = host(json!({"auth": auth})).await;
    for wrong in [None, Some("Bearer wrong"), Some("Basic s3cret"), Some("Bearer s3cret2")] {
        let headers: Vec<(&str, &str)> = wrong.map(|wrong| ("authorization", wrong)).into_iter().collect();
        let answer = ask(host.address, event("1", "t", &headers)).await;
        assert_eq!(answer.status, 401, "{wrong:?}");
        assert!(answer.header("www-authenticate").unwrap().starts_with("Bearer"), "{answer:?}");
        assert!(!answer.detail().contains("s3cret"));
    }
    assert!(ids(&host.seen).is_empty());
    assert_eq!(ask(host.address, event("2", "t", &[("authorization", "Bearer s3cret")])).await.status, 204);
    assert_eq!(host.seen.lock().unwrap()[0].context("principal"), Some("shop"));
}

fn signed(secret: &str, body: &str) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).unwrap();
    mac.update(body.as_bytes());
    format!("sha256={:x}", mac.finalize().into_bytes())
}

#[tokio::test]
async fn webhooks_are_checked_and_wrapped() {
    let dir = tempfile::tempdir().unwrap();
    let secret = dir.path().join("secret");
    fs::write(&secret, "key").unwrap();
    let host = host(json!({"envelope": "github", "signature": {"secret": {"file": secret}}})).await;
    let body = json!({"action": "opened", "repository": {"full_name": "o/r", "html_url": "https://github.com/o/r"}})
        .to_string();
    let signature = signed("key", &body);
    let hook = |signature: &str, more: &[(&str, &str)], body: &str| {
        let mut headers = vec![
            ("x-hub-signature-256", signature),
            ("x-github-event", "issues"),
            ("x-github-delivery", "d-1"),
            ("content-type", "application/json"),
        ];
        headers.extend(more);
        request("POST /", &headers, body)
    };
    assert_eq!(ask(host.address, hook(&signature, &[], &body)).await.status, 204);
    // Signed is the body, not what `ce-` headers make of it.
    let forged = [("ce-specversion", "1.0"), ("ce-id", "forged"), ("ce-type", "forged"), ("ce-source", "/forged")];
    assert_eq!(ask(host.address, hook(&signature, &forged, &body)).await.status, 204);
    for wrong in [
        hook(&signature, &[], &body.replace("opened", "closed")),
        hook("sha256=00", &[], &body),
        request("POST /", &[], &body),
    ] {
        let answer = ask(host.address, wrong).await;
        assert_eq!(answer.status, 401, "{answer:?}");
        answer.problem();
    }
    let seen = host.seen.lock().unwrap();
    assert_eq!(seen.len(), 2);
    for event in seen.iter() {
        assert_eq!(event.id(), "d-1");
        assert_eq!(event.ty(), "com.github.issue.opened");
    }
}

#[tokio::test]
async fn plain_requests_become_events_by_a_rule_and_cloudevents_stay_what_they_are() {
    let rule = json!({"type": "plain", "source": "/from/${remote}${path}", "id": "${data.order}"});
    let host = host(json!({"envelope": rule})).await;
    assert_eq!(ask(host.address, request("POST /orders", &[], r#"{"order": "7"}"#)).await.status, 204);
    assert_eq!(ask(host.address, event("own", "t", &[])).await.status, 204);
    let answer = ask(host.address, request("POST /orders", &[], "{}")).await;
    assert_eq!(answer.status, 400);
    assert!(answer.detail().contains("order"), "{}", answer.detail());
    let seen = host.seen.lock().unwrap();
    let found: Vec<(&str, &str)> = seen.iter().map(|event| (event.id(), event.source())).collect();
    assert_eq!(found, [("7", "/from/127.0.0.1/orders"), ("own", "/test")]);
}

/// Certificates of one authority in a folder: for the listener, and for a client called `shop.example`.
struct Certificates {
    authority: CertificateDer<'static>,
    client: (CertificateDer<'static>, PrivateKeyDer<'static>),
}

fn certificates(dir: &Path) -> Certificates {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
    let issue = |name: &str, purpose: ExtendedKeyUsagePurpose| {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(vec![name.to_owned()]).unwrap();
        params.extended_key_usages = vec![purpose];
        (params.signed_by(&key, &authority).unwrap(), key)
    };
    let (server, server_key) = issue("localhost", ExtendedKeyUsagePurpose::ServerAuth);
    let (client, client_key) = issue("shop.example", ExtendedKeyUsagePurpose::ClientAuth);
    fs::write(dir.join("ca.pem"), authority.pem()).unwrap();
    fs::write(dir.join("server.pem"), server.pem()).unwrap();
    fs::write(dir.join("server.key"), server_key.serialize_pem()).unwrap();
    let key = PrivateKeyDer::from_pem_slice(client_key.serialize_pem().as_bytes()).unwrap();
    Certificates { authority: authority.der().clone(), client: (client.der().clone(), key) }
}

async fn tls(
    host: &Host,
    certificates: &Certificates,
    with_client: bool,
    alpn: &[u8],
) -> std::io::Result<TlsStream<TcpStream>> {
    let mut roots = rustls::RootCertStore::empty();
    roots.add(certificates.authority.clone()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let config = config.with_root_certificates(roots);
    let mut config = if with_client {
        let (certificate, key) = &certificates.client;
        config.with_client_auth_cert(vec![certificate.clone()], key.clone_key()).unwrap()
    } else {
        config.with_no_client_auth()
    };
    config.alpn_protocols = vec![alpn.to_vec()];
    let stream = TcpStream::connect(host.address).await.unwrap();
    TlsConnector::from(Arc::new(config)).connect(ServerName::try_from("localhost").unwrap(), stream).await
}

fn post(id: &str) -> hyper::Request<Full<Bytes>> {
    hyper::Request::post("https://localhost/")
        .header("host", "localhost")
        .header("content-type", "application/cloudevents+json")
        .body(Full::from(json!({"specversion": "1.0", "id": id, "type": "t", "source": "/s"}).to_string()))
        .unwrap()
}

#[tokio::test]
async fn a_client_certificate_says_who_sends_over_both_versions_of_http() {
    let dir = tempfile::tempdir().unwrap();
    let made = certificates(dir.path());
    let at = |name: &str| dir.path().join(name);
    let host =
        host(json!({"tls": {"certificate": at("server.pem"), "key": at("server.key"), "clientCa": at("ca.pem")}}))
            .await;

    let stream = tls(&host, &made, true, b"http/1.1").await.unwrap();
    let (mut http1, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.unwrap();
    tokio::spawn(connection);
    assert_eq!(http1.send_request(post("1")).await.unwrap().status(), 204);

    let stream = tls(&host, &made, true, b"h2").await.unwrap();
    assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"h2"[..]));
    let (mut http2, connection) =
        hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await.unwrap();
    tokio::spawn(connection);
    assert_eq!(http2.send_request(post("2")).await.unwrap().status(), 204);

    // Whether the handshake or the first read fails depends on the version of TLS.
    if let Ok(stream) = tls(&host, &made, false, b"http/1.1").await {
        let (mut http1, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.unwrap();
        tokio::spawn(connection);
        assert!(http1.send_request(post("3")).await.is_err());
    }
    let seen = host.seen.lock().unwrap();
    let found: Vec<_> = seen.iter().map(|event| (event.id(), event.context("principal"))).collect();
    assert_eq!(found, [("1", Some("shop.example")), ("2", Some("shop.example"))]);
}
