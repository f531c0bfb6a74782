//! `rollout:` of a FilterPolicy: which part of the events meets the module, what decides the others, what takes it on, and what takes it
//! back.

use std::time::Duration;

use serde_json::Value;

use super::ModuleRef;

/// A module on its way: it decides about a share of the keys, what ran before about the others.
#[derive(Clone, Debug, PartialEq)]
pub struct Rollout {
    /// Of the keys, 0 to 100; what it begins with where it promotes itself. As it grows a key that met the module goes on to meet it.
    pub percent: u8,
    /// The attribute whose values are the keys, of the event as it came in; `source` where an event has no such attribute. Absent: what
    /// orders the event (the Kafka key, else `partitionkey`), else `source`.
    pub key: Option<String>,
    /// What decides about the other keys.
    pub baseline: Baseline,
    /// When it goes on to more keys without anybody being asked. Absent: somebody promotes it.
    pub promote: Option<Promote>,
    /// When it is taken back without anybody being asked.
    pub abort: Abort,
}

/// A rollout that promotes itself. A step is over once it has lasted `after`, the module has decided `min_events` in it, and no condition of
/// [`Abort`] holds, neither lately nor over the step as a whole. What comes after a step of 100 is the end: it counts as if `rollout` was
/// taken out of the document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Promote {
    /// How long each step lasts at least, 1 s to 30 d; a restart of the host begins a step anew.
    pub after: Duration,
    /// Percentages that it goes on to, 1 to 100, each more than the one before, the first at least `percent`; 20 at most. After the last,
    /// where that is less than 100, somebody promotes it.
    pub steps: Vec<u8>,
    /// Events that the module must have decided in a step, 1 to 1,000,000,000; default 100.
    pub min_events: u64,
}

/// What ran before.
#[derive(Clone, Debug, PartialEq)]
pub struct Baseline {
    /// `sha256:` and 64 hex digits.
    pub digest: String,
    /// Where it is; absent: the host has it, because it ran it or because it was uploaded.
    pub module: Option<ModuleRef>,
    /// For this module; absent: that of `wasm`.
    pub config: Option<Value>,
}

/// Conditions on what was decided within `window`; one that holds is enough. A difference of parts counts where it is more than chance
/// explains: four standard errors.
#[derive(Clone, Debug, PartialEq)]
pub struct Abort {
    /// More of the module's events fail than of the baseline's, by more than this part of them, 0 to 1; default 0.01.
    pub error_ratio: f64,
    /// The parts of their events that the two drop or reject differ by more than this, 0 to 1.
    pub divergence: Option<f64>,
    /// A call of the module takes longer than this, on average.
    pub latency: Option<Duration>,
    /// Events that a version must have decided before it is judged, 1 to 1,000,000,000; default 100. A lane that the module
    /// holds is enough without.
    pub min_events: u64,
    /// 1 s to 1 d, default 1 min.
    pub window: Duration,
}

impl Default for Abort {
    fn default() -> Abort {
        Abort { error_ratio: 0.01, divergence: None, latency: None, min_events: 100, window: Duration::from_secs(60) }
    }
}
