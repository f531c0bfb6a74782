//! One event on every route, without sending anything: what each policy said, and where the event would go.
//!
//! The code is that of the data path, one stage after the other with a look in between. Policies are really asked, on instances of
//! their own.

use std::{
    collections::BTreeMap,
    sync::Arc,
    time::{Duration, Instant},
};

use tidegate_connector::Fate as Told;
use tidegate_event::Event;

use super::{Flow, HoldWhy, Sender, Workbench, in_words};
use crate::{
    Plan,
    answers::Answers,
    dispatch::{self, Destination},
    plan::{RoutePlan, SourcePlan},
    rules::Ruled,
};

/// What became of one event on one route.
#[derive(Clone, Debug, PartialEq)]
pub struct Trace {
    /// `namespace/name`.
    pub route: Arc<str>,
    /// Policies in the order they run, up to the one that ended it.
    pub steps: Vec<Step>,
    /// How it ended.
    pub end: End,
    /// Events that would be sent on, changed as they would be.
    pub outputs: Vec<Event>,
}

/// What one policy made of an event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// `namespace/name`.
    pub policy: Arc<str>,
    /// Digest of what decides.
    pub digest: String,
    /// What a module was asked as, or the kind of condition: `filter`, `transform`, `matcher`, `cesql`, `pattern`.
    pub kind: &'static str,
    /// `keep`, `drop`, `reject`, `retry`, `fail`; `None`: its conditions do not hold for the event, and it was not asked.
    pub decision: Option<&'static str>,
    /// Its own words, or what it failed with and what its failure rule did.
    pub reason: Option<String>,
    /// Events it left, and whether it changed any.
    pub left: usize,
    /// It gave other events than it took.
    pub changed: bool,
    /// Names it gave.
    pub names: Vec<Arc<str>>,
}

/// How an event ended on a route.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct End {
    /// `delivered`, `dropped`, `dead_lettered`, `rejected`, `held`.
    pub word: &'static str,
    /// Policy, route or sink to blame.
    pub by: Option<Arc<str>>,
    /// Why.
    pub reason: Option<String>,
    /// Sinks it goes to, `namespace/name`; a dead-letter sink as well.
    pub sinks: Vec<Arc<str>>,
}

/// Each event on each route of the plan, by event. Stops early once `budget` is used up: the list is shorter then.
pub async fn traces(plan: &Plan, events: &[Event], budget: Duration) -> Vec<Vec<Trace>> {
    let mut bench = Workbench { dry: true, ..Workbench::default() };
    let routes: BTreeMap<&str, Ruled<'_>> =
        plan.sources.values().flat_map(SourcePlan::ruled).map(|route| (&*route.route.id, route)).collect();
    let (begin, now_ms) = (Instant::now(), crate::batch::now_ms());
    let mut all = Vec::with_capacity(events.len());
    for event in events {
        if begin.elapsed() > budget {
            break;
        }
        let mut traces = Vec::with_capacity(routes.len());
        for route in routes.values() {
            traces.push(trace(plan, *route, std::slice::from_ref(event), now_ms, &mut bench).await);
        }
        all.push(traces);
    }
    all
}

async fn trace(plan: &Plan, route: Ruled<'_>, event: &[Event], now_ms: u64, bench: &mut Workbench) -> Trace {
    bench.begin(route.index, event);
    let mut flow = Flow::new(event, now_ms, Sender::Answered, bench);
    flow.start(route, bench);
    let mut steps = Vec::new();
    for (position, stage) in route.route.stages.iter().enumerate() {
        if flow.live.is_empty() {
            break;
        }
        let (fates, version, held) = (flow.fates.len(), flow.version, flow.hold.is_some());
        flow.stage(route, position, bench).await;
        let asked = flow.asked.last().is_some_and(|(last, _)| *last == position);
        let said = flow
            .fates
            .get(fates)
            .map(|(_, fate)| (fate.verdict(), fate.why().map(|why| in_words(fate.verdict(), &why, fate.word()))));
        let held = flow.hold.as_ref().filter(|_| !held).map(|hold| ("retry", Some(hold.reason.to_string())));
        let (decision, reason) = said.or(held).unwrap_or(("keep", None));
        steps.push(Step {
            policy: stage.policy.clone(),
            digest: stage.digest().to_owned(),
            kind: stage.kind(),
            decision: asked.then_some(decision),
            reason: reason.filter(|reason| !reason.is_empty()),
            left: flow.live.len(),
            changed: flow.version != version,
            names: flow.outgoing().flat_map(|outgoing| outgoing.names.to_vec()).collect(),
        });
    }
    flow.ask_targets(route, bench);
    let outputs = flow.outgoing().map(|outgoing| outgoing.event.clone()).collect();
    Trace { route: route.route.id.clone(), steps, end: end(plan, route.route, &flow, event), outputs }
}

fn end(plan: &Plan, route: &Arc<RoutePlan>, flow: &Flow<'_>, event: &[Event]) -> End {
    if let Some(hold) = &flow.hold {
        let word = match hold.why {
            HoldWhy::Retry | HoldWhy::Pause => "held",
        };
        return End { word, by: Some(hold.by.clone()), reason: Some(hold.reason.to_string()), sinks: Vec::new() };
    }
    let mut answers = Answers::new(true);
    let (parcels, _) = dispatch::route(plan, route, flow, event, 1, &|_| None, &mut answers);
    let mut sinks: Vec<Arc<str>> = parcels.iter().map(|parcel| parcel.lot.destination()).collect();
    sinks.sort();
    sinks.dedup();
    let delivered = parcels.iter().any(|parcel| matches!(parcel.lot.to, Destination::Target(_)));
    let (word, by, reason) = match answers.into_fates().into_iter().next() {
        None => ("delivered", None, None),
        // Some of it goes on: that is what whoever asks wants to know first.
        Some((_, Told::Dropped { .. })) if delivered => ("delivered", None, None),
        Some((_, told)) => worst(told),
    };
    End { word, by, reason, sinks }
}

fn worst(told: Told) -> (&'static str, Option<Arc<str>>, Option<String>) {
    match told {
        Told::Dropped { by, reason } => ("dropped", Some(by), reason.map(|reason| reason.to_string())),
        Told::DeadLettered { by, reason } => ("dead_lettered", Some(by), Some(reason.to_string())),
        Told::Rejected { by, reason } => ("rejected", Some(by), Some(reason.to_string())),
        Told::Held { by, reason } => ("held", Some(by), Some(reason.to_string())),
    }
}
