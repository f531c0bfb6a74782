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
    DocumentSet, Generation, Verified, documents,
    generation::HISTORY_MAX,
    sinks::Sinks,
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
        }
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
        self.sinks = sinks.instead_of(std::mem::take(&mut self.sinks));
        self.reconcile(&documents).await;
        if self.history.len() == HISTORY_MAX {
            self.history.pop_front();
        }
        self.history.push_back(generation.clone());
        generation
    }

    /// [`verify`](Self::verify), then [`swap`](Self::swap). A set that is live already is not swapped again.
    pub async fn apply(&mut self, set: &DocumentSet) -> Result<Arc<Generation>, Report> {
        let candidate = self.verify(set).await?;
        match self.current() {
            Some(current) if current.id == *candidate.generation() => Ok(current.clone()),
            Some(_) | None => Ok(self.swap(candidate).await),
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
        self.pipeline.drain().await;
        self.sources.clear();
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
                for error in errors {
                    tracing::error!(source = %id, "cannot be opened: {error}");
                }
                false
            }
        }
    }
}
