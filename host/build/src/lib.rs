//! `tidegate build`: a Rust filter's folder in, a component out.
//!
//! Runs the user's own cargo for `wasm32-unknown-unknown` and wraps what it makes with `wit-component`. It never loads or runs
//! the result: that is the engine's part. The same source gives the same bytes, so that a digest names a version, and no path of
//! the machine gets into them. (A dependency by `path` outside the folder's workspace does tell one place from another: cargo
//! names its symbols after it.)

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};
use wit_component::ComponentEncoder;

mod cargo;

pub use cargo::TARGET;

/// How to build.
#[derive(Clone, Debug, Default)]
pub struct BuildOptions {
    /// The component's file; without it `target/tidegate/PACKAGE.wasm` in the folder.
    pub out: Option<PathBuf>,
    /// Cargo features of the package, beside its default ones.
    pub features: Vec<String>,
    /// Where cargo puts its own output; without it where cargo always does.
    pub target_dir: Option<PathBuf>,
}

/// What was built.
#[derive(Clone, Debug)]
pub struct Built {
    /// The component.
    pub path: PathBuf,
    /// `sha256:` and 64 hex digits, of the file.
    pub digest: String,
    /// In bytes.
    pub size: u64,
}

/// Why a folder did not become a component.
#[derive(Debug)]
pub enum BuildError {
    /// There is no `Cargo.toml`.
    NoPackage {
        /// The folder asked for.
        folder: PathBuf,
    },
    /// A tool is not installed, or cannot be started.
    NoTool {
        /// What was to be started.
        tool: PathBuf,
        /// Why it was not.
        source: io::Error,
    },
    /// The Rust toolchain of the folder cannot compile to Wasm.
    NoTarget,
    /// Cargo failed; it has said why on stderr.
    Cargo {
        /// The folder.
        folder: PathBuf,
    },
    /// The package builds, but to nothing that can become a component.
    NoCdylib {
        /// The folder.
        folder: PathBuf,
    },
    /// What was compiled is not a module of the contract.
    NotAModule {
        /// What cargo made.
        module: PathBuf,
        /// What `wit-component` says about it, from the outside in.
        cause: String,
    },
    /// A file could not be read or written.
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

impl fmt::Display for BuildError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            BuildError::NoPackage { folder } => write!(f, "no Cargo.toml in {}", folder.display()),
            BuildError::NoTool { tool, .. } => write!(f, "cannot start `{}`", tool.display()),
            BuildError::NoTarget => write!(f, "this Rust toolchain has no `{TARGET}`"),
            BuildError::Cargo { folder } => write!(f, "cargo could not build {}", folder.display()),
            BuildError::NoCdylib { folder } => write!(f, "{} builds no cdylib", folder.display()),
            BuildError::NotAModule { module, cause } => write!(f, "{} is no module: {cause}", module.display()),
            BuildError::File { path, .. } => write!(f, "{}", path.display()),
        }
    }
}

impl std::error::Error for BuildError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            BuildError::NoTool { source, .. } | BuildError::File { source, .. } => Some(source),
            BuildError::NoPackage { .. }
            | BuildError::NoTarget
            | BuildError::Cargo { .. }
            | BuildError::NoCdylib { .. }
            | BuildError::NotAModule { .. } => None,
        }
    }
}

impl BuildError {
    /// What to do about it, if there is something to say.
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            BuildError::NoPackage { .. } => Some("name the folder of a filter: the one with its Cargo.toml"),
            BuildError::NoTool { .. } => Some("install Rust from https://rustup.rs"),
            BuildError::NoTarget => Some("run `rustup target add wasm32-unknown-unknown`"),
            BuildError::NoCdylib { .. } => Some("add to Cargo.toml:  [lib]  crate-type = [\"cdylib\"]"),
            BuildError::NotAModule { .. } => Some(
                "the crate needs exactly one function with #[filter], #[transform] or #[matcher] of tidegate-guest",
            ),
            BuildError::Cargo { .. } | BuildError::File { .. } => None,
        }
    }
}

/// Builds the package in `folder`. Cargo's progress and errors go to stderr as they come.
pub fn build(folder: &Path, options: &BuildOptions) -> Result<Built, BuildError> {
    let folder = folder.canonicalize().map_err(|_| BuildError::NoPackage { folder: folder.to_owned() })?;
    if !folder.join("Cargo.toml").is_file() {
        return Err(BuildError::NoPackage { folder });
    }
    let artifact = cargo::compile(&folder, options)?;
    let component = componentize(&artifact.module)?;
    let path = match &options.out {
        Some(out) => out.clone(),
        None => folder.join("target/tidegate").join(format!("{}.wasm", artifact.package)),
    };
    write(&path, &component)?;
    let size = u64::try_from(component.len()).unwrap_or(u64::MAX);
    Ok(Built { path, digest: digest(&component), size })
}

/// Wraps a core module that carries its component type, as `wit-bindgen` makes it.
fn componentize(module: &Path) -> Result<Vec<u8>, BuildError> {
    let bytes = std::fs::read(module).map_err(|source| BuildError::File { path: module.to_owned(), source })?;
    let encoded = ComponentEncoder::default().validate(true).module(&bytes).and_then(|mut encoder| encoder.encode());
    let component =
        encoded.map_err(|error| BuildError::NotAModule { module: module.to_owned(), cause: format!("{error:#}") })?;
    if component_exports_nothing(&bytes) {
        let cause = "it exports nothing of the contract".to_owned();
        return Err(BuildError::NotAModule { module: module.to_owned(), cause });
    }
    Ok(component)
}

/// Whether no export of the contract is among a core module's: it then becomes an empty component, without an error.
fn component_exports_nothing(module: &[u8]) -> bool {
    const EXPORT: &[u8] = b"tidegate:guest/lifecycle@";
    !module.windows(EXPORT.len()).any(|window| window == EXPORT)
}

/// Writes all of it or nothing: a host may be watching.
fn write(path: &Path, component: &[u8]) -> Result<(), BuildError> {
    let failed = |source| BuildError::File { path: path.to_owned(), source };
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    std::fs::create_dir_all(folder).map_err(failed)?;
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let partial = folder.join(format!(".{name}.{}", std::process::id()));
    std::fs::write(&partial, component).map_err(failed)?;
    std::fs::rename(&partial, path).map_err(failed)
}

fn digest(bytes: &[u8]) -> String {
    let hex: String = Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect();
    format!("sha256:{hex}")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::expect_used, reason = "tests")]

    use super::*;

    #[test]
    fn a_folder_without_a_package_is_refused_with_a_hint() {
        let missing = Path::new("no/such/folder");
        let refused = build(missing, &BuildOptions::default()).expect_err("there is nothing to build");
        assert!(matches!(&refused, BuildError::NoPackage { folder } if folder == missing), "{refused:?}");
        assert_eq!(refused.to_string(), "no Cargo.toml in no/such/folder");
        assert!(refused.hint().is_some_and(|hint| hint.contains("folder of a filter")));
    }

    #[test]
    fn digests_are_written_as_documents_want_them() {
        let empty = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
        assert_eq!(digest(b""), empty);
    }
}
