//! One case through the engine.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use tidegate_control::config_schema;
use tidegate_engine::{Capability, Engine, Guest, GuestSpec, Module, VerifyError, Worker};
use tidegate_event::Event;
use tidegate_pipeline::plan::Verdict;
use tidegate_policy::{
    cases::{Case, Given, GivenEvent, Setting},
    spec,
};

use super::{Base, Planned, Subject};
use crate::{
    commands::module_file::verify_hint,
    event_text,
    guest_lines::{self, GuestLine},
    trial::{self, Fate},
};

/// Where nothing is said: 2026-01-01T00:00:00Z. A case gives the same today and tomorrow.
const NOW_MS: u64 = 1_767_225_600_000;

/// A case is about decisions: a slow machine must not change them. One about the timeout says so itself.
const TIMEOUT_MIN: Duration = Duration::from_secs(2);

/// What became of a case.
#[derive(Debug)]
pub(crate) enum Tried {
    /// It could not be run; why.
    Not(String),
    /// The configuration was refused, with these words.
    Refused(Vec<String>),
    /// It was run.
    Ran(Box<Ran>),
}

/// What came of the events.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) events: Vec<Event>,
    /// One an event.
    pub(crate) fates: Vec<Fate>,
    pub(crate) lines: Vec<GuestLine>,
    /// Lines beyond what a policy may log.
    pub(crate) suppressed: u64,
    /// Those that are not 0, sorted.
    pub(crate) metrics: Vec<(String, u64)>,
}

pub(crate) async fn try_case(planned: &Planned, base: &Base, subject: Subject<'_>) -> Tried {
    let (engine, module) = match subject {
        Subject::Module(engine, module) => (engine, module),
        Subject::Condition(verdict) => return decide(planned, base, verdict),
    };
    let spec = spec_of(&planned.case, base);
    let policy = spec.policy.to_string();
    let tried = run(planned, base, engine, module, spec).await;
    // What is left of a case that ended early.
    drop(guest_lines::take(&policy));
    tried
}

async fn run(planned: &Planned, base: &Base, engine: &Engine, module: &Module, spec: GuestSpec) -> Tried {
    let policy = spec.policy.to_string();
    let mut refused = match misfits(engine, module, &spec).await {
        Ok(misfits) => misfits,
        Err(why) => return Tried::Not(why),
    };
    let guest = match Guest::verify(engine, module, spec).await {
        Ok(guest) => guest,
        Err(VerifyError::ConfigRefused(words)) => {
            refused.push(words);
            return Tried::Refused(refused);
        }
        Err(error) => return Tried::Not(with_hint(&error)),
    };
    if !refused.is_empty() {
        return Tried::Refused(refused);
    }
    // An instance of its own decides: what this one said is said again.
    drop(guest_lines::take(&policy));
    let events = match events(planned) {
        Ok(events) => events,
        Err(why) => return Tried::Not(why),
    };
    let now_ms = planned.case.setting.now_ms.unwrap_or(NOW_MS);
    let fates = trial::fates(&guest, &mut Worker::new(&guest), &base.matcher, &events, now_ms).await;
    let mut metrics = guest.counters();
    metrics.retain(|(_, value)| *value > 0);
    metrics.sort();
    let (lines, suppressed) = (guest_lines::take(&policy), guest.suppressed_lines());
    Tried::Ran(Box::new(Ran { events, fates, lines, suppressed, metrics }))
}

/// What a condition decides, without an engine.
fn decide(planned: &Planned, base: &Base, verdict: &Verdict) -> Tried {
    let Setting { config, capabilities, may_write, may_emit, timeout, now_ms: _ } = &planned.case.setting;
    let of_modules = config.is_some() || capabilities.is_some() || may_write.is_some() || may_emit.is_some();
    if of_modules || timeout.is_some() || matches!(planned.case.given, Given::Refused(_)) {
        return Tried::Not(
            "the policy decides by a condition: there is no module that anything could be given to".into(),
        );
    }
    match events(planned) {
        Ok(events) => {
            let fates = events.iter().map(|event| trial::decided(verdict, &base.matcher, event)).collect();
            Tried::Ran(Box::new(Ran { events, fates, lines: Vec::new(), suppressed: 0, metrics: Vec::new() }))
        }
        Err(why) => Tried::Not(why),
    }
}

/// Ways in which the config does not fit the module's own schema: a host refuses these before the module is asked.
async fn misfits(engine: &Engine, module: &Module, spec: &GuestSpec) -> Result<Vec<String>, String> {
    let info = Guest::describe(engine, module).await.map_err(|error| with_hint(&error))?;
    let Some(schema) = info.config_schema else { return Ok(Vec::new()) };
    let config = serde_json::from_str(&spec.config).map_err(|error| error.to_string())?;
    let misfits = config_schema::check(&schema, &config)?;
    let said = |misfit: config_schema::Misfit| match misfit.pointer.as_str() {
        "" => misfit.problem,
        at => format!("{at}: {}", misfit.problem),
    };
    Ok(misfits.into_iter().map(said).collect())
}

fn with_hint(error: &VerifyError) -> String {
    match verify_hint(error) {
        hint if hint.is_empty() => error.to_string(),
        hint => format!("{error}\nhint: {hint}"),
    }
}

/// What the case says over what the policy says.
fn spec_of(case: &Case, base: &Base) -> GuestSpec {
    static CASES: AtomicU64 = AtomicU64::new(0);
    let Setting { config, capabilities, may_write, may_emit, timeout, now_ms: _ } = &case.setting;
    let mut spec = base.spec.clone();
    spec.policy = format!("{}{}", guest_lines::NAMESPACE, CASES.fetch_add(1, Ordering::Relaxed)).into();
    if let Some(config) = config {
        spec.config = config.to_string();
    }
    if let Some(capabilities) = capabilities {
        spec.capabilities = capabilities.iter().map(|granted| capability(*granted)).collect();
    }
    if let Some(may_write) = may_write {
        spec.rights.attributes.clone_from(&may_write.attributes);
        spec.rights.data = may_write.data;
    }
    if let Some(may_emit) = may_emit {
        spec.rights.emit = *may_emit;
    }
    spec.limits.timeout = timeout.unwrap_or(spec.limits.timeout.max(TIMEOUT_MIN));
    spec
}

fn capability(granted: spec::Capability) -> Capability {
    match granted {
        spec::Capability::Log => Capability::Log,
        spec::Capability::Metrics => Capability::Metrics,
        spec::Capability::State => Capability::State,
        spec::Capability::Wasi => Capability::Wasi,
    }
}

fn events(planned: &Planned) -> Result<Vec<Event>, String> {
    match &planned.case.given {
        Given::Refused(_) => Ok(Vec::new()),
        Given::File(path) => event_text::read(&planned.folder.join(path)).map_err(|error| format!("{error:#}")),
        Given::Events(events) => events.iter().map(event).collect(),
    }
}

fn event(given: &GivenEvent) -> Result<Event, String> {
    let decoded = event_text::decode(&given.event.to_string());
    let event = decoded.map_err(|error| format!("{}: no CloudEvent: {error}", given.place))?;
    let context: Vec<(&str, &str)> =
        given.context.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    Ok(if context.is_empty() { event } else { event.with_context(&context) })
}
