//! What a broker of tests is told: ports, listeners, users, certificates.

use std::fs;
use std::net::{Ipv4Addr, TcpListener};
use std::path::Path;
use std::sync::atomic::{AtomicU16, Ordering};

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};

use crate::fetch::{FetchError, tried};

/// Who may connect where SASL is asked for.
pub const USER: &str = "ada";
/// Their password.
pub const PASSWORD: &str = "engine";

pub(super) const FILE: &str = "server.properties";
pub(super) const CA: &str = "ca.pem";
pub(super) const CLIENT: &str = "client.pem";
pub(super) const CLIENT_KEY: &str = "client.key";
pub(super) const CLUSTER: &str = "4L6g3nShT-eMCtK--X86sw";

/// Below the range that systems take ports for outgoing connections from, so that a restarted broker finds its own free.
const RANGE: std::ops::Range<u16> = 10_000..18_000;

#[derive(Debug)]
pub(super) struct Ports {
    pub(super) plain: u16,
    pub(super) controller: u16,
    pub(super) sasl: u16,
    pub(super) tls: u16,
    /// With TLS, and a certificate of the client.
    pub(super) mutual: u16,
    pub(super) sasl_tls: u16,
    pub(super) behind_proxy: u16,
    /// Where clients of that port are told to go on: a proxy's, if there is one.
    pub(super) proxy: u16,
}

impl Ports {
    pub(super) fn free(proxy: Option<u16>) -> Result<Ports, FetchError> {
        let behind_proxy = free()?;
        Ok(Ports {
            plain: free()?,
            controller: free()?,
            sasl: free()?,
            tls: free()?,
            mutual: free()?,
            sasl_tls: free()?,
            behind_proxy,
            proxy: proxy.unwrap_or(behind_proxy),
        })
    }

    pub(super) fn address(&self, port: u16) -> String {
        format!("127.0.0.1:{port}")
    }
}

/// A port nobody listens on; none is given out twice by one process, and processes begin at different places.
fn free() -> Result<u16, FetchError> {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let size = RANGE.end - RANGE.start;
    let begin = (std::process::id().wrapping_mul(97) % u32::from(size)) as u16;
    let mut last = None;
    for _ in 0..size {
        let port = RANGE.start + (begin + NEXT.fetch_add(1, Ordering::Relaxed) % size) % size;
        match TcpListener::bind((Ipv4Addr::LOCALHOST, port)) {
            Ok(_) => return Ok(port),
            Err(error) => last = Some(error),
        }
    }
    Err(tried("looking for a free port")(last.unwrap_or_else(|| std::io::Error::other("none"))))
}

/// Writes everything into the broker's folder. `more` are further settings, one a line.
pub(super) fn write(folder: &Path, ports: &Ports, more: &str) -> Result<(), FetchError> {
    certificates(folder)?;
    let Ports { plain, controller, sasl, tls, mutual, sasl_tls, behind_proxy, proxy } = ports;
    let login = "org.apache.kafka.common.security";
    // One partition each for what the broker keeps itself: a test has few groups. Groups do not wait for further members, and
    // sessions may be short.
    let text = format!(
        "process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:{controller}
controller.listener.names=CONTROLLER
listeners=PLAIN://127.0.0.1:{plain},CONTROLLER://127.0.0.1:{controller},SASL://127.0.0.1:{sasl},TLS://127.0.0.1:{tls},MUTUAL://127.0.0.1:{mutual},SASLTLS://127.0.0.1:{sasl_tls},PROXIED://127.0.0.1:{behind_proxy}
advertised.listeners=PLAIN://127.0.0.1:{plain},SASL://127.0.0.1:{sasl},TLS://127.0.0.1:{tls},MUTUAL://127.0.0.1:{mutual},SASLTLS://127.0.0.1:{sasl_tls},PROXIED://127.0.0.1:{proxy}
listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAIN:PLAINTEXT,PROXIED:PLAINTEXT,SASL:SASL_PLAINTEXT,TLS:SSL,MUTUAL:SSL,SASLTLS:SASL_SSL
inter.broker.listener.name=PLAIN
sasl.enabled.mechanisms=SCRAM-SHA-256,SCRAM-SHA-512,PLAIN
listener.name.sasl.scram-sha-256.sasl.jaas.config={login}.scram.ScramLoginModule required;
listener.name.sasl.scram-sha-512.sasl.jaas.config={login}.scram.ScramLoginModule required;
listener.name.sasl.plain.sasl.jaas.config={login}.plain.PlainLoginModule required user_{USER}=\"{PASSWORD}\";
listener.name.sasltls.scram-sha-256.sasl.jaas.config={login}.scram.ScramLoginModule required;
listener.name.sasltls.scram-sha-512.sasl.jaas.config={login}.scram.ScramLoginModule required;
listener.name.sasltls.plain.sasl.jaas.config={login}.plain.PlainLoginModule required user_{USER}=\"{PASSWORD}\";
listener.name.mutual.ssl.client.auth=required
listener.name.mutual.ssl.truststore.type=PEM
listener.name.mutual.ssl.truststore.location={folder}/{CA}
ssl.keystore.type=PEM
ssl.keystore.location={folder}/broker.pem
log.dirs={folder}/data
auto.create.topics.enable=false
offsets.topic.replication.factor=1
offsets.topic.num.partitions=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
transaction.state.log.num.partitions=1
group.initial.rebalance.delay.ms=0
group.min.session.timeout.ms=100
log.cleaner.dedupe.buffer.size=10485760
num.network.threads=2
num.io.threads=2
{more}
",
        folder = folder.display(),
    );
    fs::write(folder.join(FILE), text).map_err(tried("writing the broker's settings"))
}

fn certificates(folder: &Path) -> Result<(), FetchError> {
    let failed = |error: rcgen::Error| tried("making certificates")(std::io::Error::other(error));
    let mut params = CertificateParams::new(Vec::new()).map_err(failed)?;
    // Of another name than the broker: else each would seem to have signed itself.
    params.distinguished_name.push(DnType::CommonName, "tests");
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let ca_key = KeyPair::generate().map_err(failed)?;
    let ca = params.self_signed(&ca_key).map_err(failed)?;
    let issuer = Issuer::new(params, ca_key);
    let key = KeyPair::generate().map_err(failed)?;
    let names = vec!["127.0.0.1".to_owned(), "localhost".to_owned()];
    let certificate = CertificateParams::new(names).map_err(failed)?.signed_by(&key, &issuer).map_err(failed)?;
    let broker = format!("{}{}", key.serialize_pem(), certificate.pem());
    let client_key = KeyPair::generate().map_err(failed)?;
    let client = CertificateParams::new(vec![USER.to_owned()]).map_err(failed)?;
    let client = client.signed_by(&client_key, &issuer).map_err(failed)?;
    fs::write(folder.join(CLIENT), client.pem()).map_err(tried("writing certificates"))?;
    fs::write(folder.join(CLIENT_KEY), client_key.serialize_pem()).map_err(tried("writing certificates"))?;
    fs::write(folder.join(CA), ca.pem()).map_err(tried("writing certificates"))?;
    fs::write(folder.join("broker.pem"), broker).map_err(tried("writing certificates"))
}
