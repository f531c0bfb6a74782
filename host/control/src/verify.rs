//! Everything that can fail about a set of documents, before anything that runs is touched.

mod beside;

use std::{
    collections::{BTreeSet, HashMap},
    path::Path,
    sync::Arc,
};

use tidegate_connector::Registry;
use tidegate_engine::{
    Capability, Engine, Guest, GuestSpec, Info, Isolation, Limits, Module, Stage, StateLimits, VerifyError,
};
use tidegate_event::flat::Rights;
use tidegate_pipeline::{Live, Plan, WindowOptions, shadow::Task};
use tidegate_policy::{
    ConfigProblem, ConnectorCheck, Diagnostic, File, Options, Report, Role,
    spec::{self, Body, Documents, FilterPolicy, Mode, Rule, Wasm},
};

use crate::{
    DocumentSet, ModuleStore, config_schema,
    generation::{self, PolicyInfo, RolloutInfo, Unindexed},
    modules::{self, ResolveError},
    plan::{self, Decider},
    rollouts::{Rollouts, Standing},
    shadows::Shadows,
    sinks::Sinks,
    unindexed,
    verify::beside::Beside,
};

/// A set of documents that works: parsed, checked, resolved, compiled, configured and warmed up. Only this can go live.
#[derive(Debug)]
pub struct Verified {
    /// As they stood.
    pub(crate) files: Vec<File>,
    pub(crate) documents: Documents,
    pub(crate) policies: Vec<PolicyInfo>,
    pub(crate) guests: Guests,
    pub(crate) rollouts: Rollouts,
    pub(crate) shadows: Shadows,
    /// Of shadows that are new.
    pub(crate) tasks: Vec<Task>,
    pub(crate) sinks: Sinks,
    pub(crate) plan: Plan,
    pub(crate) unindexed: Vec<Unindexed>,
}

impl Verified {
    /// The checked documents.
    pub fn documents(&self) -> &Documents {
        &self.documents
    }

    /// The policies and what would run for them, in the order of the documents.
    pub fn policies(&self) -> &[PolicyInfo] {
        &self.policies
    }

    /// Conditions with nothing to look up.
    pub fn unindexed(&self) -> &[Unindexed] {
        &self.unindexed
    }

    /// Hash of the resolved set.
    pub fn generation(&self) -> &Arc<str> {
        &self.plan.generation
    }
}

/// Guests of a generation, by all that made them: unchanged policies keep their instances.
pub(crate) type Guests = HashMap<String, Guest>;

/// What verification works with.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Verifier<'a> {
    pub(crate) engine: &'a Engine,
    pub(crate) connectors: &'a Registry,
    pub(crate) state_dir: &'a Path,
    pub(crate) development: bool,
    pub(crate) guests: &'a Guests,
    pub(crate) sinks: &'a Sinks,
    pub(crate) modules: modules::Origin<'a>,
    /// Modules of the generations that are kept; `None`: there are none to look for, and what would be there is taken for good.
    pub(crate) kept: Option<&'a ModuleStore>,
    pub(crate) rollouts: &'a Rollouts,
    pub(crate) shadows: &'a Shadows,
    pub(crate) standing: &'a Standing,
    /// Of lanes whose source says nothing else.
    pub(crate) window: WindowOptions,
    /// Conditions with nothing to look up, at most.
    pub(crate) unindexed_max: usize,
    /// Whose data path it is for.
    pub(crate) live: &'a Live,
}

