//! The one value through which control reaches the data path.

use std::sync::{Arc, OnceLock};

use arc_swap::ArcSwap;
use tokio::sync::watch;

use crate::{Circuits, Meters, Plan, Taps, Tracer, decisions::Decisions, pauses::Pauses};

/// The plan that new batches are decided by. Reading is wait-free; swapping is one atomic store.
#[derive(Debug)]
pub struct Live {
    plan: ArcSwap<Plan>,
    changed: watch::Sender<u64>,
    pauses: Pauses,
    decisions: Arc<Decisions>,
    meters: Arc<Meters>,
    circuits: Circuits,
    taps: Arc<Taps>,
    tracer: OnceLock<Arc<dyn Tracer>>,
}

impl Live {
    /// Starts with this plan.
    pub fn new(plan: Plan) -> Arc<Live> {
        Arc::new(Live {
            plan: ArcSwap::from_pointee(plan),
            changed: watch::Sender::new(0),
            pauses: Pauses::default(),
            decisions: Arc::default(),
            meters: Arc::default(),
            circuits: Circuits::default(),
            taps: Arc::default(),
            tracer: OnceLock::new(),
        })
    }

    /// The plan for one batch: hold it for the whole batch and no longer.
    pub fn load(&self) -> Arc<Plan> {
        self.plan.load_full()
    }

    /// Lets the next batch of every lane be decided by `plan`; batches under way end under the one they began with.
    /// Returns what was live before.
    pub fn swap(&self, plan: Plan) -> Arc<Plan> {
        let before = self.plan.swap(Arc::new(plan));
        self.changed.send_modify(|count| *count += 1);
        before
    }

    /// Lets lanes that paused in front of an event try it once more, although the plan is the same.
    pub fn try_again(&self) {
        self.changed.send_modify(|count| *count += 1);
    }

    /// What became of events.
    pub fn decisions(&self) -> &Arc<Decisions> {
        &self.decisions
    }

    /// What is measured of policies.
    pub fn meters(&self) -> &Arc<Meters> {
        &self.meters
    }

    /// The circuits of policies.
    pub fn circuits(&self) -> &Circuits {
        &self.circuits
    }

    /// Who looks at live events.
    pub fn taps(&self) -> &Arc<Taps> {
        &self.taps
    }

    /// Has batches traced from now on; said once, and said again it changes nothing.
    pub fn traced_by(&self, tracer: Arc<dyn Tracer>) {
        let _ = self.tracer.set(tracer);
    }

    /// Who traces; `None`: nobody.
    #[inline]
    pub(crate) fn tracer(&self) -> Option<&Arc<dyn Tracer>> {
        self.tracer.get()
    }

    /// What an operator holds.
    pub fn pauses(&self) -> &Pauses {
        &self.pauses
    }

    /// Wakes whoever waits for another plan: a lane that paused, say.
    pub(crate) fn subscribe(&self) -> watch::Receiver<u64> {
        self.changed.subscribe()
    }
}
