//! Messages that are no events.

use tidegate_connector::Malformed;
use tidegate_pipeline::LaneState;

use crate::rig::{
    Rig,
    docs::Docs,
    events::{attribute, event, expected, ids, plain},
};

fn bad(place: &str) -> Malformed {
    Malformed { before: 0, place: place.into(), problem: "no `id`".into(), message: "{\"a\":1}".into() }
}

async fn push(rule: &str) -> Rig {
    let mut rig = Rig::new();
    let source = format!("{{memory: {{name: in}}, malformed: {rule}}}");
    let docs = Docs::new().doc("Source", "in", &source).sink("out").sink("dlq").route("main", "in", "out");
    rig.apply(&docs).await;
    // Held, so that good and bad come in one delivery.
    rig.push("in", plain(3));
    rig.queue("in").push_malformed(bad("queue: 3")).unwrap();
    rig.push("in", (3..6).map(event));
    rig.queue("in").push_malformed(bad("queue: 7")).unwrap();
    rig
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn dead_letter_keeps_the_bytes_the_place_and_the_problem() {
    let rig = push("DeadLetter").await;
    rig.settled("in", 8).await;
    assert_eq!(rig.ids("out"), expected(0..6));
    let dead = rig.queue("dlq").events();
    assert_eq!(ids(&dead), ["queue: 3", "queue: 7"]);
    for event in &dead {
        assert_eq!(event.ty(), "dev.tidegate.malformed");
        assert_eq!(event.data().unwrap().bytes, b"{\"a\":1}");
        assert_eq!(attribute(event, "tidegatecause"), "malformed");
        assert_eq!(attribute(event, "tidegatereason"), "no `id`");
        assert_eq!(attribute(event, "tidegateby"), "default/in");
    }
    let tally = rig.tally("main");
    assert_eq!((tally.received, tally.malformed), (6, 2));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn skip_counts_them_and_goes_on() {
    let rig = push("Skip").await;
    rig.settled("in", 8).await;
    assert_eq!(rig.ids("out"), expected(0..6));
    assert!(rig.ids("dlq").is_empty());
    assert_eq!(rig.tally("main").malformed, 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pause_stops_before_it_until_the_documents_change() {
    let mut rig = push("Pause").await;
    let state = rig.lane("in", |state| matches!(state, LaneState::Paused { .. })).await;
    let LaneState::Paused { reason, .. } = state else { unreachable!() };
    assert!(reason.contains("queue: 3") && reason.contains("no `id`"), "{reason}");
    rig.settled("in", 3).await;
    assert_eq!(rig.ids("out"), expected(0..3));
    let source = "{memory: {name: in}, malformed: Skip}";
    rig.apply(&Docs::new().doc("Source", "in", source).sink("out").sink("dlq").route("main", "in", "out")).await;
    rig.settled("in", 8).await;
    assert_eq!(rig.ids("out"), expected(0..6));
}
