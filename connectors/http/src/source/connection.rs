//! What a connection, its requests and its listener know of each other, and how long a client may take for what.
//!
//! A connection has one timer, whatever the number of its requests: it is set anew only when it fires, or when something is due
//! earlier than that.

use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU32, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use futures_util::task::AtomicWaker;
use hyper_util::server::graceful::GracefulConnection;
use tokio::time::{Instant, Sleep};

use super::listener::Shared;
use super::waiter::Waiter;
use crate::identity::Peer;

/// One connection; shared by its stream, its requests and its [`Watch`].
#[derive(Debug)]
pub(super) struct Connection {
    pub(super) shared: Arc<Shared>,
    /// Where events without a key go.
    pub(super) lane: usize,
    pub(super) address: SocketAddr,
    /// The same as text, for the context of every event.
    pub(super) peer: String,
    /// What the TLS handshake proved.
    pub(super) proved: OnceLock<Peer>,
    /// What of the stream is refused: nothing that comes after it is believed.
    refused: OnceLock<&'static str>,
    /// [`IDLE`], [`HEAD`] or [`BUSY`].
    phase: AtomicU8,
    requests: AtomicU32,
    /// When the present phase has taken too long, in milliseconds of the listener; see [`Connection::due`].
    due_ms: AtomicU64,
    /// What the timer is set to.
    timer_ms: AtomicU64,
    /// Requests whose events are in the lanes, and when they have waited too long.
    waiting: Mutex<Vec<(u64, Arc<Waiter>)>>,
    /// Of the task of the connection.
    waker: AtomicWaker,
    closing: AtomicBool,
    /// Whether what still comes is read before the connection is closed.
    lingers: AtomicBool,
}

/// How long a client that was refused has to stop sending and read why.
const LINGER: Duration = Duration::from_secs(2);

const IDLE: u8 = 0;
const HEAD: u8 = 1;
const BUSY: u8 = 2;

impl Connection {
    pub(super) fn new(shared: Arc<Shared>, lane: usize, address: SocketAddr) -> Connection {
        let due_ms = shared.now_ms() + millis(shared.config.patience.header);
        Connection {
            shared,
            lane,
            address,
            peer: address.to_string(),
            proved: OnceLock::new(),
            refused: OnceLock::new(),
            phase: AtomicU8::new(HEAD),
            requests: AtomicU32::new(0),
            due_ms: AtomicU64::new(due_ms),
            timer_ms: AtomicU64::new(due_ms),
            waiting: Mutex::new(Vec::new()),
            waker: AtomicWaker::new(),
            closing: AtomicBool::new(false),
            lingers: AtomicBool::new(false),
        }
    }

    /// No request of this connection is believed any more.
    pub(super) fn refuse(&self, problem: &'static str) {
        let _first_wins = self.refused.set(problem);
    }

    pub(super) fn refused(&self) -> Option<&'static str> {
        self.refused.get().copied()
    }

    /// The connection ends with an answer that says why, which the client shall get to read.
    pub(super) fn linger(&self) {
        self.lingers.store(true, Relaxed);
        self.due_ms.store(self.shared.now_ms() + millis(LINGER), Relaxed);
    }

    pub(super) fn lingers(&self) -> bool {
        self.lingers.load(Relaxed)
    }

    /// Bytes came.
    pub(super) fn head_begins(&self) {
        if self.phase.load(Relaxed) == IDLE {
            self.phase.store(HEAD, Relaxed);
            self.due_ms.store(self.shared.now_ms() + millis(self.shared.config.patience.header), Relaxed);
        }
    }

    /// A request's head is there; it ends when what is returned is dropped.
    pub(super) fn begin(self: &Arc<Self>) -> Busy {
        if self.requests.fetch_add(1, Relaxed) == 0 {
            self.lingers.store(false, Relaxed);
        }
        self.phase.store(BUSY, Relaxed);
        Busy(self.clone())
    }

    /// From now on the request waits for its lanes, and not for ever.
    pub(super) fn wait(&self, waiter: &Arc<Waiter>) {
        let due = self.shared.now_ms() + millis(self.shared.config.timeout);
        let mut waiting = self.waiting();
        if waiting.is_empty() {
            self.due_ms.store(due, Relaxed);
        }
        waiting.push((due, waiter.clone()));
        drop(waiting);
        // In HTTP/2 a request has a task of its own.
        if due < self.timer_ms.load(Relaxed) {
            self.waker.wake();
        }
    }

    /// The request waits no more.
    pub(super) fn waited(&self, waiter: &Arc<Waiter>) {
        let mut waiting = self.waiting();
        if let Some(at) = waiting.iter().position(|(_, other)| Arc::ptr_eq(other, waiter)) {
            waiting.remove(at);
        }
    }

    fn waiting(&self) -> MutexGuard<'_, Vec<(u64, Arc<Waiter>)>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Asks the connection to end after the requests it has.
    pub(super) fn close(&self) {
        self.closing.store(true, Relaxed);
        self.waker.wake();
    }

    /// The time is over: ends requests that waited too long. `Err`: the client has taken too long.
    fn due(&self, now: u64) -> Result<(), ()> {
        if self.phase.load(Relaxed) != BUSY {
            return Err(());
        }
        let mut waiting = self.waiting();
        while waiting.first().is_some_and(|(due, _)| *due <= now) {
            let (_, waiter) = waiting.remove(0);
            waiter.expire();
        }
        let next = waiting.first().map_or_else(|| now + millis(self.shared.config.timeout), |(due, _)| *due);
        self.due_ms.store(next, Relaxed);
        Ok(())
    }
}

