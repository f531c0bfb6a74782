//! Client certificates and web tokens, through the connector.

use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, SanType};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{PrivateKeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;

use crate::rig::{Client, Rig, auth, post, write};

struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Authority {
    fn new() -> Self {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        Self(CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap())
    }

    fn sign(&self, names: Vec<SanType>) -> (rcgen::Certificate, KeyPair) {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, "somebody");
        params.subject_alt_names = names;
        (params.signed_by(&key, &self.0).unwrap(), key)
    }
}

struct Fixture {
    rig: Rig,
    authority: Authority,
}

impl Fixture {
    /// One authority for both ends; `till` is the client.
    async fn new(tls: Value, other: Value) -> Self {
        let authority = Authority::new();
        let (certificate, key) = authority.sign(vec![SanType::DnsName("localhost".try_into().unwrap())]);
        let dir = tempfile::tempdir().unwrap();
        write(dir.path(), "cert.pem", &certificate.pem());
        write(dir.path(), "key.pem", &key.serialize_pem());
        write(dir.path(), "ca.pem", &authority.0.pem());
        let mut files = json!({"certificate": "cert.pem", "key": "key.pem"});
        files.as_object_mut().unwrap().extend(tls.as_object().unwrap().clone());
        let mut config = json!({"path": "/events", "tls": files});
        config.as_object_mut().unwrap().extend(other.as_object().unwrap().clone());
        Self { rig: Rig::at(dir, config).await, authority }
    }

    fn till(&self) -> (rcgen::Certificate, KeyPair) {
        self.authority.sign(vec![SanType::URI("spiffe://shop/till".try_into().unwrap())])
    }

    async fn connect(
        &self,
        identity: Option<(rcgen::Certificate, KeyPair)>,
    ) -> std::io::Result<Client<TlsStream<TcpStream>>> {
        let mut roots = RootCertStore::empty();
        roots.add(self.authority.0.der().clone()).unwrap();
        let builder = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots);
        let config = match identity {
            Some((certificate, key)) => {
                let key = PrivateKeyDer::from_pem_slice(key.serialize_pem().as_bytes()).unwrap();
                builder.with_client_auth_cert(vec![certificate.der().clone()], key).unwrap()
            }
            None => builder.with_no_client_auth(),
        };
        let stream = TcpStream::connect(&self.rig.address).await?;
        let name = ServerName::try_from("localhost").unwrap();
        tokio_rustls::TlsConnector::from(Arc::new(config)).connect(name, stream).await.map(Client)
    }

    /// The status, or `None` where there is no answer.
    async fn status(&self, identity: Option<(rcgen::Certificate, KeyPair)>, headers: &str) -> Option<u16> {
        let mut client = self.connect(identity).await.ok()?;
        client.0.write_all(post(headers).as_bytes()).await.ok()?;
        client.answer().await.map(|answer| answer.status)
    }

    fn principals(&self) -> Vec<Option<String>> {
        self.rig.principals()
    }
}

fn some(principal: &str) -> Vec<Option<String>> {
    vec![Some(principal.to_owned())]
}

const TILL: &str = "spiffe://shop/till";
const SHOP: &str = "authorization: Bearer t0ken\r\n";

#[tokio::test]
async fn a_client_ca_alone_names_the_principal() {
    let fixture = Fixture::new(json!({"clientCa": "ca.pem"}), json!({})).await;
    assert_eq!(fixture.status(Some(fixture.till()), "").await, Some(204));
    assert_eq!(fixture.principals(), some(TILL));
    assert_eq!(fixture.status(None, "").await, None, "no certificate, no connection");
    assert_eq!(fixture.status(Some(Authority::new().sign(vec![])), "").await, None, "another authority");
    assert!(fixture.principals().is_empty());
}

#[tokio::test]
async fn an_optional_certificate_is_still_a_way_in_and_not_the_absence_of_one() {
    let fixture = Fixture::new(json!({"clientCa": "ca.pem", "clientAuth": "optional"}), json!({})).await;
    assert_eq!(fixture.status(None, "").await, Some(403));
    assert_eq!(fixture.status(None, SHOP).await, Some(403));
    assert_eq!(fixture.status(Some(Authority::new().sign(vec![])), "").await, None);
    assert!(fixture.principals().is_empty());
    assert_eq!(fixture.status(Some(fixture.till()), "").await, Some(204));
    assert_eq!(fixture.principals(), some(TILL));
}

