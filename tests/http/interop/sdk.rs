//! The SDKs as programs: fetched once, then run as senders and as receivers.
//!
//! Each folder beside this file has a program, and the versions of the packages that it stands on. They are fetched into a folder
//! below Cargo's, named after what is in them: what changed is fetched anew. A program is
//!
//! - `send TABLE URL...`: the table is `[{event, types}]`, where `event` is the event in structured form and `types` names those
//!   extensions that are more than their JSON says (`binary`, `timestamp`, `uri`). Every event goes to every URL in every mode,
//!   one after another. A line for each request: `{url, mode, ids, body, status, answer}`, or `{url, mode, ids, error}` where the
//!   SDK gives up. `body` is base64.
//! - `receive`: first a line `{port}`; then for each event that the SDK has read `{mode, id, attributes, data}`, or
//!   `{mode, id, error}`. `data` is `{}`, `{base64}` or `{value}`, as the SDK hands it out. It ends with its standard input.

use std::fs::{self, File};
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::io::{BufRead as _, BufReader, ErrorKind};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};

use serde_json::Value;

#[derive(Clone, Copy, Debug)]
pub enum Sdk {
    Python,
    JavaScript,
    Go,
}

impl Sdk {
    pub fn name(self) -> &'static str {
        match self {
            Sdk::Python => "python",
            Sdk::JavaScript => "javascript",
            Sdk::Go => "go",
        }
    }

    /// The program, ready to run but for its arguments.
    fn program(self) -> Command {
        let dir = self.fetched();
        let mut command = match self {
            Sdk::Python => with(&dir.join("venv/bin/python"), &dir.join("interop.py")),
            Sdk::JavaScript => with(Path::new("node"), &dir.join("interop.mjs")),
            Sdk::Go => Command::new(dir.join("interop")),
        };
        command.env("TZ", "UTC");
        command
    }

    /// Where it is, with its packages. Whoever comes first fetches them, in this process or another; the others wait.
    fn fetched(self) -> PathBuf {
        let files = self.files();
        let mut hasher = DefaultHasher::new();
        files.hash(&mut hasher);
        let cache = Path::new(env!("CARGO_TARGET_TMPDIR")).join("interop");
        let dir = cache.join(format!("{}-{:016x}", self.name(), hasher.finish()));
        fs::create_dir_all(&cache).expect("a folder for packages");
        let lock = File::create(cache.join(self.name()).with_extension("lock")).expect("a lock");
        lock.lock().expect("the lock");
        let done = dir.join("fetched");
        if !done.exists() {
            // What an interrupted one left; mostly nothing.
            let _ = fs::remove_dir_all(&dir);
            fs::create_dir(&dir).expect("a folder for packages");
            for (name, bytes) in &files {
                fs::write(dir.join(name), bytes).expect("a copy of the program");
            }
            self.fetch(&dir, &cache);
            File::create(done).expect("a mark");
        }
        dir
    }

    /// Names and contents, in the order of names.
    fn files(self) -> Vec<(String, Vec<u8>)> {
        let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/http/interop").join(self.name());
        let entries = fs::read_dir(&dir).expect("the folder of the program").map(|entry| entry.unwrap());
        let files = entries.filter(|entry| entry.file_type().unwrap().is_file());
        let mut files: Vec<_> =
            files.map(|file| (file.file_name().into_string().unwrap(), fs::read(file.path()).unwrap())).collect();
        files.sort();
        files
    }

    fn fetch(self, dir: &Path, cache: &Path) {
        match self {
            Sdk::Python => {
                let hint = "install Python 3.10 or newer with its `venv` (Debian: python3 python3-venv)";
                must(Command::new("python3").args(["-m", "venv", "venv"]).current_dir(dir), hint);
                let pip =
                    ["-m", "pip", "install", "--quiet", "--no-deps", "--require-hashes", "-r", "requirements.txt"];
                must(Command::new(dir.join("venv/bin/python")).args(pip).current_dir(dir), hint);
            }
            Sdk::JavaScript => {
                let hint = "install Node.js 20 or newer with npm (Debian: nodejs npm)";
                must(Command::new("node").arg("--version"), hint);
                let npm = ["ci", "--ignore-scripts", "--no-audit", "--no-fund"];
                must(Command::new("npm").args(npm).current_dir(dir), hint);
            }
            Sdk::Go => {
                let hint = "install Go 1.23 or newer (Debian: golang-go)";
                let mut go = Command::new("go");
                go.args(["build", "-mod=readonly", "-modcacherw", "-buildvcs=false", "-o", "interop", "."]);
                // What is there is taken, not another toolchain fetched.
                go.env("GOTOOLCHAIN", "local").env("GOMODCACHE", cache.join("go-modules")).current_dir(dir);
                must(&mut go, hint);
            }
        }
    }

    /// Sends every event of the table to every URL. Returns a line for each request.
    pub fn send(self, table: &Path, urls: &[String]) -> Vec<Value> {
        let output = self.program().arg("send").arg(table).args(urls).output().expect("the sender starts");
        assert!(output.status.success(), "{self:?}: {}", String::from_utf8_lossy(&output.stderr));
        output.stdout.split(|&byte| byte == b'\n').filter(|line| !line.is_empty()).map(json).collect()
    }
}

fn with(interpreter: &Path, program: &Path) -> Command {
    let mut command = Command::new(interpreter);
    command.arg(program);
    command
}

fn must(command: &mut Command, hint: &str) {
    let program = command.get_program().display().to_string();
    match command.stdin(Stdio::null()).output() {
        Ok(output) if output.status.success() => {}
        Ok(output) => panic!(
            "`{command:?}` fails: {}{}\nhint: {hint}",
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr)
        ),
        Err(error) if error.kind() == ErrorKind::NotFound => panic!("`{program}` is not there\nhint: {hint}"),
        Err(error) => panic!("`{command:?}`: {error}"),
    }
}

fn json(line: &[u8]) -> Value {
    serde_json::from_slice(line).unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(line)))
}

/// A listening SDK. Dropped, it is stopped.
pub struct Receiver {
    child: Child,
    lines: Arc<Mutex<Vec<Value>>>,
    pub port: u64,
}

impl Receiver {
    pub fn start(sdk: Sdk) -> Receiver {
        let mut command = sdk.program();
        let mut child =
            command.arg("receive").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("the receiver starts");
        let mut output =
            BufReader::new(child.stdout.take().expect("its output")).split(b'\n').map(|line| line.expect("a line"));
        let first = json(&output.next().expect("the receiver says where it listens"));
        let lines = Arc::new(Mutex::new(Vec::new()));
        let sink = Arc::clone(&lines);
        // Ends with the child.
        std::thread::spawn(move || output.for_each(|line| sink.lock().unwrap().push(json(&line))));
        Receiver { child, lines, port: first["port"].as_u64().expect("a port") }
    }

    /// How many lines it has printed so far.
    pub fn count(&self) -> usize {
        self.lines.lock().unwrap().len()
    }

    /// What it has read so far.
    pub fn lines(&self) -> Vec<Value> {
        self.lines.lock().unwrap().clone()
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
