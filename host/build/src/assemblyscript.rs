//! AssemblyScript: its compiler `asc` from the folder's `node_modules`, and the names of the contract put on what it exports.

use std::path::Path;

use super::{Artifact, BuildError, BuildOptions};

/// Compiles the package in `folder`.
pub(crate) fn compile(folder: &Path, _options: &BuildOptions) -> Result<Artifact, BuildError> {
    Err(BuildError::Source {
        path: folder.to_owned(),
        problem: "AssemblyScript filters cannot be built yet".to_owned(),
        hint: "use Rust".to_owned(),
    })
}
