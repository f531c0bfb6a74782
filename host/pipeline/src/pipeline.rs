//! The running data path: sources that are open, and their lanes.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, OnceLock, PoisonError},
};

use tidegate_connector::{Backoff, Source, SourceError, Standby};
use tidegate_state::Store;
use tokio::{
    sync::watch,
    task::{JoinHandle, JoinSet},
};

use crate::{
    Live,
    lag::Behind,
    lane::{Context, LaneState, LaneTask, Shared},
    plan::Drain,
    window::WindowOptions,
};

/// Delays between tries to get a lane of a source that is in trouble.
const REOPEN: Backoff = Backoff::DEFAULT;

/// Sources that are open. Dropping it aborts the lanes: what is in flight will be delivered again.
#[derive(Debug)]
pub struct Pipeline {
    live: Arc<Live>,
    options: WindowOptions,
    sources: BTreeMap<Arc<str>, Open>,
    store: Arc<OnceLock<Store>>,
}

#[derive(Debug)]
struct Open {
    drain: watch::Sender<bool>,
    lanes: Listed,
    state: Arc<Mutex<SourceState>>,
    standby: Option<Standby>,
    task: JoinHandle<()>,
}

/// Lanes by the connector's name for them; shared between a source's task and who looks at it.
type Listed = Arc<Mutex<Vec<(String, Arc<Shared>)>>>;

impl Open {
    fn has_no_lane(&self) -> bool {
        let lanes = self.lanes.lock().unwrap_or_else(PoisonError::into_inner);
        lanes.iter().all(|(_, lane)| lane.state() == LaneState::Ended)
    }

    /// Cancel-safe, and to be called as often as one likes: a handle that has ended is not polled again.
    async fn ended(&mut self) {
        if !self.task.is_finished() {
            // A task that was aborted or panicked has ended as well; its panic was reported by the hook.
            let _ = (&mut self.task).await;
        }
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// How far a source has got, for status.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SourceState {
    /// It has given no lane yet: it connects, or binds its address.
    Opening,
    /// It has given a lane, and may give more.
    Open,
    /// It is in place, and has no lane because others have them all.
    Standby,
    /// It cannot give a lane now, and is asked again; why.
    Trouble(Arc<str>),
    /// It gives no more lanes; those there are may still run.
    Complete,
    /// It will never give another lane, for this reason; a person must act.
    Failed(Arc<str>),
}

/// A lane, as an operator sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LaneStatus {
    /// `namespace/name`.
    pub source: Arc<str>,
    /// As the connector calls it.
    pub lane: String,
    /// What it is doing.
    pub state: LaneState,
    /// Events taken and not yet settled.
    pub in_flight: usize,
    /// How far it is behind what came in.
    pub behind: Behind,
}

impl Pipeline {
    /// Nothing is open yet.
    pub fn new(live: Arc<Live>, options: WindowOptions) -> Pipeline {
        Pipeline { live, options, sources: BTreeMap::new(), store: Arc::default() }
    }

    /// The plan that lanes decide by.
    pub fn live(&self) -> &Arc<Live> {
        &self.live
    }

    /// Where policies remember; said once, and said again it changes nothing. Without it each lane remembers in memory, until it ends.
    pub fn remember_in(&self, store: Store) {
        let _ = self.store.set(store);
    }

    /// Starts the lanes of a source. One of the same id must have been closed before.
    pub fn open(&mut self, id: Arc<str>, source: Box<dyn Source>) {
        let (drain, draining) = watch::channel(false);
        let lanes = Arc::default();
        let state = Arc::new(Mutex::new(SourceState::Opening));
        let standby = source.standby();
        let runner = SourceTask {
            id: id.clone(),
            source,
            live: self.live.clone(),
            options: self.options,
            drain: draining,
            lanes: Arc::clone(&lanes),
            state: state.clone(),
            store: self.store.clone(),
        };
        let task = tokio::spawn(runner.run());
        self.sources.insert(id, Open { drain, lanes, state, standby, task });
    }

    /// Whether the source is open.
    pub fn is_open(&self, id: &str) -> bool {
        self.sources.contains_key(id)
    }

    /// Sources that are open.
    pub fn open_sources(&self) -> impl Iterator<Item = &Arc<str>> {
        self.sources.keys()
    }

    /// Settles what the source's lanes have in flight, stores their positions, and closes it. Waits for a full sink without
    /// end: bound it. Dropping the future aborts the lanes.
    pub async fn close(&mut self, id: &str) {
        if let Some(open) = self.sources.remove(id) {
            finish(open).await;
        }
    }

