//! Compiled modules on disk, by digest and settings, in a directory that only we can write.
//!
//! Cache trouble is never an error: what cannot be read, or does not authenticate, is compiled anew and overwritten.
//! A file is the machine code followed by 32 bytes: HMAC-SHA-256 over its name and the code, with a random key that
//! lies in the same private directory. The key keeps out files that were copied, restored or planted by someone who
//! could write there for a moment, not someone who can read there as us.

use std::{
    fs::{self, DirBuilder, File, OpenOptions, Permissions},
    hash::{DefaultHasher, Hash, Hasher},
    io::{self, Read, Write},
    os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt},
    path::{Path, PathBuf},
    sync::atomic::{AtomicU32, Ordering::Relaxed},
    time::SystemTime,
};

use sha2::{Digest, Sha256};
use wasmtime::component::Component;

use crate::precompiled;

/// Bytes in the cache; past that the entries used longest ago go.
const CACHE_BYTES_MAX: u64 = 512 << 20;

/// Name of the key's file.
const KEY_FILE: &str = "key";

const KEY_BYTES: usize = 32;
const MAC_BYTES: usize = 32;

#[derive(Debug)]
pub(crate) struct Cache {
    dir: PathBuf,
    key: [u8; KEY_BYTES],
    /// Of the engine's settings: machine code for other settings has other names.
    compatibility: u64,
    temporaries: AtomicU32,
    bytes_max: u64,
}

impl Cache {
    /// Makes the directory if it is missing. Refuses one that others may enter or that is not ours.
    pub(crate) fn open(dir: &Path, engine: &wasmtime::Engine) -> io::Result<Cache> {
        if !dir.try_exists()? {
            DirBuilder::new().recursive(true).mode(0o700).create(dir)?;
        }
        check_private(dir)?;
        let mut hasher = DefaultHasher::new();
        engine.precompile_compatibility_hash().hash(&mut hasher);
        let key = key(dir)?;
        let compatibility = hasher.finish();
        let temporaries = AtomicU32::new(0);
        Ok(Cache { dir: dir.to_owned(), key, compatibility, temporaries, bytes_max: CACHE_BYTES_MAX })
    }

