//! The failure rules of a policy: each does what it says to the guilty event and nothing to the others.

use tidegate_pipeline::LaneState;

use crate::rig::{
    Rig,
    docs::Docs,
    events::{attribute, expected, ids, mixed},
    guests::Guest,
};

/// Traps on guilty events.
fn traps() -> Guest {
    Guest::filter().guilty("unreachable")
}

fn rejects() -> Guest {
    Guest::filter().reasons(&["no amount"]).guilty("(local.set $code (i32.const 0x102))")
}

fn is_guilty(number: usize) -> bool {
    [0, 1, 77, 1023, 1024, 1999].contains(&number)
}

fn good() -> Vec<String> {
    expected((0..2000).filter(|&number| !is_guilty(number)))
}

fn bad() -> Vec<String> {
    expected((0..2000).filter(|&number| is_guilty(number)))
}

/// 2,000 events, six of them guilty, through one policy with one rule that lets the lane go on.
async fn settle(guest: &Guest, rule: &str) -> Rig {
    let mut rig = Rig::new();
    rig.guest("guest.wasm", guest);
    rig.apply(&Docs::line().policy("judge", "guest.wasm", &format!("failure: {rule}"))).await;
    rig.push("in", mixed(2000, is_guilty));
    rig.settled("in", 2000).await;
    rig
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn dead_letter_takes_the_guilty_whole_with_the_cause() {
    for (guest, rule, cause, reason) in [
        (traps(), "{onTrap: DeadLetter}", "trap", "unreachable"),
        (rejects(), "{onReject: DeadLetter}", "reject", "no amount"),
    ] {
        let rig = settle(&guest, rule).await;
        assert_eq!(rig.ids("out"), good(), "{cause}");
        let dead = rig.queue("dlq").events();
        assert_eq!(ids(&dead), bad(), "{cause}");
        for event in &dead {
            assert_eq!(attribute(event, "tidegatecause"), cause);
            assert!(attribute(event, "tidegatereason").contains(reason), "{event:?}");
            assert_eq!(attribute(event, "tidegateby"), "default/judge");
            assert_eq!(attribute(event, "tidegateroute"), "default/main");
            assert!(attribute(event, "tidegatedigest").starts_with("sha256:"), "{event:?}");
            assert_eq!(attribute(event, "tidegategeneration"), *rig.control.current().unwrap().id);
            let number: usize = event.id()[1..].parse().unwrap();
            assert_eq!(event.subject(), Some("guilty"));
            assert_eq!(event.data().unwrap().bytes, format!(r#"{{"n":{number}}}"#).as_bytes());
        }
        assert_eq!(rig.tally("main").dead_lettered[&("default/judge".into(), cause.into())], 6);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn drop_loses_the_guilty_and_counts_them_apart_from_what_was_dropped_on_purpose() {
    let rig = settle(&traps(), "{onTrap: Drop}").await;
    assert_eq!(rig.ids("out"), good());
    assert!(rig.ids("dlq").is_empty());
    let tally = rig.tally("main");
    assert_eq!(tally.dropped_by_failure[&("default/judge".into(), "trap".into())], 6);
    assert!(tally.dropped.is_empty() && tally.dead_lettered.is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bypass_lets_the_guilty_go_on_in_their_place() {
    let rig = settle(&traps(), "{onTrap: Bypass}").await;
    assert_eq!(rig.ids("out"), expected(0..2000));
    assert_eq!(rig.tally("main").bypassed[&("default/judge".into(), "trap".into())], 6);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pause_stops_the_lane_before_the_event_until_the_documents_change() {
    let mut rig = Rig::new();
    rig.guest("guest.wasm", &traps());
    let docs = |rule: &str| Docs::line().policy("judge", "guest.wasm", &format!("failure: {{onTrap: {rule}}}"));
    rig.apply(&docs("Pause")).await;
    rig.push("in", mixed(2000, is_guilty));
    let state = rig.lane("in", |state| matches!(state, LaneState::Paused { .. })).await;
    let LaneState::Paused { by, reason } = state else { unreachable!() };
    assert_eq!(&*by, "default/judge");
    assert!(reason.contains("unreachable"), "{reason}");
    assert_eq!(rig.queue("in").counts().settled, 0, "the first event is guilty");
    assert!(rig.ids("out").is_empty());

    rig.apply(&docs("Bypass")).await;
    rig.settled("in", 2000).await;
    assert_eq!(rig.ids("out"), expected(0..2000));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_pause_acknowledges_what_came_before_it() {
    let mut rig = Rig::new();
    rig.guest("guest.wasm", &traps());
    let docs = |rule: &str| Docs::line().policy("judge", "guest.wasm", &format!("failure: {{onTrap: {rule}}}"));
    rig.apply(&docs("Pause")).await;
    rig.push("in", mixed(2000, |number| number == 1500));
    rig.lane("in", |state| matches!(state, LaneState::Paused { .. })).await;
    rig.settled("in", 1500).await;
    assert_eq!(rig.ids("out"), expected(0..1500));

    // Documents that change nothing about it find the same event again.
    rig.apply(&docs("Pause").sink("unused")).await;
    rig.lane("in", |state| matches!(state, LaneState::Paused { .. })).await;
    assert_eq!(rig.queue("in").counts().settled, 1500);

    rig.apply(&docs("DeadLetter")).await;
    rig.settled("in", 2000).await;
    assert_eq!(rig.ids("out"), expected((0..2000).filter(|&number| number != 1500)));
    assert_eq!(rig.ids("dlq"), expected([1500]));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn retry_holds_the_lane_until_the_module_is_mended() {
    let mut rig = Rig::new();
    rig.guest("guest.wasm", &traps());
    rig.guest("mended.wasm", &Guest::filter());
    rig.apply(&Docs::line().policy("judge", "guest.wasm", "failure: {onTrap: Retry}")).await;
    rig.push("in", mixed(2000, |number| number == 10));
    rig.lane("in", |state| matches!(state, LaneState::Held { .. })).await;
    rig.settled("in", 10).await;
    rig.apply(&Docs::line().policy("judge", "mended.wasm", "failure: {onTrap: Retry}")).await;
    rig.settled("in", 2000).await;
    assert_eq!(rig.ids("out"), expected(0..2000));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_cause_has_its_own_rule() {
    let mut rig = Rig::new();
    rig.guest("traps.wasm", &traps());
    rig.guest("rejects.wasm", &rejects());
    rig.guest("loops.wasm", &Guest::filter().guilty("(loop $for_ever (br $for_ever))"));
    let rules = "failure: {onTrap: Drop, onReject: DeadLetter, onTimeout: Bypass}";
    let route =
        |name: &str| format!("{{from: [{{name: in}}], to: [{{sink: {name}}}], deadLetter: {{sink: {name}-dlq}}}}");
    let mut docs = Docs::new().source("in");
    for name in ["traps", "rejects", "loops"] {
        let refs = format!("targetRefs: [{{kind: Route, name: {name}}}], limits: {{timeout: 5ms}}, {rules}");
        docs = docs.sink(name).sink(&format!("{name}-dlq")).doc("Route", name, &route(name));
        docs = docs.policy(name, &format!("{name}.wasm"), &refs);
    }
    rig.apply(&docs).await;
    rig.push("in", mixed(100, |number| number == 50));
    rig.settled("in", 100).await;
    let others = || expected((0..100).filter(|&number| number != 50));
    assert_eq!((rig.ids("traps"), rig.ids("traps-dlq")), (others(), vec![]));
    assert_eq!((rig.ids("rejects"), rig.ids("rejects-dlq")), (others(), expected([50])));
    assert_eq!((rig.ids("loops"), rig.ids("loops-dlq")), (expected(0..100), vec![]));
}

/// What rests in the dead letter is the event that came in: once, however many of its outputs failed.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_event_whose_outputs_fail_rests_in_the_dead_letter_once() {
    let mut rig = Rig::new();
    let split = Guest::transform().guilty(
        "(call $output (local.get $outs) (local.get $r)) (local.set $outs (i32.add (local.get $outs) (i32.const 1)))",
    );
    rig.guest("split.wasm", &split);
    rig.guest("traps.wasm", &traps());
    let docs = Docs::line()
        .policy("split", "", "phase: Transform, wasm: {module: 'file:split.wasm', mayEmit: 2}")
        .policy("judge", "traps.wasm", "phase: Observe, failure: {onTrap: DeadLetter}");
    rig.apply(&docs).await;
    rig.push("in", mixed(2000, is_guilty));
    rig.settled("in", 2000).await;
    assert_eq!(rig.ids("out"), good());
    assert_eq!(rig.ids("dlq"), bad());
    assert_eq!(rig.tally("main").dead_lettered[&("default/judge".into(), "trap".into())], 6);
}
