//! The owner of what runs: verifies candidates, swaps them in, and keeps the history.

mod rollouts;
mod serve;

use std::{
    collections::{BTreeMap, VecDeque},
    future::Future,
    path::PathBuf,
    sync::Arc,
    time::{Duration, Instant, SystemTime},
};

use tidegate_connector::{Registry, connector::Place};
use tidegate_engine::Engine;
use tidegate_pipeline::{Held, Histogram, LaneStatus, Live, Pipeline, Plan, SourceState, Tally, Tracer, WindowOptions};
use tidegate_policy::{File, Report, spec};
use tokio::runtime::Handle;

use crate::{
    Difference, DocumentSet, Generation, KeptGeneration, KeptPolicy, Owner, Picture, SourceStatus, Status, Verified,
    book::{Book, Pauses, now_ms},
    conditions::Attempt,
    documents, edit,
    generation::HISTORY_MAX,
    history::{Action, Author, Entry, Outcome},
    kept::KeptFile,
    modules::{self, Origin},
    remembering::Remembering,
    rollouts::{Rollouts, Standing},
    shadows::Shadows,
    sinks::Sinks,
    status::{self, Counts, Deployed, Phase},
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
    /// Conditions with nothing to look up: each is held against every event that gets as far.
    pub unindexed_max: usize,
}

