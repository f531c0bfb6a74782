//! The circuit breaker of a policy: opens after so many failures, lets events meet its rule meanwhile, tries one now and then.

use tidegate_pipeline::{CircuitState, LaneState};

use crate::rig::{
    Rig,
    docs::Docs,
    events::{attribute, event, expected, guilty, ids},
    eventually,
    guests::Guest,
};

/// Three failures open it, and what is not dead-lettered tells what happens then.
fn line(breaker: &str) -> Docs {
    let failure = format!("failure: {{onTrap: DeadLetter, breaker: {{failures: 3, window: 60m, {breaker}}}}}");
    Docs::line().policy("judge", "judge.wasm", &failure)
}

fn traps() -> Guest {
    Guest::filter().guilty("unreachable")
}

fn circuit(rig: &Rig) -> CircuitState {
    rig.control.show();
    let picture = rig.control.observe().last();
    picture.circuits.first().expect("a circuit").state.clone()
}

/// Three guilty events: dead-lettered, and the circuit is open.
async fn open(breaker: &str) -> Rig {
    let mut rig = Rig::new();
    rig.guest("judge.wasm", &traps());
    rig.apply(&line(breaker)).await;
    assert_eq!(circuit(&rig), CircuitState::Closed);
    rig.push("in", (0..3).map(guilty));
    rig.settled("in", 3).await;
    assert_eq!(rig.ids("dlq"), expected(0..3));
    assert!(matches!(circuit(&rig), CircuitState::Open { .. }));
    rig
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn while_it_is_open_every_event_meets_its_rule_and_the_module_is_not_asked() {
    for then in ["Drop", "Bypass", "DeadLetter"] {
        let rig = open(&format!("pause: 10m, then: {then}")).await;
        // Among them one that the module would fail on: it is not asked.
        rig.push("in", (3..100).map(event).chain([guilty(100)]));
        rig.settled("in", 101).await;
        let tally = rig.tally("main");
        let key = ("default/judge".into(), "circuit open".into());
        let dlq = rig.queue("dlq").events();
        let delivered = if then == "Bypass" { expected(3..101) } else { Vec::new() };
        assert_eq!(rig.ids("out"), delivered, "{then}");
        match then {
            "Drop" => assert_eq!((tally.dropped_by_failure[&key], dlq.len()), (98, 3)),
            "Bypass" => assert_eq!((tally.bypassed[&key], dlq.len()), (98, 3)),
            _ => {
                assert_eq!(ids(&dlq), expected(0..101));
                assert_eq!(attribute(&dlq[3], "tidegatecause"), "circuit open");
                assert!(attribute(&dlq[3], "tidegatereason").contains("unreachable"), "{:?}", dlq[3]);
            }
        }
        assert!(tally.dropped.is_empty(), "a failure is no drop: {tally:?}");
        let found = rig.control.observe().last().deployed.decisions.find("e50", None);
        let reasons: Vec<&str> = found.iter().filter_map(|found| found.reason.as_deref()).collect();
        assert!(!reasons.is_empty(), "{found:?}");
        assert!(reasons.iter().all(|reason| reason.contains("circuit open")), "{reasons:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pause_holds_the_lane_with_nothing_acknowledged_until_the_documents_are_mended() {
    let mut rig = open("pause: 10m, then: Pause").await;
    rig.push("in", (3..2_000).map(event));
    let state = rig.lane("in", |state| matches!(state, LaneState::Held { .. })).await;
    let LaneState::Held { by, reason } = state else { unreachable!() };
    assert_eq!(&*by, "default/judge");
    assert!(reason.contains("is not asked") && reason.contains("unreachable"), "{reason}");
    // Documents that leave the policy as it is leave its circuit open.
    rig.apply(&line("pause: 10m, then: Pause").sink("unused")).await;
    assert!(matches!(circuit(&rig), CircuitState::Open { .. }));
    assert_eq!((rig.queue("in").counts().settled, rig.ids("out").len()), (3, 0));
    rig.guest("judge.wasm", &Guest::filter());
    rig.apply(&line("pause: 10m, then: Pause")).await;
    rig.settled("in", 2_000).await;
    assert_eq!((rig.ids("out"), circuit(&rig)), (expected(3..2_000), CircuitState::Closed));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_the_pause_one_event_is_tried_and_closes_it_or_does_not() {
    for then in ["Pause", "Reject"] {
        let rig = open(&format!("pause: 50ms, then: {then}")).await;
        // Tried one by one, each of these fails and is dead-lettered; the first good one closes the circuit.
        rig.push("in", (3..5).map(guilty).chain((5..1_500).map(event)));
        rig.settled("in", 1_500).await;
        assert_eq!((rig.ids("dlq"), rig.ids("out")), (expected(0..5), expected(5..1_500)), "{then}");
        assert_eq!(circuit(&rig), CircuitState::Closed);
    }
}

/// Where it costs too much to find the guilty, it opens without having counted them.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_batch_whose_guilty_events_cannot_be_found_opens_it_at_once() {
    let mut rig = Rig::new();
    rig.guest("judge.wasm", &traps());
    let failure = "failure: {onTrap: DeadLetter, breaker: {failures: 10000, window: 60m, pause: 10m, then: Bypass}}";
    rig.apply(&Docs::line().policy("judge", "judge.wasm", failure)).await;
    rig.push("in", (0..1_000).map(guilty));
    rig.settled("in", 1_000).await;
    assert!(matches!(circuit(&rig), CircuitState::Open { .. }));
    let (dead, out) = (rig.ids("dlq"), rig.ids("out"));
    assert!(!dead.is_empty() && !out.is_empty(), "{} {}", dead.len(), out.len());
    let mut all = [dead, out].concat();
    all.sort_by_key(|id| id[1..].parse::<usize>().unwrap());
    assert_eq!(all, expected(0..1_000));
}

/// A poisoned policy on one route, and its neighbours on others: those go on, whatever becomes of it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn neighbours_go_on() {
    let mut rig = Rig::new();
    rig.guest("bad.wasm", &Guest::filter().each("unreachable"));
    rig.guest("good.wasm", &Guest::filter().guilty("(local.set $code (i32.const 0x101))"));
    let refs = |route: &str| format!("targetRefs: [{{kind: Route, name: {route}}}]");
    let breaker = "failure: {onTrap: Retry, breaker: {failures: 2, pause: 10m, then: Pause}}";
    let docs = Docs::new().source("sick").source("well").sink("a").sink("b").sink("dlq");
    let docs = docs.route("sick", "sick", "a").route("well", "well", "b");
    let docs = docs.policy("bad", "bad.wasm", &format!("{}, {breaker}", refs("sick")));
    rig.apply(&docs.policy("good", "good.wasm", &refs("well"))).await;
    rig.push("sick", (0..500).map(event));
    rig.push("well", (0..2_000).map(event));
    rig.settled("well", 2_000).await;
    assert_eq!(rig.ids("b"), expected(0..2_000));
    eventually("the circuit of the sick policy is open", || {
        matches!(circuit(&rig), CircuitState::Open { .. }).then_some(())
    })
    .await;
    rig.push("well", (2_000..3_000).map(event));
    rig.settled("well", 3_000).await;
    assert_eq!((rig.queue("sick").counts().settled, rig.ids("a").len(), rig.ids("dlq").len()), (0, 0, 0));
    let found = rig.control.observe().last();
    let conditions = tidegate_control::conditions::conditions(&found);
    let degraded = conditions.iter().find(|condition| condition.name == "Degraded").expect("the condition");
    assert_eq!((degraded.holds, degraded.reason), (Some(true), "CircuitOpen"), "{degraded:?}");
    assert!(degraded.message.contains("policy default/bad"), "{degraded:?}");
}
