//! What a generation has settled: counted when a batch settles, so that the columns add up.
//!
//! Deliberate drops, losses by rule and dead letters are separate counts and never one number.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tidegate_matching::Matcher;

use crate::plan::RoutePlan;

/// Distinct reasons kept per route; the rest is counted under `other`.
const REASONS_MAX: usize = 256;

/// Counts of one generation.
#[derive(Debug, Default)]
pub struct Tally {
    settled: Mutex<BTreeMap<Arc<str>, RouteTally>>,
    conditions: Vec<Watched>,
}

/// A condition that counts its errors itself.
#[derive(Debug)]
struct Watched {
    route: Arc<str>,
    /// The policy, or the sink.
    by: Arc<str>,
    matcher: Matcher,
}

/// Counts of one route within one generation. Unit: events.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RouteTally {
    /// Settled events that came in.
    pub received: u64,
    /// Events that were given back, to come again: held by a policy, or not taken by a sink.
    pub retried: u64,
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
    /// How often an expression of a condition came to an error, which is as if it did not hold; by policy or sink. Counted as it
    /// happens: an event that comes again is counted again.
    pub condition_errors: BTreeMap<Arc<str>, u64>,
}

impl Tally {
    /// Nothing is settled yet. Errors of conditions are taken from the policies and targets of these routes.
    pub fn of<'r>(routes: impl IntoIterator<Item = &'r RoutePlan>) -> Tally {
        let mut conditions = Vec::new();
        for route in routes {
            let stages = route.stages.iter().map(|stage| (&stage.policy, &stage.matcher));
            let targets = route.targets.iter().map(|target| (&target.id, &target.when));
            conditions.extend(
                stages.chain(targets).filter(|(_, matcher)| !matcher.is_all()).map(|(by, matcher)| Watched {
                    route: route.id.clone(),
                    by: by.clone(),
                    matcher: matcher.clone(),
                }),
            );
        }
        Tally { conditions, ..Tally::default() }
    }

    /// The counts so far, by route.
    pub fn snapshot(&self) -> BTreeMap<Arc<str>, RouteTally> {
        let mut routes = self.lock().clone();
        for Watched { route, by, matcher } in &self.conditions {
            match matcher.errors() {
                0 => {}
                errors => {
                    let errors_by = &mut routes.entry(route.clone()).or_default().condition_errors;
                    *errors_by.entry(by.clone()).or_default() += errors;
                }
            }
        }
        routes
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
        self.settled.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl RouteTally {
    /// Adds another count to this one.
    pub fn merge(&mut self, other: &RouteTally) {
        self.received += other.received;
        self.retried += other.retried;
        self.malformed += other.malformed;
        self.transformed += other.transformed;
        self.unmatched += other.unmatched;
        merge(&mut self.dropped, &other.dropped);
        merge(&mut self.dropped_by_failure, &other.dropped_by_failure);
        merge(&mut self.bypassed, &other.bypassed);
        merge(&mut self.rejected, &other.rejected);
        merge(&mut self.dead_lettered, &other.dead_lettered);
        for (total, delta) in
            [(&mut self.delivered, &other.delivered), (&mut self.condition_errors, &other.condition_errors)]
        {
            for (who, count) in delta {
                *total.entry(who.clone()).or_default() += count;
            }
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