    /// [`close`](Self::close) for all sources at once, but for those that drain last: these go on until the others have ended.
    pub async fn drain(&mut self) {
        let plan = self.live.load();
        let first = |id: &Arc<str>| plan.sources.get(id).is_none_or(|source| source.drain == Drain::First);
        let (first, last): (Vec<_>, Vec<_>) =
            std::mem::take(&mut self.sources).into_iter().partition(|(id, _)| first(id));
        for turn in [first, last] {
            let mut closing = JoinSet::new();
            for (_, open) in turn {
                open.drain.send_replace(true);
                closing.spawn(finish(open));
            }
            while closing.join_next().await.is_some() {}
        }
    }

    /// Waits until every lane of every source has ended by itself (files without `follow`). Cancel-safe.
    pub async fn ended(&mut self) {
        for open in self.sources.values_mut() {
            open.ended().await;
        }
    }

    /// Every source that is open, and how far it has got.
    pub fn source_states(&self) -> Vec<(Arc<str>, SourceState)> {
        let state = |open: &Open| {
            let state = open.state.lock().unwrap_or_else(PoisonError::into_inner).clone();
            let stands_by = || open.standby.as_ref().is_some_and(Standby::now) && open.has_no_lane();
            let may_have_none = matches!(state, SourceState::Opening | SourceState::Open | SourceState::Trouble(_));
            if may_have_none && stands_by() { SourceState::Standby } else { state }
        };
        self.sources.iter().map(|(id, open)| (id.clone(), state(open))).collect()
    }

    /// Every lane there is, by source.
    pub fn status(&self) -> Vec<LaneStatus> {
        let mut all = Vec::new();
        for (source, open) in &self.sources {
            let lanes = open.lanes.lock().unwrap_or_else(PoisonError::into_inner);
            all.extend(lanes.iter().map(|(lane, shared)| LaneStatus {
                source: source.clone(),
                lane: lane.clone(),
                state: shared.state(),
                in_flight: shared.in_flight(),
                behind: shared.behind(),
            }));
        }
        all
    }
}

async fn finish(mut open: Open) {
    open.drain.send_replace(true);
    open.ended().await;
}

/// Hands the lanes of one source to tasks of their own.
struct SourceTask {
    id: Arc<str>,
    source: Box<dyn Source>,
    live: Arc<Live>,
    options: WindowOptions,
    drain: watch::Receiver<bool>,
    lanes: Listed,
    state: Arc<Mutex<SourceState>>,
    store: Arc<OnceLock<Store>>,
}

impl SourceTask {
    async fn run(mut self) {
        let mut running = JoinSet::new();
        let mut failures = 0;
        let mut more = true;
        loop {
            let draining = *self.drain.borrow();
            if running.is_empty() && (draining || !more) {
                break;
            }
            tokio::select! {
                lane = self.source.lane(), if more && !draining => match lane {
                    Ok(Some(lane)) => {
                        failures = 0;
                        self.set(SourceState::Open);
                        let shared = Shared::new(lane.lag());
                        self.list(lane.name().to_owned(), shared.clone());
                        let context = Context {
                            source: self.id.clone(),
                            name: lane.name().into(),
                            live: self.live.clone(),
                            options: self.options,
                            shared,
                            store: self.store.clone(),
                        };
                        running.spawn(LaneTask { lane, context, drain: self.drain.clone() }.run());
                    }
                    Ok(None) => {
                        self.set(SourceState::Complete);
                        more = false;
                    }
                    Err(error @ SourceError::Transient { .. }) => {
                        if failures == 0 {
                            tracing::warn!(source = %self.id, "trying again: {error}");
                        }
                        failures += 1;
                        self.set(SourceState::Trouble(error.to_string().into()));
                        tokio::select! {
                            () = tokio::time::sleep(REOPEN.delay(failures)) => {}
                            _ = self.drain.changed() => {}
                        }
                    }
                    Err(error @ SourceError::Permanent { .. }) => {
                        tracing::error!(source = %self.id, "given up: {error}");
                        self.set(SourceState::Failed(error.to_string().into()));
                        more = false;
                    }
                },
                Some(ended) = running.join_next() => {
                    if more {
                        self.forget_ended();
                    }
                    if let Err(error) = ended && error.is_panic() {
                        tracing::error!(source = %self.id, "a lane panicked: its events will come again when the source is opened anew");
                    }
                }
                _ = self.drain.changed(), if !draining => {}
            }
        }
    }

    fn set(&self, state: SourceState) {
        *self.state.lock().unwrap_or_else(PoisonError::into_inner) = state;
    }

    fn list(&self, name: String, shared: Arc<Shared>) {
        self.forget_ended();
        self.lanes.lock().unwrap_or_else(PoisonError::into_inner).push((name, shared));
    }

    /// Of a source that gives and takes away lanes only those are shown that it has.
    fn forget_ended(&self) {
        let mut lanes = self.lanes.lock().unwrap_or_else(PoisonError::into_inner);
        lanes.retain(|(_, lane)| lane.state() != LaneState::Ended);
    }
}
