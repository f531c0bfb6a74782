//! Waits until the sources of a folder differ. As documents are watched: what counts is content, not time stamps; events of the file
//! system only wake, and contents must stand still before they count.

use std::{
    collections::BTreeMap,
    fs, io,
    path::{Path, PathBuf},
    time::Duration,
};

use notify::{RecursiveMode, Watcher};
use sha2::{Digest, Sha256};
use tidegate_control::documents::waker;
use tokio::sync::mpsc;

/// Looks at least this often: some file systems report nothing.
const POLL: Duration = Duration::from_millis(500);
/// Contents must stand still this long before they count: editors write in parts.
const SETTLE: Duration = Duration::from_millis(100);
/// What is built or fetched is no source.
const NOT_SOURCES: [&str; 4] = ["target", "node_modules", "build", "vendor"];
/// Files of a filter; a folder with more is none.
const FILES_MAX: usize = 10_000;

/// Contents by path.
type Fingerprint = BTreeMap<PathBuf, [u8; 32]>;

/// The sources of a folder.
#[derive(Debug)]
pub(crate) struct Sources {
    folder: PathBuf,
    last: Fingerprint,
    wake: mpsc::Receiver<()>,
    /// Kept: it stops when dropped.
    _watcher: Option<notify::RecommendedWatcher>,
}

impl Sources {
    /// From now on.
    pub(crate) fn watch(folder: &Path) -> io::Result<Sources> {
        let (sender, wake) = mpsc::channel(1);
        let watching = waker(sender).and_then(|mut watcher| {
            watcher.watch(folder, RecursiveMode::Recursive)?;
            Ok(watcher)
        });
        let watcher =
            watching.inspect_err(|error| tracing::debug!("changes are looked for every {POLL:?}: {error}")).ok();
        Ok(Sources { folder: folder.to_owned(), last: read(folder)?, wake, _watcher: watcher })
    }

    /// Waits until they differ from what they were when this returned last, and names the files that do. Cancel-safe.
    pub(crate) async fn changed(&mut self) -> Vec<PathBuf> {
        loop {
            let _ = tokio::time::timeout(POLL, self.wake.recv()).await;
            let Some(mut now) = self.look() else { continue };
            if now == self.last {
                continue;
            }
            loop {
                tokio::time::sleep(SETTLE).await;
                match self.look() {
                    Some(again) if again == now => break,
                    Some(again) => now = again,
                    None => {}
                }
            }
            let files = now.keys().chain(self.last.keys()).filter(|path| now.get(*path) != self.last.get(*path));
            let mut files: Vec<PathBuf> = files.cloned().collect();
            files.sort();
            files.dedup();
            self.last = now;
            if !files.is_empty() {
                return files;
            }
        }
    }

    /// What cannot be read now is being written: the next look will tell.
    fn look(&self) -> Option<Fingerprint> {
        read(&self.folder).ok()
    }
}

fn read(folder: &Path) -> io::Result<Fingerprint> {
    let (mut found, mut folders) = (Fingerprint::new(), vec![folder.to_owned()]);
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder)? {
            let entry = entry?;
            let name = entry.file_name();
            let hidden = name.to_str().is_none_or(|name| name.starts_with('.') || name.ends_with('~'));
            if hidden || NOT_SOURCES.iter().any(|known| name == *known) {
                continue;
            }
            let path = entry.path();
            match entry.file_type()? {
                kind if kind.is_dir() => folders.push(path),
                kind if kind.is_file() && found.len() < FILES_MAX && is_source(&path) => {
                    let digest = Sha256::digest(fs::read(&path)?).into();
                    found.insert(path, digest);
                }
                _ => {}
            }
        }
    }
    Ok(found)
}

/// What a flow reads and writes beside the sources changes all the time; of data only the samples count.
fn is_source(path: &Path) -> bool {
    let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    let end = path.extension().and_then(|end| end.to_str()).unwrap_or_default();
    match end {
        "jsonl" | "ndjson" => {
            ["events.jsonl", "expected.jsonl"].contains(&name) || path.parent().is_some_and(|p| p.ends_with("tests"))
        }
        "wasm" | "log" | "lock" => false,
        _ => true,
    }
}
