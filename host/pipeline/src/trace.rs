//! Who traces batches: told of each when it is decided, and again when it is settled. Nothing here knows a collector or a format.
//!
//! Where nobody traces, a batch costs one look at an empty place, and nothing is kept for it. A [`Tracer`] is called by the lane
//! itself: it must be quick and never wait. It sees a batch as far as it goes on: rows from a held one on come again, and are traced then.

use std::{fmt, sync::Arc, time::SystemTime};

use tidegate_connector::{Settled, TRACEPARENT, TRACESTATE};
use tidegate_event::Event;

use crate::{
    Plan, RouteTally,
    dispatch::{Destination, Parcel},
    flow::{Fate, Flow, Hold},
    lane::Context,
    plan::RoutePlan,
    tap::{self, Became},
};

/// Whoever traces. One a host.
pub trait Tracer: Send + Sync + fmt::Debug {
    /// A batch is decided, and about to be sent.
    fn decided(&self, batch: &Decided<'_>) -> Box<dyn Traced>;
}

/// A batch that is traced, between decision and settlement. Dropped, the batch is let go unsettled, and comes again.
pub trait Traced: Send {
    /// Events that have a trace of their own, ascending: what comes of them carries it.
    fn carried(&self) -> &[Carried];

    /// The batch has ended.
    fn settled(self: Box<Self>, end: &End<'_>);
}

/// A trace that goes on with what comes of an event (W3C Trace Context).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Carried {
    /// Of the event in its batch.
    pub row: u32,
    /// Version, trace, span, and flags.
    pub parent: String,
    /// What vendors know of the trace; empty: nothing.
    pub state: String,
}

/// A batch that is decided.
#[derive(Debug)]
pub struct Decided<'a> {
    pub(crate) context: &'a Context,
    pub(crate) plan: &'a Plan,
    pub(crate) flows: &'a [(&'a Arc<RoutePlan>, Flow<'a>)],
    pub(crate) parcels: &'a [Parcel],
    pub(crate) hold: Option<&'a Hold>,
    /// When the lane took it.
    pub began: SystemTime,
    /// As they came in, all of them.
    pub events: &'a [Event],
    /// So many of them are done with when it is settled; the others come again.
    pub rows: u32,
}

/// A policy, asked about a batch.
#[derive(Clone, Debug)]
pub struct Asked<'a> {
    /// `namespace/name`.
    pub route: &'a str,
    /// `namespace/name`.
    pub policy: &'a str,
    /// Of what decided.
    pub digest: &'a str,
    /// What it was asked as.
    pub kind: &'static str,
    /// When.
    pub began: SystemTime,
    /// When it had answered.
    pub ended: SystemTime,
    /// So many it was asked about.
    pub events: usize,
    /// Of them dropped on purpose, or rejected.
    pub refused: usize,
    /// Of them not decided.
    pub failed: usize,
    /// What the first of those failed with.
    pub cause: Option<&'static str>,
}

/// What became of an event on one route, when its batch was decided.
#[derive(Clone, Debug)]
pub struct Outcome<'a> {
    /// `namespace/name`.
    pub route: &'a str,
    /// `sent`, `dropped`, `lost`, `dead_lettered`, `rejected`.
    pub fate: &'static str,
    /// The policy that ended it.
    pub by: Option<&'a str>,
    /// What the policy failed with, or `reject`.
    pub cause: Option<&'static str>,
    /// Why.
    pub reason: Option<&'a str>,
}

/// How a batch has ended.
#[derive(Debug)]
pub struct End<'a> {
    /// What was counted of it, by route.
    pub routes: &'a [(Arc<str>, RouteTally)],
    /// How far it is settled.
    pub outcome: Settled,
    /// What is in the way of the rest: who, and why.
    pub trouble: Option<(&'a str, &'a str)>,
}

/// A stage that ran, for whoever traces: position, and when.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Call {
    pub(crate) stage: usize,
    pub(crate) began: SystemTime,
    pub(crate) ended: SystemTime,
}

