//! Where documents come from: files and directories, read as a set and watched by content.
//!
//! Time stamps are not believed: a ConfigMap swaps a `..data` symlink, editors rename, and copies keep old dates. What
//! counts is whether the bytes differ.

use std::{
    collections::BTreeMap,
    fs, io,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use notify::{
    EventKind, RecursiveMode, Watcher,
    event::{AccessKind, AccessMode},
};
use sha2::{Digest, Sha256};
use tidegate_policy::File;
use tokio::sync::mpsc;

/// The documents of a host, as they stand on disk.
#[derive(Clone, Debug, Default)]
pub struct DocumentSet {
    /// In the order of their paths.
    pub files: Vec<File>,
}

/// A file or directory could not be read.
#[derive(Debug, thiserror::Error)]
#[error("{} cannot be read", path.display())]
pub struct ReadError {
    /// Which.
    pub path: PathBuf,
    /// Why.
    #[source]
    pub source: io::Error,
}

/// Bytes of one document file that are read; a larger one is refused when it is checked.
const FILE_BYTES_MAX: u64 = 4 << 20;
/// Files of one set.
const FILES_MAX: usize = 10_000;

impl DocumentSet {
    /// Reads files as given, and of directories every `*.yaml`, `*.yml` and `*.json` that is not hidden (not deeper).
    pub fn read(paths: &[PathBuf]) -> Result<DocumentSet, ReadError> {
        let mut files = Vec::new();
        for path in paths {
            let error = |source| ReadError { path: path.clone(), source };
            if !fs::metadata(path).map_err(error)?.is_dir() {
                files.push(path.clone());
                continue;
            }
            let mut inside = Vec::new();
            for entry in fs::read_dir(path).map_err(error)? {
                let name = entry.map_err(error)?.file_name();
                if is_document(Path::new(&name)) && path.join(&name).is_file() {
                    inside.push(path.join(name));
                }
            }
            inside.sort();
            files.extend(inside);
        }
        if files.len() > FILES_MAX {
            let source = io::Error::other(format!("more than {FILES_MAX} documents"));
            return Err(ReadError { path: paths[0].clone(), source });
        }
        let files = files.into_iter().map(|path| {
            let text = read_text(&path).map_err(|source| ReadError { path: path.clone(), source })?;
            Ok(File { path: path.display().to_string(), text })
        });
        Ok(DocumentSet { files: files.collect::<Result<_, _>>()? })
    }

    /// Files that the documents seem to name as modules: to be watched with them. What is not one does no harm.
    fn modules(&self) -> impl Iterator<Item = PathBuf> + '_ {
        self.files.iter().flat_map(|file| {
            let folder = Path::new(&file.path).parent().unwrap_or(Path::new(""));
            file.text.match_indices("file:").filter_map(move |(at, word)| {
                let rest = &file.text[at + word.len()..];
                let end = rest.find(|c: char| c.is_whitespace() || "\"',}]".contains(c)).unwrap_or(rest.len());
                rest[..end].ends_with(".wasm").then(|| folder.join(&rest[..end]))
            })
        })
    }

    /// Changes whenever the contents do, those of modules included: a hash.
    pub(crate) fn mark(&self) -> String {
        let mut hash = Sha256::new();
        for (path, content) in self.fingerprint() {
            hash.update(path.as_os_str().as_encoded_bytes());
            hash.update([u8::from(content.is_some())]);
            hash.update(content.unwrap_or_default());
        }
        format!("{:x}", hash.finalize())
    }

    fn fingerprint(&self) -> Fingerprint {
        let documents = self.files.iter().map(|file| (PathBuf::from(&file.path), Some(digest(file.text.as_bytes()))));
        let modules = self.modules().map(|path| {
            let content = fs::read(&path).ok().map(|bytes| digest(&bytes));
            (path, content)
        });
        documents.chain(modules).collect()
    }
}

/// Watches nothing yet; sends when contents may differ. `sender` has room for one: a full channel has a wake-up in it already.
///
/// # Errors
/// Where the system has no watches left; then whoever waits can only look from time to time.
pub fn waker(sender: mpsc::Sender<()>) -> notify::Result<notify::RecommendedWatcher> {
    notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
        if event.is_ok_and(|event| !may_differ(event.kind)) {
            return;
        }
        let _ = sender.try_send(());
    })
}

/// Whether contents may differ after such an event. Reading causes events too: to look because of them would never end.
fn may_differ(kind: EventKind) -> bool {
    match kind {
        EventKind::Access(AccessKind::Close(AccessMode::Write)) => true,
        EventKind::Access(_) => false,
        EventKind::Any | EventKind::Create(_) | EventKind::Modify(_) | EventKind::Remove(_) | EventKind::Other => true,
    }
}

type Fingerprint = BTreeMap<PathBuf, Option<[u8; 32]>>;

fn digest(bytes: &[u8]) -> [u8; 32] {
    Sha256::digest(bytes).into()
}

fn is_document(name: &Path) -> bool {
    let hidden = name.to_str().is_none_or(|name| name.starts_with('.'));
    !hidden && name.extension().and_then(|end| end.to_str()).is_some_and(|end| ["yaml", "yml", "json"].contains(&end))
}