#[tokio::test]
async fn certificate_or_token() {
    let mut forms = auth();
    forms["certificate"] = json!({});
    let tls = json!({"clientCa": "ca.pem", "clientAuth": "optional"});
    let fixture = Fixture::new(tls, json!({"auth": forms})).await;
    for (with_certificate, headers, expected) in [
        (true, "", Ok(TILL)),
        (false, SHOP, Ok("shop")),
        (true, SHOP, Ok("shop")),
        (true, "authorization: Bearer x\r\n", Err(401)),
        (false, "", Err(401)),
    ] {
        let status = fixture.status(with_certificate.then(|| fixture.till()), headers).await;
        assert_eq!(status, Some(expected.err().unwrap_or(204)), "{with_certificate} {headers}");
        assert_eq!(fixture.principals(), expected.map(some).unwrap_or_default());
    }
}

#[tokio::test]
async fn certificate_and_token() {
    // `auth` lists tokens only: the certificate opens the connection, the token says who it is.
    let fixture = Fixture::new(json!({"clientCa": "ca.pem"}), json!({"auth": auth()})).await;
    assert_eq!(fixture.status(Some(fixture.till()), "").await, Some(401));
    assert_eq!(fixture.status(None, SHOP).await, None);
    assert!(fixture.principals().is_empty());
    assert_eq!(fixture.status(Some(fixture.till()), SHOP).await, Some(204));
    assert_eq!(fixture.principals(), some("shop"));
}

#[tokio::test]
async fn without_tls_nobody_gets_in() {
    let fixture = Fixture::new(json!({}), json!({"auth": auth()})).await;
    let mut client = fixture.rig.connect().await;
    client.write(post(SHOP)).await;
    let mut answer = Vec::new();
    let _reset_or_alert = client.0.read_to_end(&mut answer).await;
    assert!(!answer.starts_with(b"HTTP/"), "{answer:?}");
    assert!(fixture.principals().is_empty());
}

#[tokio::test]
async fn a_forged_token_is_refused_by_name() {
    let key = KeyPair::generate().unwrap();
    let base64 = |bytes: &[u8]| base64_simd::URL_SAFE_NO_PAD.encode_to_string(bytes);
    let point = key.public_key_raw();
    let keys = json!({"keys": [
        {"kty": "EC", "crv": "P-256", "kid": "k", "x": base64(&point[1..33]), "y": base64(&point[33..])}
    ]});
    let dir = tempfile::tempdir().unwrap();
    write(dir.path(), "keys.json", &keys.to_string());
    let jwt = json!({"jwks": {"file": "keys.json"}, "issuer": "i", "audience": "a"});
    let rig = Rig::at(dir, json!({"path": "/events", "auth": {"jwt": jwt}})).await;

    let signer = jsonwebtoken::EncodingKey::from_ec_der(key.serialized_der());
    let header = base64(br#"{"alg":"ES256","kid":"k"}"#);
    let token = |header: &str, claims: Value| {
        let message = format!("{header}.{}", base64(claims.to_string().as_bytes()));
        let signature =
            jsonwebtoken::crypto::sign(message.as_bytes(), &signer, jsonwebtoken::Algorithm::ES256).unwrap();
        format!("authorization: Bearer {message}.{signature}\r\n")
    };
    let claims = json!({"iss": "i", "aud": "a", "sub": "web", "exp": 1u64 << 40});
    rig.accepts("good", post(&token(&header, claims.clone())), "web").await;
    let with = |name: &str, value: Value| {
        let mut claims = claims.clone();
        claims[name] = value;
        claims
    };
    for (request, problem) in [
        (token(&header, with("aud", json!("b"))), "`aud`"),
        (token(&header, with("exp", json!(1))), "expired"),
        (token(&header, with("nbf", json!(1u64 << 40))), "`nbf`"),
        (token(&base64(br#"{"alg":"none"}"#), claims.clone()), "algorithm `none`"),
        (token(&base64(br#"{"alg":"HS256","kid":"k"}"#), claims.clone()), "algorithm `HS256`"),
        (token(&base64(br#"{"alg":"ES256","kid":"x"}"#), claims.clone()), "`kid`"),
    ] {
        let answer = rig.send(post(&request)).await;
        assert_eq!(answer.status, 401, "{problem}");
        let told: Value = serde_json::from_str(&answer.body).unwrap();
        assert!(told["detail"].as_str().unwrap().contains(problem), "{told}");
        assert!(answer.head.contains("error=\"invalid_token\""), "{}", answer.head);
        assert!(rig.principals().is_empty(), "{problem}");
    }
    let good = token(&header, claims.clone());
    rig.refuses("twice", post(&format!("{good}{good}")), 401).await;
}
