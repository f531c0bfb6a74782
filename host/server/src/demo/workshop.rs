//! Builds the example filters, where the sources of this program are.

use std::path::{Path, PathBuf};

use tidegate_build::{BuildOptions, Built};

use crate::{commands::build::build, demo::folder::Folder, problem::problem};

/// The folder of examples beside the sources that this program was compiled from.
const EXAMPLES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../filters-examples");

/// The sources of the example filters.
#[derive(Clone, Debug)]
pub(crate) struct Examples(PathBuf);

/// A component of the demo.
#[derive(Clone, Debug)]
pub(crate) struct Module {
    /// Its file in the demo's folder.
    pub(crate) file: String,
    pub(crate) digest: String,
    pub(crate) size: u64,
}

impl Examples {
    pub(crate) fn find() -> anyhow::Result<Examples> {
        match Path::new(EXAMPLES).canonicalize() {
            Ok(path) if path.join("Cargo.toml").is_file() => Ok(Examples(path)),
            Ok(_) | Err(_) => Err(problem(
                "the example filters are not there",
                "the demo builds them from source: clone Tidegate, and there `cargo run --release -- demo`",
            )),
        }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    /// Builds one of them into the folder, as `FILE.wasm`.
    pub(crate) fn build(&self, example: &str, features: &[&str], file: &str, into: &Folder) -> anyhow::Result<Module> {
        let file = format!("{file}.wasm");
        let options = BuildOptions {
            out: Some(into.file(&file)),
            features: features.iter().map(|feature| (*feature).to_owned()).collect(),
            ..BuildOptions::default()
        };
        let Built { digest, size, .. } = build(&self.0.join(example), &options)?;
        Ok(Module { file, digest, size })
    }
}
