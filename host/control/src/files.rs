//! Files of the state directory: whole or not at all, and for nobody else to read.

use std::{
    fs::{self, OpenOptions},
    io::{self, Write as _},
    os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _},
    path::Path,
    sync::atomic::{AtomicU64, Ordering::Relaxed},
};

static NUMBER: AtomicU64 = AtomicU64::new(0);

/// Writes aside, to disk, and into place; makes the folder where it is missing.
pub(crate) fn write_whole(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let folder = path.parent().ok_or_else(|| io::Error::other("it has no folder"))?;
    make_folder(folder)?;
    let aside = folder.join(format!(".tmp-{}-{}", std::process::id(), NUMBER.fetch_add(1, Relaxed)));
    let written = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&aside).and_then(|mut file| {
        file.write_all(bytes)?;
        file.sync_data()?;
        fs::rename(&aside, path)
    });
    if written.is_err() {
        // What is left of it is no use.
        let _ = fs::remove_file(&aside);
    }
    written
}

/// Makes a private folder.
pub(crate) fn make_folder(folder: &Path) -> io::Result<()> {
    fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)
}
