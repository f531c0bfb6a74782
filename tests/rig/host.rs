//! The program itself, as a child: started, watched, stopped and killed.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

/// A running `tidegate run`. Dropped, it is killed.
pub struct Host {
    child: Child,
    log: PathBuf,
}

/// How a host is started.
#[derive(Clone, Debug)]
pub struct Start<'a> {
    pub dir: &'a Path,
    /// Documents, below `dir`; empty where they come over the admin API.
    pub documents: &'a str,
    pub args: &'a [&'a str],
    /// Bytes a file may have before writing to it fails, in blocks of 512; what a full disk is like, without one.
    pub file_blocks: Option<u64>,
    /// Variables of its environment.
    pub env: &'a [(&'a str, &'a str)],
}

impl<'a> Start<'a> {
    pub fn new(dir: &'a Path) -> Start<'a> {
        Start { dir, documents: "docs", args: &[], file_blocks: None, env: &[] }
    }

    fn command(&self) -> Command {
        let program = env!("CARGO_BIN_EXE_tidegate");
        let mut command = match self.file_blocks {
            None => Command::new(program),
            Some(blocks) => {
                // The signal that comes with the limit is ignored, as it never comes with a full disk.
                let mut shell = Command::new("sh");
                shell.args(["-c", &format!("trap '' XFSZ; ulimit -S -f {blocks}; exec \"$0\" \"$@\""), program]);
                shell
            }
        };
        command.envs(self.env.iter().copied());
        command.arg("run").arg("--state-dir").arg(self.dir.join("state"));
        if !self.documents.is_empty() {
            command.arg(self.dir.join(self.documents));
        }
        command.args(self.args).stdin(Stdio::null()).stdout(Stdio::null());
        command
    }

    /// Starts it; its log goes to `DIR/host.log`, behind what is there.
    pub fn spawn(&self) -> Host {
        let log = self.dir.join("host.log");
        let file = File::options().append(true).create(true).open(&log).expect("a log");
        let child = self.command().stderr(file).spawn().expect("the host starts");
        Host { child, log }
    }
}

impl Host {
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Whether it has not ended by itself.
    pub fn alive(&mut self) -> bool {
        self.child.try_wait().expect("wait").is_none()
    }

    pub fn log(&self) -> String {
        fs::read_to_string(&self.log).expect("the log")
    }

    /// Polls until `look` finds something; fails with the log when the host has ended, or hangs.
    pub fn until<T>(&mut self, what: &str, mut look: impl FnMut() -> Option<T>) -> T {
        let start = Instant::now();
        loop {
            if let Some(found) = look() {
                return found;
            }
            if let Some(status) = self.child.try_wait().expect("wait") {
                panic!("the host ended ({status}) before: {what}\n{}", self.log());
            }
            if start.elapsed() > super::HANGS {
                panic!("waited in vain: {what}\n{}\n{}", self.log(), self.status());
            }
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// What the host says of itself, if it has an admin port.
    fn status(&self) -> String {
        let Some(admin) = admin_of(&self.log) else { return String::new() };
        super::request::get(&admin, "/status").map_or_else(|error| error.to_string(), |answer| format!("{answer:?}"))
    }

    /// Waits for the log to have `count` of `words`.
    pub fn logged(&mut self, words: &str, count: usize) {
        let log = self.log.clone();
        self.until(&format!("{count} × `{words}` in the log"), || {
            let text = fs::read_to_string(&log).unwrap_or_default();
            (text.matches(words).count() >= count).then_some(())
        });
    }

    /// The address of its admin port, as it logged it: `--admin 127.0.0.1:0` lets the kernel choose.
    pub fn admin(&mut self) -> String {
        let log = self.log.clone();
        self.until("the admin port is open", || admin_of(&log))
    }

    /// Waits until it has ended by itself.
    pub fn ended(mut self) -> ExitStatus {
        let start = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().expect("wait") {
                return status;
            }
            assert!(start.elapsed() < super::HANGS, "the host does not end\n{}", self.log());
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// SIGTERM, and waits until it has ended.
    pub fn stop(self) -> ExitStatus {
        self.signal(rustix::process::Signal::TERM);
        self.ended()
    }

    pub fn signal(&self, signal: rustix::process::Signal) {
        let id = i32::try_from(self.id()).ok().and_then(rustix::process::Pid::from_raw).expect("a process id");
        rustix::process::kill_process(id, signal).expect("send a signal");
    }

    /// SIGKILL: it gets to do nothing more.
    pub fn kill(mut self) {
        self.child.kill().expect("kill");
        self.child.wait().expect("wait");
    }

    /// Resident memory in bytes.
    pub fn resident(&self) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.id())).expect("status of the host");
        let line = status.lines().find(|line| line.starts_with("VmRSS:")).expect("VmRSS");
        let kib: u64 = line.split_whitespace().nth(1).and_then(|word| word.parse().ok()).expect("a number");
        kib << 10
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Lines of a file so far; none where it is not there.
pub fn lines(path: &Path) -> usize {
    fs::read(path).map(|bytes| bytes.iter().filter(|&&byte| byte == b'\n').count()).unwrap_or(0)
}

pub fn size(path: &Path) -> u64 {
    fs::metadata(path).map(|found| found.len()).unwrap_or(0)
}

/// The last bytes of a file, as text.
pub fn end(path: &Path, bytes: u64) -> String {
    use std::os::unix::fs::FileExt as _;
    let Ok(file) = File::open(path) else { return String::new() };
    let length = size(path);
    let mut text = vec![0; usize::try_from(length.min(bytes)).expect("a few bytes")];
    // The file may have been cut meanwhile: then there is no end yet.
    match file.read_exact_at(&mut text, length.saturating_sub(bytes)) {
        Ok(()) => String::from_utf8_lossy(&text).into_owned(),
        Err(_) => String::new(),
    }
}

/// Processor time a process has used, in ticks (hundredths of a second).
pub fn processor_ticks(id: u32) -> u64 {
    let stat = fs::read_to_string(format!("/proc/{id}/stat")).unwrap_or_default();
    // Behind the name, which is in brackets: state, and so on; utime and stime are the 12th and 13th.
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
    let field = |at: usize| fields.get(at).and_then(|word| word.parse::<u64>().ok()).unwrap_or(0);
    field(11) + field(12)
}

/// Where the admin port of the host that wrote this log last is open.
pub fn admin_of(log: &Path) -> Option<String> {
    let text = fs::read_to_string(log).unwrap_or_default();
    let line = text.lines().rfind(|line| line.contains("admin port is open"))?;
    let (_, rest) = line.split_once("address=")?;
    rest.split_whitespace().next().map(str::to_owned)
}
