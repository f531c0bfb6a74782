//! From checked documents and verified guests to the plan the data path runs.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use tidegate_engine::Guest;
use tidegate_matching::{Destination, Matcher, Names};
use tidegate_pipeline::{
    Circuit, CircuitOptions, Live, Plan, Tally, WindowOptions,
    plan::{
        Body, Drain, FailureRule, FailureRules, MalformedRule, RoutePlan, SourcePlan, Stage, TargetPlan, Unmatched,
        Verdict,
    },
};
use tidegate_policy::spec::{self, Documents, FilterPolicy, Id, Mode, Route};

use crate::{rollouts::Rollouts, shadows::Shadows, sinks::Sinks, verify};

/// What runs for a policy.
#[derive(Clone, Debug)]
pub(crate) enum Decider {
    /// A verified module.
    Module(Guest),
    /// Nothing but a condition.
    Condition(spec::Rule),
}

impl Decider {
    /// `sha256:…` of the module, or of the condition.
    pub(crate) fn digest(&self) -> String {
        match self {
            Decider::Module(guest) => guest.module().digest().to_owned(),
            Decider::Condition(rule) => verify::digest(rule),
        }
    }

    /// What stages are made of. A component that exports several interfaces is asked in their order: filter, transform, matcher.
    pub(crate) fn bodies(&self) -> Vec<Body> {
        match self {
            Decider::Module(guest) => {
                guest.module().kinds().iter().map(|kind| Body::Wasm { guest: guest.clone(), kind: *kind }).collect()
            }
            Decider::Condition(rule) => vec![Body::Condition(verdict(rule))],
        }
    }
}

/// Puts the plan together. `deciders` has one entry a policy, in the order of the documents; some of them have another version `beside`,
/// or only look on. Every sink is open.
/// Lanes of sources that say nothing else have `window`. Meters and circuits are those of `live`, for whose data path it is.
pub(crate) fn build(
    generation: Arc<str>,
    documents: &Documents,
    deciders: &[Decider],
    beside: (&Rollouts, &Shadows),
    sinks: &Sinks,
    window: WindowOptions,
    live: &Live,
) -> Plan {
    let routes: BTreeMap<&Id, Arc<RoutePlan>> = documents
        .routes
        .iter()
        .map(|route| (&route.meta.id, Arc::new(route_plan(route, documents, deciders, beside, sinks, live))))
        .collect();
    let mut sources: HashMap<Arc<str>, SourcePlan> = HashMap::new();
    for source in &documents.sources {
        let from = documents.routes.iter().filter(|route| route.from.contains(&source.meta.id));
        let from: Vec<Arc<RoutePlan>> = from.map(|route| routes[&route.meta.id].clone()).collect();
        if from.is_empty() {
            continue;
        }
        let window = source.window.map(|spec::Window { events, bytes }| WindowOptions {
            events: events.unwrap_or(window.events),
            bytes: bytes.unwrap_or(window.bytes),
        });
        let mut plan = SourcePlan::new(malformed(source.malformed), window, from);
        plan.connector = Some(source.connector.name.as_str().into());
        plan.drain = match source.drain {
            spec::Drain::First => Drain::First,
            spec::Drain::Last => Drain::Last,
        };
        sources.insert(source.meta.id.to_string().into(), plan);
    }
    let tally = Tally::of(routes.values().map(|route| &**route));
    Plan { generation, sources, tally: Arc::new(tally) }
}

fn route_plan(
    route: &Route,
    documents: &Documents,
    deciders: &[Decider],
    (rollouts, shadows): (&Rollouts, &Shadows),
    sinks: &Sinks,
    live: &Live,
) -> RoutePlan {
    let mut stages = Vec::new();
    let mut looking_on = Vec::new();
    // Documents have them in the order they run.
    let policies = documents.policies.iter().zip(deciders);
    for (policy, decider) in policies.filter(|(policy, _)| policy.applies_to(route)) {
        if policy.mode == Mode::Shadow {
            looking_on.extend(shadows.plan(policy, route, stages.len()));
        }
        let (id, matcher) = (Arc::<str>::from(policy.meta.id.to_string()), Matcher::policy(&policy.matches));
        // Each version has a circuit and a meter of its own.
        for (decider, share) in rollouts.versions(policy, decider) {
            let digest = decider.digest();
            stages.extend(decider.bodies().into_iter().map(|body| Stage {
                policy: id.clone(),
                matcher: matcher.clone(),
                body,
                failure: failure(policy.failure),
                circuit: circuit(policy, &decider, live),
                meter: live.meters().of(&id, &digest),
                share: share.clone(),
            }));
        }
    }
    let targets = route.to.iter().filter_map(|target| {
        Some(TargetPlan {
            id: target.sink.to_string().into(),
            sink: sinks.get(&target.sink.to_string())?.clone(),
            when: Matcher::condition(target.when.as_ref()),
            names: (!target.names.is_empty()).then(|| Names::new(&target.names)),
            topic: target.topic.as_ref().map(Destination::new),
        })
    });
    let dead_letter = |id: &Id| sinks.get(&id.to_string()).cloned();
    RoutePlan {
        id: route.meta.id.to_string().into(),
        stages,
        shadows: looking_on,
        targets: targets.collect(),
        unmatched: match route.unmatched {
            spec::Unmatched::Drop => Unmatched::Drop,
            spec::Unmatched::DeadLetter => Unmatched::DeadLetter,
            spec::Unmatched::Reject => Unmatched::Reject,
        },
        dead_letter: route.dead_letter.as_ref().and_then(dead_letter),
        stamp: route.stamp,
    }
}

/// A condition that decides in the place of a module.
pub fn verdict(rule: &spec::Rule) -> Verdict {
    let matcher = Matcher::condition(Some(&rule.condition));
    Verdict::new(matcher, rule.dialect(), &rule.text, verify::digest(rule).into())
}

/// The circuit of a policy that has a breaker: what it is about has not changed where module, configuration and breaker have not.
/// What only looks at an event cannot fail on it, and has none.
fn circuit(policy: &FilterPolicy, decider: &Decider, live: &Live) -> Option<Arc<Circuit>> {
    let Decider::Module(guest) = decider else { return None };
    let spec::PolicyBreaker { failures, window, pause, then } = policy.failure.breaker?;
    let options = CircuitOptions { failures, window, pause, then: rule(then) };
    let module = format!("{} {:?}", guest.module().digest(), guest.spec());
    Some(live.circuits().of(&guest.spec().policy, &module, options))
}

fn malformed(rule: spec::Malformed) -> MalformedRule {
    match rule {
        spec::Malformed::DeadLetter => MalformedRule::DeadLetter,
        spec::Malformed::Skip => MalformedRule::Skip,
        spec::Malformed::Pause => MalformedRule::Pause,
    }
}

fn failure(failure: spec::Failure) -> FailureRules {
    FailureRules {
        on_trap: rule(failure.on_trap),
        on_timeout: rule(failure.on_timeout),
        on_reject: rule(failure.on_reject),
    }
}

fn rule(rule: spec::FailureRule) -> FailureRule {
    match rule {
        spec::FailureRule::Retry => FailureRule::Retry,
        spec::FailureRule::DeadLetter => FailureRule::DeadLetter,
        spec::FailureRule::Drop => FailureRule::Drop,
        spec::FailureRule::Bypass => FailureRule::Bypass,
        spec::FailureRule::Pause => FailureRule::Pause,
        spec::FailureRule::Reject => FailureRule::Reject,
    }
}
