//! Secrets by reference: `secret: {file: …}` or `{env: …}`, never the value itself. Read when used, and again when it changed.
//!
//! A file is opened anew at each look, by its path, so that a rotated Kubernetes secret (its `..data` link swapped) is seen
//! like any other change. Nothing here watches: who never asks costs nothing.

use std::env;
use std::fmt;
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use serde::Deserialize;

use crate::ConfigError;

/// Bytes of a secret at most: a Kubernetes secret of one key seldom has more, and a wrong path is not read into memory.
pub const SECRET_BYTES_MAX: usize = 64 << 10;

/// How long a value is good without another look.
const LOOK_AGAIN: Duration = Duration::from_secs(1);

/// Where a secret stands, as in a document: exactly one of both.
///
/// | option | default | limit |
/// |---|---|---|
/// | `file` | – | a path; its content is at most 64 KiB and not empty; one line end at its end is not part of the secret |
/// | `env` | – | the name of an environment variable of the host; its value is at most 64 KiB and not empty |
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SecretConfig {
    file: Option<PathBuf>,
    env: Option<String>,
}

impl SecretConfig {
    /// The secret of a file.
    pub fn file(path: impl Into<PathBuf>) -> Self {
        Self { file: Some(path.into()), env: None }
    }

    /// The secret of an environment variable.
    pub fn env(name: impl Into<String>) -> Self {
        Self { file: None, env: Some(name.into()) }
    }
}

/// A secret as the value of an option: `password: {secret: {file: …}}`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, expecting = "a reference: {secret: {file: PATH}} or {secret: {env: NAME}}")]
pub struct SecretRef {
    /// Where it stands.
    pub secret: SecretConfig,
}

/// A secret that is read when it is needed. `Debug` never shows it.
pub struct Secret {
    place: SecretPlace,
    seen: Mutex<Seen>,
}

#[derive(Debug)]
enum SecretPlace {
    File(PathBuf),
    Env(String),
}

/// What the last look showed. The value stays when a later look fails.
#[derive(Default)]
struct Seen {
    looked: Option<Instant>,
    value: Option<Arc<[u8]>>,
    problem: Option<String>,
}

/// Why there is no secret now: names the file or variable, never shows what is in it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{place}: {problem}")]
pub struct SecretError {
    /// The file or variable.
    pub place: String,
    /// What is wrong with it.
    pub problem: String,
}

impl Secret {
    /// Relative paths start at `base_dir`. Touches nothing: whether it is there is seen when it is read. Pointers of the errors
    /// are relative to `config`.
    pub fn compile(config: &SecretConfig, base_dir: &Path) -> Result<Secret, Vec<ConfigError>> {
        let place = match (&config.file, &config.env) {
            (Some(file), None) if file.as_os_str().is_empty() => Err(ConfigError::new("/file", "`file` is empty")),
            (Some(file), None) => Ok(SecretPlace::File(base_dir.join(file))),
            (None, Some(name)) if name.is_empty() || name.contains(['=', '\0']) => {
                Err(ConfigError::new("/env", "`env` is no name of a variable"))
            }
            (None, Some(name)) => Ok(SecretPlace::Env(name.clone())),
            (Some(_), Some(_)) => Err(ConfigError::new("", "a secret has `file` or `env`, not both")),
            (None, None) => Err(ConfigError::new("", "a secret needs `file` or `env`")
                .hint("write `{file: path}` or `{env: NAME}`; the value itself does not belong in a document")),
        };
        place.map(|place| Secret { place, seen: Mutex::default() }).map_err(|error| vec![error])
    }

    /// The value now, without the line end at the end of a file; never empty. Looks again at most once a second; a file that
    /// cannot be read any more gives the last value, with a warning.
    ///
    /// The same `Arc` comes back as long as the value is the same, so that what is derived from it can be kept
    /// ([`Arc::ptr_eq`]).
    pub fn read(&self) -> Result<Arc<[u8]>, SecretError> {
        self.read_at(Instant::now())
    }

    fn read_at(&self, now: Instant) -> Result<Arc<[u8]>, SecretError> {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        if seen.looked.is_none_or(|looked| now.saturating_duration_since(looked) >= LOOK_AGAIN) {
            seen.looked = Some(now);
            self.look(&mut seen);
        }
        match (&seen.value, &seen.problem) {
            (Some(value), _) => Ok(value.clone()),
            (None, problem) => {
                Err(SecretError { place: self.place.to_string(), problem: problem.clone().unwrap_or_default() })
            }
        }
    }

    fn look(&self, seen: &mut Seen) {
        match self.place.fetch() {
            Ok(value) => {
                seen.problem = None;
                if seen.value.as_deref() != Some(value.as_slice()) {
                    seen.value = Some(value.into());
                }
            }
            Err(problem) => {
                // Told once, not every second.
                if seen.value.is_some() && seen.problem.as_ref() != Some(&problem) {
                    tracing::warn!(place = %self.place, problem, "secret cannot be read any more; the last one stays");
                }
                seen.problem = Some(problem);
            }
        }
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Secret").field("place", &self.place).finish_non_exhaustive()
    }
}

impl fmt::Display for SecretPlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SecretPlace::File(path) => write!(f, "{}", path.display()),
            SecretPlace::Env(name) => write!(f, "${name}"),
        }
    }
}

impl SecretPlace {
    fn fetch(&self) -> Result<Vec<u8>, String> {
        let value = match self {
            SecretPlace::File(path) => {
                let mut value = read_file(path).map_err(|error| error.to_string())?;
                if value.last() == Some(&b'\n') {
                    value.pop();
                    if value.last() == Some(&b'\r') {
                        value.pop();
                    }
                }
                value
            }
            SecretPlace::Env(name) => {
                env::var_os(name).ok_or_else(|| "is not set".to_owned())?.as_encoded_bytes().to_vec()
            }
        };
        match value.len() {
            0 => Err("is empty".to_owned()),
            1..=SECRET_BYTES_MAX => Ok(value),
            _ => Err("is larger than 64 KiB".to_owned()),
        }
    }
}

/// A little more than the limit at most, which tells that it is too much.
fn read_file(path: &Path) -> io::Result<Vec<u8>> {
    // A pipe would block whoever opens it.
    if !fs::metadata(path)?.is_file() {
        return Err(io::Error::other("is not a file"));
    }
    let mut value = Vec::new();
    File::open(path)?.take(SECRET_BYTES_MAX as u64 + 3).read_to_end(&mut value)?;
    Ok(value)
}

#[cfg(test)]
mod tests;
