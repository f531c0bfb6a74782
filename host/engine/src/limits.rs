//! What a guest may use, and the limiter that holds it to that.

use std::time::Duration;

use wasmtime::ResourceLimiter;

use crate::{settings, state::StateLimits};

/// Events in one call.
pub(crate) const CALL_EVENTS_MAX: usize = 1024;

/// Bytes of values in one call; a single larger event goes alone.
pub(crate) const CALL_BYTES_MAX: usize = 4 << 20;

/// Running time of `describe` and of `configure`, each.
pub(crate) const SETUP_TIMEOUT: Duration = Duration::from_secs(1);

/// A guest needs room for the largest event, its copy, its output and its own heap.
pub(crate) const MEMORY_PER_EVENT_BYTE: usize = 8;

/// Bounds of one policy.
#[derive(Clone, Debug)]
pub struct Limits {
    /// The guest's own running time per call, counted in slices of 1 ms: waiting for a turn is free. A call may be noticed, and
    /// so ended, up to 4 ms late.
    pub timeout: Duration,
    /// Linear memory of one instance, all of it, in bytes. At least 8 × `max_event_bytes`.
    pub memory: usize,
    /// Bytes of one event as it crosses (what the guest does not need is not counted); larger ones are not called with.
    pub max_event_bytes: usize,
    /// What it may keep, where it is granted `state`.
    pub state: StateLimits,
}

impl Default for Limits {
    /// 20 ms, 64 MiB, 1 MiB; state of 16 MiB.
    fn default() -> Limits {
        Limits {
            timeout: Duration::from_millis(20),
            memory: 64 << 20,
            max_event_bytes: 1 << 20,
            state: StateLimits::default(),
        }
    }
}

impl Limits {
    /// Bytes of values in one call of this guest: the batch and the guest's answer must fit its memory several times.
    pub(crate) fn call_bytes(&self) -> usize {
        CALL_BYTES_MAX.min(self.memory / MEMORY_PER_EVENT_BYTE).max(self.max_event_bytes)
    }

    /// Bytes that one call may hand to the host: about twice the largest batch, so that lying lists are bounded.
    pub(crate) fn reply_bytes(&self) -> usize {
        2 * self.call_bytes() + (1 << 20)
    }
}

/// How long an instance lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Isolation {
    /// A lane reuses its instance (the default).
    Worker,
    /// A fresh instance for each batch.
    Batch,
}

/// How often a call may ask for more memory than there is before it is ended on the spot. It has failed with the first time, but a
/// runtime that is told no says why it needed it, and ends by itself; some ask a few times.
const REFUSALS_MAX: u32 = 8;

/// The guest asked for more than it may have. Typed, so that it is told apart from a trap.
#[derive(Debug, thiserror::Error)]
#[error("{what} would exceed {limit}")]
pub(crate) struct LimitExceeded {
    what: &'static str,
    limit: usize,
}

/// Counts what one store has.
#[derive(Debug)]
pub(crate) struct Limiter {
    memory_max: usize,
    memory: usize,
    elements: usize,
    last_growth: usize,
    /// Times that the call under way was told that there is no more memory.
    refusals: u32,
}

impl Limiter {
    pub(crate) fn new(memory_max: usize) -> Limiter {
        Limiter { memory_max, memory: 0, elements: 0, last_growth: 0, refusals: 0 }
    }

    /// Linear memory in bytes.
    pub(crate) fn memory(&self) -> usize {
        self.memory
    }

    /// A call begins.
    pub(crate) fn begin(&mut self) {
        self.refusals = 0;
    }

    /// What the call under way was refused: it has failed, whatever comes of it.
    pub(crate) fn refused(&self) -> Option<LimitExceeded> {
        (self.refusals > 0).then(|| self.memory_exceeded())
    }

    fn memory_exceeded(&self) -> LimitExceeded {
        LimitExceeded { what: "linear memory in bytes", limit: self.memory_max }
    }
}

impl ResourceLimiter for Limiter {
    fn memory_growing(&mut self, current: usize, desired: usize, _max: Option<usize>) -> wasmtime::Result<bool> {
        let growth = desired.saturating_sub(current);
        let total = self.memory.saturating_add(growth);
        if total > self.memory_max {
            self.refusals += 1;
            // A memory that begins too large is no question of the guest's that could be answered.
            let ends = current == 0 || self.refusals > REFUSALS_MAX;
            return if ends { Err(self.memory_exceeded().into()) } else { Ok(false) };
        }
        self.memory = total;
        self.last_growth = growth;
        Ok(true)
    }

    fn memory_grow_failed(&mut self, _error: wasmtime::Error) -> wasmtime::Result<()> {
        self.memory = self.memory.saturating_sub(self.last_growth);
        self.last_growth = 0;
        Ok(())
    }

    fn table_growing(&mut self, current: usize, desired: usize, _max: Option<usize>) -> wasmtime::Result<bool> {
        let limit = 2 * settings::TABLE_ELEMENTS_MAX;
        let total = self.elements.saturating_add(desired.saturating_sub(current));
        if total > limit || desired > settings::TABLE_ELEMENTS_MAX {
            return Err(LimitExceeded { what: "table elements", limit }.into());
        }
        self.elements = total;
        Ok(true)
    }

    fn instances(&self) -> usize {
        settings::CORE_INSTANCES_MAX as usize
    }

    fn tables(&self) -> usize {
        settings::TABLES_MAX as usize
    }

    fn memories(&self) -> usize {
        settings::MEMORIES_MAX as usize
    }
}
