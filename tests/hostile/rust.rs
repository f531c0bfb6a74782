//! What happens to authors by mistake, in guests made with the Rust SDK: panics, endless loops, leaks, recursion.

use tidegate_event::{Event, Value};

use crate::rig::{
    Rig,
    docs::Docs,
    events::{attribute, expected, id, ids},
};
use crate::support;

fn poisoned(number: usize, poison: Option<&str>) -> Event {
    let event = Event::builder().id(&id(number)).source("/test").ty("t");
    let event = match poison {
        Some(poison) => event.extension("poison", Value::String(poison.into())),
        None => event,
    };
    event.build().expect("a valid event")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_poison_meets_the_failure_rule_and_its_neighbours_go_on() {
    let mut rig = Rig::new();
    let module = std::fs::read(support::module("tests/guests", "poison", &[])).expect("a built module");
    rig.put("poison.wasm", &module);
    let rules = "limits: {memory: 8Mi, timeout: 60ms}, failure: {onTrap: DeadLetter, onTimeout: DeadLetter, onReject: DeadLetter}";
    rig.apply(&Docs::line().policy("poison", "poison.wasm", rules)).await;
    let poisons = ["trap", "loop", "bomb", "recurse", "reject", "drop"];
    // Every 50th, a different one each time.
    let poison = |number: usize| number.is_multiple_of(50).then(|| poisons[number / 50 % poisons.len()]);
    rig.push("in", (0..1500).map(|number| poisoned(number, poison(number))));
    rig.settled("in", 1500).await;

    assert_eq!(rig.ids("out"), expected((0..1500).filter(|&number| poison(number).is_none())));
    let dead = rig.queue("dlq").events();
    assert_eq!(ids(&dead), expected((0..1500).filter(|&number| poison(number).is_some_and(|poison| poison != "drop"))));
    for event in &dead {
        let cause = attribute(event, "tidegatecause");
        let (wanted, reason) = match &*attribute(event, "poison") {
            "trap" => ("trap", "panic: poisoned (poison/src/lib.rs:"),
            "loop" => ("timeout", ""),
            "bomb" => ("memory limit", ""),
            // A shadow stack that overflows is an access out of bounds.
            "recurse" => ("trap", ""),
            "reject" => ("reject", "poison: reject"),
            other => panic!("{other}"),
        };
        assert_eq!(cause, wanted, "{event:?}");
        assert!(attribute(event, "tidegatereason").contains(reason), "{event:?}");
    }
    assert_eq!(rig.tally("main").dropped[&("default/poison".into(), "poison: drop".into())], 5);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_guest_that_fails_while_it_is_configured_never_goes_live() {
    let mut rig = Rig::new();
    let module = std::fs::read(support::module("tests/guests", "poison", &[])).expect("a built module");
    rig.put("poison.wasm", &module);
    rig.apply(&Docs::line()).await;
    for (config, words) in [
        ("{configure: trap}", "failed in `configure`: trap"),
        ("{configure: loop}", "failed in `configure`: timeout"),
        ("{configure: dance}", "cannot `dance` while being configured"),
        ("{confgure: trap}", "confgure"),
    ] {
        let policy = format!("wasm: {{module: 'file:poison.wasm', config: {config}}}");
        let report = rig.refused(Docs::line().policy("poison", "", &policy).text()).await;
        assert!(report.to_string().contains(words), "{config}: {report}");
    }
    assert_eq!(rig.control.history().len(), 1);
}
