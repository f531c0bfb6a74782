//! What a generation has settled: counted when a batch settles, so that the columns add up.
//!
//! Deliberate drops, losses by rule and dead letters are separate counts and never one number.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

/// Distinct reasons kept per route; the rest is counted under `other`.
const REASONS_MAX: usize = 256;

/// Counts of one generation.
#[derive(Debug, Default)]
pub struct Tally(Mutex<BTreeMap<Arc<str>, RouteTally>>);

/// Counts of one route within one generation. Unit: events.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RouteTally {
    /// Settled events that came in.
    pub received: u64,
    /// Settled messages that were no events.
    pub malformed: u64,
    /// Changed by a transform (outputs).
    pub transformed: u64,
    /// Dropped as intended, by (policy, reason).
    pub dropped: BTreeMap<(Arc<str>, Arc<str>), u64>,
    /// Wanted by no target.
    pub unmatched: u64,
    /// Lost by a failure rule `Drop`, by (policy, cause).
    pub dropped_by_failure: BTreeMap<(Arc<str>, Arc<str>), u64>,
    /// Went on past a failing policy, by (policy, cause).
    pub bypassed: BTreeMap<(Arc<str>, Arc<str>), u64>,
    /// Refused to whoever sent them, by (policy, route or sink, cause).
    pub rejected: BTreeMap<(Arc<str>, Arc<str>), u64>,
    /// Rest in the dead letter, by (policy or sink, cause).
    pub dead_lettered: BTreeMap<(Arc<str>, Arc<str>), u64>,
    /// Durable at a sink, by sink.
    pub delivered: BTreeMap<Arc<str>, u64>,
}

impl Tally {
    /// The counts so far, by route.
    pub fn snapshot(&self) -> BTreeMap<Arc<str>, RouteTally> {
        self.lock().clone()
    }

    pub(crate) fn add(&self, route: &Arc<str>, delta: &RouteTally) {
        let mut routes = self.lock();
        match routes.get_mut(route) {
            Some(total) => total.merge(delta),
            None => {
                routes.insert(route.clone(), delta.clone());
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<Arc<str>, RouteTally>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl RouteTally {
    /// Adds another count to this one.
    pub fn merge(&mut self, other: &RouteTally) {
        self.received += other.received;
        self.malformed += other.malformed;
        self.transformed += other.transformed;
        self.unmatched += other.unmatched;
        merge(&mut self.dropped, &other.dropped);
        merge(&mut self.dropped_by_failure, &other.dropped_by_failure);
        merge(&mut self.bypassed, &other.bypassed);
        merge(&mut self.rejected, &other.rejected);
        merge(&mut self.dead_lettered, &other.dead_lettered);
        for (sink, count) in &other.delivered {
            *self.delivered.entry(sink.clone()).or_default() += count;
        }
    }
}

type Reasons = BTreeMap<(Arc<str>, Arc<str>), u64>;

fn merge(total: &mut Reasons, delta: &Reasons) {
    for ((who, why), count) in delta {
        bump(total, who, why, *count);
    }
}

/// Counts under (who, why), or under (who, `other`) once there are too many reasons.
pub(crate) fn bump(total: &mut Reasons, who: &Arc<str>, why: &Arc<str>, count: u64) {
    let key = (who.clone(), why.clone());
    if let Some(known) = total.get_mut(&key) {
        *known += count;
    } else if total.len() < REASONS_MAX {
        total.insert(key, count);
    } else {
        *total.entry((who.clone(), "other".into())).or_default() += count;
    }
}
