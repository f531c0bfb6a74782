//! What tests of the program as a whole share: the program as a command, and the modules of the repository, built once.

use std::collections::HashMap;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::{Mutex, PoisonError};

use sha2::{Digest as _, Sha256};
use tidegate_build::{BuildOptions, build};

/// The repository.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().expect("the repository")
}

/// As documents and hosts write it.
pub fn digest(bytes: &[u8]) -> String {
    format!("sha256:{:x}", Sha256::digest(bytes))
}

/// What a run of the program came to.
#[derive(Debug)]
pub struct Ran {
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

impl Ran {
    fn of(output: Output) -> Ran {
        let text = |bytes| String::from_utf8(bytes).expect("the program writes text");
        Ran { code: output.status.code(), stdout: text(output.stdout), stderr: text(output.stderr) }
    }

    /// Its stdout, where it ended well.
    #[track_caller]
    pub fn fine(self) -> String {
        assert_eq!(self.code, Some(0), "{self:#?}");
        self.stdout
    }

    #[track_caller]
    pub fn ended(self, code: i32) -> Ran {
        assert_eq!(self.code, Some(code), "{self:#?}");
        self
    }
}

/// `tidegate ARGS…` in `dir`, with an environment that does not depend on whoever runs the tests.
pub fn tidegate(dir: &Path, args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tidegate"));
    command.args(args).current_dir(dir).stdin(Stdio::null());
    let own = ["TIDEGATE_ADMIN", "TIDEGATE_STATE_DIR", "TIDEGATE_TOKEN"];
    for name in ["RUST_LOG", "NO_COLOR", "XDG_STATE_HOME", "COLUMNS"].into_iter().chain(own) {
        command.env_remove(name);
    }
    command
}

/// Runs it to its end.
pub fn run(dir: &Path, args: &[&str]) -> Ran {
    Ran::of(tidegate(dir, args).output().expect("the program starts"))
}

/// Runs it to its end with something to read on stdin.
pub fn run_with_input(dir: &Path, args: &[&str], input: &str) -> Ran {
    let mut command = tidegate(dir, args);
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program starts");
    child.stdin.take().expect("stdin").write_all(input.as_bytes()).expect("it reads stdin");
    Ran::of(child.wait_with_output().expect("it ends"))
}

/// The component of an example filter.
pub fn example(name: &str) -> PathBuf {
    module("filters-examples", name, &[])
}

/// The component of one of the repository's guests, built once in this process.
pub fn module(workspace: &str, name: &str, features: &[&str]) -> PathBuf {
    static BUILT: Mutex<Option<HashMap<String, PathBuf>>> = Mutex::new(None);
    let key = format!("{name}-{}", features.join("-"));
    let mut built = BUILT.lock().unwrap_or_else(PoisonError::into_inner);
    let built = built.get_or_insert_default();
    // The same example may be there in several languages.
    let whole = format!("{workspace}/{key}");
    if let Some(path) = built.get(&whole) {
        return path.clone();
    }
    let modules = Path::new(env!("CARGO_TARGET_TMPDIR")).join("modules");
    let options = BuildOptions {
        out: Some(modules.join(workspace).join(format!("{key}.wasm"))),
        features: features.iter().map(|feature| (*feature).to_owned()).collect(),
        ..BuildOptions::default()
    };
    let folder = root().join(workspace).join(name);
    let path = build(&folder, &options).unwrap_or_else(|error| panic!("{}: {error}", folder.display())).path;
    built.insert(whole, path.clone());
    path
}
