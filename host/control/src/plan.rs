//! From checked documents and verified guests to the plan the data path runs.

use std::{collections::HashMap, sync::Arc};

use tidegate_engine::Guest;
use tidegate_matching::{Destination, Matcher, Names};
use tidegate_pipeline::{
    Plan, Tally, WindowOptions,
    plan::{Body, FailureRule, FailureRules, MalformedRule, RoutePlan, SourcePlan, Stage, TargetPlan, Unmatched},
};
use tidegate_policy::spec::{self, Documents, Id, Mode, Route};

use crate::sinks::Sinks;

/// Puts the plan together. `guests` has one entry a policy, in the order of the documents. Every sink is open.
/// Lanes of sources that say nothing else have `window`.
pub(crate) fn build(
    generation: Arc<str>,
    documents: &Documents,
    guests: &[Guest],
    sinks: &Sinks,
    window: WindowOptions,
) -> Plan {
    let mut sources: HashMap<Arc<str>, SourcePlan> = HashMap::new();
    for route in &documents.routes {
        let plan = Arc::new(route_plan(route, documents, guests, sinks));
        for source in documents.sources.iter().filter(|source| route.from.contains(&source.meta.id)) {
            let id = source.meta.id.to_string().into();
            let malformed = malformed(source.malformed);
            let window = source.window.map(|spec::Window { events, bytes }| WindowOptions {
                events: events.unwrap_or(window.events),
                bytes: bytes.unwrap_or(window.bytes),
            });
            let entry = sources.entry(id).or_insert_with(|| SourcePlan { malformed, window, routes: Vec::new() });
            entry.routes.push(plan.clone());
        }
    }
    Plan { generation, sources, tally: Arc::new(Tally::default()) }
}

fn route_plan(route: &Route, documents: &Documents, guests: &[Guest], sinks: &Sinks) -> RoutePlan {
    let mut stages = Vec::new();
    // Documents have them in the order they run.
    let policies = documents.policies.iter().zip(guests);
    for (policy, guest) in policies.filter(|(policy, _)| policy.mode == Mode::Enforce && policy.applies_to(route)) {
        // A component that exports several interfaces is asked in their order: filter, transform, matcher.
        for kind in guest.module().kinds() {
            stages.push(Stage {
                policy: guest.spec().policy.clone(),
                matcher: Matcher::policy(&policy.matches),
                body: Body::Wasm { guest: guest.clone(), kind: *kind },
                failure: failure(policy.failure),
            });
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
    }
}

fn malformed(rule: spec::Malformed) -> MalformedRule {
    match rule {
        spec::Malformed::DeadLetter => MalformedRule::DeadLetter,
        spec::Malformed::Skip => MalformedRule::Skip,
        spec::Malformed::Pause => MalformedRule::Pause,
    }
}

fn failure(failure: spec::Failure) -> FailureRules {
    let rule = |rule| match rule {
        spec::FailureRule::Retry => FailureRule::Retry,
        spec::FailureRule::DeadLetter => FailureRule::DeadLetter,
        spec::FailureRule::Drop => FailureRule::Drop,
        spec::FailureRule::Bypass => FailureRule::Bypass,
        spec::FailureRule::Pause => FailureRule::Pause,
        spec::FailureRule::Reject => FailureRule::Reject,
    };
    FailureRules {
        on_trap: rule(failure.on_trap),
        on_timeout: rule(failure.on_timeout),
        on_reject: rule(failure.on_reject),
    }
}