impl Verifier<'_> {
    pub(crate) async fn verify(self, set: &DocumentSet) -> Result<Verified, Report> {
        let connectors = Connectors(self.connectors);
        let options = Options { development: self.development, connectors: &connectors };
        let mut documents = tidegate_policy::check(&set.files, &options)?;
        let mut mistakes = Vec::new();
        let mut guests = Guests::new();
        let mut list = Vec::new();
        let mut beside = Beside::default();
        for policy in &documents.policies {
            let wasm = match &policy.body {
                Body::Wasm(wasm) => wasm,
                Body::Condition(rule) => {
                    beside.condition(policy, rule);
                    list.push(Decider::Condition(rule.clone()));
                    continue;
                }
            };
            match self.guest(policy, wasm).await {
                Ok((key, guest)) => {
                    mistakes.extend(self.beside(policy, wasm, &guest, &mut beside, &mut guests).await.err());
                    list.push(Decider::Module(guest.clone()));
                    guests.insert(key, guest);
                }
                Err(diagnostics) => mistakes.extend(diagnostics),
            }
        }
        let (unindexed, too_many) = unindexed::find(&documents, self.unindexed_max);
        mistakes.extend(too_many);
        let sinks = self.open_sinks(&documents, &mut mistakes);
        if !mistakes.is_empty() {
            return Err(Report::new(mistakes));
        }
        let (rollouts, shadows, tasks) = self.rolled_out(&mut documents, beside);
        let policies: Vec<PolicyInfo> =
            documents.policies.iter().zip(&list).map(|(policy, decider)| info(policy, decider, &rollouts)).collect();
        let digests: Vec<String> = policies.iter().map(|policy| policy.digest.clone()).collect();
        let id = generation::id(&documents.fingerprint_input(), &digests);
        let plan = plan::build(id, &documents, &list, (&rollouts, &shadows), &sinks, self.window, self.live);
        let files = set.files.clone();
        Ok(Verified { files, documents, policies, guests, rollouts, shadows, tasks, sinks, plan, unindexed })
    }

    fn open_sinks(self, documents: &Documents, mistakes: &mut Vec<Diagnostic>) -> Sinks {
        let mut sinks = Sinks::default();
        for document in &documents.sinks {
            if let Err(errors) = sinks.open(document, self.sinks, self.connectors, self.state_dir) {
                mistakes.extend(errors.into_iter().map(|error| {
                    let pointer = format!("/spec/{}{}", document.connector.name, error.pointer);
                    document.meta.places.diagnostic("C301", &pointer, error.problem, error.hint)
                }));
            }
        }
        sinks
    }

    /// Resolve, compile, check the config against the schema, verify.
    async fn guest(self, policy: &FilterPolicy, wasm: &Wasm) -> Result<(String, Guest), Vec<Diagnostic>> {
        let module = modules::resolve(self.engine, self.modules, policy, wasm).await;
        let module = module.map_err(|error| vec![unresolved(policy, &error)])?;
        let spec = beside::candidate_spec(policy, wasm);
        let key = format!("{} {spec:?}", module.digest());
        if let Some(guest) = self.guests.get(&key) {
            return Ok((key, guest.clone()));
        }
        self.check_schema(policy, wasm, &module).await?;
        let guest = Guest::verify(self.engine, &module, spec).await;
        Ok((key, guest.map_err(|error| vec![refused(policy, &error)])?))
    }

    async fn check_schema(self, policy: &FilterPolicy, wasm: &Wasm, module: &Module) -> Result<(), Vec<Diagnostic>> {
        let described = Guest::describe(self.engine, module).await;
        let Info { config_schema, .. } = described.map_err(|error| vec![refused(policy, &error)])?;
        let Some(schema) = config_schema else { return Ok(()) };
        let at = |pointer: &str, message, hint| {
            policy.meta.places.diagnostic("C206", &format!("/spec/wasm{pointer}"), message, hint)
        };
        match config_schema::check(&schema, &wasm.config) {
            Err(problem) => Err(vec![at("/module", problem, Some("this is a mistake in the module".into()))]),
            Ok(misfits) if misfits.is_empty() => Ok(()),
            Ok(misfits) => {
                let hint = "`tidegate inspect` prints the module's config schema";
                let diagnostic = |misfit: config_schema::Misfit| {
                    let message = format!("the module does not take this config: {}", misfit.problem);
                    at(&format!("/config{}", misfit.pointer), message, Some(hint.into()))
                };
                Err(misfits.into_iter().map(diagnostic).collect())
            }
        }
    }
}

fn info(policy: &FilterPolicy, decider: &Decider, rollouts: &Rollouts) -> PolicyInfo {
    let id = policy.meta.id.to_string();
    let rollout = rollouts.get(&id).map(|running| {
        let (steps, after) = running.to_come().unzip();
        RolloutInfo {
            percent: running.rollout.percent,
            baseline: running.baseline.module().digest().to_owned(),
            steps: steps.unwrap_or_default(),
            after_ms: after.map(|after| u64::try_from(after.as_millis()).unwrap_or(u64::MAX)),
        }
    });
    let (module, version) = match decider {
        Decider::Module(guest) => (guest.info().name.clone(), guest.info().version.clone()),
        Decider::Condition(rule) => (rule.dialect().to_owned(), String::new()),
    };
    let shadow = policy.mode == Mode::Shadow;
    PolicyInfo { policy: id.into(), module, version, digest: decider.digest(), rollout, shadow }
}

/// `sha256:…` of a condition that decides: another one is another policy in history and metrics.
pub(crate) fn digest(rule: &Rule) -> String {
    modules::digest(format!("{}\0{}", rule.dialect(), rule.text).as_bytes())
}

/// What a policy gives its module.
pub fn guest_spec(policy: &FilterPolicy, wasm: &Wasm) -> GuestSpec {
    let capabilities: BTreeSet<Capability> = wasm
        .capabilities
        .iter()
        .map(|&granted| match granted {
            spec::Capability::Log => Capability::Log,
            spec::Capability::Metrics => Capability::Metrics,
            spec::Capability::State => Capability::State,
            spec::Capability::Wasi => Capability::Wasi,
        })
        .collect();
    GuestSpec {
        policy: policy.meta.id.to_string().into(),
        config: wasm.config.to_string(),
        capabilities,
        limits: Limits {
            timeout: policy.limits.timeout,
            memory: policy.limits.memory,
            max_event_bytes: policy.limits.max_event_bytes,
            state: StateLimits { max_bytes: policy.state.max_bytes, ttl: policy.state.ttl },
        },
        rights: Rights {
            attributes: wasm.may_write.attributes.clone(),
            data: wasm.may_write.data,
            emit: wasm.may_emit,
            event_bytes: policy.limits.max_event_bytes,
        },
        isolation: match wasm.isolation {
            spec::Isolation::Worker => Isolation::Worker,
            spec::Isolation::Batch => Isolation::Batch,
        },
    }
}

