//! Guests made with the Rust SDK, all kinds of them, in one route.

use tidegate_event::{Event, Value};

use crate::rig::{
    Rig,
    docs::Docs,
    events::{attribute, id},
};
use crate::support;

const GUESTS: [&str; 7] = ["type-filter", "split", "stamp", "patch", "echo", "passthrough", "region"];

fn rig() -> Rig {
    let rig = Rig::new();
    for name in GUESTS {
        let module = std::fs::read(support::module("tests/guests", name, &[])).expect("a built module");
        rig.put(&format!("{name}.wasm"), &module);
    }
    rig
}

fn wasm(module: &str, rest: &str) -> String {
    format!("wasm: {{module: 'file:{module}.wasm'{rest}}}")
}

/// Every third is of another type, every second of a region.
fn order(number: usize) -> Event {
    let ty = if number.is_multiple_of(3) { "visit" } else { "order.made" };
    let event = Event::builder().id(&id(number)).source("/shop").ty(ty).datacontenttype("application/json");
    let event = match number.is_multiple_of(2) {
        true => event.extension("region", Value::String("eu".into())),
        false => event,
    };
    event.data(tidegate_event::Form::Json, format!(r#"{{"amount": {number}}}"#)).build().expect("a valid event")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn filter_split_stamp_patch_echo_and_matcher_in_one_route() {
    let mut rig = rig();
    let route = "{from: [{name: in}], to: [{sink: eu, names: [orders/eu]}, {sink: all, names: ['orders/*']}, {sink: odd, names: [orders/unknown]}], deadLetter: {sink: dlq}}";
    let docs = Docs::new().source("in").sink("eu").sink("all").sink("odd").sink("dlq").doc("Route", "main", route);
    let writes = ", mayWrite: {attributes: ['x*']}";
    let docs = docs
        .policy("only-orders", "", &format!("phase: Admit, {}", wasm("type-filter", ", config: {prefix: order.}")))
        .policy("look", "", &format!("phase: Validate, {}", wasm("passthrough", "")))
        .policy(
            "a-split",
            "",
            &format!("phase: Transform, {}", wasm("split", &format!(", config: {{n: 2}}, mayEmit: 2{writes}"))),
        )
        .policy(
            "b-stamp",
            "",
            &format!("phase: Transform, {}", wasm("stamp", &format!(", config: {{version: v7}}{writes}"))),
        )
        .policy("c-patch", "", &format!("phase: Transform, {}", wasm("patch", writes)))
        .policy("d-echo", "", &format!("phase: Transform, {}", wasm("echo", "")))
        .policy("region", "", &format!("phase: Route, {}", wasm("region", "")));
    rig.apply(&docs).await;
    rig.push("in", (0..3000).map(order));
    rig.settled("in", 3000).await;

    let dead = rig.queue("dlq").events();
    assert!(dead.is_empty(), "{:?}", dead[0]);
    let wanted = |keep: fn(usize) -> bool| -> Vec<String> {
        let numbers = (0..3000).filter(|&number: &usize| !number.is_multiple_of(3) && keep(number));
        numbers.flat_map(|number| [format!("{}.1", id(number)), format!("{}.2", id(number))]).collect()
    };
    assert_eq!(rig.ids("all"), wanted(|_| true));
    assert_eq!(rig.ids("eu"), wanted(|number| number.is_multiple_of(2)));
    assert_eq!(rig.ids("odd"), wanted(|number| !number.is_multiple_of(2)));
    for (at, event) in rig.queue("all").events().iter().enumerate() {
        let found = ["xversion", "xpatched", "xpart"].map(|name| attribute(event, name));
        assert_eq!(found, ["v7".to_owned(), "yes".to_owned(), (at % 2).to_string()], "{event:?}");
        let number: usize = event.id()[1..].split('.').next().unwrap().parse().unwrap();
        assert_eq!(event.data(), order(number).data(), "the payload is as it was");
        assert_eq!(attribute(event, "region"), attribute(&order(number), "region"));
    }
    let tally = rig.tally("main");
    assert_eq!(tally.dropped[&("default/only-orders".into(), "other type".into())], 1000);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_config_that_does_not_fit_is_refused_with_the_modules_own_words() {
    let mut rig = rig();
    for (module, config, words) in [
        ("type-filter", "{prefix: 7}", "prefix"),
        ("type-filter", "{}", "prefix"),
        ("stamp", "{version: a, more: b}", "more"),
        ("split", "{n: many}", "n"),
    ] {
        let docs = Docs::line().policy(
            "p",
            "",
            &format!("phase: Transform, {}", wasm(module, &format!(", config: {config}"))),
        );
        let report = rig.refused(docs.text()).await;
        let text = report.to_string();
        assert!(report.diagnostics.iter().all(|found| found.code == "C207" || found.code == "C206"), "{text}");
        assert!(text.contains(words) && text.contains("docs.yaml:"), "{text}");
    }
}
