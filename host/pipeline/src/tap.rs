//! Live events for whoever looks: as they came in, as a policy met them, or as they are sent. Looking changes nothing.
//!
//! Where nobody looks it costs one load a batch. A tap is called by the lane itself, so it must be quick and never wait: what it
//! does with an event is bounded by whoever opens it. Events are shown when they are decided: one that is held comes again, and is
//! shown again.

use std::{
    collections::HashMap,
    fmt,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
};

use tidegate_event::Event;
use tidegate_matching::Matcher;

use crate::{
    Plan,
    dispatch::Parcel,
    flow::{Fate, Flow, Workbench},
    plan::{RoutePlan, Stage},
    rules::Ruled,
};

/// Taps of a host at once: each is somebody who looks.
pub const TAPS_MAX: usize = 16;

/// What is looked at.
pub struct Tap {
    /// `namespace/name`; `None`: every route.
    pub route: Option<Arc<str>>,
    /// Where on the way.
    pub at: At,
    /// Which events, as they are there.
    pub matcher: Matcher,
    /// Called for each.
    pub look: Look,
}

/// Takes what it wants of an event, at once.
pub type Look = Box<dyn Fn(&Tapped<'_>) + Send + Sync>;

/// Where on its way an event is looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum At {
    /// As it came in, with what became of it.
    Received,
    /// As a policy (`namespace/name`) met it, with what that decided.
    Policy(Arc<str>),
    /// As it goes to a sink, a dead-letter sink among them.
    Sent,
}

/// One event that is looked at.
#[derive(Clone, Debug)]
pub struct Tapped<'a> {
    /// `namespace/name`.
    pub route: &'a str,
    /// Which generation decided.
    pub generation: &'a str,
    /// As it was there.
    pub event: &'a Event,
    /// What became of it.
    pub became: Became<'a>,
}

/// What became of an event, as far as it was looked at.
#[derive(Clone, Debug)]
pub enum Became<'a> {
    /// On the route.
    Ended {
        /// `sent`, `dropped`, `lost`, `dead_lettered`, `rejected`.
        fate: &'static str,
        /// The policy that ended it.
        by: Option<&'a str>,
        /// Digest of that policy's module.
        digest: Option<&'a str>,
        /// Why.
        reason: Option<&'a str>,
        /// Sinks that it, or what was made of it, goes to; a dead-letter sink among them.
        sinks: Vec<Arc<str>>,
    },
    /// By one policy.
    Decided {
        /// `namespace/name`.
        policy: &'a str,
        /// Digest of its module.
        digest: &'a str,
        /// What it was asked as.
        kind: &'static str,
        /// `keep`, `drop`, `reject`, `retry`, `fail`; `not asked` where its circuit was open.
        verdict: &'static str,
        /// Its own words, or what it failed with.
        reason: Option<&'a str>,
        /// What goes on in its place.
        out: Vec<&'a Event>,
        /// What it was named.
        names: &'a [Arc<str>],
    },
    /// It goes to this sink.
    Sent {
        /// `namespace/name`.
        sink: Arc<str>,
    },
}

impl fmt::Debug for Tap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tap").field("route", &self.route).field("at", &self.at).finish_non_exhaustive()
    }
}

impl Tap {
    fn is_on(&self, route: &RoutePlan) -> bool {
        self.route.as_ref().is_none_or(|wanted| *wanted == route.id)
    }
}

/// The taps of a host.
#[derive(Debug, Default)]
pub struct Taps {
    open: AtomicUsize,
    all: Mutex<Vec<Arc<Tap>>>,
}

/// A tap that is open. Dropped, it is closed.
#[derive(Debug)]
pub struct OpenTap {
    taps: Arc<Taps>,
    tap: Arc<Tap>,
}

impl Taps {
    /// Begins to look; `None` where [`TAPS_MAX`] do already.
    pub fn open(self: &Arc<Self>, tap: Tap) -> Option<OpenTap> {
        let mut all = self.lock();
        if all.len() >= TAPS_MAX {
            return None;
        }
        let tap = Arc::new(tap);
        all.push(tap.clone());
        self.open.store(all.len(), Relaxed);
        Some(OpenTap { taps: self.clone(), tap })
    }

