//! What a source asks for that delivers exactly once: whatever comes of its events is written by its own transactions.
//!
//! So every sink and dead letter of its routes is one that these can write for, delivered to by the transaction alone (no queue with a rate,
//! a breaker or retries of its own), and no policy keeps a state that an abandoned transaction would leave changed.

use std::collections::BTreeSet;

use crate::{
    ConfigProblem, Diagnostic, Options, codes,
    set::Set,
    spec::{self, Capability, Delivery, FilterPolicy, Id, Mode, Route, Sink, Source},
};

/// All that is in the way, each once.
pub(crate) fn check(set: &Set, options: &Options<'_>) -> Vec<Diagnostic> {
    let mut found = Vec::new();
    for source in set.sources.iter().map(|draft| &draft.document) {
        let spec::Connector { name, config } = &source.connector;
        if !options.connectors.is_transactional(name, config) {
            continue;
        }
        let mut sinks: BTreeSet<&Id> = BTreeSet::new();
        let mut policies: BTreeSet<&Id> = BTreeSet::new();
        for route in set.routes_from(source).filter(|draft| draft.sound).map(|draft| &draft.document) {
            for (pointer, id) in targets(route) {
                let Some(sink) = set.sinks.iter().find(|sink| sink.meta.id == *id) else { continue };
                if sink.connector.name != *name {
                    found.push(elsewhere(source, route, &pointer, sink));
                } else if sinks.insert(id) {
                    let problems = options.connectors.check_transaction(name, config, &sink.connector.config);
                    found.extend(problems.into_iter().map(|problem| refused(sink, problem)));
                    found.extend(queued(source, sink));
                }
            }
            for policy in set.policies.iter().map(|draft| &draft.document).filter(|policy| policy.applies_to(route)) {
                if has_state(policy) && policies.insert(&policy.meta.id) {
                    found.push(stateful(source, policy));
                }
            }
        }
    }
    found
}

/// The sinks of a route, each with the place that names it.
fn targets(route: &Route) -> impl Iterator<Item = (String, &Id)> {
    let to = route.to.iter().enumerate().map(|(at, target)| (format!("/spec/to/{at}/sink"), &target.sink));
    to.chain(route.dead_letter.iter().map(|id| ("/spec/deadLetter/sink".to_owned(), id)))
}

fn elsewhere(source: &Source, route: &Route, pointer: &str, sink: &Sink) -> Diagnostic {
    let message = format!(
        "the source `{}` delivers exactly once, but the sink `{}` is `{}`",
        source.meta.id.name, sink.meta.id.name, sink.connector.name
    );
    let hint = format!(
        "its transactions write to `{}` only: send it there first, and on from there with a route of its own",
        source.connector.name
    );
    route.meta.places.diagnostic(codes::EXACTLY_ONCE, pointer, message, Some(hint))
}

fn refused(sink: &Sink, problem: ConfigProblem) -> Diagnostic {
    let pointer = format!("/spec/{}{}", sink.connector.name, problem.pointer);
    let message = format!("the sink `{}` cannot be written to exactly once: {}", sink.meta.id.name, problem.problem);
    sink.meta.places.diagnostic(codes::EXACTLY_ONCE, &pointer, message, problem.hint)
}

/// What is minded before a sink's own queue means nothing to a transaction.
fn queued(source: &Source, sink: &Sink) -> Vec<Diagnostic> {
    let (given, default) = (&sink.delivery, Delivery::default());
    let keys = [
        ("retry", given.retry != default.retry),
        ("timeout", given.timeout != default.timeout),
        ("rateLimit", given.rate_limit != default.rate_limit),
        ("breaker", given.breaker != default.breaker),
    ];
    let diagnostic = |(key, _): (&str, bool)| {
        let message = format!(
            "`{key}` of the sink `{}` would mean nothing to the transactions of the source `{}`",
            sink.meta.id.name, source.meta.id.name
        );
        let hint = "leave it out: a transaction that fails is tried again as a whole".to_owned();
        sink.meta.places.diagnostic(codes::EXACTLY_ONCE, &format!("/spec/{key}"), message, Some(hint))
    };
    keys.into_iter().filter(|(_, given)| *given).map(diagnostic).collect()
}

fn has_state(policy: &FilterPolicy) -> bool {
    let decides = match policy.mode {
        Mode::Enforce => true,
        // What decides is its baseline, where it has one; by itself it remembers for itself.
        Mode::Shadow => policy.rollout.is_some(),
        Mode::Disabled => false,
    };
    decides && policy.is_granted(Capability::State)
}

fn stateful(source: &Source, policy: &FilterPolicy) -> Diagnostic {
    let message = format!(
        "the policy `{}` holds `state`, and the source `{}` delivers exactly once",
        policy.meta.id, source.meta.id.name
    );
    let hint =
        "a transaction that is given up would leave its state changed: deliver at least once, or do without state";
    policy.meta.places.diagnostic(codes::EXACTLY_ONCE, "/spec/wasm/capabilities", message, Some(hint.to_owned()))
}
