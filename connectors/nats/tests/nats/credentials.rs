//! Who we are to a server, and TLS.

use std::fs;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use serde_json::{Value, json};
use tempfile::TempDir;
use tidegate_brokers::nats::NatsServer;
use tidegate_connector::{Connector as _, WriteError, Writer};
use tidegate_connector_nats::Nats;

use crate::rig::{event, place};

fn open(dir: &TempDir, config: &Value) -> Box<dyn Writer> {
    Nats.open_sink("shop/out", config, &place(dir.path())).unwrap()
}

fn secret(name: &str) -> Value {
    json!({"secret": {"file": name}})
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_kind_of_credentials_is_taken_by_reference() {
    // The pair of the server's documentation.
    let seed = "SUACSSL3UAHUDXKFSNVUZRF5UHPMWZ6BFDTJ7M6USDXIEDNPPQYYYCU3VY";
    let nkey = "UDXU4RCSJNZOIQHZNWXHXORDPRTGNJAHAHFRGZNEEJCPQTT2M7NLCNF4";
    let dir = tempfile::tempdir().unwrap();
    for (extra, content, auth) in [
        (
            "authorization { user: ada, password: pa55 }".to_owned(),
            "pa55\n",
            json!({"user": {"name": "ada", "password": secret("secret")}}),
        ),
        ("authorization { token: t0ken }".to_owned(), "t0ken\n", json!({"token": secret("secret")})),
        (format!("authorization {{ users: [ {{ nkey: {nkey} }} ] }}"), seed, json!({"nkey": secret("secret")})),
    ] {
        let server = NatsServer::with(&extra).unwrap();
        fs::write(dir.path().join("secret"), content).unwrap();
        let config = json!({"servers": [server.url()], "subject": "a", "jetstream": false, "auth": auth});
        open(&dir, &config).write(&[event("e0")]).await.unwrap();
        fs::write(dir.path().join("secret"), "wrong").unwrap();
        let error = open(&dir, &config).write(&[event("e0")]).await.unwrap_err();
        let WriteError::Transient { place, cause, .. } = error else { panic!("{error:?}") };
        assert_eq!(place, server.url());
        assert!(!cause.contains("wrong") && !cause.is_empty(), "{cause}");
        fs::remove_file(dir.path().join("secret")).unwrap();
        let error = open(&dir, &config).write(&[event("e0")]).await.unwrap_err();
        assert!(error.to_string().contains("secret"), "names the file: {error}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tls_trusts_whom_it_was_told_to_and_shows_who_we_are() {
    let dir = tempfile::tempdir().unwrap();
    let put = |name: &str, text: String| fs::write(dir.path().join(name), text).unwrap();
    let mut authority = CertificateParams::new(Vec::new()).unwrap();
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority = CertifiedIssuer::self_signed(authority, KeyPair::generate().unwrap()).unwrap();
    put("ca.pem", authority.pem());
    for name in ["server", "client"] {
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
        put(&format!("{name}.pem"), params.signed_by(&key, &authority).unwrap().pem());
        put(&format!("{name}.key"), key.serialize_pem());
    }
    let file = |name: &str| dir.path().join(name).display().to_string();
    let server = NatsServer::with(&format!(
        "tls {{ cert_file: {:?}, key_file: {:?}, ca_file: {:?}, verify: true }}",
        file("server.pem"),
        file("server.key"),
        file("ca.pem")
    ))
    .unwrap();
    let address = format!("tls://localhost:{}", server.address().port());
    let client = json!({"certificate": "client.pem", "key": "client.key"});
    for (tls, trusted) in [
        (json!({"ca": "ca.pem", "clientCertificate": client}), true),
        (json!({"ca": "ca.pem"}), false),
        (json!({"ca": "client.pem", "clientCertificate": client}), false),
        (json!({"ca": "missing.pem"}), false),
    ] {
        let config = json!({"servers": [address], "subject": "a", "jetstream": false, "tls": tls});
        let written = open(&dir, &config).write(&[event("e0")]).await;
        assert_eq!(written.is_ok(), trusted, "{tls}: {written:?}");
    }
}
