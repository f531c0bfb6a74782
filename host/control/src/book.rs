//! What a host keeps about its generations, in one folder of the state directory:
//!
//! ```text
//! generations/history.jsonl   who changed what, when, and how it ended
//! generations/ID.json         the last 20 that went live
//! generations/modules/        their modules, by digest
//! generations/pin.json        the generation that a rollback holds, until the folder of documents changes
//! generations/documents.json  the documents, where the admin API owns them
//! generations/pauses.json     routes that were paused, and by whom
//! generations/rollouts.json   rollouts that were taken back, until their documents change
//! generations/steps.json      how far rollouts have promoted themselves, until their documents change
//! ```

use std::{
    collections::BTreeMap,
    fs, io,
    path::{Path, PathBuf},
    time::{SystemTime, UNIX_EPOCH},
};

use serde::{Deserialize, Serialize, de::DeserializeOwned};

use crate::{
    KeptGeneration, ModuleStore,
    files::write_whole,
    history::{Entry, History, Outcome},
    kept::{Kept, KeptFile, KeptPolicy},
    rollouts::Standing,
};

/// See the module.
#[derive(Debug)]
pub(crate) struct Book {
    dir: PathBuf,
    pub(crate) history: History,
    pub(crate) kept: Kept,
    pub(crate) store: ModuleStore,
}

/// A rollback that holds although a folder owns the documents: until the folder says something else.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pin {
    /// What is held.
    pub generation: String,
    /// Who did it.
    pub who: String,
    /// What the folder said then: a hash.
    pub(crate) documents: String,
}

/// A route that an operator holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Paused {
    /// Who did it.
    pub who: String,
    /// What for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Milliseconds since 1970.
    pub at_ms: u64,
}

/// Held routes by `namespace/name`.
pub(crate) type Pauses = BTreeMap<String, Paused>;

impl Book {
    /// Reads what is there; makes nothing.
    pub(crate) fn open(state_dir: &Path) -> Book {
        let dir = folder(state_dir);
        Book {
            history: History::open(dir.join("history.jsonl")),
            kept: Kept::open(dir.clone()),
            store: ModuleStore::new(dir.join("modules")),
            dir,
        }
    }

    pub(crate) fn pin(&self) -> Option<Pin> {
        self.read("pin.json")
    }

    pub(crate) fn set_pin(&self, pin: Option<&Pin>) {
        match pin {
            Some(pin) => self.told("pin.json", self.write("pin.json", pin)),
            None => {
                if let Err(error) = fs::remove_file(self.dir.join("pin.json"))
                    && error.kind() != io::ErrorKind::NotFound
                {
                    self.told("pin.json", Err(error));
                }
            }
        }
    }

    pub(crate) fn standing(&self) -> Standing {
        Standing {
            taken_back: self.read("rollouts.json").unwrap_or_default(),
            reached: self.read("steps.json").unwrap_or_default(),
        }
    }

    pub(crate) fn set_standing(&self, standing: &Standing) {
        self.told("rollouts.json", self.write("rollouts.json", &standing.taken_back));
        self.told("steps.json", self.write("steps.json", &standing.reached));
    }

    pub(crate) fn pauses(&self) -> Pauses {
        self.read("pauses.json").unwrap_or_default()
    }

    pub(crate) fn set_pauses(&self, pauses: &Pauses) -> io::Result<()> {
        self.write("pauses.json", pauses)
    }

    /// The documents that the API owns; empty where there are none yet.
    pub(crate) fn documents(&self) -> io::Result<Vec<KeptFile>> {
        match fs::read(self.dir.join("documents.json")) {
            Ok(text) => serde_json::from_slice(&text).map_err(io::Error::other),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
            Err(error) => Err(error),
        }
    }

    pub(crate) fn set_documents(&self, documents: &[KeptFile]) -> io::Result<()> {
        self.write("documents.json", &documents)
    }

    /// A generation has gone live: it is kept, and its modules with it.
    pub(crate) fn keep(&mut self, generation: &KeptGeneration) {
        let kept = self.kept.keep(generation);
        self.told("a generation", kept);
        let mut used = self.kept.digests();
        used.extend(generation.policies.iter().flat_map(KeptPolicy::needs).cloned());
        self.store.sweep(&used);
    }

    /// The entry that made a generation live, if it is still said to be.
    pub(crate) fn rolled_back(&mut self, generation: &str, by: u64) {
        let live = |entry: &&Entry| entry.generation.as_deref() == Some(generation) && entry.outcome == Outcome::Live;
        if let Some(entry) = self.history.entries().iter().rev().find(live) {
            self.history.push(Entry { outcome: Outcome::RolledBack { by }, ..entry.clone() });
        }
    }

    fn told(&self, what: &str, result: io::Result<()>) {
        if let Err(error) = result {
            tracing::warn!(dir = %self.dir.display(), %error, "{what} cannot be written down: a restart will forget it");
        }
    }

    fn write(&self, name: &str, value: &impl Serialize) -> io::Result<()> {
        write_whole(&self.dir.join(name), &serde_json::to_vec(value).map_err(io::Error::other)?)
    }

    fn read<T: DeserializeOwned>(&self, name: &str) -> Option<T> {
        let path = self.dir.join(name);
        let text = fs::read(&path).ok()?;
        let read = serde_json::from_slice(&text);
        read.inspect_err(|error| tracing::warn!(path = %path.display(), %error, "cannot be understood: passed over"))
            .ok()
    }
}

/// Where generations are kept.
pub fn folder(state_dir: &Path) -> PathBuf {
    state_dir.join("generations")
}

pub(crate) fn now_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}
