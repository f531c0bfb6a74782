//! A connection: name to addresses, each checked, TCP, TLS.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use async_trait::async_trait;
use hyper_rustls::MaybeHttpsStream;
use hyper_util::rt::TokioIo;
use rustls::pki_types::ServerName;
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout_at};
use tokio_rustls::TlsConnector;

use super::reach::Reach;
use super::target::Target;
use super::tls::ClientTls;
use crate::tcp::Tcp;

/// What HTTP is spoken over.
pub(super) type Io = MaybeHttpsStream<TokioIo<Tcp>>;

/// Which HTTP the other side chose.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Protocol {
    Http1,
    Http2,
}

/// Addresses of a name, now.
#[async_trait]
pub(super) trait Lookup: Send + Sync {
    async fn lookup(&self, host: &str, port: u16) -> io::Result<Vec<SocketAddr>>;
}

/// The system's resolver; whatever it keeps is not kept here as well.
pub(super) struct SystemLookup;

#[async_trait]
impl Lookup for SystemLookup {
    async fn lookup(&self, host: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
        Ok(tokio::net::lookup_host((host, port)).await?.collect())
    }
}

/// Makes connections to one target.
pub(super) struct Dialer {
    pub(super) target: Target,
    pub(super) reach: Reach,
    pub(super) tls: ClientTls,
    pub(super) timeout: Duration,
    pub(super) lookup: Box<dyn Lookup>,
}

impl Dialer {
    /// A new connection, to an address that may be reached. The error is the cause, for a person.
    pub(super) async fn dial(&self) -> Result<(Io, Protocol), String> {
        let deadline = Instant::now() + self.timeout;
        match timeout_at(deadline, self.connect(deadline)).await {
            Ok(connected) => connected,
            Err(_) => Err(format!("no connection within {:?}", self.timeout)),
        }
    }

    async fn connect(&self, deadline: Instant) -> Result<(Io, Protocol), String> {
        let addresses = self.addresses().await?;
        let tcp = self.tcp(&addresses, deadline).await?;
        // Requests are written whole; waiting for more would only delay them.
        tcp.set_nodelay(true).map_err(|error| error.to_string())?;
        let tcp = Tcp::new(tcp);
        if !self.target.https {
            return Ok((MaybeHttpsStream::Http(TokioIo::new(tcp)), Protocol::Http1));
        }
        let config = self.tls.config().map_err(|problem| format!("TLS: {problem}"))?;
        let name = ServerName::try_from(self.target.host.clone())
            .map_err(|_| format!("TLS: `{}` is no server name", self.target.host))?;
        let stream = TlsConnector::from(config).connect(name, TokioIo::new(TokioIo::new(tcp))).await;
        let stream = stream.map_err(|error| format!("TLS: {error}"))?;
        let protocol = match stream.get_ref().1.alpn_protocol() {
            Some(b"h2") => Protocol::Http2,
            Some(_) | None => Protocol::Http1,
        };
        Ok((MaybeHttpsStream::Https(TokioIo::new(stream)), protocol))
    }

    /// The target's addresses that may be reached; never none.
    async fn addresses(&self) -> Result<Vec<SocketAddr>, String> {
        let Target { host, port, .. } = &self.target;
        let found = match host.parse::<IpAddr>() {
            Ok(address) => vec![SocketAddr::new(address, *port)],
            Err(_) => {
                let found = self.lookup.lookup(host, *port).await;
                found.map_err(|error| format!("no address of `{host}`: {error}"))?
            }
        };
        let mut refused = None;
        let mut reachable = Vec::new();
        for address in found {
            match self.reach.refuses(address.ip()) {
                None => reachable.push(address),
                Some(kind) => refused = Some((address.ip(), kind)),
            }
        }
        match (reachable.is_empty(), refused) {
            (false, _) => Ok(reachable),
            (true, None) => Err(format!("no address of `{host}`")),
            (true, Some((address, kind))) => Err(format!(
                "`{host}` is {address}, a {kind} address that the sink does not allow (if it is meant, add it to `allow`)"
            )),
        }
    }

