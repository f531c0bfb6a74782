//! The owner of what runs: verifies candidates, swaps them in, and keeps the history.

use std::{
    collections::{BTreeMap, VecDeque},
    path::PathBuf,
    sync::Arc,
    time::{Duration, SystemTime},
};

use tidegate_connector::{Registry, connector::Place};
use tidegate_engine::Engine;
use tidegate_pipeline::{LaneStatus, Live, Pipeline, Plan, SourceState, Tally, WindowOptions};
use tidegate_policy::{Report, spec};

use crate::{
    DocumentSet, Generation, Picture, SourceStatus, Status, Verified, documents,
    generation::HISTORY_MAX,
    sinks::Sinks,
    status::{self, Counts, Phase},
    verify::{Guests, Verifier},
};

/// How a host is set up.
#[derive(Clone, Debug)]
pub struct ControlOptions {
    /// What must survive a restart (cursors) is kept here.
    pub state_dir: PathBuf,
    /// Digests may be absent.
    pub development: bool,
    /// What a lane may have in flight.
    pub window: WindowOptions,
    /// How long a source that is closed or changed may take to settle what it has in flight.
    pub grace: Duration,
}

/// Verifies and swaps. One a host.
#[derive(Debug)]
pub struct Control {
    engine: Engine,
    connectors: Arc<Registry>,
    options: ControlOptions,
    pipeline: Pipeline,
    guests: Guests,
    sinks: Sinks,
    sources: BTreeMap<Arc<str>, OpenSource>,
    history: VecDeque<Arc<Generation>>,
    generations: u64,
    status: Status,
    phase: Phase,
    refusals: u64,
    refused: bool,
    counts: Counts,
    /// Sources that are wanted and could not be opened; why.
    unopened: BTreeMap<Arc<str>, Arc<str>>,
}

/// What a source was opened for: another configuration is another source.
#[derive(Debug, PartialEq)]
struct OpenSource {
    connector: spec::Connector,
    base_dir: PathBuf,
}

impl Control {
    /// Nothing runs yet.
    pub fn new(engine: Engine, connectors: Arc<Registry>, options: ControlOptions) -> Control {
        let nothing = Plan { generation: "".into(), sources: Default::default(), tally: Arc::new(Tally::default()) };
        Control {
            pipeline: Pipeline::new(Live::new(nothing), options.window),
            engine,
            connectors,
            options,
            guests: Guests::new(),
            sinks: Sinks::default(),
            sources: BTreeMap::new(),
            history: VecDeque::new(),
            generations: 0,
            status: Status::default(),
            phase: Phase::Starting,
            refusals: 0,
            refused: false,
            counts: Counts::default(),
            unopened: BTreeMap::new(),
        }
    }

    /// Shows what runs through a handle that somebody looks through already.
    #[must_use]
    pub fn showing(self, status: Status) -> Control {
        Control { status, ..self }
    }

    /// The handle to look through, from any thread.
    pub fn observe(&self) -> Status {
        self.status.clone()
    }

    /// Shows what runs now. To be called whenever [`Status::asked`] says so.
    pub fn show(&self) {
        let lanes = self.pipeline.status();
        let opened = self.pipeline.source_states().into_iter();
        let opened = opened.map(|(source, state)| SourceStatus { source, state });
        let unopened = self.unopened.iter().map(|(source, why)| {
            let state = SourceState::Failed(why.clone());
            SourceStatus { source: source.clone(), state }
        });
        self.status.show(Picture {
            phase: self.phase,
            generation: self.current().cloned(),
            swaps: self.generations,
            refusals: self.refusals,
            refused: self.refused,
            sources: opened.chain(unopened).collect(),
            routes: status::routes(&self.pipeline.live().load(), &lanes),
            lanes,
            sinks: self.sinks.status(),
            counts: self.counts.clone(),
        });
    }

    /// Parses, checks, resolves, compiles and verifies. Reports every mistake; touches nothing that runs.
    pub async fn verify(&self, set: &DocumentSet) -> Result<Verified, Report> {
        let verifier = Verifier {
            engine: &self.engine,
            connectors: &self.connectors,
            state_dir: &self.options.state_dir,
            development: self.options.development,
            guests: &self.guests,
            sinks: &self.sinks,
            window: self.options.window,
        };
        verifier.verify(set).await
    }

    /// Makes a candidate live. Cannot fail: batches under way end under what they began with, the next ones are decided by
    /// the candidate. Sources that are new, changed or gone are opened and closed after that.
    pub async fn swap(&mut self, candidate: Verified) -> Arc<Generation> {
        let Verified { documents, policies, guests, sinks, plan } = candidate;
        self.generations += 1;
        let generation = Arc::new(Generation {
            id: plan.generation.clone(),
            number: self.generations,
            since: SystemTime::now(),
            policies,
            routes: documents.routes.iter().map(|route| route.meta.id.to_string().into()).collect(),
            tally: plan.tally.clone(),
        });
        drop(self.pipeline.live().swap(plan));
        self.guests = guests;
        self.sinks = sinks.instead_of(std::mem::take(&mut self.sinks), self.options.grace);
        self.reconcile(&documents).await;
        if self.history.len() == HISTORY_MAX {
            self.history.pop_front();
        }
        self.history.push_back(generation.clone());
        self.counts.push(generation.tally.clone());
        self.phase = Phase::Serving;
        self.refused = false;
        self.show();
        generation
    }

