//! A full sink slows its source, and nothing else; a drain settles what is in flight.

use tidegate_pipeline::WindowOptions;

use crate::rig::{
    Rig,
    docs::Docs,
    events::{expected, plain},
    within,
};

const WINDOW: WindowOptions = WindowOptions { events: 2048, bytes: 64 << 20 };

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_held_sink_stops_its_source_at_the_window_and_leaves_its_neighbour_alone() {
    let mut rig = Rig::with_window(WINDOW);
    let docs = Docs::line().source("beside").sink("clear").route("neighbour", "beside", "clear");
    rig.apply(&docs).await;
    rig.queue("out").hold();
    rig.push("in", plain(10_000));
    within("the window fills", rig.queue("in").wait_for(|counts| counts.delivered >= 2048)).await;
    // The neighbour's way through the same host is the clock: as long as that takes, nothing more is taken.
    rig.push("beside", plain(20_000));
    rig.settled("beside", 20_000).await;
    let held = rig.queue("in").counts();
    assert_eq!((held.delivered, held.settled), (2048, 0), "read no further than the window, acknowledged nothing");
    assert_eq!(rig.ids("clear"), expected(0..20_000));

    rig.queue("out").release();
    rig.settled("in", 10_000).await;
    assert_eq!(rig.ids("out"), expected(0..10_000));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_slower_of_two_sinks_holds_the_lane() {
    let mut rig = Rig::with_window(WINDOW);
    let route = "{from: [{name: in}], to: [{sink: fast}, {sink: slow}]}";
    rig.apply(&Docs::new().source("in").sink("fast").sink("slow").doc("Route", "main", route)).await;
    rig.queue("slow").hold();
    rig.push("in", plain(5000));
    within("the fast one gets a window", rig.queue("fast").wait_for(|counts| counts.written >= 2048)).await;
    assert_eq!(rig.queue("in").counts().settled, 0);
    rig.queue("slow").release();
    rig.settled("in", 5000).await;
    assert_eq!(rig.ids("fast"), expected(0..5000));
    assert_eq!(rig.ids("slow"), expected(0..5000));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_drain_settles_what_is_in_flight_and_takes_nothing_more() {
    let mut rig = Rig::with_window(WINDOW);
    rig.apply(&Docs::line()).await;
    rig.queue("out").hold();
    rig.push("in", plain(10_000));
    within("the window fills", rig.queue("in").wait_for(|counts| counts.delivered >= 2048)).await;
    let out = rig.queue("out");
    within("the drain", async {
        let (drained, ()) = tokio::join!(rig.control.drain(), async { out.release() });
        drained
    })
    .await;
    let counts = rig.queue("in").counts();
    assert_eq!((counts.delivered, counts.settled), (2048, 2048));
    assert_eq!(rig.ids("out"), expected(0..2048));
    assert!(rig.control.status().is_empty(), "every lane is closed");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_source_that_ends_is_told_once_all_is_settled() {
    let mut rig = Rig::new();
    rig.apply(&Docs::line()).await;
    rig.push("in", plain(5000));
    rig.queue("in").finish();
    within("the end", rig.control.ended()).await;
    assert_eq!(rig.queue("in").counts().settled, 5000);
    assert_eq!(rig.ids("out"), expected(0..5000));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_source_in_trouble_is_asked_again() {
    let mut rig = Rig::new();
    rig.apply(&Docs::line()).await;
    rig.queue("in").fail_reads(3);
    rig.push("in", plain(100));
    rig.settled("in", 100).await;
    assert_eq!(rig.ids("out"), expected(0..100));
}
