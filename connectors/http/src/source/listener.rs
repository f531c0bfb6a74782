//! Accepts connections, at most so many at once, and ends them together.
//!
//! Beyond the limit a connection is accepted, told 503 as far as that goes without waiting, and closed: a client that is turned away
//! knows it, and can try another instance.

use std::collections::HashMap;
use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::watch;
use tokio::task::{Id, JoinSet};
use tokio::time::Instant;
use tokio_rustls::TlsAcceptor;

use super::config::{HEADERS_DEFAULT, SourceConfig};
use super::connection::{self, Clock, Connection, Watch};
use super::framing::Framing;
use super::lanes::Lanes;
use super::request;
use super::stream::{Stream, Transport};
use crate::tcp::Tcp;

/// Connections that the kernel keeps until they are accepted.
const BACKLOG: u32 = 4096;
/// How long connections have to send their last answers once the listener ends.
const GRACE: Duration = Duration::from_secs(5);
/// Between tries to accept while the process has no file descriptors left.
const ACCEPT_AGAIN: Duration = Duration::from_millis(50);
/// Requests at once on one HTTP/2 connection.
const STREAMS_MAX: u32 = 256;
/// What a client may send of one body in HTTP/2 before it is read; a whole small batch.
const STREAM_WINDOW: u32 = 256 << 10;
/// The same for all bodies of a connection.
const CONNECTION_WINDOW: u32 = 1 << 20;
/// What is told beyond the limit of connections.
const TURNED_AWAY: &[u8] =
    b"HTTP/1.1 503 Service Unavailable\r\nretry-after: 1\r\nconnection: close\r\ncontent-length: 0\r\n\r\n";

/// What all connections of a listener share.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) config: SourceConfig,
    pub(super) lanes: Lanes,
    /// Bytes of bodies that are being read.
    pub(super) bodies: AtomicUsize,
    clock: Clock,
}

impl Shared {
    pub(super) fn new(config: SourceConfig) -> Shared {
        let lanes = Lanes::new(config.lanes, config.queue);
        Shared { lanes, bodies: AtomicUsize::new(0), clock: Clock::start(), config }
    }

    pub(super) fn elapsed(&self) -> Duration {
        self.clock.elapsed()
    }

    pub(super) fn now_ms(&self) -> u64 {
        connection::millis(self.clock.elapsed())
    }

    pub(super) fn at(&self, ms: u64) -> Instant {
        self.clock.at(ms)
    }
}

/// A listener that accepts. Dropped it ends: nothing is accepted, and what is under way is answered.
#[derive(Debug)]
pub(super) struct Listener {
    /// Where it listens.
    pub(super) address: SocketAddr,
    end: Arc<End>,
}

/// Ends a listener once its lanes, or whoever holds it, are gone.
#[derive(Debug)]
struct End {
    ending: watch::Sender<bool>,
    /// Closed once the last connection is.
    ended: watch::Receiver<()>,
    lanes: AtomicUsize,
}

impl Listener {
    /// Binds and begins to accept.
    pub(super) fn bind(shared: Arc<Shared>) -> io::Result<Listener> {
        let listen = shared.config.listen;
        let socket = if listen.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
        socket.set_reuseaddr(true)?;
        socket.bind(listen)?;
        let listener = socket.listen(BACKLOG)?;
        let address = listener.local_addr()?;
        let (ending, end_wanted) = watch::channel(false);
        let (alive, ended) = watch::channel(());
        let lanes = AtomicUsize::new(shared.config.lanes);
        tokio::spawn(async move {
            Accept {
                builder: Arc::new(builder(&shared.config)),
                shared,
                connections: JoinSet::new(),
                open: HashMap::new(),
            }
            .run(listener, end_wanted)
            .await;
            drop(alive);
        });
        Ok(Listener { address, end: Arc::new(End { ending, ended, lanes }) })
    }

    /// To be held by a lane; one for each.
    pub(super) fn lane(&self) -> OpenLane {
        OpenLane(self.end.clone())
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        self.end.ending.send_replace(true);
    }
}

/// A lane that is open. With the last of them the listener ends.
#[derive(Debug)]
pub(super) struct OpenLane(Arc<End>);

impl OpenLane {
    /// For the last lane: waits until every connection is closed.
    pub(super) async fn close(self) {
        let end = self.0.clone();
        drop(self);
        if *end.ending.borrow() {
            let _closed = end.ended.clone().changed().await;
        }
    }
}

impl Drop for OpenLane {
    fn drop(&mut self) {
        if self.0.lanes.fetch_sub(1, Ordering::Relaxed) == 1 {
            self.0.ending.send_replace(true);
        }
    }
}

type Builder = auto::Builder<TokioExecutor>;

