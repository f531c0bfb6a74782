//! Why a folder did not become a component, and what to do about it.

use std::fmt;
use std::io;
use std::path::PathBuf;

use crate::cargo::TARGET;

/// Why a folder did not become a component.
#[derive(Debug)]
pub enum BuildError {
    /// There is no folder, or nothing in it tells a language.
    NoPackage {
        /// The folder asked for.
        folder: PathBuf,
    },
    /// More than one language could be meant.
    Ambiguous {
        /// The folder.
        folder: PathBuf,
        /// The files that tell one each, such as `Cargo.toml` and `go.mod`.
        found: Vec<&'static str>,
    },
    /// A tool is not installed, or cannot be started.
    NoTool {
        /// What was to be started.
        tool: PathBuf,
        /// How to install it: what to type, or where to get it.
        install: &'static str,
        /// Why it was not started.
        source: io::Error,
    },
    /// The Rust toolchain of the folder cannot compile to Wasm.
    NoTarget,
    /// A tool failed; it has said why on stderr.
    Failed {
        /// Which, as one calls it: `cargo`, `go`, `asc`.
        tool: &'static str,
        /// The folder.
        folder: PathBuf,
    },
    /// Something about the folder is wrong before any tool is asked, such as a schema that is no JSON.
    Source {
        /// The file or folder at fault.
        path: PathBuf,
        /// What is wrong with it.
        problem: String,
        /// What to do about it.
        hint: String,
    },
    /// The package builds, but to nothing that can become a component.
    NoCdylib {
        /// The folder.
        folder: PathBuf,
    },
    /// What was compiled is not a module of the contract.
    NotAModule {
        /// The folder.
        folder: PathBuf,
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
            BuildError::NoPackage { folder } => {
                write!(f, "no Cargo.toml, go.mod or package.json in {}", folder.display())
            }
            BuildError::Ambiguous { folder, found } => {
                write!(f, "{} has {}: which language is it?", folder.display(), found.join(" and "))
            }
            BuildError::NoTool { tool, .. } => write!(f, "cannot start `{}`", tool.display()),
            BuildError::NoTarget => write!(f, "this Rust toolchain has no `{TARGET}`"),
            BuildError::Failed { tool, folder } => write!(f, "{tool} could not build {}", folder.display()),
            BuildError::Source { path, problem, .. } => write!(f, "{}: {problem}", path.display()),
            BuildError::NoCdylib { folder } => write!(f, "{} builds no cdylib", folder.display()),
            BuildError::NotAModule { folder, cause } => write!(f, "{} builds no module: {cause}", folder.display()),
            BuildError::File { path, .. } => write!(f, "{}", path.display()),
        }
    }
}

impl std::error::Error for BuildError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            BuildError::NoTool { source, .. } | BuildError::File { source, .. } => Some(source),
            BuildError::NoPackage { .. }
            | BuildError::Ambiguous { .. }
            | BuildError::NoTarget
            | BuildError::Failed { .. }
            | BuildError::Source { .. }
            | BuildError::NoCdylib { .. }
            | BuildError::NotAModule { .. } => None,
        }
    }
}

impl BuildError {
    /// What to do about it, if there is something to say.
    pub fn hint(&self) -> Option<String> {
        let hint = match self {
            BuildError::NoPackage { .. } => {
                "name the folder of a filter: the one with its Cargo.toml, go.mod or package.json; \
                 `tidegate new NAME` makes one"
            }
            BuildError::Ambiguous { .. } => "one folder is one filter in one language: move the other out",
            BuildError::NoTool { install, .. } => return Some(format!("install it: {install}")),
            BuildError::NoTarget => "run `rustup target add wasm32-unknown-unknown`",
            BuildError::Source { hint, .. } => hint,
            BuildError::NoCdylib { .. } => "add to Cargo.toml:  [lib]  crate-type = [\"cdylib\"]",
            BuildError::NotAModule { .. } => {
                "a module is exactly one filter, transform or matcher, made with the SDK of its language"
            }
            BuildError::Failed { .. } | BuildError::File { .. } => return None,
        };
        Some(hint.to_owned())
    }
}
