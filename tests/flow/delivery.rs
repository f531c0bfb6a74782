//! How sinks are delivered to: what fails, hangs or is slow on purpose, and what becomes of it. Nothing is lost.

use std::time::Duration;

use tidegate_pipeline::LaneState;

use crate::rig::{
    Rig,
    docs::Docs,
    events::{attribute, expected, ids, plain},
    eventually, within,
};

/// Memory source `in`, memory sink `out` with these keys beside, memory dead letter `dlq` with these, and the route `main`.
fn line(out: &str, dlq: &str) -> Docs {
    let sink = |name: &str, keys: &str| format!("{{memory: {{name: {name}}}, {keys}}}");
    let docs = Docs::new().source("in").doc("Sink", "out", &sink("out", out)).doc("Sink", "dlq", &sink("dlq", dlq));
    docs.route("main", "in", "out")
}

const SOON: &str = "retry: {delay: 1ms, maxDelay: 2ms}";

/// Waits until the sink says what it is failing with.
async fn trouble(rig: &Rig, sink: &str, words: &str) {
    let id = format!("default/{sink}");
    eventually(&format!("`{words}` of {sink}"), || {
        let all = rig.control.sink_trouble();
        all.into_iter().find(|(of, trouble)| **of == *id && trouble.contains(words)).map(drop)
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dead_letter_sink_that_is_down_holds_the_lane_and_drops_nothing() {
    let mut rig = Rig::new();
    rig.apply(&line(SOON, SOON)).await;
    let refused = [700, 701, 3000, 9999];
    for number in refused {
        rig.queue("out").refuse(&format!("e{number}"));
    }
    rig.queue("dlq").fail_writes(usize::MAX, 0);
    rig.push("in", plain(10_000));
    trouble(&rig, "dlq", "failing as told").await;
    // The lane has taken its window, and waits.
    within("the window fills", rig.queue("in").wait_for(|counts| counts.delivered >= 4096)).await;
    let counts = rig.queue("in").counts();
    assert!(counts.settled <= 700, "nothing behind it is acknowledged: {counts:?}");
    assert_eq!(rig.ids("dlq"), Vec::<String>::new());

    rig.queue("dlq").fail_writes(0, 0);
    rig.settled("in", 10_000).await;
    assert_eq!(rig.ids("dlq"), expected(refused), "each once");
    assert_eq!(rig.ids("out"), expected((0..10_000).filter(|number| !refused.contains(number))), "in order, each once");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dead_letter_sink_that_gives_up_pauses_the_lane_and_drops_nothing() {
    let mut rig = Rig::new();
    rig.apply(&line(SOON, "retry: {max: 2, delay: 1ms, maxDelay: 2ms}")).await;
    rig.queue("out").refuse("e1500");
    rig.queue("dlq").fail_writes(usize::MAX, 0);
    rig.push("in", plain(3000));
    let state = rig.lane("in", |state| matches!(state, LaneState::Paused { .. })).await;
    let LaneState::Paused { by, reason } = state else { unreachable!() };
    assert_eq!(&*by, "default/dlq");
    assert!(reason.contains("given up after 2 retries"), "{reason}");
    assert_eq!(rig.queue("in").counts().settled, 1500);

    rig.queue("dlq").fail_writes(0, 0);
    rig.apply(&line(SOON, SOON)).await;
    rig.settled("in", 3000).await;
    assert_eq!(rig.ids("dlq"), expected([1500]));
    let mut seen = std::collections::HashSet::new();
    let first: Vec<String> = rig.ids("out").into_iter().filter(|id| seen.insert(id.clone())).collect();
    assert_eq!(first, expected((0..3000).filter(|&number| number != 1500)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_sink_gives_up_rests_in_the_dead_letter_and_the_lane_goes_on() {
    let mut rig = Rig::new();
    rig.apply(&line("retry: {max: 3, backoff: constant, delay: 1ms}", SOON)).await;
    // Four tries of the first, and one of the second.
    rig.queue("out").fail_writes(5, 0);
    rig.push("in", plain(100));
    rig.settled("in", 100).await;
    let dead = rig.queue("dlq").events();
    assert_eq!(ids(&dead), expected([0]));
    assert_eq!(attribute(&dead[0], "tidegatecause"), "undeliverable");
    assert!(attribute(&dead[0], "tidegatereason").contains("given up after 3 retries"));
    assert_eq!(rig.ids("out"), expected(1..100));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_breaker_that_opens_holds_what_comes_and_loses_nothing() {
    let mut rig = Rig::new();
    let breaker = "retry: {delay: 1ms, maxDelay: 2ms}, breaker: {failures: 3, window: 10m, pause: 20ms}";
    rig.apply(&line(breaker, SOON)).await;
    rig.queue("out").fail_writes(usize::MAX, 0);
    rig.push("in", plain(2000));
    trouble(&rig, "out", "nothing is sent for a while after 3 failures in a row").await;
    rig.queue("out").fail_writes(0, 0);
    rig.settled("in", 2000).await;
    assert_eq!(rig.ids("out"), expected(0..2000), "in order, each once");
    assert_eq!(rig.ids("dlq"), Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_write_that_hangs_is_told_and_what_it_brings_at_last_counts() {
    let mut rig = Rig::new();
    rig.apply(&line("timeout: 10ms, retry: {max: 0}", SOON)).await;
    rig.queue("out").hold();
    rig.push("in", plain(2000));
    trouble(&rig, "out", "a write takes longer than 10ms").await;
    rig.queue("out").release();
    rig.settled("in", 2000).await;
    assert_eq!(rig.ids("out"), expected(0..2000), "written once: a late write is no lost one");
    assert_eq!(rig.ids("dlq"), Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_exceeds_a_rate_waits() {
    let mut rig = Rig::new();
    let docs = line("rateLimit: {events: 100, per: 60m}", SOON).source("beside").sink("clear");
    rig.apply(&docs.route("neighbour", "beside", "clear")).await;
    rig.push("in", plain(1000));
    within("what may go at once", rig.queue("out").wait_for(|counts| counts.written >= 100)).await;
    // The neighbour's way through the same host is the clock.
    rig.push("beside", plain(20_000));
    rig.settled("beside", 20_000).await;
    // One more each 36 seconds; nothing is settled of a batch that is not done.
    let written = rig.ids("out");
    assert!(written.len() < 200, "{}", written.len());
    assert_eq!(written, expected(0..written.len()));
    assert_eq!((rig.queue("in").counts().settled, rig.ids("dlq").len()), (0, 0));
    assert!(rig.control.sink_trouble().is_empty(), "waiting for a turn is no trouble");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_source_says_what_its_lanes_may_have_under_way() {
    let mut rig = Rig::new();
    let docs = |window: &str| {
        let source = format!("{{memory: {{name: in}}, window: {{{window}}}}}");
        Docs::new()
            .doc("Source", "in", &source)
            .source("beside")
            .sink("out")
            .sink("clear")
            .sink("dlq")
            .route("main", "in", "out")
            .route("neighbour", "beside", "clear")
    };
    rig.apply(&docs("events: 1024")).await;
    rig.queue("out").hold();
    rig.push("in", plain(10_000));
    within("a batch is taken", rig.queue("in").wait_for(|counts| counts.delivered >= 1024)).await;
    rig.push("beside", plain(20_000));
    rig.settled("beside", 20_000).await;
    assert_eq!(rig.queue("in").counts().delivered, 1024);
    rig.queue("out").release();
    rig.settled("in", 10_000).await;
    assert_eq!(rig.ids("out"), expected(0..10_000));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lane_says_how_far_it_is_behind_also_while_it_stands() {
    let mut rig = Rig::new();
    rig.apply(&Docs::new().source("in").sink("out").doc("Route", "main", "{from: [{name: in}], to: [{sink: out}]}"))
        .await;
    let behind = |rig: &Rig| rig.control.status()[0].behind;
    rig.queue("out").hold();
    rig.push("in", plain(10_000));
    within("the window fills", rig.queue("in").wait_for(|counts| counts.delivered >= 4096)).await;
    // A batch that is just being taken is in neither for a moment.
    let held = eventually("what is in flight, and what waits", || {
        Some(behind(&rig)).filter(|behind| behind.events == Some(10_000))
    })
    .await;
    assert!(held.age > Duration::ZERO, "the oldest of it has been there for a while");

    // Paused, it has nothing in flight, and what it refuses to pass is behind all the same.
    rig.queue("out").refuse("e5000");
    rig.queue("out").release();
    rig.lane("in", |state| matches!(state, LaneState::Paused { .. })).await;
    let paused =
        eventually("all that can be settled", || Some(behind(&rig)).filter(|behind| behind.events == Some(5000))).await;
    assert!(paused.age > Duration::ZERO, "the event it stands before is not settled");

    rig.apply(&Docs::line()).await;
    rig.settled("in", 10_000).await;
    let ended = eventually("nothing behind", || Some(behind(&rig)).filter(|behind| behind.events == Some(0))).await;
    assert_eq!(ended.age, Duration::ZERO);
}
