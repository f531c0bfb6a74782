//! Policies in shadow: what they would decide, beside what is enforced.
//!
//! A lane hands what the chain has at the policy's place to the policy's queue: copies that share their bytes, once the batch is settled, and
//! only where the queue has room; else they are counted as skipped. Whoever has time to spare runs [`Task`]: the policy decides on instances of
//! its own, with a state of its own that begins empty, and what it decides is compared with what is without it, or with what another
//! version of it decides. Nothing of it comes back to the lane.

mod compare;

use std::{
    collections::{BTreeMap, VecDeque},
    ops::RangeInclusive,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
};

use tidegate_event::Event;
use tidegate_matching::{Matcher, Names};
use tokio::{sync::mpsc, time::Instant};

use super::{Flow, Sender, Workbench};
use crate::plan::{MalformedRule, RoutePlan, SourcePlan, Stage, Unmatched};

/// Batches that wait for a shadow, or are with it: the next is skipped. Two, so that it need not wait for the lane.
const LOTS_MAX: usize = 2;
/// Differences that are shown of each outcome, the newest.
const EXAMPLES_MAX: usize = 10;
/// Characters of a reason.
const REASON_CHARS_MAX: usize = 200;

/// A policy in shadow: its queue, and what came of it. One a policy, whatever the number of its routes.
#[derive(Debug)]
pub struct Shadow {
    /// `namespace/name`.
    pub policy: Arc<str>,
    lots: mpsc::Sender<Lot>,
    counts: [AtomicU64; Outcome::ALL.len()],
    skipped: AtomicU64,
    examples: Mutex<BTreeMap<Outcome, VecDeque<Example>>>,
}

/// What a policy in shadow would have made of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Outcome {
    /// What is made of it without the policy.
    Same,
    /// Dropped by it.
    Drop,
    /// Rejected by it.
    Reject,
    /// Held by it: to be tried again.
    Hold,
    /// Kept by it, where the other version does not.
    Keep,
    /// Sent to other sinks.
    Reroute,
    /// Sent on with other content.
    Change,
    /// It could not decide.
    Fail,
}

impl Outcome {
    /// All of them.
    pub const ALL: [Outcome; 8] = [
        Outcome::Same,
        Outcome::Drop,
        Outcome::Reject,
        Outcome::Hold,
        Outcome::Keep,
        Outcome::Reroute,
        Outcome::Change,
        Outcome::Fail,
    ];

    /// In metrics and tables: `same`, `drop`, …
    pub fn word(self) -> &'static str {
        match self {
            Outcome::Same => "same",
            Outcome::Drop => "drop",
            Outcome::Reject => "reject",
            Outcome::Hold => "hold",
            Outcome::Keep => "keep",
            Outcome::Reroute => "reroute",
            Outcome::Change => "change",
            Outcome::Fail => "fail",
        }
    }
}

/// An event that would have fared differently.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Example {
    /// How.
    pub outcome: Outcome,
    /// Of the event.
    pub id: String,
    /// Of the event.
    pub source: String,
    /// On which route (`namespace/name`).
    pub route: Arc<str>,
    /// When it was decided, in milliseconds since 1970.
    pub at_ms: u64,
    /// The policy's own words, what failed, or what would be different.
    pub reason: Option<String>,
}

/// What came of a shadow so far.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// Events by outcome, in the order of [`Outcome::ALL`]; those that the policy does not match are not among them.
    pub outcomes: Vec<(Outcome, u64)>,
    /// Events that it was not asked about: it had no time.
    pub skipped: u64,
    /// The newest differences, by outcome.
    pub examples: Vec<Example>,
}

/// A policy in shadow on one route.
#[derive(Debug)]
pub struct ShadowPlan {
    /// Whose queue it is.
    pub shadow: Arc<Shadow>,
    /// Of the route (`namespace/name`).
    pub route: Arc<str>,
    /// Stages of the route that run before it.
    pub at: usize,
    /// What would run.
    pub candidate: ShadowStages,
    /// What it is compared with; without stages: events as they are.
    pub against: ShadowStages,
    /// Which sinks want what.
    pub targets: Vec<ShadowTarget>,
}

/// Stages that run for nobody, with their conditions.
#[derive(Debug)]
pub struct ShadowStages(SourcePlan);

impl ShadowStages {
    /// In the order they run.
    pub fn new(route: Arc<str>, stages: Vec<Stage>) -> ShadowStages {
        let (targets, unmatched) = (Vec::new(), Unmatched::Drop);
        let route =
            RoutePlan { id: route, stages, shadows: Vec::new(), targets, unmatched, dead_letter: None, stamp: false };
        ShadowStages(SourcePlan::new(MalformedRule::Skip, None, vec![Arc::new(route)]))
    }
}

/// A target of the route, without its sink.
#[derive(Debug)]
pub struct ShadowTarget {
    /// `namespace/name` of the sink.
    pub id: Arc<str>,
    /// Condition on the event.
    pub when: Matcher,
    /// Patterns over what matchers named; `None`: whatever the names.
    pub names: Option<Names>,
}

