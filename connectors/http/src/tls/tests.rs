//! Real handshakes over loopback, with authorities made for each test.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

use std::fs;
use std::time::Duration;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, SanType};
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use serde_json::{Value, json};
use tempfile::TempDir;
use tidegate_connector::config;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use super::*;

/// Signs certificates.
struct Authority(CertifiedIssuer<'static, KeyPair>);

/// A certificate and its key.
struct Identity {
    certificate: rcgen::Certificate,
    key: KeyPair,
}

impl Authority {
    fn new(name: &str) -> Self {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        Self(CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap())
    }

    fn sign(&self, params: CertificateParams) -> Identity {
        let key = KeyPair::generate().unwrap();
        Identity { certificate: params.signed_by(&key, &self.0).unwrap(), key }
    }

    fn client(&self, common_name: &str, names: Vec<SanType>) -> Identity {
        let mut params = CertificateParams::default();
        params.distinguished_name = rcgen::DistinguishedName::new();
        params.distinguished_name.push(DnType::CommonName, common_name);
        params.subject_alt_names = names;
        self.sign(params)
    }

    fn server(&self) -> Identity {
        self.sign(CertificateParams::new(vec!["localhost".to_owned()]).unwrap())
    }
}

fn uri(text: &str) -> SanType {
    SanType::URI(text.try_into().unwrap())
}

fn dns(text: &str) -> SanType {
    SanType::DnsName(text.try_into().unwrap())
}

struct Fixture {
    dir: TempDir,
    listener: TlsListener,
    authority: Authority,
    client_authority: Authority,
}

/// What came of a connection: the client's side of it, and the server's.
#[derive(Debug)]
struct Met {
    principal: Option<String>,
    alpn: Option<Vec<u8>>,
    version: Option<rustls::ProtocolVersion>,
    server_certificate: Vec<u8>,
}

impl Fixture {
    fn new(other: Value) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let (authority, client_authority) = (Authority::new("servers"), Authority::new("clients"));
        let mut config = json!({"certificate": "cert.pem", "key": "key.pem"});
        config.as_object_mut().unwrap().extend(other.as_object().unwrap().clone());
        let listener = TlsListener::compile(&config::parse(&config).unwrap(), dir.path()).unwrap();
        fs::write(dir.path().join("ca.pem"), client_authority.0.pem()).unwrap();
        let fixture = Self { dir, listener, authority, client_authority };
        fixture.install(&fixture.authority.server());
        fixture
    }

    fn install(&self, identity: &Identity) {
        self.write("cert.pem", &identity.certificate.pem());
        self.write("key.pem", &identity.key.serialize_pem());
    }

    fn write(&self, file: &str, content: &str) {
        fs::write(self.dir.path().join(file), content).unwrap();
    }

    fn client(
        &self,
        versions: &[&'static rustls::SupportedProtocolVersion],
        identity: Option<&Identity>,
    ) -> ClientConfig {
        let mut roots = RootCertStore::empty();
        roots.add(self.authority.0.der().clone()).unwrap();
        let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_protocol_versions(versions)
            .unwrap()
            .with_root_certificates(roots);
        match identity {
            Some(identity) => {
                let key = PrivateKeyDer::from_pem_slice(identity.key.serialize_pem().as_bytes()).unwrap();
                builder.with_client_auth_cert(vec![identity.certificate.der().clone()], key).unwrap()
            }
            None => builder.with_no_client_auth(),
        }
    }

    async fn meet(&self, identity: Option<&Identity>) -> Result<Met, String> {
        self.meet_as(self.client(rustls::ALL_VERSIONS, identity)).await
    }

    /// A whole handshake and a byte each way: in TLS 1.3 a client knows only then whether it was let in.
    async fn meet_as(&self, client: ClientConfig) -> Result<Met, String> {
        let config = self.listener.server_config()?;
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let server = async {
            let (stream, _) = listener.accept().await.unwrap();
            let mut stream = tokio_rustls::TlsAcceptor::from(config).accept(stream).await?;
            let byte = stream.read_u8().await?;
            stream.write_u8(byte).await?;
            stream.shutdown().await?;
            Ok::<_, std::io::Error>(self.listener.peer(stream.get_ref().1))
        };
        let client = async {
            let stream = TcpStream::connect(address).await.unwrap();
            let name = ServerName::try_from("localhost").unwrap();
            let mut stream = tokio_rustls::TlsConnector::from(Arc::new(client)).connect(name, stream).await?;
            stream.write_u8(1).await?;
            stream.read_u8().await?;
            let connection = stream.get_ref().1;
            Ok::<_, std::io::Error>((
                connection.alpn_protocol().map(<[u8]>::to_vec),
                connection.protocol_version(),
                connection.peer_certificates().unwrap()[0].to_vec(),
            ))
        };
        let (server, client) = tokio::join!(server, client);
        let peer = server.map_err(|error| error.to_string())?;
        let (alpn, version, server_certificate) = client.map_err(|error| error.to_string())?;
        Ok(Met { principal: peer.certificate, alpn, version, server_certificate })
    }

    /// Files are looked at again once a second of real time.
    async fn until(&self, reached: impl Fn(&Result<Met, String>) -> bool, client: impl Fn() -> ClientConfig) {
        let wait = async {
            while !reached(&self.meet_as(client()).await) {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(30), wait).await.unwrap();
    }
}

#[tokio::test]
async fn both_versions_and_both_protocols() {
    let fixture = Fixture::new(json!({}));
    for (versions, version) in [
        (&[&rustls::version::TLS12], rustls::ProtocolVersion::TLSv1_2),
        (&[&rustls::version::TLS13], rustls::ProtocolVersion::TLSv1_3),
    ] {
        for offered in ["h2", "http/1.1"] {
            let mut client = fixture.client(versions, None);
            client.alpn_protocols = vec![offered.into()];
            let met = fixture.meet_as(client).await.unwrap();
            assert_eq!((met.version, met.alpn), (Some(version), Some(offered.into())));
            assert_eq!(met.principal, None);
        }
    }
    let mut client = fixture.client(rustls::ALL_VERSIONS, None);
    client.alpn_protocols = vec![b"http/1.1".to_vec(), b"h2".to_vec()];
    assert_eq!(fixture.meet_as(client).await.unwrap().alpn, Some(b"h2".to_vec()), "the server prefers h2");
    let mut client = fixture.client(rustls::ALL_VERSIONS, None);
    client.alpn_protocols = vec![b"smtp".to_vec()];
    fixture.meet_as(client).await.expect_err("no common protocol");
}

#[tokio::test]
async fn a_certificate_without_a_client_ca_tells_nothing() {
    let fixture = Fixture::new(json!({}));
    let shop = fixture.client_authority.client("shop", vec![]);
    assert_eq!(fixture.meet(Some(&shop)).await.unwrap().principal, None);
    assert!(!fixture.listener.checks_clients());
}

#[tokio::test]
async fn the_name_in_a_client_certificate() {
    let fixture = Fixture::new(json!({"clientCa": "ca.pem"}));
    let spiffe = "spiffe://shop.example/ns/till";
    for (common_name, names, principal) in [
        ("shop", vec![], Some("shop")),
        ("shop", vec![dns("till.example"), uri(spiffe), uri("spiffe://second")], Some(spiffe)),
        ("shop", vec![dns("till.example"), dns("second.example")], Some("till.example")),
        ("shop", vec![SanType::Rfc822Name("a@example.com".try_into().unwrap())], Some("shop")),
        ("shop\nadmin", vec![], None),
        ("shop\0.example", vec![], None),
        ("", vec![], None),
    ] {
        let identity = fixture.client_authority.client(common_name, names);
        for versions in [&[&rustls::version::TLS12], &[&rustls::version::TLS13]] {
            let met = fixture.meet_as(fixture.client(versions, Some(&identity))).await.unwrap();
            assert_eq!(met.principal.as_deref(), principal, "{common_name:?}");
        }
    }
}

#[tokio::test]
async fn strangers_are_refused() {
    for (client_auth, anonymous_gets_in) in [(json!({}), false), (json!({"clientAuth": "optional"}), true)] {
        let mut other = json!({"clientCa": "ca.pem"});
        other.as_object_mut().unwrap().extend(client_auth.as_object().unwrap().clone());
        let fixture = Fixture::new(other);
        let mut expired = CertificateParams::default();
        expired.not_after = rcgen::date_time_ymd(2001, 1, 1);
        let mut for_servers = CertificateParams::default();
        for_servers.extended_key_usages = vec![rcgen::ExtendedKeyUsagePurpose::ServerAuth];
        let strangers = [
            ("unknown authority", Authority::new("clients").client("shop", vec![])),
            ("the servers' authority", fixture.authority.client("shop", vec![])),
            ("expired", fixture.client_authority.sign(expired)),
            ("for servers only", fixture.client_authority.sign(for_servers)),
        ];
        for (name, identity) in &strangers {
            for versions in [&[&rustls::version::TLS12], &[&rustls::version::TLS13]] {
                fixture.meet_as(fixture.client(versions, Some(identity))).await.expect_err(name);
            }
        }
        let met = fixture.meet(None).await;
        assert_eq!(met.is_ok(), anonymous_gets_in, "{met:?}");
        assert!(met.is_err() || met.unwrap().principal.is_none());
        let shop = fixture.client_authority.client("shop", vec![]);
        assert_eq!(fixture.meet(Some(&shop)).await.unwrap().principal.as_deref(), Some("shop"));
    }
}

#[tokio::test]
async fn a_client_that_comes_again_is_verified_again() {
    let fixture = Fixture::new(json!({"clientCa": "ca.pem"}));
    let shop = fixture.client_authority.client("shop", vec![]);
    for versions in [&[&rustls::version::TLS12], &[&rustls::version::TLS13]] {
        let client = fixture.client(versions, Some(&shop));
        for _ in 0..3 {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let address = listener.local_addr().unwrap();
            let acceptor = tokio_rustls::TlsAcceptor::from(fixture.listener.server_config().unwrap());
            let server = async {
                let (stream, _) = listener.accept().await.unwrap();
                let mut stream = acceptor.accept(stream).await.unwrap();
                stream.write_u8(1).await.unwrap();
                stream.get_ref().1.handshake_kind()
            };
            let connect = async {
                let stream = TcpStream::connect(address).await.unwrap();
                let connector = tokio_rustls::TlsConnector::from(Arc::new(client.clone()));
                let mut stream = connector.connect(ServerName::try_from("localhost").unwrap(), stream).await.unwrap();
                stream.read_u8().await.unwrap();
            };
            let (kind, ()) = tokio::join!(server, connect);
            assert_ne!(kind, Some(rustls::HandshakeKind::Resumed));
        }
    }
}

#[tokio::test]
async fn certificates_are_exchanged_while_running() {
    let fixture = Fixture::new(json!({}));
    let client = || fixture.client(rustls::ALL_VERSIONS, None);
    let first = fixture.meet(None).await.unwrap().server_certificate;
    let next = fixture.authority.server();

    // Only one of two is there yet, then nonsense, then nothing: the first goes on.
    let kept = |met: &Result<Met, String>| met.as_ref().unwrap().server_certificate == first;
    for (broken, problem) in [(&*next.certificate.pem(), "certificate and key"), ("nonsense", "no certificate")] {
        fixture.write("cert.pem", broken);
        let tried = || fixture.listener.state.lock().unwrap().problem.clone().unwrap_or_default().contains(problem);
        fixture.until(|met| kept(met) && tried(), client).await;
        assert!(kept(&fixture.meet(None).await));
    }
    fs::remove_file(fixture.dir.path().join("cert.pem")).unwrap();
    assert!(kept(&fixture.meet(None).await));

    fixture.install(&next);
    let exchanged =
        |met: &Result<Met, String>| met.as_ref().unwrap().server_certificate == next.certificate.der().as_ref();
    fixture.until(exchanged, client).await;
}

#[tokio::test]
async fn the_client_ca_is_exchanged_while_running() {
    let fixture = Fixture::new(json!({"clientCa": "ca.pem"}));
    let next = Authority::new("clients");
    let (old, new) = (fixture.client_authority.client("old", vec![]), next.client("new", vec![]));
    fixture.meet(Some(&old)).await.unwrap();
    fixture.meet(Some(&new)).await.expect_err("not yet");
    // Both for a while, as one rotates.
    fixture.write("ca.pem", &format!("{}{}", fixture.client_authority.0.pem(), next.0.pem()));
    fixture.until(Result::is_ok, || fixture.client(rustls::ALL_VERSIONS, Some(&new))).await;
    fixture.meet(Some(&old)).await.unwrap();
    fixture.write("ca.pem", &next.0.pem());
    fixture.until(Result::is_err, || fixture.client(rustls::ALL_VERSIONS, Some(&old))).await;
    fixture.meet(Some(&new)).await.unwrap();
}

#[tokio::test]
async fn files_that_come_late_are_found() {
    let fixture = Fixture::new(json!({"clientCa": "ca.pem"}));
    let path = fixture.dir.path().join("ca.pem");
    fs::remove_file(&path).unwrap();
    let problem = fixture.listener.server_config().unwrap_err();
    assert!(problem.contains("ca.pem") && problem.contains("No such file"), "{problem}");
    let shop = fixture.client_authority.client("shop", vec![]);
    fixture.write("ca.pem", &fixture.client_authority.0.pem());
    fixture.until(Result::is_ok, || fixture.client(rustls::ALL_VERSIONS, Some(&shop))).await;
}

#[test]
fn what_cannot_be_used_is_named_and_not_shown() {
    let good = Authority::new("a").server();
    let other = Authority::new("b").server();
    let (certificate, key) = (good.certificate.pem(), good.key.serialize_pem());
    for (certificate, key, ca, problem) in [
        ("nonsense", key.as_str(), None, "`certificate` is no certificate"),
        (key.as_str(), key.as_str(), None, "`certificate` is no certificate"),
        (certificate.as_str(), "nonsense", None, "`key` is no private key"),
        (certificate.as_str(), certificate.as_str(), None, "`key` is no private key"),
        (certificate.as_str(), &*other.key.serialize_pem(), None, "certificate and key"),
        (certificate.as_str(), key.as_str(), Some("nonsense"), "`clientCa` is no certificate"),
    ] {
        let config = json!({"clientCa": "ca.pem"});
        let fixture = Fixture::new(if ca.is_some() { config } else { json!({}) });
        fixture.write("cert.pem", certificate);
        fixture.write("key.pem", key);
        fixture.write("ca.pem", ca.unwrap_or_default());
        let shown = fixture.listener.server_config().unwrap_err();
        assert!(shown.contains(problem), "{shown}");
        assert!(!format!("{:?}{shown}", fixture.listener).contains("PRIVATE"));
    }
}

#[test]
fn a_key_is_a_path_or_a_secret() {
    for key in [json!("key.pem"), json!({"file": "key.pem"}), json!({"env": "KEY"})] {
        let config = json!({"certificate": "c.pem", "key": key});
        TlsListener::compile(&config::parse(&config).unwrap(), Path::new("/")).unwrap();
    }
    for (config, pointer) in [
        (json!({"certificate": "c", "key": {}}), "/key"),
        (json!({"certificate": "c", "key": {"path": "k"}}), "/key/path"),
        (json!({"certificate": "c", "key": ""}), "/key/file"),
        (json!({"certificate": "c", "key": 1}), "/key"),
        (json!({"certificate": "", "key": "k"}), "/certificate"),
        (json!({"key": "k"}), ""),
        (json!({"certificate": "c", "key": "k", "clientCa": null}), "/clientCa"),
        (json!({"certificate": "c", "key": "k", "clientCa": ""}), "/clientCa"),
        (json!({"certificate": "c", "key": "k", "clientAuth": "required"}), "/clientAuth"),
        (json!({"certificate": "c", "key": "k", "clientCa": "a", "clientAuth": "none"}), "/clientAuth"),
    ] {
        let errors = config::parse::<TlsConfig>(&config)
            .and_then(|config| TlsListener::compile(&config, Path::new("/")).map(drop))
            .expect_err(&config.to_string());
        assert_eq!(errors[0].pointer, pointer, "{config}: {errors:?}");
    }
}
