//! Filter, transform and matcher one after the other, and the order that policies run in.

use crate::rig::{
    Rig,
    docs::Docs,
    events::{attribute, expected, mixed, plain},
    guests::{Guest, drops_guilty, stamp},
};

/// Names guilty events `eu/orders` and the others `us/orders`.
fn regions() -> Guest {
    let pair = |name: usize| {
        format!(
            "(i32.store (i32.add (global.get $out) (i32.mul (local.get $outs) (i32.const 8))) (local.get $r))
             (i32.store offset=4 (i32.add (global.get $out) (i32.mul (local.get $outs) (i32.const 8))) (i32.const {name}))
             (local.set $outs (i32.add (local.get $outs) (i32.const 1)))"
        )
    };
    let each = format!("(if (i32.load offset=44 (local.get $row)) (then {}) (else {}))", pair(0), pair(1));
    Guest::matcher().names(&["eu/orders", "us/orders"]).each(&each)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn filter_transform_and_matcher_work_on_what_came_before() {
    let mut rig = Rig::new();
    // Drops e0, e10, e20, …: they are guilty, and their names never matter.
    rig.guest("drop.wasm", &drops_guilty());
    rig.guest("stamp.wasm", &stamp(3));
    rig.guest("regions.wasm", &regions());
    let route = "{from: [{name: in}], to: [{sink: eu, names: ['eu/>']}, {sink: us, names: ['us/*']}]}";
    let docs = Docs::new().source("in").sink("eu").sink("us").doc("Route", "main", route);
    let docs = docs
        .policy("admit", "drop.wasm", "phase: Admit, match: [{filters: [{exact: {type: test.event}}]}]")
        .policy(
            "mark",
            "",
            "phase: Transform, wasm: {module: 'file:stamp.wasm', config: 'x1=7', mayWrite: {attributes: ['x*']}}",
        )
        .policy("name", "regions.wasm", "phase: Route");
    rig.apply(&docs).await;
    let mut events = mixed(3000, |number| number % 10 == 0);
    // Not of the type that the filter is for: guilty, and yet they pass it.
    events.extend((0..5).map(|at| {
        let event = tidegate_event::Event::builder().id(&format!("other{at}")).source("/test").ty("other").subject("s");
        event.build().unwrap()
    }));
    rig.push("in", events);
    rig.settled("in", 3005).await;

    assert_eq!(rig.ids("us"), expected((0..3000).filter(|number| number % 10 != 0)));
    assert_eq!(rig.ids("eu"), ["other0", "other1", "other2", "other3", "other4"]);
    for event in rig.queue("us").events() {
        assert_eq!(attribute(&event, "x1"), "3.7");
        assert_eq!(attribute(&event, "type"), "test.event");
    }
    let tally = rig.tally("main");
    assert_eq!((tally.received, tally.transformed), (3005, 2705));
    let dropped: Vec<_> = tally.dropped.into_iter().collect();
    assert_eq!(dropped, [(("default/admit".into(), "has a subject".into()), 300)]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn policies_run_by_phase_then_priority_then_name() {
    let policies = [
        ("observer", "Observe", 1000),
        ("b", "Admit", 5),
        ("a", "Admit", 5),
        ("urgent", "Validate", 100),
        ("late", "Validate", -3),
        ("first", "Admit", 6),
        ("router", "Route", 7),
        ("auth", "Authorize", 0),
    ];
    let order = ["first", "a", "b", "auth", "urgent", "late", "router", "observer"];
    let mut rig = Rig::new();
    rig.guest("drop.wasm", &drops_guilty());
    // Whoever runs first drops the event; with it disabled, the next one does.
    for done in 0..order.len() {
        let mut docs = Docs::line();
        for (name, phase, priority) in policies {
            let mode = if order[..done].contains(&name) { "Disabled" } else { "Enforce" };
            docs = docs.policy(name, "drop.wasm", &format!("phase: {phase}, priority: {priority}, mode: {mode}"));
        }
        let generation = rig.apply(&docs).await;
        rig.push("in", [crate::rig::events::guilty(done)]);
        rig.settled("in", done as u64 + 1).await;
        let tally = &generation.tally.snapshot()["default/main"];
        let who: Vec<&str> = tally.dropped.keys().map(|(policy, _)| &**policy).collect();
        assert_eq!(who, [format!("default/{}", order[done])], "after {:?}", &order[..done]);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_policy_is_for_the_routes_it_names_or_selects() {
    let mut rig = Rig::new();
    rig.guest("stamp.wasm", &stamp(1));
    let route = |to: &str| format!("{{from: [{{name: in}}], to: [{{sink: {to}}}]}}");
    let stamp = |target: &str, config: &str| {
        format!(
            "{target}, phase: Transform, wasm: {{module: 'file:stamp.wasm', config: {config}, mayWrite: {{attributes: ['x*']}}}}"
        )
    };
    let docs = Docs::new()
        .source("in")
        .sink("one")
        .sink("two")
        .labelled("Route", "one", "{team: a}", &route("one"))
        .labelled("Route", "two", "{team: b}", &route("two"))
        .policy("named", "", &stamp("targetRefs: [{kind: Route, name: one}]", "x1=n"))
        .policy("selected", "", &stamp("selector: {matchLabels: {team: b}}", "x2=s"))
        .policy("every", "", &stamp("priority: 1", "x3=e"));
    rig.apply(&docs).await;
    rig.push("in", plain(3));
    rig.settled("in", 3).await;

    let stamps = |queue: &str| {
        let event = rig.queue(queue).events().remove(0);
        ["x1", "x2", "x3"].map(|name| attribute(&event, name))
    };
    assert_eq!(stamps("one"), ["1.n", "", "1.e"]);
    assert_eq!(stamps("two"), ["", "1.s", "1.e"]);
}
