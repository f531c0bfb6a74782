//! Modules by digest, in the state directory: those of the generations that are kept, and those that were uploaded.
//!
//! A module's name is its digest and nothing else, so that no reference leads out of the folder. What is read is digested again:
//! a file that was changed is not the module any more.

use std::{
    collections::BTreeSet,
    fs,
    io::{self, Read as _},
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};

use crate::{
    files::write_whole,
    modules::{MODULE_BYTES_MAX, digest},
};

/// Bytes of all modules together, at most: 20 generations of some dozen modules of some MiB each.
const STORE_BYTES_MAX: u64 = 2 << 30;
/// A module that nothing names any more, or not yet, stays for so long: whoever uploads it deploys it next.
const UNUSED: Duration = Duration::from_secs(3_600);

/// Where modules are kept.
#[derive(Clone, Debug)]
pub struct ModuleStore {
    dir: PathBuf,
}

/// Why a module was not taken.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// It is no `sha256:` and 64 lower-case hex digits.
    #[error("`{0}` is no digest: it is `sha256:` and 64 hex digits")]
    NoDigest(String),
    /// The bytes are those of something else.
    #[error("the bytes have the digest {found}")]
    Mismatch {
        /// Of the bytes.
        found: String,
    },
    /// More than 64 MiB.
    #[error("a module has at most 64 MiB")]
    TooLarge,
    /// All modules together.
    #[error("there is no room for it: unused modules go after an hour")]
    Full,
    /// The state directory.
    #[error("it cannot be written: {0}")]
    Write(#[from] io::Error),
}

impl ModuleStore {
    /// In this folder, made when something is kept.
    pub fn new(dir: PathBuf) -> ModuleStore {
        ModuleStore { dir }
    }

    /// The file of a digest; `None` for what is no digest.
    fn path(&self, digest: &str) -> Option<PathBuf> {
        let hex = digest.strip_prefix("sha256:")?;
        let good = hex.len() == 64 && hex.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        good.then(|| self.dir.join(format!("{hex}.wasm")))
    }

    /// Whether it is here.
    pub fn has(&self, digest: &str) -> bool {
        self.path(digest).is_some_and(|path| path.is_file())
    }

    /// Takes a module that somebody sends; its digest must be what they say.
    pub fn upload(&self, wanted: &str, bytes: &[u8]) -> Result<(), StoreError> {
        if self.path(wanted).is_none() {
            return Err(StoreError::NoDigest(wanted.chars().take(100).collect()));
        }
        if bytes.len() as u64 > MODULE_BYTES_MAX {
            return Err(StoreError::TooLarge);
        }
        let found = digest(bytes);
        if found != wanted {
            return Err(StoreError::Mismatch { found });
        }
        if !self.has(wanted) && self.bytes() + bytes.len() as u64 > STORE_BYTES_MAX {
            return Err(StoreError::Full);
        }
        Ok(self.keep(wanted, bytes)?)
    }

    /// Keeps bytes whose digest is known to be this.
    pub(crate) fn keep(&self, digest: &str, bytes: &[u8]) -> io::Result<()> {
        let path = self.path(digest).ok_or_else(|| io::Error::other("it is no digest"))?;
        if let Ok(file) = fs::File::open(&path) {
            // It is in use again.
            return file.set_modified(SystemTime::now());
        }
        write_whole(&path, bytes)
    }

    /// The module with this digest.
    pub fn read(&self, wanted: &str) -> io::Result<Vec<u8>> {
        let path = self.path(wanted).ok_or_else(|| io::Error::other("it is no digest"))?;
        let mut bytes = Vec::new();
        fs::File::open(path)?.take(MODULE_BYTES_MAX + 1).read_to_end(&mut bytes)?;
        if digest(&bytes) != wanted {
            return Err(io::Error::other("its bytes were changed in the state directory"));
        }
        Ok(bytes)
    }

    /// Digests and sizes in bytes, sorted.
    pub fn list(&self) -> Vec<(String, u64)> {
        let mut found: Vec<(String, u64)> = self.entries().map(|(digest, size, _)| (digest, size)).collect();
        found.sort();
        found
    }

    fn bytes(&self) -> u64 {
        self.entries().map(|(_, size, _)| size).sum()
    }

    /// Lets go of modules that none of `used` names and that have lain here for an hour.
    pub(crate) fn sweep(&self, used: &BTreeSet<String>) {
        for (digest, _, modified) in self.entries() {
            let old = modified.elapsed().is_ok_and(|age| age > UNUSED);
            if old
                && !used.contains(&digest)
                && let Some(path) = self.path(&digest)
                && let Err(error) = fs::remove_file(&path)
            {
                tracing::warn!(path = %path.display(), %error, "a module that nothing uses cannot be removed");
            }
        }
    }

    fn entries(&self) -> impl Iterator<Item = (String, u64, SystemTime)> {
        let files = fs::read_dir(&self.dir).into_iter().flatten().flatten();
        files.filter_map(|entry| {
            let name = entry.file_name();
            let hex = Path::new(&name).file_stem()?.to_str()?.to_owned();
            let found =
                entry.metadata().ok().filter(|found| found.is_file() && name.to_string_lossy().ends_with(".wasm"))?;
            (hex.len() == 64).then_some((format!("sha256:{hex}"), found.len(), found.modified().ok()?))
        })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use super::*;

    #[test]
    fn a_module_is_what_its_digest_says_or_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let store = ModuleStore::new(dir.path().join("modules"));
        let name = digest(b"code");
        store.upload(&name, b"code").unwrap();
        assert_eq!(store.read(&name).unwrap(), b"code");
        assert_eq!(store.list(), [(name.clone(), 4)]);
        assert!(matches!(store.upload(&digest(b"other"), b"code"), Err(StoreError::Mismatch { .. })));
        let upper = name.to_uppercase();
        for path in ["sha256:../../../etc/passwd", "../x", "sha256:", "sha256:zz", &name[7..], &upper] {
            assert!(matches!(store.upload(path, b"code"), Err(StoreError::NoDigest(_))), "{path}");
            assert!(!store.has(path) && store.read(path).is_err(), "{path}");
        }
        fs::write(store.path(&name).unwrap(), b"evil").unwrap();
        assert!(store.read(&name).is_err(), "changed on disk");
    }

    #[test]
    fn what_nothing_uses_goes_after_a_while() {
        let dir = tempfile::tempdir().unwrap();
        let store = ModuleStore::new(dir.path().to_owned());
        let (used, unused, new) = (digest(b"used"), digest(b"unused"), digest(b"new"));
        for (name, bytes) in [(&used, &b"used"[..]), (&unused, b"unused"), (&new, b"new")] {
            store.keep(name, bytes).unwrap();
            let age = if *name == new { Duration::ZERO } else { UNUSED * 2 };
            fs::File::open(store.path(name).unwrap()).unwrap().set_modified(SystemTime::now() - age).unwrap();
        }
        store.sweep(&BTreeSet::from([used.clone()]));
        assert_eq!((store.has(&used), store.has(&unused), store.has(&new)), (true, false, true));
    }
}