fn builder(config: &SourceConfig) -> Builder {
    let mut builder = auto::Builder::new(TokioExecutor::new());
    let mut http1 = builder.http1();
    // Whoever has sent everything may close that direction; and looking whether it did would cost a call for each request.
    http1.half_close(true).header_read_timeout(None).max_buf_size(config.max_header_bytes);
    if config.max_headers != HEADERS_DEFAULT {
        http1.max_headers(config.max_headers as usize);
    }
    let header_list = u32::try_from(config.max_header_bytes).unwrap_or(u32::MAX);
    builder
        .http2()
        .max_concurrent_streams(STREAMS_MAX)
        .initial_stream_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .max_header_list_size(header_list);
    builder
}

struct Accept {
    builder: Arc<Builder>,
    shared: Arc<Shared>,
    connections: JoinSet<()>,
    open: HashMap<Id, Arc<Connection>>,
}

impl Accept {
    async fn run(mut self, listener: TcpListener, mut ending: watch::Receiver<bool>) {
        let mut number = 0_usize;
        let mut in_trouble = false;
        while !*ending.borrow() {
            tokio::select! {
                accepted = listener.accept() => match accepted {
                    Ok((stream, address)) => {
                        in_trouble = false;
                        self.accept(stream, address, number);
                        number = number.wrapping_add(1);
                    }
                    Err(error) => {
                        // Of one connection that is gone again, or of a process without descriptors: then it helps to wait.
                        if !in_trouble {
                            tracing::warn!(listen = %self.shared.config.listen, "a connection was not accepted: {error}");
                        }
                        in_trouble = true;
                        tokio::time::sleep(ACCEPT_AGAIN).await;
                    }
                },
                Some(ended) = self.connections.join_next_with_id() => self.ended(ended),
                _ = ending.changed() => {}
            }
        }
        drop(listener);
        for connection in self.open.values() {
            connection.close();
        }
        let all = async { while self.connections.join_next().await.is_some() {} };
        if tokio::time::timeout(GRACE, all).await.is_err() {
            tracing::warn!(listen = %self.shared.config.listen, connections = self.connections.len(), "cut off while they were being answered");
        }
    }

    fn accept(&mut self, stream: TcpStream, address: SocketAddr, number: usize) {
        if self.connections.len() >= self.shared.config.max_connections {
            tracing::debug!(%address, "turned away: maxConnections are open");
            if self.shared.config.tls.is_none() {
                let _best_effort = stream.try_write(TURNED_AWAY);
            }
            return;
        }
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%address, "answers may be delayed: {error}");
        }
        let lane = number % self.shared.config.lanes;
        let address = SocketAddr::new(address.ip().to_canonical(), address.port());
        let connection = Arc::new(Connection::new(self.shared.clone(), lane, address));
        let task = self.connections.spawn(run(self.builder.clone(), stream, connection.clone()));
        self.open.insert(task.id(), connection);
    }

    fn ended(&mut self, ended: Result<(Id, ()), tokio::task::JoinError>) {
        let id = match &ended {
            Ok((id, ())) => *id,
            Err(error) => error.id(),
        };
        self.open.remove(&id);
        if let Err(error) = ended
            && error.is_panic()
        {
            tracing::error!(listen = %self.shared.config.listen, "a connection panicked: {error}");
        }
    }
}

/// One connection, from the handshake to its end.
async fn run(builder: Arc<Builder>, stream: TcpStream, connection: Arc<Connection>) {
    let Some(transport) = secure(stream, &connection).await else { return };
    let framing = Framing::new(connection.shared.config.max_header_bytes);
    let io = TokioIo::new(Stream::new(transport, framing, connection.clone()));
    let service = {
        let connection = connection.clone();
        service_fn(move |request| request::answer(connection.begin(), request))
    };
    let protocol = pin!(builder.serve_connection(io, service));
    let timer = pin!(connection::timer(&connection));
    match Watch::new(protocol, timer, &connection).await {
        Some(Ok(())) => {}
        Some(Err(error)) => tracing::debug!(peer = connection.peer, "a connection broke: {error}"),
        None => tracing::debug!(peer = connection.peer, "cut off: it took too long"),
    }
}

async fn secure(stream: TcpStream, connection: &Connection) -> Option<Transport> {
    let stream = Tcp::new(stream);
    let Some(tls) = &connection.shared.config.tls else { return Some(Transport::Plain(stream)) };
    let config = match tls.server_config() {
        Ok(config) => config,
        Err(problem) => {
            tracing::warn!(listen = %connection.shared.config.listen, "a connection was turned away: {problem}");
            return None;
        }
    };
    let handshake = Box::pin(TlsAcceptor::from(config).accept(stream));
    match tokio::time::timeout(connection.shared.config.patience.header, handshake).await {
        Ok(Ok(stream)) => {
            let _only_here = connection.proved.set(tls.peer(stream.get_ref().1));
            Some(Transport::Tls(Box::new(stream)))
        }
        Ok(Err(error)) => {
            tracing::debug!(peer = connection.peer, "no TLS: {error}");
            None
        }
        Err(_) => {
            tracing::debug!(peer = connection.peer, "cut off: the TLS handshake took too long");
            None
        }
    }
}
