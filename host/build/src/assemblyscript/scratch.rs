//! A file of our own for a tool to write to.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

/// A file outside the folder, gone when it is dropped.
pub(super) struct Scratch(PathBuf);

impl Scratch {
    pub(super) fn new() -> Scratch {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let name = format!("tidegate-asc-{}-{}.wasm", std::process::id(), NUMBER.fetch_add(1, Relaxed));
        Scratch(std::env::temp_dir().join(name))
    }

    pub(super) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // What is not there needs no removal.
        let _ = std::fs::remove_file(&self.0);
    }
}
