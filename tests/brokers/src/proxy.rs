//! A TCP proxy that does to connections what networks do: cuts, delays, stalls and truncates them, when a test says so.
//!
//! Two threads a connection. It knows no protocol. The port is there before what it leads to, so that a broker can be told to
//! call itself by it.

use std::io::{self, Read as _, Write as _};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

/// Read from a connection at once: small enough that a message of some size comes in several parts.
const CHUNK_BYTES: usize = 16 << 10;

/// A proxy; dropped, it ends all its connections.
#[derive(Debug)]
pub struct Proxy {
    address: SocketAddr,
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    target: Option<SocketAddr>,
    refusing: bool,
    stalled: bool,
    delay: Duration,
    closed: bool,
    connections: Vec<Connection>,
    /// So many were accepted so far.
    accepted: u64,
}

#[derive(Debug)]
struct Connection {
    number: u64,
    ends: [TcpStream; 2],
    /// Of the next part only a half is passed on; then it is cut.
    truncating: bool,
}

impl Proxy {
    /// On a free port of loopback, leading nowhere yet: connections are closed at once.
    pub fn bind() -> io::Result<Proxy> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let address = listener.local_addr()?;
        let shared = Arc::new(Shared::default());
        let accepting = shared.clone();
        thread::spawn(move || accept(&listener, &accepting));
        Ok(Proxy { address, shared })
    }

    /// On a free port of loopback, leading to `target`.
    pub fn to(target: SocketAddr) -> io::Result<Proxy> {
        let proxy = Proxy::bind()?;
        proxy.lead_to(target);
        Ok(proxy)
    }

    /// New connections go there.
    pub fn lead_to(&self, target: SocketAddr) {
        self.shared.lock().target = Some(target);
    }

    /// Where clients connect to.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Ends all present connections; new ones are welcome.
    pub fn cut(&self) {
        self.shared.lock().connections.drain(..).for_each(|connection| connection.end());
        self.shared.changed.notify_all();
    }

    /// Of what comes next in each present connection half is passed on, then the connection ends.
    pub fn truncate(&self) {
        self.shared.lock().connections.iter_mut().for_each(|connection| connection.truncating = true);
    }

    /// Passes on nothing until [`resume`](Proxy::resume); connections stand.
    pub fn stall(&self) {
        self.shared.lock().stalled = true;
    }

    /// Holds each part back for so long before it is passed on.
    pub fn delay(&self, delay: Duration) {
        self.shared.lock().delay = delay;
    }

    /// Closes new connections at once until [`resume`](Proxy::resume).
    pub fn refuse(&self) {
        self.shared.lock().refusing = true;
    }

    /// No stall, delay or refusal any more.
    pub fn resume(&self) {
        let mut state = self.shared.lock();
        state.stalled = false;
        state.refusing = false;
        state.delay = Duration::ZERO;
        self.shared.changed.notify_all();
    }

    /// Connections that stand.
    pub fn connections(&self) -> usize {
        self.shared.lock().connections.len()
    }

    /// Connections that were ever made to the target.
    pub fn accepted(&self) -> u64 {
        self.shared.lock().accepted
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.shared.lock().closed = true;
        self.cut();
        // Wakes the accepting thread, which sees that it is over.
        let _ = TcpStream::connect(self.address);
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits while stalled. What is to happen with the next part of this connection; `None`: it is over.
    fn pass(&self, number: u64) -> Option<Passing> {
        let mut state = self.lock();
        loop {
            let truncating = state.connections.iter().find(|c| c.number == number)?.truncating;
            if !state.stalled {
                return Some(Passing { delay: state.delay, truncating });
            }
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn end(&self, number: u64) {
        let mut state = self.lock();
        if let Some(at) = state.connections.iter().position(|c| c.number == number) {
            state.connections.swap_remove(at).end();
        }
    }
}

struct Passing {
    delay: Duration,
    truncating: bool,
}

impl Connection {
    fn end(&self) {
        for end in &self.ends {
            // One that is closed already needs no more.
            let _ = end.shutdown(Shutdown::Both);
        }
    }
}

fn accept(listener: &TcpListener, shared: &Arc<Shared>) {
    for client in listener.incoming() {
        let target = {
            let state = shared.lock();
            if state.closed {
                return;
            }
            state.target.filter(|_| !state.refusing)
        };
        // A target that is down, like a refusal: the client's connection ends with this variable.
        if let (Ok(client), Some(target)) = (client, target) {
            let _ = connect(client, target, shared);
        }
    }
}

fn connect(client: TcpStream, target: SocketAddr, shared: &Arc<Shared>) -> io::Result<()> {
    let server = TcpStream::connect(target)?;
    client.set_nodelay(true)?;
    server.set_nodelay(true)?;
    let ends = [client.try_clone()?, server.try_clone()?];
    let number = {
        let mut state = shared.lock();
        state.accepted += 1;
        let number = state.accepted;
        state.connections.push(Connection { number, ends, truncating: false });
        number
    };
    for (from, to) in [(client.try_clone()?, server.try_clone()?), (server, client)] {
        let shared = shared.clone();
        thread::spawn(move || {
            // However it ended, both directions end.
            let _ = pump(from, to, number, &shared);
            shared.end(number);
        });
    }
    Ok(())
}

fn pump(mut from: TcpStream, mut to: TcpStream, number: u64, shared: &Shared) -> io::Result<()> {
    let mut chunk = vec![0; CHUNK_BYTES];
    loop {
        let length = from.read(&mut chunk)?;
        let Some(passing) = shared.pass(number).filter(|_| length > 0) else { return Ok(()) };
        thread::sleep(passing.delay);
        if passing.truncating {
            return to.write_all(&chunk[..length / 2]);
        }
        to.write_all(&chunk[..length])?;
    }
}