    /// Whoever looks at batches of this plan; `None`: nobody.
    #[inline]
    pub(crate) fn tapping(&self, plan: &Plan) -> Option<Tapping> {
        if self.open.load(Relaxed) == 0 {
            return None;
        }
        Some(Tapping { taps: self.lock().clone(), generation: plan.generation.clone() })
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Arc<Tap>>> {
        self.all.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for OpenTap {
    fn drop(&mut self) {
        let mut all = self.taps.lock();
        all.retain(|tap| !Arc::ptr_eq(tap, &self.tap));
        self.taps.open.store(all.len(), Relaxed);
    }
}

/// Whoever looks at one batch.
#[derive(Clone, Debug)]
pub(crate) struct Tapping {
    taps: Vec<Arc<Tap>>,
    generation: Arc<str>,
}

impl Tapping {
    fn at(&self, route: &RoutePlan, at: impl Fn(&At) -> bool) -> Vec<&Tap> {
        self.taps.iter().filter(|tap| at(&tap.at) && tap.is_on(route)).map(|tap| &**tap).collect()
    }

    /// A batch is decided on one route: shows what came in, up to the row that is held, and what is sent.
    pub(crate) fn decided(&self, route: &RoutePlan, flow: &Flow<'_>, original: &[Event], limit: u32, sent: &[Parcel]) {
        let senders = self.at(route, |at| *at == At::Sent);
        if !senders.is_empty() {
            for parcel in sent {
                let sink = parcel.lot.destination();
                for event in &parcel.events {
                    self.show(route, &senders, event, || Became::Sent { sink: sink.clone() });
                }
            }
        }
        let receivers = self.at(route, |at| *at == At::Received);
        if receivers.is_empty() {
            return;
        }
        let ends = flow.fates.iter().filter(|(_, fate)| !matches!(fate, Fate::Bypassed { .. }));
        let fates: HashMap<u32, &Fate> = ends.map(|(row, fate)| (*row, fate)).collect();
        for (row, event) in (0..limit).zip(original) {
            self.show(route, &receivers, event, || {
                let to = sent.iter().filter(|parcel| parcel.lot.origins.binary_search(&row).is_ok());
                let sinks: Vec<Arc<str>> = to.map(|parcel| parcel.lot.destination()).collect();
                ended(route, fates.get(&row).copied(), sinks)
            });
        }
    }

    fn show<'e>(&'e self, route: &'e RoutePlan, taps: &[&Tap], event: &'e Event, became: impl Fn() -> Became<'e>) {
        for tap in taps.iter().filter(|tap| tap.matcher.holds(event)) {
            (tap.look)(&Tapped { route: &route.id, generation: &self.generation, event, became: became() });
        }
    }
}

pub(crate) fn ended<'a>(route: &'a RoutePlan, fate: Option<&'a Fate>, sinks: Vec<Arc<str>>) -> Became<'a> {
    let stage = fate.map(|fate| &route.stages[fate.stage()]);
    let (by, digest) = (stage.map(|stage| &*stage.policy), stage.map(Stage::digest));
    let (fate, reason) = match fate {
        Some(fate @ Fate::Dropped { reason, .. }) => (fate.word(), reason.as_deref()),
        Some(
            fate @ (Fate::DroppedByFailure { reason, .. }
            | Fate::DeadLetter { reason, .. }
            | Fate::Rejected { reason, .. }),
        ) => (fate.word(), Some(&**reason)),
        Some(Fate::Bypassed { .. }) | None if sinks.is_empty() => ("dropped", Some("no target of the route wants it")),
        Some(Fate::Bypassed { .. }) | None => ("sent", None),
    };
    Became::Ended { fate, by, digest, reason: reason.filter(|reason| !reason.is_empty()), sinks }
}

/// What a policy is about to be asked, for whoever looks at that.
pub(crate) struct Asked {
    tapping: Tapping,
    /// Original row and event, as the policy meets it.
    events: Vec<(u32, Event)>,
    fates: usize,
    held: bool,
}

impl Asked {
    /// `None` where nobody looks at the policy.
    pub(crate) fn note(flow: &mut Flow<'_>, route: Ruled<'_>, position: usize, bench: &mut Workbench) -> Option<Asked> {
        let tapping = bench.tapping.clone()?;
        let policy = &route.route.stages[position].policy;
        if tapping.at(route.route, |at| *at == At::Policy(policy.clone())).is_empty() {
            return None;
        }
        let events = flow.asked_about(route, position, bench);
        Some(Asked { tapping, events, fates: flow.fates.len(), held: flow.hold.is_some() })
    }

    /// The policy has decided.
    pub(crate) fn show(self, flow: &Flow<'_>, route: &RoutePlan, stage: &Stage) {
        let Asked { tapping, events, fates, held } = self;
        let mut said: HashMap<u32, Vec<&Fate>> = HashMap::new();
        for (row, fate) in flow.fates.iter().skip(fates).rev() {
            said.entry(*row).or_default().push(fate);
        }
        let mut out: HashMap<u32, (Vec<&Event>, &[Arc<str>])> = HashMap::new();
        for outgoing in flow.outgoing() {
            let made = out.entry(outgoing.origin).or_insert((Vec::new(), &[]));
            made.0.push(outgoing.event);
            made.1 = outgoing.names;
        }
        let hold = flow.hold.as_ref().filter(|_| !held);
        let taps = tapping.at(route, |at| *at == At::Policy(stage.policy.clone()));
        for (row, event) in &events {
            let fate = said.get_mut(row).and_then(Vec::pop);
            let (verdict, reason) = match (fate, hold) {
                (Some(fate), _) => verdict(fate),
                (None, Some(hold)) if hold.row == *row => ("retry", Some(&*hold.reason)),
                (None, Some(hold)) if hold.row < *row => continue,
                (None, _) => ("keep", None),
            };
            let (out, names) = match verdict {
                "keep" => out.remove(row).unwrap_or_default(),
                _ => Default::default(),
            };
            for tap in taps.iter().filter(|tap| tap.matcher.holds(event)) {
                let (policy, digest, kind) = (&*stage.policy, stage.digest(), stage.kind());
                let reason = reason.filter(|reason| !reason.is_empty());
                let became = Became::Decided { policy, digest, kind, verdict, reason, out: out.clone(), names };
                (tap.look)(&Tapped { route: &route.id, generation: &tapping.generation, event, became });
            }
        }
    }
}

/// A fate in the words of cases.
fn verdict(fate: &Fate) -> (&'static str, Option<&str>) {
    let reason = match fate {
        Fate::Dropped { reason, .. } => reason.as_deref(),
        Fate::DroppedByFailure { reason, .. }
        | Fate::DeadLetter { reason, .. }
        | Fate::Rejected { reason, .. }
        | Fate::Bypassed { reason, .. } => Some(&**reason),
    };
    (fate.verdict(), reason)
}
