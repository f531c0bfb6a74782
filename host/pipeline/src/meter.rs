//! What is measured of a policy with one module: over all of its routes, lanes and generations.
//!
//! Counts are added when a batch settles, as those of routes ([`Tally`](crate::Tally)) are; times and memory as they happen. A module
//! that runs no more keeps its own numbers for a while, then they are added to those of the policy's earlier modules: however
//! often modules change, the sums over them only grow and the number of series stays small.

use std::{
    collections::BTreeMap,
    mem,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use tidegate_engine::Worker;

use crate::{
    Histogram,
    circuit::CIRCUIT_OPEN,
    flow::{Fate, Flow},
    histogram::Durations,
    plan::RoutePlan,
};

/// Stands for the modules of a policy that ran earlier.
pub const EARLIER: &str = "earlier";
/// Modules that run no more and have numbers of their own.
const RETIRED_MAX: usize = 64;
/// Policies that have numbers of earlier modules; those of others are together.
const EARLIER_MAX: usize = 1_024;
/// Stands for policies beyond that.
const OTHERS: &str = "others";

/// Why a policy could not decide an event, or (`reject`) why it was passed by: a closed set, in the words of dead letters.
pub const CAUSES: [&str; 8] =
    ["trap", "timeout", "memory limit", "error", "invalid reply", "too large", CIRCUIT_OPEN, "reject"];

/// Counts by [`CAUSES`].
pub type ByCause = [u64; CAUSES.len()];

/// What became of the events that a policy was asked about. Unit: events, those that a transform made of one counted singly.
/// Each that matched was passed, dropped, rejected, or failed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PolicyCounts {
    /// Its conditions held for them.
    pub matched: u64,
    /// It let them go on.
    pub passed: u64,
    /// It dropped them, as intended.
    pub dropped: u64,
    /// It rejected them; what becomes of those says its failure rule.
    pub rejected: u64,
    /// Events that it gave in the place of others.
    pub transformed: u64,
    /// It could not decide them, by cause; what becomes of those says its failure rule.
    pub failed: ByCause,
    /// Went on past it by a failure rule, by cause.
    pub bypassed: ByCause,
}

impl PolicyCounts {
    /// Adds others to these.
    pub fn merge(&mut self, other: &PolicyCounts) {
        self.matched += other.matched;
        self.passed += other.passed;
        self.dropped += other.dropped;
        self.rejected += other.rejected;
        self.transformed += other.transformed;
        let add = |sums: &mut ByCause, more: ByCause| sums.iter_mut().zip(more).for_each(|(sum, more)| *sum += more);
        add(&mut self.failed, other.failed);
        add(&mut self.bypassed, other.bypassed);
    }

    /// One of those that passed so far did not.
    fn ended(&mut self, fate: &Fate) {
        self.passed = self.passed.saturating_sub(1);
        let Some(cause) = fate.cause() else {
            self.dropped += 1;
            return;
        };
        let Some(at) = CAUSES.iter().position(|known| *known == cause) else { return };
        self.bypassed[at] += u64::from(matches!(fate, Fate::Bypassed { .. }));
        match cause {
            "reject" => self.rejected += 1,
            _ => self.failed[at] += 1,
        }
    }
}

/// One policy with one module.
#[derive(Debug)]
pub struct Meter {
    policy: Arc<str>,
    digest: Arc<str>,
    counts: Mutex<PolicyCounts>,
    calls: Histogram,
    /// Linear memory of all instances, in bytes.
    memory: AtomicU64,
}

impl Meter {
    /// Of a policy (`namespace/name`) and the digest of its module.
    pub fn new(policy: &str, digest: &str) -> Arc<Meter> {
        let (policy, digest) = (policy.into(), digest.into());
        Arc::new(Meter {
            policy,
            digest,
            counts: Mutex::default(),
            calls: Histogram::default(),
            memory: AtomicU64::new(0),
        })
    }

    /// A batch was put to the module, which took so long, looking for guilty events included.
    pub(crate) fn called(&self, took: Duration) {
        self.calls.observe(took);
    }

    fn add(&self, counts: &PolicyCounts) {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner).merge(counts);
    }

    fn read(&self) -> Reading {
        Reading {
            policy: self.policy.clone(),
            digest: self.digest.clone(),
            counts: *self.counts.lock().unwrap_or_else(PoisonError::into_inner),
            calls: self.calls.read(),
            memory: self.memory.load(Relaxed),
        }
    }
}

