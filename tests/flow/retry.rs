//! The verdict `retry` holds the lane from that event on.

use tidegate_pipeline::LaneState;

use crate::rig::{
    Rig,
    docs::Docs,
    events::{expected, mixed},
    guests::{Guest, drops_guilty},
};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_retry_verdict_holds_the_lane_from_that_event_on_and_goes_on_later() {
    let mut rig = Rig::new();
    // Says `retry` three times, then keeps.
    let guest = Guest::filter().items("(global $tries (mut i32) (i32.const 0))").reasons(&["not yet"]).guilty(
        "(if (i32.lt_u (global.get $tries) (i32.const 3)) (then
           (global.set $tries (i32.add (global.get $tries) (i32.const 1)))
           (local.set $code (i32.const 0x103))))",
    );
    rig.guest("later.wasm", &guest);
    rig.apply(&Docs::line().policy("later", "later.wasm", "")).await;
    rig.push("in", mixed(3000, |number| number == 1234));
    rig.settled("in", 3000).await;

    assert_eq!(rig.ids("out"), expected(0..3000), "in order, each once");
    assert!(rig.ids("dlq").is_empty());
    assert!(rig.queue("in").counts().nacked >= 3);
    let tally = rig.tally("main");
    assert_eq!((tally.received, tally.delivered["default/out"]), (3000, 3000), "what comes again is counted once");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lane_that_is_held_says_by_whom_and_other_documents_let_it_go_on() {
    let mut rig = Rig::new();
    rig.guest(
        "never.wasm",
        &Guest::filter().reasons(&["the ledger is closed"]).guilty("(local.set $code (i32.const 0x103))"),
    );
    rig.guest("drop.wasm", &drops_guilty());
    rig.apply(&Docs::line().policy("gate", "never.wasm", "")).await;
    rig.push("in", mixed(2000, |number| number == 700));
    rig.settled("in", 700).await;
    let state = rig.lane("in", |state| matches!(state, LaneState::Held { .. })).await;
    assert_eq!(state, LaneState::Held { by: "default/gate".into(), reason: "the ledger is closed".into() });
    assert_eq!(rig.ids("out"), expected(0..700), "nothing overtakes the event that is held");

    rig.apply(&Docs::line().policy("gate", "drop.wasm", "")).await;
    rig.settled("in", 2000).await;
    assert_eq!(rig.ids("out"), expected((0..2000).filter(|&number| number != 700)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_retry_on_one_route_holds_the_lane_for_all_routes_without_repeating() {
    let mut rig = Rig::new();
    rig.guest("never.wasm", &Guest::filter().guilty("(local.set $code (i32.const 3))"));
    rig.guest("drop.wasm", &drops_guilty());
    let docs = || Docs::line().sink("second").route("beside", "in", "second");
    let only = "targetRefs: [{kind: Route, name: main}]";
    rig.apply(&docs().policy("gate", "never.wasm", only)).await;
    rig.push("in", mixed(1500, |number| number == 1100));
    rig.lane("in", |state| matches!(state, LaneState::Held { .. })).await;
    rig.settled("in", 1100).await;
    rig.apply(&docs().policy("gate", "drop.wasm", only)).await;
    rig.settled("in", 1500).await;
    assert_eq!(rig.ids("second"), expected(0..1500));
    assert_eq!(rig.ids("out"), expected((0..1500).filter(|&number| number != 1100)));
}