/// What a shadow is asked about at once.
#[derive(Debug)]
struct Lot {
    plan: Arc<ShadowPlan>,
    events: Vec<Event>,
    /// By event; empty where there are none.
    names: Vec<Vec<Arc<str>>>,
    now_ms: u64,
}

/// A lot whose place in the queue is taken; it goes there when its batch is settled.
#[derive(Debug)]
pub(crate) struct Reserved {
    place: mpsc::OwnedPermit<Lot>,
    lot: Lot,
    /// Original rows of its events, ascending.
    origins: Vec<u32>,
}

/// Asks a shadow, as long as its plans live. To be run on time to spare.
#[derive(Debug)]
pub struct Task(mpsc::Receiver<Lot>);

impl Shadow {
    /// Nothing was asked yet.
    pub fn new(policy: Arc<str>) -> (Arc<Shadow>, Task) {
        let (lots, waiting) = mpsc::channel(LOTS_MAX);
        let (counts, skipped) = (Default::default(), AtomicU64::new(0));
        (Arc::new(Shadow { policy, lots, counts, skipped, examples: Mutex::default() }), Task(waiting))
    }

    /// What came of it so far.
    pub fn report(&self) -> Report {
        let counts = Outcome::ALL.iter().zip(&self.counts);
        let examples = self.examples.lock().unwrap_or_else(PoisonError::into_inner);
        Report {
            outcomes: counts.map(|(outcome, count)| (*outcome, count.load(Relaxed))).collect(),
            skipped: self.skipped.load(Relaxed),
            examples: examples.values().flatten().cloned().collect(),
        }
    }

    fn note(&self, found: Vec<(Outcome, Option<Example>)>) {
        for (outcome, _) in &found {
            self.counts[*outcome as usize].fetch_add(1, Relaxed);
        }
        let mut examples = self.examples.lock().unwrap_or_else(PoisonError::into_inner);
        for example in found.into_iter().filter_map(|(_, example)| example) {
            let of_outcome = examples.entry(example.outcome).or_default();
            if of_outcome.len() == EXAMPLES_MAX {
                of_outcome.pop_front();
            }
            of_outcome.push_back(example);
        }
    }
}

impl Flow<'_> {
    /// Copies what is live for the shadows that look on here, where they have time.
    pub(super) fn shadow(&mut self, route: &RoutePlan, at: RangeInclusive<usize>) {
        if self.live.is_empty() {
            return;
        }
        for plan in route.shadows.iter().filter(|plan| at.contains(&plan.at)) {
            let Ok(place) = plan.shadow.lots.clone().try_reserve_owned() else {
                plan.shadow.skipped.fetch_add(self.live.len() as u64, Relaxed);
                continue;
            };
            let events = self.live.iter().map(|&row| self.events()[row as usize].clone()).collect();
            let name = |row: &u32| self.names.get(*row as usize).cloned().unwrap_or_default();
            let names = if self.names.is_empty() { Vec::new() } else { self.live.iter().map(name).collect() };
            let lot = Lot { plan: plan.clone(), events, names, now_ms: self.now_ms };
            let origins = self.origins(&self.live);
            self.shadowed.push(Reserved { place, lot, origins });
        }
    }
}

impl Reserved {
    /// Its batch is settled up to this row; the rest comes again, and will be looked at then.
    pub(crate) fn send(self, limit: usize) {
        let Reserved { place, mut lot, origins } = self;
        let settled = origins.partition_point(|origin| (*origin as usize) < limit);
        lot.events.truncate(settled);
        lot.names.truncate(settled);
        if settled > 0 {
            place.send(lot);
        }
    }
}

impl Task {
    /// Ends when no plan names the shadow any more. Works at most half of the time: a shadow that is slow is skipped more often.
    pub async fn run(mut self) {
        let mut bench = Workbench { dry: true, ..Workbench::default() };
        while let Some(lot) = self.0.recv().await {
            let begin = Instant::now();
            let found = lot.compared(&mut bench).await;
            lot.plan.shadow.note(found);
            drop(lot);
            tokio::time::sleep(begin.elapsed()).await;
        }
    }
}

impl Lot {
    async fn compared(&self, bench: &mut Workbench) -> Vec<(Outcome, Option<Example>)> {
        let candidate = self.decided(&self.plan.candidate, bench).await;
        let against = self.decided(&self.plan.against, bench).await;
        compare::compare(self, &candidate, &against)
    }

    async fn decided<'l>(&'l self, ShadowStages(plan): &ShadowStages, bench: &mut Workbench) -> Flow<'l> {
        bench.begin(&plan.rules().index, &self.events);
        let mut flow = Flow::new(&self.events, self.now_ms, Sender::Answered, bench);
        flow.names.clone_from(&self.names);
        for route in plan.ruled() {
            flow.start(route, bench);
            for position in 0..route.route.stages.len() {
                if !flow.live.is_empty() {
                    flow.stage(route, position, bench).await;
                }
            }
        }
        flow
    }
}