/// What a [`Meter`] shows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reading {
    /// `namespace/name`.
    pub policy: Arc<str>,
    /// Of the module; [`EARLIER`] for all that ran some time ago.
    pub digest: Arc<str>,
    /// What became of events.
    pub counts: PolicyCounts,
    /// How long batches took.
    pub calls: Durations,
    /// Linear memory of all instances, in bytes.
    pub memory: u64,
}

/// The meters of a host. Outlives every generation.
#[derive(Debug, Default)]
pub struct Meters(Mutex<Book>);

/// Policy and digest.
type Key = (Arc<str>, Arc<str>);

#[derive(Debug, Default)]
struct Book {
    /// With when each was asked for last.
    meters: BTreeMap<Key, (Arc<Meter>, u64)>,
    earlier: BTreeMap<Arc<str>, Reading>,
    asked: u64,
}

impl Meters {
    /// The meter of a policy with this module: the one there is, or a new one.
    pub fn of(&self, policy: &str, digest: &str) -> Arc<Meter> {
        let mut book = self.lock();
        book.asked += 1;
        let asked = book.asked;
        let key = (policy.into(), digest.into());
        let (meter, at) = book.meters.entry(key).or_insert_with(|| (Meter::new(policy, digest), asked));
        *at = asked;
        let meter = meter.clone();
        book.retire();
        meter
    }

    /// All of them, sorted by policy and digest; those of earlier modules last.
    pub fn read(&self) -> Vec<Reading> {
        let book = self.lock();
        book.meters.values().map(|(meter, _)| meter.read()).chain(book.earlier.values().cloned()).collect()
    }

    fn lock(&self) -> MutexGuard<'_, Book> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Book {
    /// Adds meters that nobody else holds to those of earlier modules, the oldest first, once there are too many. No batch
    /// under way can be missing: it holds its plan, and that its meters.
    fn retire(&mut self) {
        let idle = |(_, (meter, _)): &(_, &(Arc<Meter>, u64))| Arc::strong_count(meter) == 1;
        if self.meters.iter().filter(idle).count() <= RETIRED_MAX {
            return;
        }
        let mut idle: Vec<(u64, Key)> =
            self.meters.iter().filter(idle).map(|(key, (_, at))| (*at, key.clone())).collect();
        idle.sort_unstable();
        for (_, key) in idle.iter().take(idle.len() - RETIRED_MAX) {
            let Some((meter, _)) = self.meters.remove(key) else { continue };
            let reading = Reading { memory: 0, ..meter.read() };
            // What was verified and never ran leaves nothing behind.
            if reading.counts != PolicyCounts::default() || reading.calls.count() > 0 {
                self.add(&reading);
            }
        }
    }

    fn add(&mut self, reading: &Reading) {
        let own = self.earlier.contains_key(&reading.policy) || self.earlier.len() < EARLIER_MAX;
        let policy = if own { reading.policy.clone() } else { OTHERS.into() };
        let new = || Reading { policy: policy.clone(), digest: EARLIER.into(), ..Reading::default() };
        let sum = self.earlier.entry(policy.clone()).or_insert_with(new);
        sum.counts.merge(&reading.counts);
        sum.calls.merge(&reading.calls);
    }
}

/// What one batch adds to the meters of the policies of its routes.
#[derive(Debug, Default)]
pub(crate) struct Metered(Vec<(Arc<Meter>, PolicyCounts)>);

impl Metered {
    /// Notes what a route's policies decided, up to the row that is held.
    pub(crate) fn note(&mut self, route: &RoutePlan, flow: &Flow<'_>, limit: u32) {
        let first = self.0.len();
        for (stage, asked) in flow.asked() {
            let matched = asked.iter().filter(|&&origin| origin < limit).count() as u64;
            let counts = PolicyCounts { matched, passed: matched, ..PolicyCounts::default() };
            self.0.push((route.stages[*stage].meter.clone(), counts));
        }
        for (stage, _) in flow.changes.iter().filter(|(_, origin)| *origin < limit) {
            if let Some(counts) = self.of(first, flow, *stage as usize) {
                counts.transformed += 1;
            }
        }
        for (_, fate) in flow.fates.iter().filter(|(origin, _)| *origin < limit) {
            if let Some(counts) = self.of(first, flow, fate.stage()) {
                counts.ended(fate);
            }
        }
    }

