//! What went live, and when.

use std::{sync::Arc, time::SystemTime};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use tidegate_pipeline::Tally;

/// Generations kept in the history.
pub(crate) const HISTORY_MAX: usize = 20;

/// One set of documents that went live.
#[derive(Debug)]
pub struct Generation {
    /// Hash of the resolved set, shortened: the same on every host and after a restart.
    pub id: Arc<str>,
    /// Counts from 1 in this process.
    pub number: u64,
    /// When it went live.
    pub since: SystemTime,
    /// Its policies, in the order of the documents.
    pub policies: Vec<PolicyInfo>,
    /// Routes, `namespace/name`.
    pub routes: Vec<Arc<str>>,
    /// Conditions with nothing to look up: every event that gets as far is held against each of them.
    pub unindexed: Vec<Unindexed>,
    /// What it has settled so far.
    pub tally: Arc<Tally>,
}

/// A policy and what runs for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PolicyInfo {
    /// `namespace/name`.
    pub policy: Arc<str>,
    /// As the module calls itself; `cesql` or `pattern` where a condition decides.
    pub module: String,
    /// As the module calls it; empty where a condition decides.
    pub version: String,
    /// `sha256:…` of the .wasm, or of the condition.
    pub digest: String,
    /// Where something else decides about a part of the events.
    pub rollout: Option<RolloutInfo>,
    /// It decides nothing: what it would decide is compared.
    pub shadow: bool,
}

/// What decides beside a policy's module.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RolloutInfo {
    /// Of the keys, that meet the module.
    pub percent: u8,
    /// `sha256:…` of what decides about the others.
    pub baseline: String,
    /// Percentages that it goes on to by itself.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub steps: Vec<u8>,
    /// How long each lasts at least, where there are some.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after_ms: Option<u64>,
}

/// Whose condition has nothing to look up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unindexed {
    /// `policy` or `route`.
    pub kind: &'static str,
    /// `namespace/name` of it.
    pub name: Arc<str>,
    /// JSON pointer to the condition in its document.
    pub pointer: String,
}

/// The id of a set: its documents and the digests of the modules they resolve to.
pub(crate) fn id(documents: &str, digests: &[String]) -> Arc<str> {
    let mut hash = Sha256::new();
    hash.update(documents);
    for digest in digests {
        hash.update([0]);
        hash.update(digest);
    }
    format!("{:.12x}", hash.finalize()).into()
}
