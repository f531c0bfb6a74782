//! Exchanges with one service: a request out, a response back, over kept connections.
//!
//! An HTTP/1 connection has no task: whoever waits for its answer drives it, so that an exchange wakes one task and never
//! another thread. Between exchanges nobody looks at it; the next one sees first whether it is still open. HTTP/2 (by ALPN, over
//! TLS) has one connection for all exchanges, and a task.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::{Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::BoxFuture;
use http::{HeaderMap, Request, StatusCode};
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper::body::{Body as _, Incoming};
use hyper::client::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioTimer};
use tidegate_connector::chain;
use tokio::time::{Instant, Sleep, sleep_until, timeout_at};

use super::config::Timeouts;
use super::dial::{Dialer, Io, Protocol};

/// What requests carry.
pub(super) type Body = Full<Bytes>;

/// Bytes of a response's head at most.
const HEAD_BYTES_MAX: usize = 64 << 10;
/// A kept connection is not used again after so long: many services and balancers forget it about then.
const IDLE_MAX: Duration = Duration::from_secs(50);
/// How long the rest of a response that nobody needs may take to come, for the sake of its connection.
const DRAIN: Duration = Duration::from_secs(1);

/// Whether a response's body matters if its status is a success.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wants {
    /// Only the status.
    Status,
    /// The body too.
    Body,
}

/// A response, as far as it came.
#[derive(Debug)]
pub(super) struct Response {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
    pub(super) end: End,
}

/// How a response's body ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum End {
    Whole,
    /// There is more than is read.
    TooLarge,
    /// Or it took too long; with the cause.
    Broken(String),
}

/// Exchanges with one service.
pub(super) struct Client {
    dialer: Arc<Dialer>,
    timeouts: Timeouts,
    max_response: usize,
    /// At most as many as were ever under way at once; the one used last at the back.
    idle: Mutex<VecDeque<Box<Http1>>>,
    http2: Mutex<Option<http2::SendRequest<Body>>>,
    /// What the service spoke last; until it is known, and while it is HTTP/2, one connection is made at a time.
    spoken: Mutex<Option<Protocol>>,
    dialing: tokio::sync::Mutex<()>,
}

/// A connection to exchange over.
enum Connection {
    /// Boxed: the connection is some hundred bytes, and is moved about.
    Http1(Box<Http1>),
    Http2(http2::SendRequest<Body>),
}

/// Whether a connection has been exchanged over before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Age {
    Kept,
    Fresh,
}

/// Why an exchange has no response.
enum Failure {
    /// The connection had gone before the service began to answer.
    Stale(String),
    Failed(String),
}

impl Failure {
    fn into_cause(self) -> String {
        match self {
            Failure::Stale(cause) | Failure::Failed(cause) => cause,
        }
    }
}

impl Client {
    pub(super) fn new(dialer: Arc<Dialer>, timeouts: Timeouts, max_response: usize) -> Client {
        let (idle, http2, spoken, dialing) = Default::default();
        Client { dialer, timeouts, max_response, idle, http2, spoken, dialing }
    }

    /// One exchange. `build` makes the request, again where it must be sent again. The error is the cause, for a person.
    pub(super) async fn exchange(
        &self,
        build: &(dyn Fn(Protocol) -> Request<Body> + Sync),
        wants: Wants,
    ) -> Result<Response, String> {
        let (connection, age) = self.connection().await?;
        match self.over(connection, build, wants).await {
            Ok(response) => Ok(response),
            // The service closed it while it was kept, or while the request was on its way: once more, on a fresh one.
            Err(Failure::Stale(stale)) if age == Age::Kept => {
                let connection = self.fresh_of_many().await.map_err(|cause| format!("{stale}; then {cause}"))?;
                self.over(connection, build, wants).await.map_err(Failure::into_cause)
            }
            Err(failure) => Err(failure.into_cause()),
        }
    }

    async fn over(
        &self,
        connection: Connection,
        build: &(dyn Fn(Protocol) -> Request<Body> + Sync),
        wants: Wants,
    ) -> Result<Response, Failure> {
        match connection {
            Connection::Http1(http1) => self.over_http1(http1, build(Protocol::Http1), wants).await,
            Connection::Http2(sender) => self.over_http2(sender, build(Protocol::Http2), wants).await,
        }
    }

