//! Programs that tests need, and a folder below cargo's target where what was fetched is kept.

use std::env;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

/// Why something is not there.
#[derive(Debug, thiserror::Error)]
pub enum FetchError {
    /// A program of the machine.
    #[error("`{program}` is missing: {hint}")]
    NoProgram {
        /// What it is called.
        program: &'static str,
        /// Where it comes from.
        hint: &'static str,
    },
    /// A program that ended badly.
    #[error("`{program}` failed: {output}")]
    Failed {
        /// What it is called.
        program: &'static str,
        /// The end of what it wrote.
        output: String,
    },
    /// Something of the system.
    #[error("{what}")]
    Io {
        /// What was tried.
        what: String,
        /// What the system said.
        #[source]
        source: io::Error,
    },
}

/// Says what was tried when the system refused.
pub(crate) fn tried(what: impl Into<String>) -> impl FnOnce(io::Error) -> FetchError {
    let what = what.into();
    move |source| FetchError::Io { what, source }
}

/// Where a program is, by the path of the environment.
pub fn program(program: &'static str, hint: &'static str) -> Result<PathBuf, FetchError> {
    let path = env::var_os("PATH").unwrap_or_default();
    let found = env::split_paths(&path).map(|folder| folder.join(program)).find(|file| file.is_file());
    found.ok_or(FetchError::NoProgram { program, hint })
}

/// A folder that keeps what `fill` puts into it: filled once, whoever asks at the same time waits for that. What fails or is
/// killed half-way leaves nothing behind that counts.
pub fn kept(name: &str, fill: impl FnOnce(&Path) -> Result<(), FetchError>) -> Result<PathBuf, FetchError> {
    let cache = target().join("brokers");
    fs::create_dir_all(&cache).map_err(tried(format!("making {}", cache.display())))?;
    let lock = cache.join(format!("{name}.lock"));
    let lock_file = File::create(&lock).map_err(tried(format!("making {}", lock.display())))?;
    lock_file.lock().map_err(tried(format!("locking {}", lock.display())))?;
    let folder = cache.join(name);
    if folder.is_dir() {
        return Ok(folder);
    }
    let half = cache.join(format!("{name}.half"));
    // Of somebody who was killed.
    let _ = fs::remove_dir_all(&half);
    fs::create_dir(&half).map_err(tried(format!("making {}", half.display())))?;
    fill(&half)?;
    fs::rename(&half, &folder).map_err(tried(format!("renaming {}", half.display())))?;
    Ok(folder)
}

/// Cargo's target folder that this program was built in; cargo marks it as a cache.
fn target() -> PathBuf {
    let program = env::current_exe().unwrap_or_default();
    let marked = program.ancestors().find(|folder| folder.join("CACHEDIR.TAG").is_file());
    marked.map_or_else(env::temp_dir, Path::to_path_buf)
}
