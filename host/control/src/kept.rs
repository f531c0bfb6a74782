//! The generations that are kept: what went live, whole, so that it can go live again.
//!
//! One file a generation in the state directory, named by its id; its modules lie in the [`ModuleStore`]. Nothing here is
//! believed when it is read: a rollback verifies what it finds like any other candidate.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs, io,
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};
use tidegate_policy::File;

use crate::{
    RolloutInfo,
    files::write_whole,
    generation::PolicyInfo,
    rollouts::{Reached, TakenBack},
};

/// Generations kept.
pub const KEPT_MAX: usize = 20;
/// Bytes of one that are read: the documents of a host.
const FILE_BYTES_MAX: u64 = 256 << 20;

/// A generation that went live.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeptGeneration {
    /// Hash of the resolved set.
    pub id: String,
    /// The change that last made it live; see [`Entry::number`](crate::history::Entry::number).
    pub number: u64,
    /// When that was, in milliseconds since 1970.
    pub since_ms: u64,
    /// Its policies and what ran for them, in the order they run.
    pub policies: Vec<KeptPolicy>,
    /// Routes, `namespace/name`.
    pub routes: Vec<String>,
    /// Its documents as they stood.
    pub files: Vec<KeptFile>,
    /// Rollouts that its documents begin and that were taken back.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub taken_back: Vec<TakenBack>,
    /// How far those had got that promote themselves.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub reached: Vec<Reached>,
}

/// A policy and what ran for it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeptPolicy {
    /// `namespace/name`.
    pub policy: String,
    /// As the module calls itself.
    pub module: String,
    /// As the module calls it.
    pub version: String,
    /// `sha256:…` of the .wasm.
    pub digest: String,
    /// Where something else decides about a part of the events.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rollout: Option<RolloutInfo>,
    /// It decided nothing: what it would decide was compared.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub shadow: bool,
}

/// A file of documents.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeptFile {
    /// As diagnostics name it; relative paths in it start from its folder.
    pub path: String,
    /// YAML or JSON.
    pub text: String,
}

impl From<&PolicyInfo> for KeptPolicy {
    fn from(info: &PolicyInfo) -> KeptPolicy {
        let PolicyInfo { policy, module, version, digest, rollout, shadow } = info;
        KeptPolicy {
            policy: policy.to_string(),
            module: module.clone(),
            version: version.clone(),
            digest: digest.clone(),
            rollout: rollout.clone(),
            shadow: *shadow,
        }
    }
}

impl KeptPolicy {
    /// Digests of everything that decides for it.
    pub(crate) fn needs(&self) -> impl Iterator<Item = &String> {
        [&self.digest].into_iter().chain(self.rollout.as_ref().map(|rollout| &rollout.baseline))
    }
}

impl KeptGeneration {
    /// The documents, to be checked again.
    pub fn documents(&self) -> Vec<File> {
        self.files.iter().map(|file| File { path: file.path.clone(), text: file.text.clone() }).collect()
    }

    /// Digests by policy (`namespace/name`).
    pub fn digests(&self) -> BTreeMap<String, String> {
        self.policies.iter().map(|policy| (policy.policy.clone(), policy.digest.clone())).collect()
    }
}

/// The generations that are kept, on disk and by number in memory.
#[derive(Debug)]
pub(crate) struct Kept {
    dir: PathBuf,
    /// Oldest first: (number, id).
    known: Vec<(u64, String)>,
}

impl Kept {
    /// Reads what is there. What cannot be read is left out, with a warning.
    pub(crate) fn open(dir: PathBuf) -> Kept {
        let mut known = Vec::new();
        for entry in fs::read_dir(&dir).into_iter().flatten().flatten() {
            let path = entry.path();
            let Some(id) = path.file_stem().and_then(|stem| stem.to_str()).filter(|id| is_id(id)) else { continue };
            match read(&path) {
                Ok(found) => known.push((found.number, id.to_owned())),
                Err(error) => tracing::warn!(path = %path.display(), %error, "a kept generation cannot be read"),
            }
        }
        known.sort();
        Kept { dir, known }
    }

