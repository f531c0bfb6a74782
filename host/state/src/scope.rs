//! Names: whose state it is, and how much there is of it.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering::Relaxed},
};

use crate::encoding;

/// A lane of a source.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct LaneKey {
    /// `namespace/name`.
    pub source: Arc<str>,
    /// As the connector calls it.
    pub lane: Arc<str>,
}

impl LaneKey {
    pub(crate) fn encode(&self) -> Vec<u8> {
        encoding::names(&[&self.source, &self.lane])
    }
}

/// Whose state it is: nobody else reads or writes it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ScopeKey {
    /// `namespace/name`.
    pub policy: Arc<str>,
    /// `namespace/name`.
    pub route: Arc<str>,
    /// The lane whose events wrote it.
    pub lane: LaneKey,
}

impl ScopeKey {
    pub(crate) fn encode(&self) -> Vec<u8> {
        encoding::names(&[&self.policy, &self.route, &self.lane.source, &self.lane.lane])
    }

    pub(crate) fn decode(name: &[u8]) -> Option<ScopeKey> {
        let [policy, route, source, lane]: [Arc<str>; 4] = encoding::split(name)?.try_into().ok()?;
        Some(ScopeKey { policy, route, lane: LaneKey { source, lane } })
    }
}

/// How much there is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// Keys, values, and what they count as beyond ([`ENTRY_BYTES`](crate::ENTRY_BYTES)).
    pub bytes: u64,
    /// Keys, those among them that have outlived their time and are not yet taken away.
    pub keys: u64,
}

/// A handle to the state of a [`ScopeKey`]. While there is one the state is in use; what nobody has used for a day is dropped.
#[derive(Clone, Debug)]
pub struct Scope(pub(crate) Arc<Held>);

#[derive(Debug)]
pub(crate) struct Held {
    pub(crate) id: u32,
    pub(crate) key: ScopeKey,
    bytes: AtomicU64,
    keys: AtomicU64,
    /// Milliseconds since the epoch; of use while no handle is there.
    pub(crate) used_ms: AtomicU64,
}

impl Held {
    pub(crate) fn new(id: u32, key: ScopeKey, usage: Usage, now_ms: u64) -> Held {
        Held {
            id,
            key,
            bytes: AtomicU64::new(usage.bytes),
            keys: AtomicU64::new(usage.keys),
            used_ms: AtomicU64::new(now_ms),
        }
    }

    pub(crate) fn usage(&self) -> Usage {
        Usage { bytes: self.bytes.load(Relaxed), keys: self.keys.load(Relaxed) }
    }

    pub(crate) fn set(&self, usage: Usage) {
        self.bytes.store(usage.bytes, Relaxed);
        self.keys.store(usage.keys, Relaxed);
    }
}

/// The same state, not the same handle.
impl PartialEq for Scope {
    fn eq(&self, other: &Scope) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl Eq for Scope {}

impl Scope {
    /// Whose it is.
    pub fn key(&self) -> &ScopeKey {
        &self.0.key
    }

    /// What is committed.
    pub fn usage(&self) -> Usage {
        self.0.usage()
    }
}