impl ControlOptions {
    /// What [`ControlOptions::unindexed_max`] is where nothing is said: at some tens of nanoseconds each, some microseconds an event.
    pub const UNINDEXED_MAX: usize = 256;
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
    /// How long making documents live took.
    swap_times: Arc<Histogram>,
    book: Book,
    owner: Owner,
    /// The documents that are live, as they stood.
    files: Vec<File>,
    /// What the folder said last, live or not.
    directory: Option<String>,
    pauses: Pauses,
    attempt: Option<Attempt>,
    deployed: Arc<Deployed>,
    remembering: Remembering,
    rollouts: Rollouts,
    shadows: Shadows,
    /// Where shadows run; `None`: where everything does.
    spare: Option<Handle>,
    /// What the host did about rollouts by itself.
    standing: Standing,
    /// When rollouts are looked at next.
    look_at: Instant,
    /// Nothing is kept, and nothing is looked for among what is kept.
    checks_only: bool,
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
        let book = Book::open(&options.state_dir);
        let newest = book.kept.ids().last().and_then(|id| book.kept.find(id));
        Control {
            files: newest.as_ref().map(KeptGeneration::documents).unwrap_or_default(),
            pauses: book.pauses(),
            standing: book.standing(),
            rollouts: Rollouts::default(),
            shadows: Shadows::default(),
            spare: None,
            look_at: Instant::now(),
            checks_only: false,
            book,
            owner: Owner::default(),
            directory: None,
            attempt: None,
            deployed: Arc::default(),
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
            swap_times: Arc::default(),
            unopened: BTreeMap::new(),
            remembering: Remembering::default(),
        }
    }

    /// Lets policies remember, in a file below the state directory. Without it each lane remembers until it ends.
    #[must_use]
    pub fn remembering(self) -> Control {
        let remembering = Remembering::below(&self.options.state_dir, &self.pipeline);
        Control { remembering, ..self }
    }

    /// Runs policies in shadow there, and nowhere where they are in the way of what decides.
    #[must_use]
    pub fn sparing(self, spare: Handle) -> Control {
        Control { spare: Some(spare), ..self }
    }

    /// Has batches traced.
    #[must_use]
    pub fn traced_by(self, tracer: Arc<dyn Tracer>) -> Control {
        self.pipeline.live().traced_by(tracer);
        self
    }

    /// Only checks documents: what a host would have kept is taken for good.
    #[must_use]
    pub fn checking(self) -> Control {
        Control { checks_only: true, ..self }
    }

    /// Shows what runs through a handle that somebody looks through already.
    #[must_use]
    pub fn showing(self, status: Status) -> Control {
        Control { status, ..self }
    }

    /// Says who may write the documents.
    #[must_use]
    pub fn owned_by(self, owner: Owner) -> Control {
        Control { owner, ..self }
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
        let plan = self.pipeline.live().load();
        self.status.show(Picture {
            phase: self.phase,
            generation: self.current().cloned(),
            swaps: self.generations,
            refusals: self.refusals,
            refused: self.refused,
            sources: opened.chain(unopened).collect(),
            routes: status::routes(&plan, &lanes),
            circuits: status::circuits(&plan),
            lanes,
            sinks: self.sinks.status(),
            counts: self.counts.clone(),
            meters: self.pipeline.live().meters().clone(),
            swap_times: self.swap_times.clone(),
            attempt: self.attempt.clone(),
            deployed: self.deployed.clone(),
            state: self.remembering.usage(),
            rollouts: self.rollouts.status(&self.standing),
            shadows: self.shadows.status(),
        });
    }

    /// Parses, checks, resolves, compiles and verifies. Reports every mistake; touches nothing that runs.
    pub async fn verify(&self, set: &DocumentSet) -> Result<Verified, Report> {
        self.verify_from(set, Origin::Beside).await
    }

    async fn verify_from(&self, set: &DocumentSet, modules: Origin<'_>) -> Result<Verified, Report> {
        let verifier = Verifier {
            engine: &self.engine,
            connectors: &self.connectors,
            state_dir: &self.options.state_dir,
            development: self.options.development,
            guests: &self.guests,
            sinks: &self.sinks,
            modules,
            kept: (!self.checks_only).then_some(&self.book.store),
            rollouts: &self.rollouts,
            shadows: &self.shadows,
            standing: &self.standing,
            window: self.options.window,
            unindexed_max: self.options.unindexed_max,
            live: self.pipeline.live(),
        };
        let verified = verifier.verify(set).await?;
        self.remembering.ready_for(verified.documents(), &self.pipeline)?;
        Ok(verified)
    }

    /// Makes a candidate live. Cannot fail: batches under way end under what they began with, the next ones are decided by
    /// the candidate. Sources that are new, changed or gone are opened and closed after that.
    pub async fn swap(&mut self, candidate: Verified) -> Arc<Generation> {
        let begin = Instant::now();
        let Verified { files, documents, policies, guests, rollouts, shadows, tasks, sinks, plan, unindexed } =
            candidate;
        self.generations += 1;
        let generation = Arc::new(Generation {
            id: plan.generation.clone(),
            number: self.generations,
            since: SystemTime::now(),
            policies,
            routes: documents.routes.iter().map(|route| route.meta.id.to_string().into()).collect(),
            unindexed,
            tally: plan.tally.clone(),
        });
        // Before the plan: what it reads and an operator holds must not begin.
        self.hold(&documents);
        drop(self.pipeline.live().swap(plan));
        self.guests = guests;
        self.rollouts = rollouts;
        self.rollouts.begin(Instant::now());
        self.shadows = shadows;
        let spare = self.spare.clone().unwrap_or_else(Handle::current);
        for task in tasks {
            // It ends with the last plan that names it.
            drop(spare.spawn(task.run()));
        }
        self.sinks = sinks.instead_of(std::mem::take(&mut self.sinks), self.options.grace);
        self.reconcile(&documents).await;
        if self.history.len() == HISTORY_MAX {
            self.history.pop_front();
        }
        self.history.push_back(generation.clone());
        self.counts.push(generation.tally.clone());
        self.files = files;
        self.phase = Phase::Serving;
        self.refused = false;
        self.swap_times.observe(begin.elapsed());
        self.show();
        generation
    }

    /// What the folder of documents says: [`verify`](Self::verify), then [`swap`](Self::swap). A set that is live already is not
    /// swapped again. A rollback that held is over.
    pub async fn apply(&mut self, set: &DocumentSet) -> Result<Arc<Generation>, Report> {
        self.directory = Some(set.mark());
        self.book.set_pin(None);
        // Boxed: whoever awaits it need not hold the whole of a verification.
        Box::pin(self.change(set, None, Author::directory(), Action::Apply)).await
    }

    /// The first documents of a process. Where a rollback holds and the folder still says what it said then, its generation
    /// is what starts.
    pub async fn start(&mut self, set: &DocumentSet) -> Result<Arc<Generation>, Report> {
        let mark = set.mark();
        if let Some(pin) = self.book.pin().filter(|pin| pin.documents == mark)
            && let Some(kept) = self.book.kept.find(&pin.generation)
        {
            let set = DocumentSet { files: kept.documents() };
            let (digests, author) = (kept.digests(), Author { who: pin.who.clone(), reason: None });
            match self.change(&set, Some(&digests), author, Action::Start).await {
                Ok(generation) => {
                    self.directory = Some(mark);
                    tracing::warn!(generation = %generation.id, "a rollback holds: the folder counts once it changes");
                    self.describe();
                    return Ok(generation);
                }
                Err(report) => tracing::error!("the generation that a rollback holds cannot start:\n{report}"),
            }
        }
        self.directory = Some(mark);
        self.book.set_pin(None);
        self.change(set, None, Author::directory(), Action::Start).await
    }

    /// Verifies and swaps, and writes down what came of it. `digests`: modules are taken from the store, by these where documents
    /// name none.
    async fn change(
        &mut self,
        set: &DocumentSet,
        digests: Option<&BTreeMap<String, String>>,
        author: Author,
        action: Action,
    ) -> Result<Arc<Generation>, Report> {
        let store = self.book.store.clone();
        let modules = digests.map_or(Origin::Beside, |digests| Origin::Store(&store, digests));
        match self.in_sight(self.verify_from(set, modules)).await {
            Ok(candidate) => Ok(self.go_live(candidate, author, action).await),
            Err(report) => {
                self.refuse(&report, set, author, action);
                Err(report)
            }
        }
    }

    /// Makes it live unless it is, and writes it down.
    async fn go_live(&mut self, candidate: Verified, author: Author, action: Action) -> Arc<Generation> {
        self.attempt = Some(Attempt::live(candidate.generation()));
        self.stand(&candidate.rollouts, action);
        if let Some(current) = self.history.back().filter(|current| current.id == *candidate.generation()) {
            let current = current.clone();
            // What its documents say of rollouts may differ all the same: of one that is over, say.
            self.rollouts = candidate.rollouts;
            self.rollouts.begin(Instant::now());
            self.refused = false;
            self.files = candidate.files;
            self.describe();
            return current;
        }
        self.keep_modules(&candidate);
        let documents = Difference::between(&self.files, &candidate.files);
        let before = self.before();
        let generation = self.swap(candidate).await;
        let now: Vec<KeptPolicy> = generation.policies.iter().map(KeptPolicy::from).collect();
        let entry = Entry {
            number: self.book.history.next(),
            at_ms: now_ms(),
            who: author.who,
            reason: author.reason,
            action,
            documents,
            policies: changed(&now, before.as_ref()),
            generation: Some(generation.id.to_string()),
            before: before.map(|before| before.id),
            outcome: Outcome::Live,
        };
        let routes = generation.routes.iter().map(ToString::to_string).collect();
        let files = self.files.iter().map(|file| KeptFile { path: file.path.clone(), text: file.text.clone() });
        self.book.keep(&KeptGeneration {
            id: generation.id.to_string(),
            number: entry.number,
            since_ms: entry.at_ms,
            policies: now,
            routes,
            files: files.collect(),
            taken_back: self.standing.taken_back.iter().filter(|taken| self.rollouts.has(taken)).cloned().collect(),
            reached: self.standing.reached.clone(),
        });
        if matches!(action, Action::Rollback | Action::Abort)
            && let Some(before) = &entry.before
        {
            self.book.rolled_back(before, entry.number);
        }
        // A restart with what ran before is no change.
        if action != Action::Start || entry.before != entry.generation {
            self.book.history.push(entry);
        }
        self.describe();
        generation
    }

    fn refuse(&mut self, report: &Report, set: &DocumentSet, author: Author, action: Action) {
        self.refusals += 1;
        self.refused = true;
        self.attempt = Some(Attempt::refused(report));
        self.book.history.push(Entry {
            number: self.book.history.next(),
            at_ms: now_ms(),
            who: author.who,
            reason: author.reason,
            action,
            documents: Difference::between(&self.files, &set.files),
            policies: Vec::new(),
            generation: None,
            before: self.current().map(|current| current.id.to_string()),
            outcome: Outcome::refused(report),
        });
        self.describe();
    }

    /// What was live before: in this process, or in the last one.
    fn before(&self) -> Option<KeptGeneration> {
        match self.current() {
            Some(current) => self.book.kept.find(&current.id),
            None => self.book.kept.find(self.book.kept.ids().last()?),
        }
    }

    /// A generation can only come back with its modules.
    fn keep_modules(&self, candidate: &Verified) {
        for (policy, info) in candidate.documents.policies.iter().zip(&candidate.policies) {
            let Some(wasm) = policy.wasm().filter(|_| !self.book.store.has(&info.digest)) else { continue };
            let kept = match modules::beside(policy, wasm) {
                Ok(bytes) if modules::digest(&bytes) == info.digest => self.book.store.keep(&info.digest, &bytes),
                Ok(_) => Err(std::io::Error::other("its file changed meanwhile")),
                Err(error) => Err(std::io::Error::other(error)),
            };
            if let Err(error) = kept {
                tracing::warn!(policy = %info.policy, %error, "the module is not kept: this generation cannot come back");
            }
        }
        for policy in &candidate.documents.policies {
            let Some(rollout) = &policy.rollout else { continue };
            let digest = &rollout.baseline.digest;
            let Some(file) = rollout.baseline.module.as_ref().filter(|_| !self.book.store.has(digest)) else {
                continue;
            };
            let bytes = modules::baseline_beside(policy, file, digest).map_err(std::io::Error::other);
            if let Err(error) = bytes.and_then(|bytes| self.book.store.keep(digest, &bytes)) {
                tracing::warn!(policy = %policy.meta.id, %error, "the baseline is not kept: this generation cannot come back");
            }
        }
    }

    /// How rollouts stand once these are live.
    fn stand(&mut self, rollouts: &Rollouts, action: Action) {
        let standing = self.standing.of(rollouts, action);
        if standing != self.standing {
            self.book.set_standing(&standing);
            self.standing = standing;
        }
    }

    /// Compiling may take seconds: whoever looks meanwhile is answered.
    async fn in_sight<T>(&self, work: impl Future<Output = T>) -> T {
        let mut work = std::pin::pin!(work);
        loop {
            tokio::select! {
                done = &mut work => return done,
                () = self.status.asked() => self.show(),
            }
        }
    }

    /// Puts together anew what only changes with the documents, and shows it.
    fn describe(&mut self) {
        let documents = edit::documents(&self.files);
        self.deployed = Arc::new(Deployed {
            owner: self.owner,
            tag: edit::set_tag(&documents),
            documents,
            history: self.book.history.entries().iter().cloned().collect(),
            kept: self.book.kept.ids().map(str::to_owned).collect(),
            pin: self.book.pin(),
            paused: self.pauses.clone(),
            decisions: self.pipeline.live().decisions().clone(),
            taps: self.pipeline.live().taps().clone(),
        });
        self.show();
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

    /// Holds the sources of routes that an operator holds. What belongs to no route any more is forgotten when the process ends.
    fn hold(&self, documents: &spec::Documents) {
        let mut held = Held::new();
        for route in &documents.routes {
            if let Some(paused) = self.pauses.get(&route.meta.id.to_string()) {
                held.extend(route.from.iter().map(|source| (source.to_string().into(), serve::why(route, paused))));
            }
        }
        self.pipeline.live().pauses().set(held);
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

/// Policies that are new or run something else.
fn changed(now: &[KeptPolicy], before: Option<&KeptGeneration>) -> Vec<KeptPolicy> {
    let known = |policy: &&KeptPolicy| before.is_some_and(|before| before.policies.contains(policy));
    now.iter().filter(|policy| !known(policy)).cloned().collect()
}