    /// Ids, oldest first.
    pub(crate) fn ids(&self) -> impl Iterator<Item = &str> {
        self.known.iter().map(|(_, id)| id.as_str())
    }

    /// Keeps it, as the newest; lets go of the oldest beyond 20.
    pub(crate) fn keep(&mut self, generation: &KeptGeneration) -> io::Result<()> {
        let text = serde_json::to_vec(generation).map_err(io::Error::other)?;
        write_whole(&path_of(&self.dir, &generation.id)?, &text)?;
        self.known.retain(|(_, id)| *id != generation.id);
        self.known.push((generation.number, generation.id.clone()));
        while self.known.len() > KEPT_MAX {
            let (_, id) = self.known.remove(0);
            if let Err(error) = fs::remove_file(path_of(&self.dir, &id)?) {
                tracing::warn!(generation = %id, %error, "a generation that is not kept any more cannot be removed");
            }
        }
        Ok(())
    }

    /// The generation whose id begins with `id`, where there is exactly one.
    pub(crate) fn find(&self, id: &str) -> Option<KeptGeneration> {
        let mut fits = self.known.iter().filter(|(_, known)| !id.is_empty() && known.starts_with(id));
        let (_, known) = fits.next().filter(|_| fits.next().is_none())?;
        load(&self.dir, known).ok()
    }

    /// Digests that some kept generation needs.
    pub(crate) fn digests(&self) -> BTreeSet<String> {
        let kept = self.known.iter().filter_map(|(_, id)| load(&self.dir, id).ok());
        let policies: Vec<KeptPolicy> = kept.flat_map(|kept| kept.policies).collect();
        policies.iter().flat_map(KeptPolicy::needs).cloned().collect()
    }
}

/// One kept generation, read from any thread.
pub fn load(dir: &Path, id: &str) -> io::Result<KeptGeneration> {
    read(&path_of(dir, id)?)
}

fn is_id(id: &str) -> bool {
    (6..=64).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_hexdigit() && !byte.is_ascii_uppercase())
}

fn path_of(dir: &Path, id: &str) -> io::Result<PathBuf> {
    if !is_id(id) {
        return Err(io::Error::new(io::ErrorKind::NotFound, "it is no id of a generation"));
    }
    Ok(dir.join(format!("{id}.json")))
}

fn read(path: &Path) -> io::Result<KeptGeneration> {
    use io::Read as _;
    let mut text = Vec::new();
    fs::File::open(path)?.take(FILE_BYTES_MAX).read_to_end(&mut text)?;
    serde_json::from_slice(&text).map_err(io::Error::other)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use super::*;

    fn generation(number: u64) -> KeptGeneration {
        let id = format!("{number:012x}");
        let files = vec![KeptFile { path: "a.yaml".into(), text: format!("# {number}") }];
        KeptGeneration {
            id,
            number,
            since_ms: number,
            policies: Vec::new(),
            routes: Vec::new(),
            files,
            taken_back: Vec::new(),
            reached: Vec::new(),
        }
    }

    #[test]
    fn the_last_twenty_are_kept_over_a_restart_and_found_by_a_part_of_their_id() {
        let dir = tempfile::tempdir().unwrap();
        let mut kept = Kept::open(dir.path().to_owned());
        for number in 1..=25 {
            kept.keep(&generation(number)).unwrap();
        }
        // Live again: it is the newest.
        kept.keep(&KeptGeneration { number: 26, ..generation(6) }).unwrap();
        let kept = Kept::open(dir.path().to_owned());
        let ids: Vec<&str> = kept.ids().collect();
        assert_eq!(ids.len(), KEPT_MAX);
        assert_eq!((ids[0], ids[19]), ("000000000007", "000000000006"));
        assert_eq!(kept.find("000000000019").unwrap(), generation(25));
        for none in ["", "0000", "ffff", "../../etc/passwd", "000000000001"] {
            assert_eq!(kept.find(none), None, "{none}");
        }
        assert!(load(dir.path(), "../secret").is_err());
    }
}
