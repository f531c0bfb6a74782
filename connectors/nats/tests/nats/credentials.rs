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

/// A token as the server's own tools make them: claims, signed by an nkey.
fn token(issuer: &nkeys::KeyPair, subject: &str, kind: &str, more: Value) -> String {
    let part = |value: &Value| base64_simd::URL_SAFE_NO_PAD.encode_to_string(value.to_string());
    let mut nats = json!({"type": kind, "version": 2});
    nats.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    let claims = json!({"jti": kind, "iat": 1_700_000_000, "iss": issuer.public_key(), "name": kind, "sub": subject, "nats": nats});
    let signed = format!("{}.{}", part(&json!({"typ": "JWT", "alg": "ed25519-nkey"})), part(&claims));
    let signature = base64_simd::URL_SAFE_NO_PAD.encode_to_string(issuer.sign(signed.as_bytes()).unwrap());
    format!("{signed}.{signature}")
}

/// What `nsc` writes for a user.
fn credentials(account: &nkeys::KeyPair, user: &nkeys::KeyPair) -> String {
    let unlimited = json!({"pub": {}, "sub": {}, "subs": -1, "data": -1, "payload": -1});
    let jwt = token(account, &user.public_key(), "user", unlimited);
    let seed = user.seed().unwrap();
    format!(
        "-----BEGIN NATS USER JWT-----\n{jwt}\n------END NATS USER JWT------\n\n-----BEGIN USER NKEY SEED-----\n{seed}\n------END USER NKEY SEED------\n"
    )
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_creds_file_of_an_operators_account_is_taken_by_reference() {
    let (operator, system) = (nkeys::KeyPair::new_operator(), nkeys::KeyPair::new_account());
    let (account, stranger) = (nkeys::KeyPair::new_account(), nkeys::KeyPair::new_account());
    let limits = json!({"limits": {"subs": -1, "data": -1, "payload": -1, "imports": -1, "exports": -1, "wildcards": true, "conn": -1, "leaf": -1}});
    let [ours, its] = [&account, &system].map(|pair| token(&operator, &pair.public_key(), "account", limits.clone()));
    let server = NatsServer::with(&format!(
        "operator: {}\nsystem_account: {its_key}\nresolver: MEMORY\nresolver_preload: {{ {}: {ours}, {its_key}: {its} }}",
        token(&operator, &operator.public_key(), "operator", json!({})),
        account.public_key(),
        its_key = system.public_key(),
    ))
    .unwrap();
    let dir = tempfile::tempdir().unwrap();
    let user = nkeys::KeyPair::new_user();
    let auth = json!({"credentials": secret("user.creds")});
    let config = json!({"servers": [server.url()], "subject": "a", "jetstream": false, "auth": auth});
    let whole = credentials(&account, &user);
    fs::write(dir.path().join("user.creds"), &whole).unwrap();
    open(&dir, &config).write(&[event("e0")]).await.unwrap();
    let another_seed = credentials(&account, &nkeys::KeyPair::new_user());
    let (_, another_seed) = another_seed.split_at(another_seed.find("-----BEGIN USER").unwrap());
    let (jwt, _) = whole.split_at(whole.find("-----BEGIN USER").unwrap());
    for (content, said) in [
        (credentials(&stranger, &user), "uthorization"),
        (format!("{jwt}{another_seed}"), "uthorization"),
        (jwt.to_owned(), "the credentials have no `USER NKEY SEED`"),
        ("nothing".to_owned(), "the credentials have no `USER JWT`"),
    ] {
        fs::write(dir.path().join("user.creds"), content).unwrap();
        let error = open(&dir, &config).write(&[event("e0")]).await.unwrap_err();
        let WriteError::Transient { place, cause, .. } = error else { panic!("{error:?}") };
        assert_eq!(place, server.url());
        assert!(cause.contains(said), "{said}: {cause}");
        assert!(!cause.contains(&user.seed().unwrap()), "{cause}");
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
    let files = format!(
        "cert_file: {:?}, key_file: {:?}, ca_file: {:?}",
        file("server.pem"),
        file("server.key"),
        file("ca.pem")
    );
    let client = json!({"certificate": "client.pem", "key": "client.key"});
    // With `first` the client shakes hands before the server says anything: where a server wants that, and nowhere else.
    for at_first in [false, true] {
        let more = if at_first { ", handshake_first: auto" } else { "" };
        let server = NatsServer::with(&format!("tls {{ {files}, verify: true{more} }}")).unwrap();
        let address = format!("tls://localhost:{}", server.address().port());
        for (tls, trusted) in [
            (json!({"ca": "ca.pem", "clientCertificate": client, "first": at_first}), true),
            (json!({"ca": "ca.pem", "clientCertificate": client, "first": true}), at_first),
            (json!({"ca": "ca.pem", "first": at_first}), false),
            (json!({"ca": "client.pem", "clientCertificate": client, "first": at_first}), false),
            (json!({"ca": "missing.pem", "first": at_first}), false),
        ] {
            let config = json!({"servers": [address], "subject": "a", "jetstream": false, "tls": tls});
            let written = open(&dir, &config).write(&[event("e0")]).await;
            assert_eq!(written.is_ok(), trusted, "{tls}: {written:?}");
            if let Err(error) = written {
                assert!(error.to_string().contains(&address), "names the server: {error}");
            }
        }
    }
}
