//! Go: the standard toolchain, `GOOS=wasip1 GOARCH=wasm`, and a shim in place of WASI.

use std::path::Path;

use super::{Artifact, BuildError, BuildOptions};

/// Compiles the package in `folder`.
pub(crate) fn compile(folder: &Path, _options: &BuildOptions) -> Result<Artifact, BuildError> {
    Err(BuildError::Source {
        path: folder.to_owned(),
        problem: "Go filters cannot be built yet".to_owned(),
        hint: "use Rust".to_owned(),
    })
}
