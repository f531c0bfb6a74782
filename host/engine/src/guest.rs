//! A module configured for one policy. `verify` is the only way to get one, so whoever has one has one that works.

use std::{collections::BTreeSet, fmt, sync::Arc, time::Duration};

use tidegate_event::flat::{FlatBatch, Needs, Rights};

use crate::{
    abi::InfoRecord,
    capability::Capability,
    engine::Engine,
    error::{Stage, VerifyError},
    fault::{Fault, FaultCause},
    imports::Shared,
    instance::{Live, StartError},
    limits::{Isolation, Limits, MEMORY_PER_EVENT_BYTE},
    module::{Kind, Module},
    reply,
    state::Session,
};

/// What a policy gives a module.
#[derive(Clone, Debug)]
pub struct GuestSpec {
    /// `namespace/name` of the policy: logs and errors name it.
    pub policy: Arc<str>,
    /// JSON, handed to `configure` as it is.
    pub config: String,
    /// What it may import.
    pub capabilities: BTreeSet<Capability>,
    /// What it may use.
    pub limits: Limits,
    /// What a transform may write.
    pub rights: Rights,
    /// How long an instance lives.
    pub isolation: Isolation,
}

/// What `describe` answers.
#[derive(Clone, Debug)]
pub struct Info {
    /// The module's own name.
    pub name: String,
    /// The module's own version.
    pub version: String,
    /// JSON Schema of its configuration, where it gives one.
    pub config_schema: Option<String>,
}

/// A module configured for one policy and warmed up: it works. Shared by all lanes, cheap to clone.
#[derive(Clone)]
pub struct Guest {
    inner: Arc<Inner>,
}

struct Inner {
    engine: Engine,
    module: Module,
    spec: GuestSpec,
    info: Info,
    needs: Needs,
    shared: Arc<Shared>,
}

impl Guest {
    /// Only `describe`: for `inspect`, and to check a config against the module's schema before `verify`. Needs no
    /// grants; what the module logs meanwhile is written under the name of its digest.
    pub async fn describe(engine: &Engine, module: &Module) -> Result<Info, VerifyError> {
        let shared = Shared::new(&module.digest().into());
        let mut live = start(engine, module, &Limits::default(), &shared).await?;
        let info = describe(&mut live, module).await;
        live.retire();
        info
    }

    /// Instantiates, describes, configures, and makes one warm-up call with an empty batch to each interface that the
    /// module exports. (An empty batch and not a made-up event: whether a guest likes an invented event says nothing.)
    pub async fn verify(engine: &Engine, module: &Module, spec: GuestSpec) -> Result<Guest, VerifyError> {
        check_spec(module, &spec)?;
        let shared = Shared::new(&spec.policy);
        let mut live = start(engine, module, &spec.limits, &shared).await?;
        let set_up = set_up(&mut live, module, &spec).await;
        live.retire();
        let (info, needs) = set_up?;
        let inner = Inner { engine: engine.clone(), module: module.clone(), spec, info, needs, shared };
        Ok(Guest { inner: Arc::new(inner) })
    }

    /// Tells guests apart: the same for clones, and for no other guest as long as one of them (or a worker) is there.
    pub fn id(&self) -> usize {
        Arc::as_ptr(&self.inner).addr()
    }

    /// What it says of itself.
    pub fn info(&self) -> &Info {
        &self.inner.info
    }

    /// What it reads; batches for it are assembled with this.
    pub fn needs(&self) -> Needs {
        self.inner.needs
    }

    /// What it runs.
    pub fn module(&self) -> &Module {
        &self.inner.module
    }

    /// Whether it remembers anything: the policy grants `state`, and the module imports it.
    pub fn uses_state(&self) -> bool {
        self.inner.module.imports().contains(&Capability::State)
    }

    /// What it was given.
    pub fn spec(&self) -> &GuestSpec {
        &self.inner.spec
    }

    /// The counters it registered, with their values: of all lanes, since `verify`.
    pub fn counters(&self) -> Vec<(String, u64)> {
        self.inner.shared.counters.read()
    }