fn read_text(path: &Path) -> io::Result<String> {
    use io::Read as _;
    let mut bytes = Vec::new();
    fs::File::open(path)?.take(FILE_BYTES_MAX).read_to_end(&mut bytes)?;
    String::from_utf8(bytes).map_err(|_| io::Error::new(io::ErrorKind::InvalidData, "it is not UTF-8 text"))
}

/// Waits for documents, or modules they name, to differ.
#[derive(Debug)]
pub struct Watch {
    paths: Vec<PathBuf>,
    last: Option<Fingerprint>,
    /// Contents that differ but may still be moving, and since when they stand still.
    moving: Option<(Fingerprint, Instant)>,
    trouble: Option<String>,
    wake: mpsc::Receiver<()>,
    /// Kept: it stops when dropped.
    watcher: Option<notify::RecommendedWatcher>,
    watched: Vec<PathBuf>,
}

/// Looks at least this often: some file systems report nothing.
const POLL: Duration = Duration::from_millis(500);
/// Contents must stand still this long before they count: writers write in parts.
const SETTLE: Duration = Duration::from_millis(50);

impl Watch {
    /// Watches these files and directories; `known` is what its user has already.
    pub fn new(paths: Vec<PathBuf>, known: Option<&DocumentSet>) -> Watch {
        let (sender, wake) = mpsc::channel(1);
        let watcher =
            waker(sender).inspect_err(|error| tracing::warn!("changes are looked for every {POLL:?}: {error}")).ok();
        let last = known.map(DocumentSet::fingerprint);
        let mut watch = Watch { paths, last, moving: None, trouble: None, wake, watcher, watched: Vec::new() };
        watch.follow(known);
        watch
    }

    /// Waits until the contents differ from those last returned, and stand still. Cancel-safe. What cannot be read is
    /// logged and waited out: what runs goes on.
    pub async fn changed(&mut self) -> DocumentSet {
        loop {
            let found = self.read().filter(|(_, fingerprint)| self.last.as_ref() != Some(fingerprint));
            let Some((set, fingerprint)) = found else {
                self.moving = None;
                let _ = tokio::time::timeout(POLL, self.wake.recv()).await;
                continue;
            };
            match &self.moving {
                Some((seen, since)) if *seen == fingerprint && since.elapsed() >= SETTLE => {
                    self.moving = None;
                    self.last = Some(fingerprint);
                    self.follow(Some(&set));
                    return set;
                }
                Some((seen, _)) if *seen == fingerprint => {}
                Some(_) | None => self.moving = Some((fingerprint, Instant::now())),
            }
            tokio::time::sleep(SETTLE).await;
        }
    }

    fn read(&mut self) -> Option<(DocumentSet, Fingerprint)> {
        match DocumentSet::read(&self.paths) {
            Ok(set) => {
                self.trouble = None;
                let fingerprint = set.fingerprint();
                Some((set, fingerprint))
            }
            Err(error) => {
                let text = format!("{error}: {}", error.source);
                if self.trouble.as_ref() != Some(&text) {
                    tracing::warn!("documents stay as they are: {text}");
                    self.trouble = Some(text);
                }
                None
            }
        }
    }

    /// Asks for wake-ups from the folders of documents and modules.
    fn follow(&mut self, set: Option<&DocumentSet>) {
        let Some(watcher) = &mut self.watcher else { return };
        let folder = |path: &Path| match path.parent() {
            Some(parent) if parent.as_os_str().is_empty() => PathBuf::from("."),
            Some(parent) => parent.to_owned(),
            None => path.to_owned(),
        };
        let documents = self.paths.iter().map(|path| if path.is_dir() { path.clone() } else { folder(path) });
        let modules: Vec<PathBuf> = set.iter().flat_map(|set| set.modules()).map(|path| folder(&path)).collect();
        for path in documents.chain(modules) {
            if !self.watched.contains(&path) && watcher.watch(&path, RecursiveMode::NonRecursive).is_ok() {
                self.watched.push(path);
            }
        }
    }
}

/// The folder that relative paths of a document start from.
pub fn folder_of(meta: &tidegate_policy::spec::Meta) -> PathBuf {
    let file = file_of(meta);
    match file.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder.to_owned(),
        _ => PathBuf::from("."),
    }
}

/// The file a document stands in.
pub(crate) fn file_of(meta: &tidegate_policy::spec::Meta) -> PathBuf {
    meta.places.of("").map(|place| PathBuf::from(place.file)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use std::sync::mpsc;

    use super::*;

    /// A look at the documents must not be the reason for the next one: a host would read them for ever.
    #[test]
    fn reading_documents_is_no_reason_to_read_them_again() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("a.yaml"), "module: file:a.wasm").unwrap();
        fs::write(dir.path().join("a.wasm"), "code").unwrap();
        let (sender, events) = mpsc::channel();
        let mut watcher = notify::recommended_watcher(sender).unwrap();
        watcher.watch(dir.path(), RecursiveMode::NonRecursive).unwrap();

        let set = DocumentSet::read(&[dir.path().to_owned()]).unwrap();
        assert_eq!(set.fingerprint().len(), 2);
        fs::write(dir.path().join("end"), "").unwrap();
        let mut event = events.recv().unwrap().unwrap();
        while !event.paths.iter().any(|path| path.ends_with("end")) {
            assert!(!may_differ(event.kind), "{event:?}");
            event = events.recv().unwrap().unwrap();
        }
        assert!(may_differ(event.kind), "{event:?}");
    }
}