    /// One after another; none may take the time of those after it.
    async fn tcp(&self, addresses: &[SocketAddr], deadline: Instant) -> Result<TcpStream, String> {
        let mut problem = String::new();
        for (index, address) in addresses.iter().enumerate() {
            let left = u32::try_from(addresses.len() - index).unwrap_or(u32::MAX);
            let share = deadline.saturating_duration_since(Instant::now()) / left;
            problem = match timeout_at(Instant::now() + share, TcpStream::connect(address)).await {
                Ok(Ok(tcp)) => return Ok(tcp),
                Ok(Err(error)) => format!("{address}: {error}"),
                Err(_) => format!("{address}: no connection within {share:?}"),
            };
        }
        Err(problem)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use std::sync::Mutex;

    use tokio::net::TcpListener;

    use super::super::config::TlsFiles;
    use super::*;

    /// Answers one list after another, the last for ever.
    struct Scripted(Mutex<Vec<Vec<SocketAddr>>>);

    #[async_trait]
    impl Lookup for Scripted {
        async fn lookup(&self, _: &str, _: u16) -> io::Result<Vec<SocketAddr>> {
            let mut answers = self.0.lock().unwrap();
            Ok(if answers.len() > 1 { answers.remove(0) } else { answers[0].clone() })
        }
    }

    fn dialer(url: &str, allow: &[&str], answers: Vec<Vec<SocketAddr>>) -> Dialer {
        let target = Target::parse(url).unwrap();
        let mut reach = Reach::default();
        reach.allow_host(&target.host);
        for entry in allow {
            reach.allow(entry).unwrap();
        }
        let tls = ClientTls::new(TlsFiles::default());
        Dialer { target, reach, tls, timeout: Duration::from_secs(20), lookup: Box::new(Scripted(Mutex::new(answers))) }
    }

    #[tokio::test]
    async fn a_name_that_turns_to_another_address_is_refused_from_then_on() {
        let listener = TcpListener::bind("127.0.0.2:0").await.unwrap();
        let open = listener.local_addr().unwrap();
        // 127.0.0.2 stands for the public address here: it is listed. What the name turns to listens as well.
        let inner = TcpListener::bind(("127.0.0.1", open.port())).await.unwrap();
        let dialer =
            dialer("http://rebind.example/", &["127.0.0.2"], vec![vec![open], vec![inner.local_addr().unwrap()]]);
        dialer.dial().await.unwrap();
        for _ in 0..2 {
            let problem = dialer.dial().await.err().unwrap();
            assert!(problem.contains("127.0.0.1") && problem.contains("loopback"), "{problem}");
        }
    }

    #[tokio::test]
    async fn only_the_addresses_that_may_be_reached_are_tried() {
        let listener = TcpListener::bind("127.0.0.2:0").await.unwrap();
        let open = listener.local_addr().unwrap();
        let private = SocketAddr::new("10.255.255.1".parse().unwrap(), open.port());
        let dialer = dialer("http://mixed.example/", &["127.0.0.2"], vec![vec![private, open]]);
        dialer.dial().await.unwrap();
    }

    #[tokio::test]
    async fn an_address_that_does_not_answer_leaves_time_for_the_next() {
        let closed = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let dialer = dialer("http://two.example/", &["loopback"], vec![vec![closed, listener.local_addr().unwrap()]]);
        dialer.dial().await.unwrap();
    }

    #[tokio::test]
    async fn a_name_inside_must_be_listed_and_a_literal_address_is() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let problem = dialer("http://inside.example/", &[], vec![vec![address]]).dial().await.err().unwrap();
        assert!(problem.contains("`allow`"), "{problem}");
        dialer(&format!("http://{address}/"), &[], vec![Vec::new()]).dial().await.unwrap();
        dialer("http://localhost/", &[], vec![vec![address]]).dial().await.unwrap();
        let problem = dialer("http://nowhere.example/", &[], vec![Vec::new()]).dial().await.err().unwrap();
        assert!(problem.contains("no address"), "{problem}");
    }
}
