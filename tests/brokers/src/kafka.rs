//! A Kafka broker in KRaft mode, for tests: own ports, own folder, stopped when it is dropped.
//!
//! The jars come through `mvn` from the registry it is configured for ([`jars`]), once per target folder. One broker is
//! controller and broker, and listens without and with TLS and SASL at once ([`settings`]), so that most tests can share one:
//! [`Kafka::shared`]. What tests write and read themselves is in [`clients`].
//!
//! ```no_run
//! use tidegate_brokers::kafka::Kafka;
//! let kafka = Kafka::start().unwrap();
//! kafka.topic("orders", 3);
//! kafka.kill();
//! kafka.restart().unwrap(); // the same ports, and what was stored
//! ```

pub mod clients;
mod jars;
mod process;
mod settings;

use std::fs;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{LazyLock, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use rustix::process::Signal;
use tempfile::TempDir;

use self::process::Guarded;
use self::settings::Ports;
pub use self::settings::{PASSWORD, USER};
use crate::fetch::{FetchError, program, tried};

/// After which a broker counts as not starting.
const PATIENCE: Duration = Duration::from_secs(120);
const JAVA_HINT: &str = "Kafka needs Java 17 or later (Debian: openjdk-17-jre-headless)";

/// Why there is no broker.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// There is nothing to run.
    #[error(transparent)]
    Fetch(#[from] FetchError),
    /// It ended, or did not answer in time.
    #[error("Kafka does not run: {log}")]
    NotRunning {
        /// What it wrote last.
        log: String,
    },
}

/// A broker. Dropped, it is killed, and its folder removed.
#[derive(Debug)]
pub struct Kafka {
    jars: PathBuf,
    ports: Ports,
    process: Mutex<Option<Guarded>>,
    /// Last: what runs in it ends before.
    folder: TempDir,
}

impl Kafka {
    /// Starts one; it answers when this returns.
    pub fn start() -> Result<Kafka, StartError> {
        Kafka::with("")
    }

    /// The same with further settings of the broker, one a line: `message.max.bytes=1000`.
    pub fn with(settings: &str) -> Result<Kafka, StartError> {
        Kafka::set_up(Ports::free(None)?, settings)
    }

    /// One behind a proxy, which is to lead to [`Kafka::behind_proxy`]: who comes through it is sent back to it.
    pub fn behind(proxy: SocketAddr) -> Result<Kafka, StartError> {
        Kafka::set_up(Ports::free(Some(proxy.port()))?, "")
    }

    fn set_up(ports: Ports, settings: &str) -> Result<Kafka, StartError> {
        let jars = jars::jars()?;
        let folder = tempfile::Builder::new().prefix("tidegate-kafka-").tempdir().map_err(tried("making a folder"))?;
        settings::write(folder.path(), &ports, settings)?;
        let kafka = Kafka { jars, ports, process: Mutex::default(), folder };
        kafka.format()?;
        kafka.restart()?;
        Ok(kafka)
    }

    /// One for all tests of a binary, started by the first that asks. It ends with the process, however that ends.
    pub fn shared() -> &'static Kafka {
        static SHARED: LazyLock<Kafka> = LazyLock::new(|| match Kafka::start() {
            Ok(kafka) => kafka,
            Err(error) => panic!("{}", told(&error)),
        });
        &SHARED
    }

    /// Where it listens without TLS and SASL.
    pub fn plain(&self) -> String {
        self.ports.address(self.ports.plain)
    }

    /// Where it wants [`USER`] and [`PASSWORD`], by SCRAM or PLAIN, without TLS.
    pub fn sasl(&self) -> String {
        self.ports.address(self.ports.sasl)
    }

    /// Where it speaks TLS, with a certificate of [`Kafka::ca`], for `127.0.0.1` and `localhost`.
    pub fn tls(&self) -> String {
        self.ports.address(self.ports.tls)
    }

    /// Where it speaks TLS, and wants a certificate of [`Kafka::ca`] from the client.
    pub fn mutual_tls(&self) -> String {
        self.ports.address(self.ports.mutual)
    }

    /// Where it speaks TLS, and wants [`USER`] and [`PASSWORD`], by SCRAM or PLAIN.
    pub fn sasl_tls(&self) -> String {
        self.ports.address(self.ports.sasl_tls)
    }

    /// Where it listens for what comes through a proxy.
    pub fn behind_proxy(&self) -> SocketAddr {
        (Ipv4Addr::LOCALHOST, self.ports.behind_proxy).into()
    }

    /// The certificate authority, PEM.
    pub fn ca(&self) -> PathBuf {
        self.folder.path().join(settings::CA)
    }

    /// A certificate for clients, and its key, PEM.
    pub fn client_certificate(&self) -> [PathBuf; 2] {
        [settings::CLIENT, settings::CLIENT_KEY].map(|name| self.folder.path().join(name))
    }

    /// Stops it as an operator does, and waits for that.
    pub fn stop(&self) {
        if let Some(process) = self.process().take() {
            process.signal(Signal::TERM);
            process.ended(PATIENCE);
        }
    }

    /// Kills it at once.
    pub fn kill(&self) {
        *self.process() = None;
    }

    /// Freezes it: connections stay, nothing is answered.
    pub fn freeze(&self) {
        if let Some(process) = &*self.process() {
            process.freeze();
        }
    }

    /// Lets it go on after [`Kafka::freeze`].
    pub fn thaw(&self) {
        self.signal(Signal::CONT);
    }

    fn process(&self) -> MutexGuard<'_, Option<Guarded>> {
        self.process.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn signal(&self, signal: Signal) {
        if let Some(process) = &*self.process() {
            process.signal(signal);
        }
    }

    /// Starts it on the same ports, with what it had stored; stops it first if it runs. It answers when this returns.
    pub fn restart(&self) -> Result<(), StartError> {
        self.stop();
        let log = self.folder.path().join("broker.log");
        let mut command = self.java(&["-Xms128m", "-Xmx256m", "-Dlog4j2.level=WARN"])?;
        command.args(["kafka.Kafka", settings::FILE]);
        let process = Guarded::start(&command, &log, self.folder.path()).map_err(tried("starting java"))?;
        let began = Instant::now();
        while !clients::answers(&self.plain()) {
            if process.has_ended() || began.elapsed() > PATIENCE {
                return Err(StartError::NotRunning { log: end_of(&log) });
            }
        }
        *self.process() = Some(process);
        Ok(())
    }

    fn format(&self) -> Result<(), StartError> {
        let mut command = self.java(&["-Xmx64m"])?;
        let scram = |mechanism: &str| format!("{mechanism}=[name={USER},password={PASSWORD}]");
        command.args(["kafka.tools.StorageTool", "format", "--cluster-id", settings::CLUSTER, "--config"]);
        command.args([settings::FILE, "--add-scram", &scram("SCRAM-SHA-256"), "--add-scram", &scram("SCRAM-SHA-512")]);
        let output = command.output().map_err(tried("starting java"))?;
        if output.status.success() {
            return Ok(());
        }
        let text = [output.stdout, output.stderr].concat();
        Err(FetchError::Failed { program: "java", output: String::from_utf8_lossy(&text).into_owned() }.into())
    }

    /// Small and quick to start: a broker of tests lives for seconds.
    fn java(&self, options: &[&str]) -> Result<Command, StartError> {
        let mut command = Command::new(program("java", JAVA_HINT)?);
        command.args(options).args(["-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Xshare:auto", "-cp"]);
        command.arg(self.jars.join("*")).current_dir(self.folder.path());
        Ok(command)
    }
}

/// The last lines of a log.
fn end_of(log: &Path) -> String {
    let text = fs::read_to_string(log).unwrap_or_default();
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(40)..].join("\n")
}

/// An error with all its causes.
fn told(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(error.source(), |error| error.source());
    causes.fold(error.to_string(), |text, cause| format!("{text}: {cause}"))
}