    /// The counts of a stage of the flow whose first is at `first`.
    fn of(&mut self, first: usize, flow: &Flow<'_>, stage: usize) -> Option<&mut PolicyCounts> {
        let at = flow.asked().iter().position(|(asked, _)| *asked == stage)?;
        self.0.get_mut(first + at).map(|(_, counts)| counts)
    }

    /// Nothing of the batch is settled as it was noted.
    pub(crate) fn clear(&mut self) {
        self.0.clear();
    }

    /// The batch is settled.
    pub(crate) fn add(&self) {
        for (meter, counts) in &self.0 {
            meter.add(counts);
        }
    }
}

/// A lane's instance of a module, and what it has added to the memory of all.
#[derive(Debug)]
pub(crate) struct Weighed {
    pub(crate) worker: Worker,
    /// The meter that it is part of, and with how many bytes.
    part: Option<(Arc<Meter>, u64)>,
}

impl Weighed {
    pub(crate) fn new(worker: Worker) -> Weighed {
        Weighed { worker, part: None }
    }

    /// To be called when its memory may have changed. `meter`: that of the policy, from the first call on.
    pub(crate) fn weigh(&mut self, meter: Option<&Arc<Meter>>) {
        let now = self.worker.memory().unwrap_or(0) as u64;
        let (meter, before) = match (&mut self.part, meter) {
            (Some((known, before)), Some(meter)) if !Arc::ptr_eq(known, meter) => {
                known.memory.fetch_sub(mem::take(before), Relaxed);
                *known = meter.clone();
                (known, before)
            }
            (Some((known, before)), _) => (known, before),
            (none, Some(meter)) => {
                let (meter, before) = none.insert((meter.clone(), 0));
                (meter, before)
            }
            (None, None) => return,
        };
        if now != *before {
            meter.memory.fetch_add(now.wrapping_sub(*before), Relaxed);
            *before = now;
        }
    }
}

impl Drop for Weighed {
    fn drop(&mut self) {
        if let Some((meter, bytes)) = &self.part {
            meter.memory.fetch_sub(*bytes, Relaxed);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dropped(meter: &Meter, dropped: u64) {
        meter.add(&PolicyCounts { matched: dropped, dropped, ..PolicyCounts::default() });
    }

    fn sum(meters: &Meters, policy: &str) -> u64 {
        meters.read().iter().filter(|reading| *reading.policy == *policy).map(|reading| reading.counts.dropped).sum()
    }

    #[test]
    fn sums_over_modules_only_grow_and_their_number_stays_small() {
        let meters = Meters::default();
        let live = meters.of("a/live", "sha256:live");
        dropped(&live, 7);
        for number in 0..1_000 {
            dropped(&meters.of("a/often", &format!("sha256:{number}")), 1);
            assert_eq!(sum(&meters, "a/often"), number + 1);
        }
        let all = meters.read();
        assert!(all.len() <= RETIRED_MAX + 3, "{}", all.len());
        assert_eq!(all.last().map(|last| &*last.digest), Some(EARLIER));
        // In use all the while, it has numbers of its own.
        let own = all.iter().find(|reading| *reading.digest == *"sha256:live");
        assert_eq!(own.map(|own| own.counts.dropped), Some(7));
    }

    #[test]
    fn a_batch_under_way_is_never_missing() {
        let meters = Meters::default();
        let under_way = meters.of("a/p", "sha256:old");
        for number in 0..200 {
            dropped(&meters.of("a/p", &format!("sha256:{number}")), 1);
        }
        dropped(&under_way, 5);
        assert_eq!(sum(&meters, "a/p"), 205);
    }

    #[test]
    fn policies_come_and_go_without_an_end() {
        let meters = Meters::default();
        for number in 0..(EARLIER_MAX as u64 + 500) {
            dropped(&meters.of(&format!("a/{number}"), "sha256:x"), 1);
        }
        let all = meters.read();
        assert!(all.len() <= EARLIER_MAX + RETIRED_MAX + 2, "{}", all.len());
        let total: u64 = all.iter().map(|reading| reading.counts.dropped).sum();
        assert_eq!(total, EARLIER_MAX as u64 + 500);
    }

    #[test]
    fn what_never_ran_leaves_nothing_behind() {
        let meters = Meters::default();
        for number in 0..500 {
            meters.of(&format!("a/{number}"), "sha256:refused");
        }
        assert!(meters.read().len() <= RETIRED_MAX + 1);
    }
}
