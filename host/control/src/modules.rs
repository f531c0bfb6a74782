//! From a module's reference in a document to a compiled module. Bytes are read once and known by their digest.

use std::{
    collections::BTreeMap,
    fs, io,
    io::Read as _,
    path::{Path, PathBuf},
};

use sha2::{Digest, Sha256};
use tidegate_engine::{Engine, LoadError, Module};
use tidegate_policy::spec::{Baseline, FilterPolicy, ModuleRef, Wasm};

use crate::{ModuleStore, documents};

/// Bytes of a module at most.
pub(crate) const MODULE_BYTES_MAX: u64 = 64 << 20;

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
    #[error("no module with the digest {digest} was uploaded")]
    Absent { digest: String },
    #[error("a policy that comes over the API names its module by digest")]
    NoDigest,
    #[error("{0}")]
    Load(#[from] LoadError),
}

/// Where the modules of a set are.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Origin<'a> {
    /// In the folders of the documents.
    Beside,
    /// In the store, by the digest that a document names, or by what is known of the policy (`namespace/name`). Nothing else is read.
    Store(&'a ModuleStore, &'a BTreeMap<String, String>),
}

/// Reads, checks against the document's digest, and compiles (or takes from the cache).
pub(crate) async fn resolve(
    engine: &Engine,
    from: Origin<'_>,
    policy: &FilterPolicy,
    wasm: &Wasm,
) -> Result<Module, ResolveError> {
    let bytes = match from {
        Origin::Beside => beside(policy, wasm)?,
        Origin::Store(store, known) => stored(store, known, policy, wasm)?,
    };
    Ok(engine.load(&bytes).await?)
}

/// What ran before, and decides beside the policy's module: from its folder where the document says so, else from what is kept.
pub(crate) async fn resolve_baseline(
    engine: &Engine,
    from: Origin<'_>,
    kept: Option<&ModuleStore>,
    policy: &FilterPolicy,
    baseline: &Baseline,
) -> Result<Module, ResolveError> {
    let bytes = match (from, &baseline.module) {
        (Origin::Beside, Some(file)) => baseline_beside(policy, file, &baseline.digest)?,
        (Origin::Beside, None) | (Origin::Store(..), _) => match kept {
            Some(kept) => read_kept(kept, &baseline.digest)?,
            None => return Err(ResolveError::Absent { digest: baseline.digest.clone() }),
        },
    };
    Ok(engine.load(&bytes).await?)
}

/// The file that a document names for its baseline, if it is what the document says.
pub(crate) fn baseline_beside(
    policy: &FilterPolicy,
    ModuleRef::File(file): &ModuleRef,
    wanted: &str,
) -> Result<Vec<u8>, ResolveError> {
    let bytes = read(&documents::file_of(&policy.meta), file)?;
    match digest(&bytes) {
        found if found == *wanted => Ok(bytes),
        found => Err(ResolveError::Digest { found }),
    }
}

/// What lies beside the document, if it is what the document says.
pub(crate) fn beside(policy: &FilterPolicy, wasm: &Wasm) -> Result<Vec<u8>, ResolveError> {
    let Wasm { module: ModuleRef::File(file), digest: wanted, .. } = wasm;
    let bytes = read(&documents::file_of(&policy.meta), file)?;
    match wanted {
        Some(wanted) => match digest(&bytes) {
            found if found == *wanted => Ok(bytes),
            found => Err(ResolveError::Digest { found }),
        },
        None => Ok(bytes),
    }
}

fn stored(
    store: &ModuleStore,
    known: &BTreeMap<String, String>,
    policy: &FilterPolicy,
    wasm: &Wasm,
) -> Result<Vec<u8>, ResolveError> {
    let id = policy.meta.id.to_string();
    let digest = wasm.digest.as_ref().or_else(|| known.get(&id)).ok_or(ResolveError::NoDigest)?;
    read_kept(store, digest)
}

fn read_kept(store: &ModuleStore, digest: &str) -> Result<Vec<u8>, ResolveError> {
    store.read(digest).map_err(|source| {
        if source.kind() == io::ErrorKind::NotFound {
            ResolveError::Absent { digest: digest.to_owned() }
        } else {
            ResolveError::Read { path: digest.into(), source }
        }
    })
}

pub(crate) fn digest(bytes: &[u8]) -> String {
    format!("sha256:{:x}", Sha256::digest(bytes))
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