/// A request under way.
#[derive(Debug)]
pub(super) struct Busy(Arc<Connection>);

impl std::ops::Deref for Busy {
    type Target = Arc<Connection>;

    fn deref(&self) -> &Arc<Connection> {
        &self.0
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        if self.0.requests.fetch_sub(1, Relaxed) == 1 {
            let shared = &self.0.shared;
            let patience = if self.0.lingers() { LINGER } else { shared.config.patience.idle };
            self.0.due_ms.store(shared.now_ms() + millis(patience), Relaxed);
            self.0.phase.store(IDLE, Relaxed);
        }
    }
}

pub(super) fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX >> 1)
}

/// Runs a connection's protocol within the limits; dropped, the connection is cut off.
pub(super) struct Watch<'a, C> {
    protocol: Pin<&'a mut C>,
    timer: Pin<&'a mut Sleep>,
    connection: &'a Connection,
    told: bool,
}

impl<'a, C: GracefulConnection> Watch<'a, C> {
    pub(super) fn new(protocol: Pin<&'a mut C>, timer: Pin<&'a mut Sleep>, connection: &'a Connection) -> Self {
        Self { protocol, timer, connection, told: false }
    }
}

impl<C: GracefulConnection> Future for Watch<'_, C> {
    /// `None`: the client took too long.
    type Output = Option<C::Output>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        this.connection.waker.register(cx.waker());
        if !this.told && this.connection.closing.load(Relaxed) {
            this.told = true;
            this.protocol.as_mut().graceful_shutdown();
        }
        if let Poll::Ready(ended) = this.protocol.as_mut().poll(cx) {
            return Poll::Ready(Some(ended));
        }
        loop {
            let due = this.connection.due_ms.load(Relaxed);
            if due < this.connection.timer_ms.load(Relaxed) {
                this.set(due);
            }
            if this.timer.as_mut().poll(cx).is_pending() {
                return Poll::Pending;
            }
            let now = this.connection.shared.now_ms();
            if due <= now && this.connection.due(now).is_err() {
                return Poll::Ready(None);
            }
            this.set(this.connection.due_ms.load(Relaxed));
        }
    }
}

impl<C> Watch<'_, C> {
    fn set(&mut self, due: u64) {
        self.connection.timer_ms.store(due, Relaxed);
        self.timer.as_mut().reset(self.connection.shared.at(due));
    }
}

/// A timer for what is due first.
pub(super) fn timer(connection: &Connection) -> Sleep {
    tokio::time::sleep_until(connection.shared.at(connection.due_ms.load(Relaxed)))
}

/// The time of a listener: milliseconds since it began.
#[derive(Clone, Copy, Debug)]
pub(super) struct Clock(Instant);

impl Clock {
    pub(super) fn start() -> Clock {
        Clock(Instant::now())
    }

    pub(super) fn elapsed(self) -> Duration {
        self.0.elapsed()
    }

    pub(super) fn at(self, ms: u64) -> Instant {
        self.0 + Duration::from_millis(ms)
    }
}
