//! What a sink will never take, and a sink that is gone.

use tidegate_pipeline::LaneState;

use crate::rig::{
    Rig,
    docs::Docs,
    events::{attribute, expected, ids, plain},
    within,
};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_event_that_a_sink_refuses_for_good_rests_in_the_dead_letter() {
    let mut rig = Rig::new();
    rig.apply(&Docs::line()).await;
    for id in ["e5", "e6", "e900", "e1999"] {
        rig.queue("out").refuse(id);
    }
    rig.push("in", plain(2000));
    rig.settled("in", 2000).await;
    let refused = [5, 6, 900, 1999];
    assert_eq!(rig.ids("out"), expected((0..2000).filter(|number| !refused.contains(number))));
    let dead = rig.queue("dlq").events();
    assert_eq!(ids(&dead), expected(refused));
    assert_eq!(attribute(&dead[0], "tidegatecause"), "undeliverable");
    assert_eq!(attribute(&dead[0], "tidegateby"), "default/out");
    assert!(attribute(&dead[0], "tidegatereason").contains("refused by the test"));
    let tally = rig.tally("main");
    assert_eq!((tally.delivered["default/out"], tally.dead_lettered.values().sum::<u64>()), (1996, 4));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_a_dead_letter_the_lane_pauses_before_it_and_goes_on_when_there_is_one() {
    let mut rig = Rig::new();
    let bare = Docs::new().source("in").sink("out").doc("Route", "main", "{from: [{name: in}], to: [{sink: out}]}");
    rig.apply(&bare).await;
    rig.queue("out").refuse("e1500");
    rig.push("in", plain(2000));
    let state = rig.lane("in", |state| matches!(state, LaneState::Paused { .. })).await;
    let LaneState::Paused { by, reason } = state else { unreachable!() };
    assert_eq!(&*by, "default/out");
    assert!(reason.contains("refused by the test"), "{reason}");
    assert_eq!(rig.queue("in").counts().settled, 1500);

    rig.apply(&Docs::line()).await;
    rig.settled("in", 2000).await;
    assert_eq!(rig.ids("dlq"), expected([1500]));
    // What stood behind it in the same batch had been written already and came again.
    let mut seen = std::collections::HashSet::new();
    let first: Vec<String> = rig.ids("out").into_iter().filter(|id| seen.insert(id.clone())).collect();
    assert_eq!(first, expected((0..2000).filter(|&number| number != 1500)));
}

/// What one sink refused must not acknowledge what another one has not made durable yet.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_pause_for_one_sink_acknowledges_nothing_that_another_still_has_to_write() {
    let mut rig = Rig::new();
    let route = |rest: &str| format!("{{from: [{{name: in}}], to: [{{sink: quick}}, {{sink: slow}}]{rest}}}");
    let docs =
        |rest: &str| Docs::new().source("in").sink("quick").sink("slow").sink("dlq").doc("Route", "main", &route(rest));
    rig.apply(&docs("")).await;
    rig.queue("slow").hold();
    rig.queue("quick").refuse("e50");
    rig.push("in", plain(100));
    rig.lane("in", |state| matches!(state, LaneState::Paused { .. })).await;
    assert_eq!(rig.queue("slow").counts().written, 0);
    assert_eq!(rig.queue("in").counts().settled, 0, "the slow sink has none of it");

    rig.queue("slow").release();
    rig.apply(&docs(", deadLetter: {sink: dlq}")).await;
    rig.settled("in", 100).await;
    let mut seen = std::collections::HashSet::new();
    let first: Vec<String> = rig.ids("slow").into_iter().filter(|id| seen.insert(id.clone())).collect();
    assert_eq!(first, expected(0..100));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_sink_that_is_gone_acknowledges_nothing() {
    let mut rig = Rig::new();
    rig.apply(&Docs::line()).await;
    rig.queue("out").close_sink();
    rig.push("in", plain(100));
    let state = rig.lane("in", |state| matches!(state, LaneState::Paused { .. })).await;
    let LaneState::Paused { by, .. } = state else { unreachable!() };
    assert_eq!(&*by, "default/out");
    assert_eq!(rig.queue("in").counts().settled, 0);

    // To another sink they go whole.
    rig.apply(&Docs::new().source("in").sink("out").sink("other").sink("dlq").route("main", "in", "other")).await;
    rig.settled("in", 100).await;
    assert_eq!(rig.ids("other"), expected(0..100));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_sink_is_waited_for() {
    let mut rig = Rig::new();
    rig.apply(&Docs::line().source("drain-out")).await;
    rig.queue("out").set_capacity(64);
    rig.push("in", plain(64));
    rig.settled("in", 64).await;
    rig.push("in", [crate::rig::events::event(64)]);
    within("the sink notices", rig.queue("out").wait_for(|counts| counts.writes >= 3)).await;
    assert_eq!(rig.queue("in").counts().settled, 64);
    rig.queue("out").set_capacity(100);
    rig.settled("in", 65).await;
    assert_eq!(rig.ids("out"), expected(0..65));
}
