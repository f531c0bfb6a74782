//! What a sink has done, in numbers that only grow. They outlive it: a sink that takes the place of another counts on.

use std::{
    sync::{
        LazyLock,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

/// Counts of a sink, whatever the number of its writers. Unit: events, but for `retries`.
#[derive(Debug, Default)]
pub struct SinkCounts {
    accepted: AtomicU64,
    durable: AtomicU64,
    refused: AtomicU64,
    retries: AtomicU64,
}

/// What [`SinkCounts`] say at one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SinkNumbers {
    /// Events that its queue has accepted.
    pub accepted: u64,
    /// Of those, events that are durable at the other side.
    pub durable: u64,
    /// Of those, events that it will never take.
    pub refused: u64,
    /// Writes that were tried once more after one that failed.
    pub retries: u64,
}

impl SinkCounts {
    /// What they say now.
    pub fn read(&self) -> SinkNumbers {
        SinkNumbers {
            accepted: self.accepted.load(Relaxed),
            durable: self.durable.load(Relaxed),
            refused: self.refused.load(Relaxed),
            retries: self.retries.load(Relaxed),
        }
    }

    /// Events of a transaction that went past the queue, and are durable.
    pub fn committed(&self, events: usize) {
        self.accepted(events);
        self.durable(events);
    }

    pub(super) fn accepted(&self, events: usize) {
        self.accepted.fetch_add(events as u64, Relaxed);
    }

    pub(super) fn durable(&self, events: usize) {
        self.durable.fetch_add(events as u64, Relaxed);
    }

    pub(super) fn refused(&self) {
        self.refused.fetch_add(1, Relaxed);
    }

    pub(super) fn retried(&self) {
        self.retries.fetch_add(1, Relaxed);
    }
}

/// When the oldest of what a writer has under way was accepted.
#[derive(Debug, Default)]
pub(super) struct Oldest(AtomicU64);

/// Moments are counted from here.
static START: LazyLock<Instant> = LazyLock::new(Instant::now);

impl Oldest {
    /// A moment, never zero.
    pub(super) fn now() -> u64 {
        u64::try_from(START.elapsed().as_nanos()).unwrap_or(u64::MAX).max(1)
    }

    /// Zero: nothing is under way.
    pub(super) fn set(&self, at: u64) {
        self.0.store(at, Relaxed);
    }

    pub(super) fn age(&self) -> Duration {
        match self.0.load(Relaxed) {
            0 => Duration::ZERO,
            at => Duration::from_nanos(Oldest::now().saturating_sub(at)),
        }
    }
}