    /// The module with this digest, if there is one that is ours.
    pub(crate) fn load(&self, engine: &wasmtime::Engine, digest: &str) -> Option<Component> {
        let name = self.name(digest);
        let file = match File::open(self.dir.join(&name)) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return None,
            Err(error) => return ignored(&name, &error),
        };
        match self.authenticate(&name, &file) {
            Ok(true) => {}
            Ok(false) => return ignored(&name, &"it is not one of ours"),
            Err(error) => return ignored(&name, &error),
        }
        // For eviction: reading does not change the time of modification. If it fails, it just looks older.
        let _ = file.set_modified(SystemTime::now());
        match precompiled::from_file(engine, &file) {
            Ok(component) => Some(component),
            Err(error) => ignored(&name, &error),
        }
    }

    /// Writes the machine code and loads it from there. `None` where that does not work (disk full, `noexec`): then it
    /// has to be loaded from memory.
    pub(crate) fn store_and_load(&self, engine: &wasmtime::Engine, digest: &str, compiled: &[u8]) -> Option<Component> {
        let name = self.name(digest);
        let loaded = self
            .write(&name, compiled)
            .map_err(|e| e.to_string())
            .and_then(|file| precompiled::from_file(engine, &file).map_err(|e| format!("{e:#}")));
        if let Err(error) = self.evict() {
            tracing::warn!(dir = %self.dir.display(), %error, "the cache of compiled modules cannot be trimmed");
        }
        match loaded {
            Ok(component) => Some(component),
            Err(error) => {
                tracing::warn!(dir = %self.dir.display(), error, "a compiled module cannot be cached");
                None
            }
        }
    }

    fn name(&self, digest: &str) -> String {
        let hex = digest.strip_prefix("sha256:").unwrap_or(digest);
        format!("{hex}-{:016x}", self.compatibility)
    }

    fn authenticate(&self, name: &str, mut file: &File) -> io::Result<bool> {
        let mut bytes = Vec::with_capacity(file.metadata()?.len() as usize);
        file.read_to_end(&mut bytes)?;
        let Some((code, mac)) = bytes.split_last_chunk::<MAC_BYTES>() else { return Ok(false) };
        let expected = self.mac(name, code);
        let difference = expected.iter().zip(mac).fold(0, |d, (a, b)| d | (a ^ b));
        Ok(difference == 0)
    }

    /// Whole or not at all: written aside, then renamed.
    fn write(&self, name: &str, compiled: &[u8]) -> io::Result<File> {
        let aside = format!("tmp-{}-{}", std::process::id(), self.temporaries.fetch_add(1, Relaxed));
        let aside = self.dir.join(aside);
        let mut file = OpenOptions::new().read(true).write(true).create_new(true).mode(0o600).open(&aside)?;
        let written = file
            .write_all(compiled)
            .and_then(|()| file.write_all(&self.mac(name, compiled)))
            // Only what is on disk can be given back while the module rests.
            .and_then(|()| file.sync_data())
            .and_then(|()| fs::rename(&aside, self.dir.join(name)));
        if let Err(error) = written {
            // What is left of it is no use; if it cannot be removed either, eviction will get to it.
            let _ = fs::remove_file(&aside);
            return Err(error);
        }
        Ok(file)
    }

    /// HMAC-SHA-256 (RFC 2104) over name, a zero byte, code. The key is shorter than a block.
    fn mac(&self, name: &str, code: &[u8]) -> [u8; MAC_BYTES] {
        let pad = |byte: u8| {
            let mut block = [byte; 64];
            block.iter_mut().zip(&self.key).for_each(|(b, k)| *b ^= k);
            block
        };
        let inner = Sha256::new().chain_update(pad(0x36)).chain_update(name).chain_update([0]).chain_update(code);
        Sha256::new().chain_update(pad(0x5c)).chain_update(inner.finalize()).finalize().into()
    }

    fn evict(&self) -> io::Result<()> {
        let mut entries = Vec::new();
        for entry in fs::read_dir(&self.dir)? {
            let entry = entry?;
            if entry.file_name() != KEY_FILE {
                let metadata = entry.metadata()?;
                entries.push((metadata.modified()?, metadata.len(), entry.path()));
            }
        }
        let mut total: u64 = entries.iter().map(|(_, size, _)| size).sum();
        entries.sort();
        // Modules that are loaded keep their mapping; only the name goes.
        for (_, size, path) in entries {
            if total <= self.bytes_max {
                break;
            }
            fs::remove_file(path)?;
            total -= size;
        }
        Ok(())
    }
}

fn ignored(name: &str, error: &dyn std::fmt::Display) -> Option<Component> {
    tracing::warn!(name, %error, "a cached module is ignored and will be compiled anew");
    None
}

fn check_private(dir: &Path) -> io::Result<()> {
    let metadata = fs::symlink_metadata(dir)?;
    let refuse = |why| Err(io::Error::new(io::ErrorKind::PermissionDenied, why));
    if !metadata.is_dir() {
        return refuse("it is not a directory");
    }
    if metadata.uid() != rustix::process::geteuid().as_raw() {
        return refuse("it belongs to another user");
    }
    if metadata.mode() & 0o077 != 0 {
        return refuse("others may enter it (its mode must be 0700)");
    }
    Ok(())
}

/// Reads the key, or makes one. Linked into place whole, so that hosts starting together agree on one.
fn key(dir: &Path) -> io::Result<[u8; KEY_BYTES]> {
    let path = dir.join(KEY_FILE);
    if !path.try_exists()? {
        let mut key = [0; KEY_BYTES];
        File::open("/dev/urandom")?.read_exact(&mut key)?;
        let aside = dir.join(format!("tmp-key-{}", std::process::id()));
        let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&aside)?;
        file.write_all(&key)?;
        file.set_permissions(Permissions::from_mode(0o600))?;
        let linked = fs::hard_link(&aside, &path);
        fs::remove_file(&aside)?;
        match linked {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
            Ok(()) | Err(_) => {}
        }
    }
    let metadata = fs::symlink_metadata(&path)?;
    let ours = metadata.uid() == rustix::process::geteuid().as_raw();
    if !metadata.is_file() || !ours || metadata.mode() & 0o077 != 0 {
        return Err(io::Error::new(io::ErrorKind::PermissionDenied, "its key can be read by others"));
    }
    let bytes = fs::read(&path)?;
    bytes.try_into().map_err(|_| io::Error::new(io::ErrorKind::InvalidData, "its key is damaged"))
}
