//! What runs, for whoever looks at it from outside: an admin port, on a thread of its own.
//!
//! [`Control`](crate::Control) belongs to one loop. Whoever looks asks through a [`Status`]; the loop answers with a picture
//! when it comes round, and the last picture stands until then. Counts are read where the data path keeps them, so that they
//! are fresh even while the loop has no time.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::Arc,
    time::Duration,
};

use tidegate_connector::SinkNumbers;
use tidegate_pipeline::{
    Behind, Circuit, CircuitState, Histogram, LaneStatus, Meters, Plan, RouteTally, SourceState, Tally, Taps,
    decisions::Decisions,
};
use tidegate_state::{ScopeKey, Usage};
use tokio::sync::{Notify, watch};

use crate::{
    Generation, Owner,
    book::{Paused, Pin},
    conditions::Attempt,
    edit::Document,
    history::Entry,
    rollouts::RolloutStatus,
    shadows::ShadowStatus,
};

/// A handle to look through. Cheap to clone; works from any thread and runtime.
#[derive(Clone, Debug, Default)]
pub struct Status(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    picture: watch::Sender<Arc<Picture>>,
    asked: Notify,
}

impl Default for Shared {
    fn default() -> Shared {
        Shared { picture: watch::Sender::new(Arc::default()), asked: Notify::new() }
    }
}

/// What a host is about.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Phase {
    /// No documents are live yet.
    #[default]
    Starting,
    /// Documents are live.
    Serving,
    /// It takes nothing more, and settles what is in flight.
    Draining,
}

/// Everything that can be looked at, at one moment.
#[derive(Clone, Debug, Default)]
pub struct Picture {
    /// What the host is about.
    pub phase: Phase,
    /// What is live.
    pub generation: Option<Arc<Generation>>,
    /// Generations that went live in this process.
    pub swaps: u64,
    /// Sets of documents that were refused in this process.
    pub refusals: u64,
    /// Whether the newest documents were refused: what is live is older than they are.
    pub refused: bool,
    /// Every source of the live documents that a route names.
    pub sources: Vec<SourceStatus>,
    /// Every lane there is.
    pub lanes: Vec<LaneStatus>,
    /// Every route of the live documents that a lane feeds.
    pub routes: Vec<RouteStatus>,
    /// Every sink of the live documents.
    pub sinks: Vec<SinkStatus>,
    /// What was settled, by generation.
    pub counts: Counts,
    /// What is measured of policies.
    pub meters: Arc<Meters>,
    /// The circuit of every policy of the live documents that has one and is called.
    pub circuits: Vec<CircuitStatus>,
    /// How long making documents live took.
    pub swap_times: Arc<Histogram>,
    /// How the newest documents fared.
    pub attempt: Option<Attempt>,
    /// What only changes with the documents.
    pub deployed: Arc<Deployed>,
    /// What policies keep, each on each route in each lane.
    pub state: Vec<(ScopeKey, Usage)>,
    /// Policies of which two versions are live, or were.
    pub rollouts: Vec<RolloutStatus>,
    /// Policies that look on and decide nothing.
    pub shadows: Vec<ShadowStatus>,
}

/// What was deployed, by whom, and what can come back.
#[derive(Clone, Debug, Default)]
pub struct Deployed {
    /// Who may write the documents.
    pub owner: Owner,
    /// Of the set of documents: an HTTP entity tag without its quotes.
    pub tag: String,
    /// What is live, sorted by kind, namespace and name.
    pub documents: Vec<Document>,
    /// Oldest first.
    pub history: Vec<Entry>,
    /// Ids of generations that are kept, oldest first.
    pub kept: Vec<String>,
    /// A rollback that holds until the folder of documents changes.
    pub pin: Option<Pin>,
    /// Routes that an operator holds, by `namespace/name`.
    pub paused: BTreeMap<String, Paused>,
    /// What became of events.
    pub decisions: Arc<Decisions>,
    /// Who looks at live events.
    pub taps: Arc<Taps>,
}

/// A source, as an operator sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SourceStatus {
    /// `namespace/name`.
    pub source: Arc<str>,
    /// How far it has got.
    pub state: SourceState,
}

/// The circuit of a policy, as an operator sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CircuitStatus {
    /// `namespace/name`.
    pub policy: Arc<str>,
    /// Of the module that it is about.
    pub digest: String,
    /// What it is doing.
    pub state: CircuitState,
}

/// The circuits of a plan, sorted by policy.
pub(crate) fn circuits(plan: &Plan) -> Vec<CircuitStatus> {
    let mut circuits = BTreeMap::new();
    for stage in plan.sources.values().flat_map(|source| &source.routes).flat_map(|route| &route.stages) {
        if let Some(circuit) = &stage.circuit {
            circuits.insert((stage.policy.clone(), stage.digest()), circuit);
        }
    }
    let status = |((policy, digest), circuit): ((Arc<str>, &str), &Arc<Circuit>)| {
        let digest = digest.to_owned();
        CircuitStatus { policy, digest, state: circuit.state() }
    };
    circuits.into_iter().map(status).collect()
}

