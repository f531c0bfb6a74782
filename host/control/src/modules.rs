//! From a module's reference in a document to a compiled module. Bytes are read once and known by their digest.

use std::{
    fs, io,
    io::Read as _,
    path::{Path, PathBuf},
};

use sha2::{Digest, Sha256};
use tidegate_engine::{Engine, LoadError, Module};
use tidegate_policy::spec::{ModuleRef, Wasm};

/// Bytes of a module at most.
const MODULE_BYTES_MAX: u64 = 64 << 20;

/// Why a module could not be had.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ResolveError {
    #[error("{} cannot be read: {source}", path.display())]
    Read { path: PathBuf, source: io::Error },
    #[error("{} lies outside the folder of its document", path.display())]
    Outside { path: PathBuf },
    #[error("{} is larger than 64 MiB", path.display())]
    TooLarge { path: PathBuf },
    #[error("the module's digest is {found}")]
    Digest { found: String },
    #[error("{0}")]
    Load(#[from] LoadError),
}

/// Reads, checks against the document's digest, and compiles (or takes from the cache).
pub(crate) async fn resolve(engine: &Engine, wasm: &Wasm, document: &Path) -> Result<Module, ResolveError> {
    let ModuleRef::File(file) = &wasm.module;
    let bytes = read(document, file)?;
    if let Some(wanted) = &wasm.digest {
        let found = digest(&bytes);
        if found != *wanted {
            return Err(ResolveError::Digest { found });
        }
    }
    Ok(engine.load(&bytes).await?)
}

fn digest(bytes: &[u8]) -> String {
    let hex: String = Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect();
    format!("sha256:{hex}")
}

fn read(document: &Path, file: &str) -> Result<Vec<u8>, ResolveError> {
    let folder = match document.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    let path = folder.join(file);
    let error = |source| ResolveError::Read { path: path.clone(), source };
    // Symlinks are followed, but not out of the document's folder.
    let (real, home) = (path.canonicalize().map_err(error)?, folder.canonicalize().map_err(error)?);
    if !real.starts_with(home) {
        return Err(ResolveError::Outside { path });
    }
    if !real.is_file() {
        return Err(error(io::Error::other("it is not a file")));
    }
    let mut bytes = Vec::new();
    fs::File::open(&real).and_then(|f| f.take(MODULE_BYTES_MAX + 1).read_to_end(&mut bytes)).map_err(error)?;
    if bytes.len() as u64 > MODULE_BYTES_MAX {
        return Err(ResolveError::TooLarge { path });
    }
    Ok(bytes)
}
