//! Where policies remember: one file below the state directory, opened when a policy first needs it, or at start where it is there.

use std::{
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
};

use tidegate_pipeline::Pipeline;
use tidegate_policy::{
    Diagnostic, Report,
    spec::{Capability, Documents},
};
use tidegate_state::{OpenError, Options, ScopeKey, Store, Usage};

/// The file, relative to the state directory.
const FILE: &str = "state/policies.redb";

/// The store of a host; of one that only checks documents, none.
#[derive(Debug, Default)]
pub(crate) struct Remembering {
    path: Option<PathBuf>,
    store: Mutex<Option<Store>>,
}

impl Remembering {
    /// Opens what is there, so that lanes go on from it. What is damaged is told of, and refused once a policy needs it.
    pub(crate) fn below(state_dir: &Path, pipeline: &Pipeline) -> Remembering {
        let path = state_dir.join(FILE);
        let there = path.try_exists().unwrap_or(true);
        let remembering = Remembering { path: Some(path), store: Mutex::default() };
        if there && let Err(error) = remembering.open(pipeline) {
            tracing::warn!("{error}; no policy with state can go live");
        }
        remembering
    }

    fn open(&self, pipeline: &Pipeline) -> Result<(), OpenError> {
        let Some(path) = &self.path else { return Ok(()) };
        let mut store = self.store.lock().unwrap_or_else(PoisonError::into_inner);
        if store.is_none() {
            let opened = Store::open(path, Options::default())?;
            pipeline.remember_in(opened.clone());
            *store = Some(opened);
        }
        Ok(())
    }

    /// Opens it where a policy needs it.
    pub(crate) fn ready_for(&self, documents: &Documents, pipeline: &Pipeline) -> Result<(), Report> {
        let wants = |policy: &&tidegate_policy::spec::FilterPolicy| policy.is_granted(Capability::State);
        let policies: Vec<_> = documents.policies.iter().filter(wants).collect();
        if policies.is_empty() {
            return Ok(());
        }
        let Err(error) = self.open(pipeline) else { return Ok(()) };
        let hint = match &error {
            OpenError::Damaged { .. } => {
                "bring it back from a copy; or move it away: then every policy begins with nothing"
            }
            OpenError::InUse { .. } => "stop the other host, or choose another directory with --state-dir",
            OpenError::Failed { .. } => "look at the disk, and at who owns the file",
        };
        let diagnostic = |policy: &tidegate_policy::spec::FilterPolicy| -> Diagnostic {
            policy.meta.places.diagnostic("C210", "/spec/wasm/capabilities", error.to_string(), Some(hint.to_owned()))
        };
        Err(Report::new(policies.into_iter().map(diagnostic).collect()))
    }

    /// How much each policy keeps in each lane.
    pub(crate) fn usage(&self) -> Vec<(ScopeKey, Usage)> {
        let store = self.store.lock().unwrap_or_else(PoisonError::into_inner);
        store.as_ref().map(Store::usage).unwrap_or_default()
    }
}