    /// [`verify`](Self::verify), then [`swap`](Self::swap). A set that is live already is not swapped again.
    pub async fn apply(&mut self, set: &DocumentSet) -> Result<Arc<Generation>, Report> {
        let candidate = match self.verify_in_sight(set).await {
            Ok(candidate) => candidate,
            Err(report) => {
                self.refusals += 1;
                self.refused = true;
                self.show();
                return Err(report);
            }
        };
        match self.history.back() {
            Some(current) if current.id == *candidate.generation() => {
                self.refused = false;
                let current = current.clone();
                self.show();
                Ok(current)
            }
            Some(_) | None => Ok(self.swap(candidate).await),
        }
    }

    /// Compiling may take seconds: whoever looks meanwhile is answered.
    async fn verify_in_sight(&self, set: &DocumentSet) -> Result<Verified, Report> {
        let mut verified = std::pin::pin!(self.verify(set));
        loop {
            tokio::select! {
                verified = &mut verified => return verified,
                () = self.status.asked() => self.show(),
            }
        }
    }

    /// What is live.
    pub fn current(&self) -> Option<&Arc<Generation>> {
        self.history.back()
    }

    /// The last 20 generations, oldest first.
    pub fn history(&self) -> &VecDeque<Arc<Generation>> {
        &self.history
    }

    /// Every source that is open, by `namespace/name`, and how far it has got.
    pub fn source_states(&self) -> Vec<(Arc<str>, SourceState)> {
        self.pipeline.source_states()
    }

    /// Every lane there is.
    pub fn status(&self) -> Vec<LaneStatus> {
        self.pipeline.status()
    }

    /// What each sink is failing with at the moment, by `namespace/name`.
    pub fn sink_trouble(&self) -> Vec<(Arc<str>, String)> {
        self.sinks.trouble()
    }

    /// Waits until every source has ended by itself. Cancel-safe.
    pub async fn ended(&mut self) {
        self.pipeline.ended().await;
    }

    /// Settles what is in flight, stores positions, closes sources and sinks. Bound it: a full sink is waited for.
    pub async fn drain(&mut self) {
        self.phase = Phase::Draining;
        self.show();
        self.pipeline.drain().await;
        self.sources.clear();
        self.unopened.clear();
        let nothing = Plan { generation: "".into(), sources: Default::default(), tally: Arc::new(Tally::default()) };
        drop(self.pipeline.live().swap(nothing));
        std::mem::take(&mut self.sinks).close().await;
    }

    async fn reconcile(&mut self, documents: &spec::Documents) {
        let routed = |source: &&spec::Source| documents.routes.iter().any(|route| route.from.contains(&source.meta.id));
        let wanted: BTreeMap<Arc<str>, (&spec::Source, OpenSource)> = documents
            .sources
            .iter()
            .filter(routed)
            .map(|source| {
                let base_dir = documents::folder_of(&source.meta);
                let open = OpenSource { connector: source.connector.clone(), base_dir };
                (source.meta.id.to_string().into(), (source, open))
            })
            .collect();
        let stays = |id: &Arc<str>, open: &OpenSource| wanted.get(id).is_some_and(|(_, wanted)| wanted == open);
        let gone: Vec<Arc<str>> =
            self.sources.iter().filter(|(id, open)| !stays(id, open)).map(|(id, _)| id.clone()).collect();
        for id in gone {
            self.sources.remove(&id);
            if tokio::time::timeout(self.options.grace, self.pipeline.close(&id)).await.is_err() {
                tracing::warn!(source = %id, "closed before everything in flight was settled: it will be delivered again");
            }
        }
        // They are tried again.
        self.unopened.clear();
        for unused in documents.unused() {
            tracing::warn!("{unused}");
        }
        for (id, (source, open)) in wanted {
            if !self.sources.contains_key(&id) && self.open(&id, source, &open) {
                self.sources.insert(id, open);
            }
        }
    }

    fn open(&mut self, id: &Arc<str>, source: &spec::Source, wanted: &OpenSource) -> bool {
        let spec::Connector { name, config } = &source.connector;
        let Some(connector) = self.connectors.get(name) else { return false };
        let place = Place { base_dir: &wanted.base_dir, state_dir: &self.options.state_dir };
        match connector.open_source(id, config, &place) {
            Ok(opened) => {
                self.pipeline.open(id.clone(), opened);
                true
            }
            Err(errors) => {
                for error in &errors {
                    tracing::error!(source = %id, "cannot be opened: {error}");
                }
                let text = errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ");
                self.unopened.insert(id.clone(), format!("cannot be opened: {text}").into());
                false
            }
        }
    }
}