/// A route, as an operator sees it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RouteStatus {
    /// `namespace/name`.
    pub route: Arc<str>,
    /// How far the lanes that feed it are behind: an event is settled once it is on all its routes.
    pub behind: Behind,
    /// Events that these lanes have taken and not yet settled.
    pub in_flight: usize,
}

/// The routes of a plan, and how far each is behind.
pub(crate) fn routes(plan: &Plan, lanes: &[LaneStatus]) -> Vec<RouteStatus> {
    let mut routes: BTreeMap<Arc<str>, (Behind, usize)> = BTreeMap::new();
    for lane in lanes {
        for route in plan.sources.get(&lane.source).iter().flat_map(|source| &source.routes) {
            let known = routes.get(&route.id);
            let behind = known.map_or(lane.behind, |(other, _)| other.and(lane.behind));
            let in_flight = known.map_or(0, |(_, other)| *other) + lane.in_flight;
            routes.insert(route.id.clone(), (behind, in_flight));
        }
    }
    routes.into_iter().map(|(route, (behind, in_flight))| RouteStatus { route, behind, in_flight }).collect()
}

/// A sink, as an operator sees it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SinkStatus {
    /// `namespace/name`.
    pub sink: Arc<str>,
    /// Events accepted and not yet durable.
    pub pending: usize,
    /// What it is failing with at the moment.
    pub trouble: Option<String>,
    /// For how long the oldest event of what is being written has been there; zero while nothing is.
    pub lag: Duration,
    /// What it has done since the process began, also under other documents.
    pub numbers: SinkNumbers,
}

impl Picture {
    /// What was settled since the process started, by route. Only grows.
    pub fn totals(&self) -> BTreeMap<Arc<str>, RouteTally> {
        let mut totals = self.counts.folded.as_ref().clone();
        for tally in &self.counts.open {
            add(&mut totals, tally);
        }
        totals
    }
}

impl Status {
    /// A picture of now; where the loop does not come round within `patience`, the last one.
    pub async fn look(&self, patience: Duration) -> Arc<Picture> {
        let mut pictures = self.0.picture.subscribe();
        self.0.asked.notify_one();
        // Late, or gone: the last picture is what there is.
        let _ = tokio::time::timeout(patience, pictures.changed()).await;
        self.last()
    }

    /// The last picture.
    pub fn last(&self) -> Arc<Picture> {
        self.0.picture.borrow().clone()
    }

    /// Waits until somebody looks. Cancel-safe.
    pub async fn asked(&self) {
        self.0.asked.notified().await;
    }

    pub(crate) fn show(&self, picture: Picture) {
        self.0.picture.send_replace(Arc::new(picture));
    }
}

/// Counts of all generations of a process, of which only the last stand in the history.
#[derive(Clone, Debug, Default)]
pub struct Counts {
    /// Of generations that settle nothing any more.
    folded: Arc<BTreeMap<Arc<str>, RouteTally>>,
    /// Oldest first.
    open: VecDeque<Arc<Tally>>,
}

/// Tallies kept apart before any is folded: the history's and some more.
const OPEN_MAX: usize = 32;

impl Counts {
    /// A generation has gone live.
    pub(crate) fn push(&mut self, tally: Arc<Tally>) {
        self.open.push_back(tally);
        if self.open.len() > OPEN_MAX
            && let Some(oldest) = self.open.pop_front()
        {
            // Swapped out 32 generations ago: what a batch under way may still add would be missing from the sums.
            let mut folded = self.folded.as_ref().clone();
            add(&mut folded, &oldest);
            self.folded = Arc::new(folded);
        }
    }
}

fn add(totals: &mut BTreeMap<Arc<str>, RouteTally>, tally: &Tally) {
    for (route, counts) in tally.snapshot() {
        totals.entry(route).or_default().merge(&counts);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_look_gets_a_picture_of_now_where_the_loop_comes_round() {
        let status = Status::default();
        let shown = status.clone();
        let serving = tokio::spawn(async move {
            for refusals in 1.. {
                shown.asked().await;
                shown.show(Picture { refusals, ..Picture::default() });
            }
        });
        assert_eq!(status.look(Duration::from_secs(60)).await.refusals, 1);
        assert_eq!(status.look(Duration::from_secs(60)).await.refusals, 2);
        serving.abort();
    }

    #[tokio::test]
    async fn where_it_does_not_the_last_picture_stands() {
        let status = Status::default();
        status.show(Picture { refusals: 7, ..Picture::default() });
        assert_eq!(status.look(Duration::ZERO).await.refusals, 7);
    }
}