impl<'a> Decided<'a> {
    /// `namespace/name` of the source.
    pub fn source(&self) -> &'a str {
        &self.context.source
    }

    /// As the connector calls it.
    pub fn lane(&self) -> &'a str {
        &self.context.name
    }

    /// The word of the source's connector.
    pub fn connector(&self) -> Option<&'a str> {
        let source = self.plan.sources.get(&self.context.source)?;
        source.connector.as_deref()
    }

    /// Which generation decided.
    pub fn generation(&self) -> &'a str {
        &self.plan.generation
    }

    /// Routes that it went through.
    pub fn routes(&self) -> impl Iterator<Item = &'a Arc<str>> {
        self.flows.iter().map(|(route, _)| &route.id)
    }

    /// Who holds the rest, and why.
    pub fn hold(&self) -> Option<(&'a str, &'a str)> {
        self.hold.map(|hold| (&*hold.by, &*hold.reason))
    }

    /// Policies that were asked, in order.
    pub fn asked(&self) -> impl Iterator<Item = Asked<'a>> {
        self.flows.iter().flat_map(|(route, flow)| flow.calls.iter().map(move |call| asked(route, flow, call)))
    }

    /// What became of an event, on each route.
    pub fn outcomes(&self, row: u32) -> impl Iterator<Item = Outcome<'a>> {
        self.flows.iter().map(move |(route, flow)| {
            let ended = |(of, fate): &&(u32, Fate)| *of == row && !matches!(fate, Fate::Bypassed { .. });
            let fate = flow.fates.iter().find(ended).map(|(_, fate)| fate);
            let sent = self.parcels.iter().filter(|parcel| {
                Arc::ptr_eq(&parcel.lot.route, route) && parcel.lot.origins.binary_search(&row).is_ok()
            });
            let sinks = sent.map(|parcel| parcel.lot.destination()).collect();
            outcome(route, fate, sinks)
        })
    }
}

fn asked<'a>(route: &'a RoutePlan, flow: &'a Flow<'_>, call: &Call) -> Asked<'a> {
    let stage = &route.stages[call.stage];
    let asked = flow.asked().iter().find(|(position, _)| *position == call.stage);
    let fates = || flow.fates.iter().map(|(_, fate)| fate).filter(|fate| fate.stage() == call.stage);
    let causes = || fates().filter_map(Fate::cause).filter(|cause| *cause != "reject");
    let failed = causes().count();
    Asked {
        route: &route.id,
        policy: &stage.policy,
        digest: stage.digest(),
        kind: stage.kind(),
        began: call.began,
        ended: call.ended,
        events: asked.map_or(0, |(_, rows)| rows.len()),
        refused: fates().count() - failed,
        failed,
        cause: causes().next(),
    }
}

fn outcome<'a>(route: &'a RoutePlan, fate: Option<&'a Fate>, sinks: Vec<Arc<str>>) -> Outcome<'a> {
    let cause = fate.and_then(Fate::cause);
    let (word, by, reason) = match tap::ended(route, fate, sinks) {
        Became::Ended { fate, by, reason, .. } => (fate, by, reason),
        Became::Decided { verdict, reason, .. } => (verdict, None, reason),
        Became::Sent { .. } => ("sent", None, None),
    };
    Outcome { route: &route.id, fate: word, by, cause, reason }
}

/// Gives what goes to targets the traces of the events that it stems from.
pub(crate) fn carry(parcels: &mut [Parcel], carried: &[Carried]) {
    if carried.is_empty() {
        return;
    }
    for parcel in parcels.iter_mut().filter(|parcel| matches!(parcel.lot.to, Destination::Target(_))) {
        for (event, origin) in parcel.events.iter_mut().zip(&parcel.lot.origins) {
            let Ok(at) = carried.binary_search_by_key(origin, |carried| carried.row) else { continue };
            let Carried { parent, state, .. } = &carried[at];
            let state = (!state.is_empty()).then_some((TRACESTATE, state.as_str()));
            let entries: Vec<(&str, &str)> = [(TRACEPARENT, parent.as_str())].into_iter().chain(state).collect();
            *event = event.clone().with_context(&entries);
        }
    }
}
