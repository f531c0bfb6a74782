//! `stamp: true` of a route: what goes to its targets says by which generation.

use tidegate_event::{Event, Value};

use crate::rig::{
    Rig,
    docs::Docs,
    events::{attribute, event, expected, ids, mixed, plain},
    guests::Guest,
};

const GENERATION: &str = "tidegategeneration";

fn docs(stamp: &str) -> Docs {
    let route =
        |sink: &str| format!("{{from: [{{name: in}}], to: [{{sink: {sink}}}], deadLetter: {{sink: dlq}}{stamp}}}");
    let plain = "{from: [{name: in}], to: [{sink: plain}]}";
    let docs = Docs::new().source("in").sink("out").sink("plain").sink("dlq");
    docs.doc("Route", "main", &route("out")).doc("Route", "other", plain)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn outputs_say_which_generation_decided_them_and_nothing_where_it_is_off() {
    let mut rig = Rig::new();
    let first = rig.apply(&docs(", stamp: true")).await;
    rig.push("in", plain(3));
    rig.settled("in", 3).await;
    let second = rig.apply(&docs(", stamp: true").sink("unused")).await;
    rig.push("in", (3..5).map(event));
    rig.settled("in", 5).await;
    rig.apply(&docs(", stamp: false")).await;
    rig.push("in", [event(5)]);
    rig.settled("in", 6).await;
    let out = rig.queue("out").events();
    let stamps: Vec<String> = out.iter().map(|event| attribute(event, GENERATION)).collect();
    let stamp = |generation: &str, count: usize| vec![generation.to_owned(); count];
    assert_eq!(stamps, [stamp(&first.id, 3), stamp(&second.id, 2), stamp("", 1)].concat());
    assert_eq!(ids(&out), expected(0..6));
    for (stamped, number) in out.iter().zip(0..) {
        assert_eq!(stamped.data().unwrap().bytes, event(number).data().unwrap().bytes);
    }
    let others = rig.queue("plain").events();
    assert!(others.len() == 6 && others.iter().all(|event| event.attribute(GENERATION).is_none()), "{others:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stamp_takes_the_place_of_one_that_came_and_dead_letters_have_their_own() {
    let mut rig = Rig::new();
    rig.guest("guard.wasm", &Guest::filter().guilty("(local.set $code (i32.const 0x102))").reasons(&["no"]));
    let refs = "targetRefs: [{kind: Route, name: main}], failure: {onReject: DeadLetter}";
    let generation = rig.apply(&docs(", stamp: true").policy("guard", "guard.wasm", refs)).await;
    let from_elsewhere = Event::builder().id("x").source("/s").ty("t");
    let from_elsewhere = from_elsewhere.extension(GENERATION, Value::String("0123".into())).build().unwrap();
    rig.push("in", mixed(2, |number| number == 1));
    rig.push("in", [from_elsewhere]);
    rig.settled("in", 3).await;
    let out = rig.queue("out").events();
    assert_eq!(ids(&out), ["e0", "x"]);
    for event in out.iter().chain(&rig.queue("dlq").events()) {
        assert_eq!(attribute(event, GENERATION), *generation.id);
        assert_eq!(event.extensions().filter(|(name, _)| *name == GENERATION).count(), 1);
    }
    assert_eq!(rig.ids("dlq"), ["e1"]);
}
