//! Order, through splits, lanes and swaps.

use crate::rig::{
    Rig,
    docs::Docs,
    events::{attribute, expected, id, mixed, plain},
    guests::{Guest, stamp},
};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn outputs_of_a_split_stand_in_the_place_of_their_event() {
    let mut rig = Rig::new();
    // A guilty event becomes two.
    let split = Guest::transform().guilty(
        "(call $output (local.get $outs) (local.get $r)) (local.set $outs (i32.add (local.get $outs) (i32.const 1)))",
    );
    rig.guest("split.wasm", &split);
    rig.guest("stamp.wasm", &stamp(1));
    let docs = Docs::line()
        .policy("split", "", "phase: Transform, priority: 2, wasm: {module: 'file:split.wasm', mayEmit: 2}")
        .policy(
            "mark",
            "",
            "phase: Transform, wasm: {module: 'file:stamp.wasm', config: 'x1=0', mayWrite: {attributes: [x1]}}",
        );
    rig.apply(&docs).await;
    rig.push("in", mixed(3000, |number| number % 7 == 0));
    rig.settled("in", 3000).await;

    let wanted: Vec<String> = (0..3000)
        .flat_map(|number| match number % 7 {
            0 => vec![format!("{}.1", id(number)), format!("{}.2", id(number))],
            _ => vec![id(number)],
        })
        .collect();
    assert_eq!(rig.ids("out"), wanted);
    assert!(rig.queue("out").events().iter().all(|event| attribute(event, "x1") == "1.0"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lanes_run_beside_one_another_and_each_keeps_its_order() {
    let mut rig = Rig::new();
    let source = "{memory: {name: in, lanes: 4}}";
    let docs = Docs::new().doc("Source", "in", source).sink("out").sink("dlq").route("main", "in", "out");
    rig.apply(&docs).await;
    let keyed = |number: usize| {
        let event = tidegate_event::Event::builder().id(&id(number)).source("/test").ty("t");
        event
            .extension("partitionkey", tidegate_event::Value::String(format!("k{}", number % 9).into()))
            .build()
            .unwrap()
    };
    rig.push("in", (0..5000).map(keyed));
    rig.settled("in", 5000).await;

    let events = rig.queue("out").events();
    assert_eq!(events.len(), 5000);
    for key in 0..9 {
        let of_key = events.iter().filter(|event| event.ordering_key() == Some(&format!("k{key}")));
        let ids: Vec<String> = of_key.map(|event| event.id().to_owned()).collect();
        assert_eq!(ids, expected((0..5000).filter(|number| number % 9 == key)), "k{key}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_sink_that_is_changed_goes_on_where_its_predecessor_ended() {
    let mut rig = Rig::new();
    rig.apply(&Docs::line()).await;
    rig.queue("out").hold();
    rig.push("in", plain(500));
    crate::rig::within("events reach the lane", rig.queue("in").wait_for(|counts| counts.delivered == 500)).await;
    // The same queue behind another configuration: the old writer has the first 500 in its hands.
    let changed = Docs::line().text().replace("{delay: 5ms, maxDelay: 20ms}}", "{delay: 6ms, maxDelay: 20ms}}");
    let set = rig.set(&changed);
    rig.control.apply(&set).await.expect("verified");
    rig.push("in", (500..1000).map(crate::rig::events::event));
    rig.queue("out").release();
    rig.settled("in", 1000).await;
    assert_eq!(rig.ids("out"), expected(0..1000));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_sink_in_trouble_tries_again_in_order_without_repeating_what_it_took() {
    let mut rig = Rig::new();
    rig.apply(&Docs::line()).await;
    rig.queue("out").fail_writes(4, 3);
    rig.push("in", plain(100));
    rig.settled("in", 100).await;
    assert_eq!(rig.ids("out"), expected(0..100));
    assert!(rig.queue("out").counts().writes >= 5);
}

/// A sink that has failed once and waits a second before it tries again; what overtakes it has that time.
async fn waiting() -> Rig {
    let mut rig = Rig::new();
    rig.apply(&changed("delay: 1s, maxDelay: 1s")).await;
    rig.queue("out").fail_writes(1, 0);
    rig.push("in", plain(100));
    crate::rig::within("the write that fails", rig.queue("out").wait_for(|counts| counts.writes == 1)).await;
    rig
}

fn changed(retry: &str) -> Docs {
    let sink = format!("{{memory: {{name: out}}, retry: {{{retry}}}}}");
    Docs::new().source("in").sink("dlq").sink("other").doc("Sink", "out", &sink).route("main", "in", "out")
}

async fn nothing_overtook(rig: &Rig) {
    rig.push("in", (100..200).map(crate::rig::events::event));
    rig.settled("in", 200).await;
    assert_eq!(rig.ids("out"), expected(0..200));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_sink_that_is_changed_twice_still_waits_for_the_first() {
    let mut rig = waiting().await;
    rig.apply(&changed("delay: 2ms, maxDelay: 2ms")).await;
    rig.apply(&changed("delay: 3ms, maxDelay: 3ms")).await;
    nothing_overtook(&rig).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_sink_that_was_taken_away_is_waited_for_when_it_comes_back() {
    let mut rig = waiting().await;
    let without = Docs::new().source("in").sink("dlq").sink("other").route("main", "in", "other");
    rig.apply(&without).await;
    rig.apply(&changed("delay: 1s, maxDelay: 1s")).await;
    nothing_overtook(&rig).await;
}