/// The codes of what is refused here are explained in [`crate::codes`].
fn unresolved(policy: &FilterPolicy, error: &ResolveError) -> Diagnostic {
    let (code, pointer, hint) = match error {
        ResolveError::Read { .. } => ("C201", "/spec/wasm/module", "paths are relative to the document".to_owned()),
        ResolveError::Outside { .. } => ("C202", "/spec/wasm/module", "put the module beside or below it".to_owned()),
        ResolveError::TooLarge { .. } => ("C203", "/spec/wasm/module", "strip it, or split it".to_owned()),
        ResolveError::Digest { found } => {
            ("C204", "/spec/wasm/digest", format!("if this is the module you want, write `digest: {found}`"))
        }
        ResolveError::Absent { .. } => (
            "C208",
            "/spec/wasm/digest",
            "upload it first (`PUT /v1/modules/DIGEST`); `tidegate apply` does".to_owned(),
        ),
        ResolveError::NoDigest => (
            "C209",
            "/spec/wasm",
            "add `digest: sha256:…`; `tidegate apply` does that, and uploads the module".to_owned(),
        ),
        ResolveError::Load(_) => ("C205", "/spec/wasm/module", "`tidegate inspect` shows what the file is".to_owned()),
    };
    policy.meta.places.diagnostic(code, pointer, error.to_string(), Some(hint))
}

fn refused(policy: &FilterPolicy, error: &VerifyError) -> Diagnostic {
    let (pointer, hint) = place_of(error);
    policy.meta.places.diagnostic("C207", pointer, error.to_string(), hint.map(str::to_owned))
}

/// What in the document is to blame, and what to do about it.
fn place_of(error: &VerifyError) -> (&'static str, Option<&'static str>) {
    match error {
        VerifyError::NotGranted { .. } => (
            "/spec/wasm/capabilities",
            Some("grant it under `capabilities:` if the module may do this; `tidegate inspect` lists what it imports"),
        ),
        VerifyError::MemoryTooSmall { .. } => ("/spec/limits/memory", Some("raise `memory`, or lower `maxEventBytes`")),
        VerifyError::TimeoutTooShort => ("/spec/limits/timeout", None),
        VerifyError::ConfigRefused(_) => ("/spec/wasm/config", Some("these are the module's own words")),
        VerifyError::Failed { stage: Stage::Configure, .. } => (
            "/spec/wasm/config",
            Some("the module must answer `configure` within its limits, with an error where it has one"),
        ),
        VerifyError::Failed { stage: _, .. } => ("/spec/wasm/module", Some("this is a mistake in the module")),
        VerifyError::Contract { .. } => ("/spec/wasm/module", Some("build it against the contract this host serves")),
        VerifyError::Label { .. } => (
            "/spec/wasm/module",
            Some("build it again with `tidegate build`; a label that was changed afterwards is not trusted"),
        ),
        VerifyError::Busy { .. } => ("/spec/wasm/module", Some("try again, or raise the host's limit of instances")),
    }
}

/// Lets connectors answer for their part of a document.
#[derive(Debug)]
pub struct Connectors<'a>(pub &'a Registry);

impl ConnectorCheck for Connectors<'_> {
    fn names(&self) -> Vec<String> {
        self.0.names().map(str::to_owned).collect()
    }

    fn has_topics(&self, connector: &str) -> bool {
        self.0.get(connector).is_some_and(|connector| connector.has_topics())
    }

    fn check(&self, connector: &str, role: Role, config: &serde_json::Value) -> Vec<ConfigProblem> {
        let Some(connector) = self.0.get(connector) else { return Vec::new() };
        let checked = match role {
            Role::Source => connector.check_source(config),
            Role::Sink => connector.check_sink(config),
        };
        checked.err().unwrap_or_default().into_iter().map(problem).collect()
    }

    fn listens_at(&self, connector: &str, source: &serde_json::Value) -> Option<std::net::SocketAddr> {
        self.0.get(connector)?.listens_at(source)
    }

    fn is_transactional(&self, connector: &str, source: &serde_json::Value) -> bool {
        self.0.get(connector).is_some_and(|connector| connector.is_transactional(source))
    }

    fn check_transaction(
        &self,
        connector: &str,
        source: &serde_json::Value,
        sink: &serde_json::Value,
    ) -> Vec<ConfigProblem> {
        let Some(connector) = self.0.get(connector) else { return Vec::new() };
        connector.check_transaction(source, sink).into_iter().map(problem).collect()
    }
}

fn problem(error: tidegate_connector::ConfigError) -> ConfigProblem {
    ConfigProblem { pointer: error.pointer, problem: error.problem, hint: error.hint }
}
