//! A process that takes part: started, waited for, held while another is measured, ended.

use std::{
    fs,
    io::{Read as _, Write as _},
    net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream},
    path::PathBuf,
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use rustix::process::{Pid, Signal, kill_process};

use crate::cores::{self, Core};

/// A party that is not there by then does not come.
const PATIENCE: Duration = Duration::from_secs(60);

/// A running process; ended when dropped.
#[derive(Debug)]
pub(crate) struct Party {
    name: &'static str,
    child: Child,
    log: PathBuf,
}

impl Party {
    /// Starts it; what it says goes to the file.
    pub(crate) fn start(name: &'static str, core: Core, command: &mut Command, log: PathBuf) -> Party {
        let file = fs::File::create(&log).unwrap();
        let child = core.spawn(command.stdin(Stdio::null()).stdout(file.try_clone().unwrap()).stderr(file));
        Party { name, child, log }
    }

    /// Waits until a GET is answered 2xx; asks every millisecond.
    pub(crate) fn wait_for(mut self, address: SocketAddr, path: &str) -> Party {
        self.wait_until(|| get(address, path).is_some_and(|status| (200..300).contains(&status)));
        self
    }

    pub(crate) fn wait_until(&mut self, ready: impl Fn() -> bool) {
        let start = Instant::now();
        while !ready() {
            let ended = self.child.try_wait().unwrap();
            if ended.is_some() || start.elapsed() > PATIENCE {
                panic!("{} is not ready; it has ended: {ended:?}; what it said:\n{}", self.name, self.log());
            }
            thread::sleep(Duration::from_millis(1));
        }
    }

    /// What it has said so far.
    pub(crate) fn log(&self) -> String {
        fs::read_to_string(&self.log).unwrap()
    }

    pub(crate) fn assert_alive(&mut self) {
        let ended = self.child.try_wait().unwrap();
        assert!(ended.is_none(), "{} has ended: {ended:?}; what it said:\n{}", self.name, self.log());
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// CPU time so far, with that of its children.
    pub(crate) fn cpu(&self) -> Duration {
        cores::cpu(self.pid())
    }

    /// Resident memory in bytes: `VmRSS` of `/proc/PID/status`, every page it touches counted whole.
    pub(crate) fn resident(&self) -> f64 {
        self.memory("status", "VmRSS:")
    }

    /// Proportional share of memory in bytes: `Pss` of `/proc/PID/smaps_rollup`, shared pages counted in parts.
    pub(crate) fn proportional(&self) -> f64 {
        self.memory("smaps_rollup", "Pss:")
    }

    fn memory(&self, file: &str, name: &str) -> f64 {
        let text = fs::read_to_string(format!("/proc/{}/{file}", self.pid())).unwrap();
        let line = text.lines().find_map(|line| line.strip_prefix(name)).unwrap();
        line.trim().trim_end_matches(" kB").parse::<f64>().unwrap() * 1024.0
    }

    /// Stops it, and its children, where they are: so that they take nothing from who is measured.
    pub(crate) fn hold(&self) {
        self.signal_all(Signal::STOP);
    }

    /// Lets it go on.
    pub(crate) fn resume(&self) {
        self.signal_all(Signal::CONT);
    }

    /// Ends it as an operator would, and waits.
    pub(crate) fn stop(mut self) {
        self.signal(Signal::TERM);
        self.child.wait().unwrap();
    }

    fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }

    fn signal_all(&self, signal: Signal) {
        for child in cores::children(self.pid()) {
            kill_process(Pid::from_raw(child.cast_signed()).expect("a process has a number"), signal).unwrap();
        }
        self.signal(signal);
    }
}

impl Drop for Party {
    fn drop(&mut self) {
        if self.child.try_wait().is_ok_and(|ended| ended.is_none()) {
            // Not killed: nginx would leave its worker behind.
            self.resume();
            self.signal(Signal::TERM);
            let _ = self.child.wait();
        }
    }
}

/// An address on this machine that is free at the moment.
pub(crate) fn free_address() -> SocketAddr {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap()
}

/// The status of one GET over a connection of its own; nothing if there was no answer.
pub(crate) fn get(address: SocketAddr, path: &str) -> Option<u16> {
    let mut stream = TcpStream::connect(address).ok()?;
    stream.write_all(format!("GET {path} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\r\n").as_bytes()).ok()?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).ok()?;
    std::str::from_utf8(answer.get(9..12)?).ok()?.parse().ok()
}
