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
        Body, FailureRule, FailureRules, MalformedRule, RoutePlan, SourcePlan, Stage, TargetPlan, Unmatched, Verdict,
    },
};
use tidegate_policy::spec::{self, Documents, FilterPolicy, Id, Mode, Route};

use crate::{sinks::Sinks, verify};

/// What runs for a policy.
#[derive(Clone, Debug)]
pub(crate) enum Decider {
    /// A verified module.
    Module(Guest),
    /// Nothing but a condition.
    Condition(spec::Rule),
}

/// Puts the plan together. `deciders` has one entry a policy, in the order of the documents. Every sink is open.
/// Lanes of sources that say nothing else have `window`. Meters and circuits are those of `live`, for whose data path it is.
pub(crate) fn build(
    generation: Arc<str>,
    documents: &Documents,
    deciders: &[Decider],
    sinks: &Sinks,
    window: WindowOptions,
    live: &Live,
) -> Plan {
    let routes: BTreeMap<&Id, Arc<RoutePlan>> = documents
        .routes
        .iter()
        .map(|route| (&route.meta.id, Arc::new(route_plan(route, documents, deciders, sinks, live))))
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
        let plan = SourcePlan::new(malformed(source.malformed), window, from);
        sources.insert(source.meta.id.to_string().into(), plan);
    }
    let tally = Tally::of(routes.values().map(|route| &**route));
    Plan { generation, sources, tally: Arc::new(tally) }
}

fn route_plan(route: &Route, documents: &Documents, deciders: &[Decider], sinks: &Sinks, live: &Live) -> RoutePlan {
    let mut stages = Vec::new();
    // Documents have them in the order they run.
    let policies = documents.policies.iter().zip(deciders);
    for (policy, decider) in policies.filter(|(policy, _)| policy.mode == Mode::Enforce && policy.applies_to(route)) {
        let (id, matcher) = (Arc::<str>::from(policy.meta.id.to_string()), Matcher::policy(&policy.matches));
        let stage = |body: Body, digest: &str, circuit| Stage {
            policy: id.clone(),
            matcher: matcher.clone(),
            body,
            failure: failure(policy.failure),
            circuit,
            meter: live.meters().of(&id, digest),
        };
        match decider {
            // A component that exports several interfaces is asked in their order: filter, transform, matcher.
            Decider::Module(guest) => {
                for kind in guest.module().kinds() {
                    let body = Body::Wasm { guest: guest.clone(), kind: *kind };
                    stages.push(stage(body, guest.module().digest(), circuit(policy, guest, live)));
                }
            }
            // What only looks at an event cannot fail on it.
            Decider::Condition(rule) => {
                let verdict = verdict(rule);
                let digest = verdict.digest().to_owned();
                stages.push(stage(Body::Condition(verdict), &digest, None));
            }
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
fn circuit(policy: &FilterPolicy, guest: &Guest, live: &Live) -> Option<Arc<Circuit>> {
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
