//! Several routes and sinks from one source.

use crate::rig::{
    Rig,
    docs::Docs,
    events::{expected, ids, plain, with_type},
};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_event_goes_to_every_target_of_every_route_that_wants_it() {
    let mut rig = Rig::new();
    let docs = Docs::new().source("in").sink("eu").sink("orders").sink("all").sink("dlq");
    let docs = docs.doc(
        "Route",
        "first",
        "{from: [{name: in}], to: [{sink: eu, when: {suffix: {type: .eu}}}, {sink: orders, when: {prefix: {type: order.}}}]}",
    );
    rig.apply(&docs.route("second", "in", "all")).await;
    let types = ["order.eu", "order.us", "visit.eu", "visit.us"];
    rig.push("in", (0..400).map(|number| with_type(number, types[number % 4])));
    rig.settled("in", 400).await;

    let wanted = |keep: &[usize]| expected((0..400).filter(|number| keep.contains(&(number % 4))));
    assert_eq!(rig.ids("eu"), wanted(&[0, 2]));
    assert_eq!(rig.ids("orders"), wanted(&[0, 1]));
    assert_eq!(rig.ids("all"), wanted(&[0, 1, 2, 3]));
    let first = rig.tally("first");
    assert_eq!((first.received, first.unmatched), (400, 100));
    assert_eq!(first.delivered.values().sum::<u64>(), 400, "100 of them to both");
    assert_eq!(rig.tally("second").delivered["default/all"], 400);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_no_target_wants_rests_in_the_dead_letter_where_the_route_says_so() {
    let mut rig = Rig::new();
    let route = "{from: [{name: in}], to: [{sink: out, when: {exact: {type: a}}}], unmatched: DeadLetter, deadLetter: {sink: dlq}}";
    rig.apply(&Docs::new().source("in").sink("out").sink("dlq").doc("Route", "main", route)).await;
    rig.push("in", (0..10).map(|number| with_type(number, if number % 2 == 0 { "a" } else { "b" })));
    rig.settled("in", 10).await;

    assert_eq!(rig.ids("out"), expected([0, 2, 4, 6, 8]));
    let dead = rig.queue("dlq").events();
    assert_eq!(ids(&dead), expected([1, 3, 5, 7, 9]));
    for event in &dead {
        assert_eq!(event.attribute("tidegatecause").unwrap(), "unmatched");
        assert_eq!(event.attribute("tidegateroute").unwrap(), "default/main");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn routes_of_several_sources_share_a_sink_and_each_source_keeps_its_order() {
    let mut rig = Rig::new();
    let docs = Docs::new().source("left").source("right").sink("out").sink("dlq");
    let from = "{from: [{name: left}, {name: right}], to: [{sink: out}]}";
    rig.apply(&docs.doc("Route", "main", from)).await;
    rig.push("left", plain(2000));
    rig.push("right", (5000..7000).map(crate::rig::events::event));
    rig.settled("left", 2000).await;
    rig.settled("right", 2000).await;

    let (left, right): (Vec<String>, Vec<String>) =
        rig.ids("out").into_iter().partition(|id| id[1..].parse::<usize>().unwrap() < 5000);
    assert_eq!(left, expected(0..2000));
    assert_eq!(right, expected(5000..7000));
}