    async fn connection(&self) -> Result<(Connection, Age), String> {
        match self.kept().await {
            Some(connection) => Ok((connection, Age::Kept)),
            None => self.fresh_of_many().await.map(|connection| (connection, Age::Fresh)),
        }
    }

    /// A fresh connection, or the shared one that somebody else made meanwhile.
    ///
    /// Boxed, as it is rare, and four times as large as all the rest of an exchange.
    fn fresh_of_many(&self) -> BoxFuture<'_, Result<Connection, String>> {
        Box::pin(async {
            if !self.dialer.target.https || *lock(&self.spoken) == Some(Protocol::Http1) {
                return self.fresh().await;
            }
            let one = self.dialing.lock().await;
            if let Some(sender) = self.shared() {
                return Ok(Connection::Http2(sender));
            }
            if *lock(&self.spoken) == Some(Protocol::Http1) {
                // Whoever was first has found out: nobody waits for anybody any more.
                drop(one);
            }
            self.fresh().await
        })
    }

    fn shared(&self) -> Option<http2::SendRequest<Body>> {
        lock(&self.http2).as_ref().filter(|sender| !sender.is_closed()).cloned()
    }

    /// A connection from before that is still open.
    async fn kept(&self) -> Option<Connection> {
        if let Some(sender) = self.shared() {
            return Some(Connection::Http2(sender));
        }
        loop {
            let mut kept = lock(&self.idle).pop_back()?;
            if kept.since.elapsed() < IDLE_MAX && poll_fn(|cx| Poll::Ready(kept.is_usable(cx))).await {
                return Some(Connection::Http1(kept));
            }
        }
    }

    async fn fresh(&self) -> Result<Connection, String> {
        let (io, protocol) = self.dialer.dial().await?;
        *lock(&self.spoken) = Some(protocol);
        match protocol {
            Protocol::Http1 => {
                let shaken = http1::Builder::new().max_buf_size(HEAD_BYTES_MAX).handshake(io).await;
                let (sender, connection) = shaken.map_err(|error| chain(&error))?;
                Ok(Connection::Http1(Http1::new(sender, connection)))
            }
            Protocol::Http2 => {
                let mut builder = http2::Builder::new(TokioExecutor::new());
                builder.timer(TokioTimer::new()).max_header_list_size(HEAD_BYTES_MAX as u32);
                let (sender, connection) = builder.handshake(io).await.map_err(|error| chain(&error))?;
                // It ends when the service closes it, or with the last handle of its sender.
                tokio::spawn(connection);
                *lock(&self.http2) = Some(sender.clone());
                Ok(Connection::Http2(sender))
            }
        }
    }

    async fn over_http1(
        &self,
        mut http1: Box<Http1>,
        request: Request<Body>,
        wants: Wants,
    ) -> Result<Response, Failure> {
        let started = Instant::now();
        let sent = http1.sender.try_send_request(request);
        let head = match http1.drive(sent, started + self.head_timeout()).await {
            Some(Ok(response)) => response,
            Some(Err(error)) => return Err(failure(error.error())),
            None => return Err(self.no_head()),
        };
        let (parts, body) = head.into_parts();
        let (body, end) = if body.is_end_stream() {
            (Bytes::new(), End::Whole)
        } else {
            let deadline = self.body_deadline(started, parts.status, wants);
            http1.drive(read(body, self.max_response), deadline).await.unwrap_or_else(late)
        };
        if end == End::Whole && (http1.is_ready() || poll_fn(|cx| Poll::Ready(http1.is_usable(cx))).await) {
            self.keep(http1);
        }
        Ok(Response { status: parts.status, headers: parts.headers, body, end })
    }

    async fn over_http2(
        &self,
        mut sender: http2::SendRequest<Body>,
        request: Request<Body>,
        wants: Wants,
    ) -> Result<Response, Failure> {
        let started = Instant::now();
        let head = match timeout_at(started + self.head_timeout(), sender.try_send_request(request)).await {
            Ok(Ok(response)) => response,
            Ok(Err(error)) => return Err(failure(error.error())),
            Err(_) => {
                // It may be the connection that is dead: others are not to wait for it.
                *lock(&self.http2) = None;
                return Err(self.no_head());
            }
        };
        let (parts, body) = head.into_parts();
        let deadline = self.body_deadline(started, parts.status, wants);
        let read = timeout_at(deadline, read(body, self.max_response)).await;
        let (body, end) = read.unwrap_or_else(|_| late());
        Ok(Response { status: parts.status, headers: parts.headers, body, end })
    }

    fn keep(&self, mut http1: Box<Http1>) {
        let now = Instant::now();
        http1.since = now;
        let mut idle = lock(&self.idle);
        // Those that a quieter time does not need.
        while idle.front().is_some_and(|oldest| now.duration_since(oldest.since) >= IDLE_MAX) {
            idle.pop_front();
        }
        idle.push_back(http1);
    }

    fn head_timeout(&self) -> Duration {
        self.timeouts.response.min(self.timeouts.whole)
    }

    fn no_head(&self) -> Failure {
        Failure::Failed(format!("no response within {:?}", self.head_timeout()))
    }

    fn body_deadline(&self, started: Instant, status: StatusCode, wants: Wants) -> Instant {
        let whole = started + self.timeouts.whole;
        if wants == Wants::Status && status.is_success() { whole.min(Instant::now() + DRAIN) } else { whole }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A connection that is driven by whoever waits for its answer.
///
/// It has one timer, whatever the number of its exchanges: set anew only when it fires, or when something is due earlier than that.
struct Http1 {
    sender: http1::SendRequest<Body>,
    /// Gone when it has ended: only that lets go of a request it has not taken yet.
    connection: Option<http1::Connection<Io, Body>>,
    timer: Pin<Box<Sleep>>,
    since: Instant,
}

impl Http1 {
    fn new(sender: http1::SendRequest<Body>, connection: http1::Connection<Io, Body>) -> Box<Http1> {
        let since = Instant::now();
        let timer = Box::pin(sleep_until(since + IDLE_MAX));
        Box::new(Http1 { sender, connection: Some(connection), timer, since })
    }

    /// Waits for what comes over the connection, and makes it come; `None` once the time is over.
    async fn drive<T>(&mut self, work: impl Future<Output = T>, deadline: Instant) -> Option<T> {
        let mut work = pin!(work);
        poll_fn(|cx| {
            if let Poll::Ready(value) = work.as_mut().poll(cx) {
                return Poll::Ready(Some(value));
            }
            // Whatever it ends with, `work` is told.
            self.advance(cx);
            match work.as_mut().poll(cx) {
                Poll::Ready(value) => Poll::Ready(Some(value)),
                Poll::Pending => self.poll_late(cx, deadline).map(|()| None),
            }
        })
        .await
    }

    fn poll_late(&mut self, cx: &mut Context<'_>, deadline: Instant) -> Poll<()> {
        if deadline < self.timer.deadline() {
            self.timer.as_mut().reset(deadline);
        }
        while self.timer.as_mut().poll(cx).is_ready() {
            if deadline <= Instant::now() {
                return Poll::Ready(());
            }
            self.timer.as_mut().reset(deadline);
        }
        Poll::Pending
    }

    /// Whether it is open and through with its last exchange, as far as was seen.
    fn is_ready(&self) -> bool {
        self.connection.is_some() && self.sender.is_ready()
    }

    /// The same, seen now.
    fn is_usable(&mut self, cx: &mut Context<'_>) -> bool {
        self.advance(cx);
        self.is_ready()
    }

    fn advance(&mut self, cx: &mut Context<'_>) {
        if self.connection.as_mut().is_some_and(|connection| Pin::new(connection).poll(cx).is_ready()) {
            self.connection = None;
        }
    }
}

fn late() -> (Bytes, End) {
    (Bytes::new(), End::Broken("its body did not end in time".to_owned()))
}

/// The body, at most `max` bytes of it.
async fn read(body: Incoming, max: usize) -> (Bytes, End) {
    match Limited::new(body, max).collect().await {
        Ok(body) => (body.to_bytes(), End::Whole),
        Err(error) if error.is::<LengthLimitError>() => (Bytes::new(), End::TooLarge),
        Err(error) => (Bytes::new(), End::Broken(format!("its body broke off: {}", chain(&*error)))),
    }
}

fn failure(error: &hyper::Error) -> Failure {
    let cause = chain(error);
    // A head that is no HTTP, or a request of ours that is none, would be so again.
    if error.is_parse() || error.is_user() { Failure::Failed(cause) } else { Failure::Stale(cause) }
}