    /// Log lines beyond its allowance, since `verify`.
    pub fn suppressed_lines(&self) -> u64 {
        self.inner.shared.lines.suppressed()
    }

    pub(crate) fn timeout(&self) -> Duration {
        self.inner.spec.limits.timeout
    }

    /// A configured instance.
    pub(crate) async fn instance(&self) -> Result<Live, StartError> {
        let Inner { engine, module, spec, shared, .. } = &*self.inner;
        let mut live = Live::start(engine, module, &spec.limits, shared).await?;
        let fault = match live.configure(module, &spec.config).await {
            Ok(Ok(_needs)) => return Ok(live),
            Ok(Err(words)) => Fault::new(FaultCause::Error, words),
            Err(fault) => fault,
        };
        live.retire();
        Err(StartError::Fault(fault))
    }
}

impl fmt::Debug for Guest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Guest").field("policy", &self.inner.spec.policy).field("module", &self.inner.module).finish()
    }
}

fn check_spec(module: &Module, spec: &GuestSpec) -> Result<(), VerifyError> {
    let missing: Vec<_> = module.imports().difference(&spec.capabilities).copied().collect();
    if !missing.is_empty() {
        return Err(VerifyError::NotGranted { missing });
    }
    let Limits { timeout, memory, max_event_bytes, state: _ } = spec.limits;
    let needed = max_event_bytes.saturating_mul(MEMORY_PER_EVENT_BYTE);
    if memory < needed {
        return Err(VerifyError::MemoryTooSmall { memory, event: max_event_bytes, needed });
    }
    if timeout < Duration::from_millis(1) {
        return Err(VerifyError::TimeoutTooShort);
    }
    Ok(())
}

async fn start(engine: &Engine, module: &Module, limits: &Limits, shared: &Arc<Shared>) -> Result<Live, VerifyError> {
    Live::start(engine, module, limits, shared).await.map_err(|e| match e {
        StartError::Fault(fault) => VerifyError::Failed { stage: Stage::Instantiate, fault },
        StartError::Busy(problem) => VerifyError::Busy { problem },
    })
}

/// Checks the types before it calls anything.
async fn describe(live: &mut Live, module: &Module) -> Result<Info, VerifyError> {
    live.check_types(module).map_err(|problem| VerifyError::Contract { problem })?;
    let described = live.describe(module).await;
    let InfoRecord { name, version, config_schema } =
        described.map_err(|fault| VerifyError::Failed { stage: Stage::Describe, fault })?;
    let info = Info { name, version, config_schema };
    match module.label().and_then(|label| label.differs(&info, module.kinds())) {
        Some(problem) => Err(VerifyError::Label { problem }),
        None => Ok(info),
    }
}

async fn set_up(live: &mut Live, module: &Module, spec: &GuestSpec) -> Result<(Info, Needs), VerifyError> {
    let info = describe(live, module).await?;
    let needs = live
        .configure(module, &spec.config)
        .await
        .map_err(|fault| VerifyError::Failed { stage: Stage::Configure, fault })?
        .map_err(VerifyError::ConfigRefused)?;
    for kind in module.kinds() {
        // What is remembered in a warm-up is forgotten with the instance.
        live.lend(Some(Session::own(&spec.limits.state)), 0);
        warm_up(live, *kind, spec.limits.timeout)
            .await
            .map_err(|fault| VerifyError::Failed { stage: Stage::WarmUp, fault })?;
    }
    Ok((info, needs))
}

async fn warm_up(live: &mut Live, kind: Kind, timeout: Duration) -> Result<(), Fault> {
    let empty = FlatBatch::default();
    match kind {
        Kind::Filter => reply::empty(&live.evaluate(&empty, timeout).await?, 0),
        Kind::Transform => {
            let output = live.apply(&empty, timeout).await?;
            reply::empty(&output.outcomes, output.index.len())
        }
        Kind::Matcher => {
            let assignment = live.assign(&empty, timeout).await?;
            reply::empty(&assignment.outcomes, assignment.pairs.len())
        }
    }
}
