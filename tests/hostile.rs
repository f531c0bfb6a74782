//! Guests that do their worst in a running pipeline: the host stays up, the failure rule meets exactly the guilty events, and
//! neighbours go on.

mod filters;
mod flood;
mod matchers;
mod rust;
mod transforms;

use crate::rig::{
    Rig,
    docs::Docs,
    events::{attribute, expected, guilty, ids, mixed, plain},
    guests::Guest,
};

/// One way to misbehave about a guilty event, and how the host names it.
struct Case {
    name: &'static str,
    guest: Guest,
    /// Further keys of the policy.
    policy: &'static str,
    cause: &'static str,
    /// Part of the reason.
    reason: &'static str,
}

const EVENTS: usize = 1500;

/// The first and the last of the stream, and of a batch; two neighbours; one alone.
fn is_guilty(number: usize) -> bool {
    [0, 511, 512, 700, EVENTS - 1].contains(&number)
}

/// The hostile policy is alone on one route; beside it are another route of the same source and a route of its own.
fn docs(policy: &str) -> Docs {
    let docs = Docs::line().sink("same-source").route("neighbour", "in", "same-source");
    let docs = docs.source("other").sink("other-source").route("stranger", "other", "other-source");
    let target = "targetRefs: [{kind: Route, name: main}], failure: {onTrap: DeadLetter, onTimeout: DeadLetter}";
    docs.policy("hostile", "hostile.wasm", &format!("{target}{}{policy}", if policy.is_empty() { "" } else { ", " }))
        .policy("good", "good.wasm", "priority: 1")
}

async fn check(case: Case) {
    let Case { name, guest, policy, cause, reason } = case;
    let mut rig = Rig::new();
    rig.guest("hostile.wasm", &guest);
    rig.guest("good.wasm", &Guest::filter());
    rig.apply(&docs(policy)).await;
    rig.push("in", mixed(EVENTS, is_guilty));
    rig.push("other", plain(EVENTS));
    rig.settled("in", EVENTS as u64).await;
    rig.settled("other", EVENTS as u64).await;

    assert_eq!(rig.ids("other-source"), expected(0..EVENTS), "{name}: the stranger");
    assert_eq!(rig.ids("same-source"), expected(0..EVENTS), "{name}: the neighbour");
    let dead = rig.queue("dlq").events();
    let reasons: Vec<_> = dead.iter().map(|event| (event.id(), attribute(event, "tidegatereason"))).collect();
    assert_eq!(ids(&dead), expected((0..EVENTS).filter(|&number| is_guilty(number))), "{name}: {reasons:?}");
    assert_eq!(rig.ids("out"), expected((0..EVENTS).filter(|&number| !is_guilty(number))), "{name}: the innocent");
    for event in &dead {
        let found = (attribute(event, "tidegatecause"), attribute(event, "tidegateby"));
        assert_eq!(found, (cause.to_owned(), "default/hostile".to_owned()), "{name}: {reasons:?}");
        assert!(attribute(event, "tidegatereason").contains(reason), "{name}: {reasons:?}");
        let number: usize = event.id()[1..].parse().unwrap();
        let original = guilty(number);
        assert_eq!(event.data(), original.data(), "{name}: the original is intact");
        assert_eq!(event.subject(), original.subject(), "{name}: the original is intact");
        assert_eq!(event.source(), original.source(), "{name}: the original is intact");
    }
    let tally = rig.tally("main");
    assert_eq!(tally.received, EVENTS as u64, "{name}: each is counted once");
    assert_eq!(tally.dead_lettered.values().sum::<u64>(), 5, "{name}: {tally:?}");
}
