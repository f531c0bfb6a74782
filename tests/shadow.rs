//! Policies in shadow: what they would have done is counted and shown, and what is delivered is what it is without them.

mod deployed;

use std::collections::BTreeMap;

use tidegate_control::shadows::ShadowStatus;
use tidegate_event::Event;
use tidegate_pipeline::shadow::{Outcome, Report};

use crate::rig::docs::Docs;
use crate::rig::guests::{Guest, drops_guilty, stamp};
use crate::rig::{Rig, events, eventually};
use crate::support::{digest, example};

/// Pushes batch after batch, each when the one before is settled and compared, so that nothing is skipped.
async fn unhurried(rig: &Rig, batches: usize, size: usize, is_guilty: impl Fn(usize) -> bool) {
    let all = events::mixed(batches * size, is_guilty);
    for (at, batch) in all.chunks(size).enumerate() {
        rig.push("in", batch.to_vec());
        rig.settled("in", ((at + 1) * size) as u64).await;
        seen(rig, ((at + 1) * size) as u64).await;
    }
}

fn shadow(rig: &Rig) -> ShadowStatus {
    rig.control.show();
    let shadows = rig.control.observe().last().shadows.clone();
    shadows.into_iter().next().expect("a policy in shadow")
}

/// Waits until so many events are counted, whatever came of them.
async fn seen(rig: &Rig, count: u64) -> Report {
    eventually(&format!("{count} events counted by the shadow: {:?}", shadow(rig).report), || {
        let report = shadow(rig).report;
        (report.outcomes.iter().map(|(_, count)| count).sum::<u64>() + report.skipped >= count).then_some(report)
    })
    .await
}

fn counts(report: &Report) -> BTreeMap<Outcome, u64> {
    report.outcomes.iter().filter(|(_, count)| *count > 0).copied().collect()
}

/// What is in the sink, byte for byte.
fn bytes(events: &[Event]) -> Vec<Vec<u8>> {
    let encoded = |event: &Event| {
        let mut text = Vec::new();
        tidegate_event::json::encode(event, &mut text);
        text
    };
    events.iter().map(encoded).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_it_would_drop_is_counted_and_shown_and_goes_on_as_it_is() {
    let mut rig = Rig::new();
    rig.guest("guard.wasm", &drops_guilty());
    rig.apply(&Docs::line().policy("guard", "guard.wasm", "mode: Shadow")).await;
    let is_guilty = |number: usize| number.is_multiple_of(10);
    unhurried(&rig, 5, 40, is_guilty).await;
    let report = shadow(&rig).report;
    assert_eq!(counts(&report), BTreeMap::from([(Outcome::Same, 180), (Outcome::Drop, 20)]));
    assert_eq!(report.skipped, 0);
    // The newest of them, with the policy's own words.
    let ids: Vec<&str> = report.examples.iter().map(|example| example.id.as_str()).collect();
    assert_eq!(ids, events::expected((100..200).step_by(10)));
    for example in &report.examples {
        let found = (example.outcome, &*example.route, example.source.as_str(), example.reason.as_deref());
        assert_eq!(found, (Outcome::Drop, "default/main", "/test", Some("has a subject")));
    }
    assert_eq!(bytes(&rig.queue("out").events()), bytes(&events::mixed(200, is_guilty)));
    let tally = rig.tally("main");
    assert_eq!((tally.received, tally.dropped.len(), tally.delivered.values().sum::<u64>()), (200, 0, 200));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_outcome_has_its_name_and_its_reason() {
    let cases: [(&str, Guest, &str, Outcome, Option<&str>); 5] = [
        ("traps", Guest::filter().guilty("unreachable"), "", Outcome::Fail, Some("trap")),
        (
            "rejects",
            Guest::filter().reasons(&["no"]).guilty("(local.set $code (i32.const 0x102))"),
            "",
            Outcome::Reject,
            Some("no"),
        ),
        ("holds", Guest::filter().guilty("(local.set $code (i32.const 3))"), "", Outcome::Hold, None),
        ("changes", stamp(1), ", config: 'x1=0', mayWrite: {attributes: [x1]}", Outcome::Change, Some("x1")),
        (
            "reroutes",
            stamp(1),
            ", config: 'x1=0', mayWrite: {attributes: [x1]}",
            Outcome::Reroute,
            Some("to default/out, default/stamped instead of default/out"),
        ),
    ];
    for (name, guest, wasm, outcome, reason) in cases {
        let mut rig = Rig::new();
        rig.guest("guest.wasm", &guest);
        let rest = format!("mode: Shadow, wasm: {{module: 'file:guest.wasm'{wasm}}}");
        let docs = match name {
            "reroutes" => Docs::new().source("in").sink("out").sink("stamped").doc(
                "Route",
                "main",
                "{from: [{name: in}], to: [{sink: out}, {sink: stamped, when: {exact: {x1: '1.0'}}}]}",
            ),
            _ => Docs::line(),
        };
        rig.apply(&docs.policy("guard", "", &rest)).await;
        unhurried(&rig, 2, 8, |number| number == 11).await;
        let report = shadow(&rig).report;
        let all = matches!(outcome, Outcome::Change | Outcome::Reroute);
        let found = report.outcomes.iter().find(|(found, _)| *found == outcome).map_or(0, |(_, count)| *count);
        assert_eq!(found, if all { 16 } else { 1 }, "{name}: {report:?}");
        let example = report.examples.iter().find(|example| example.id == "e11").expect("an example");
        assert_eq!(example.outcome, outcome, "{name}");
        match reason {
            None => assert_eq!(example.reason, None, "{name}"),
            Some(reason) => assert!(example.reason.as_ref().is_some_and(|found| found.contains(reason)), "{example:?}"),
        }
        assert_eq!(rig.ids("out"), events::expected(0..16), "{name}");
    }
}

/// Policies that need no module are tried on live traffic in the same way.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_condition_is_counted_and_shown_as_a_module_is() {
    for body in ["cesql: 'NOT EXISTS subject'", "pattern: {subject: [{exists: false}]}"] {
        let mut rig = Rig::new();
        let policy = format!("{{phase: Validate, mode: Shadow, {body}}}");
        rig.apply(&Docs::line().doc("FilterPolicy", "guard", &policy)).await;
        let is_guilty = |number: usize| number.is_multiple_of(5);
        unhurried(&rig, 2, 20, is_guilty).await;
        let report = shadow(&rig).report;
        assert_eq!(counts(&report), BTreeMap::from([(Outcome::Same, 32), (Outcome::Drop, 8)]), "{body}");
        let ids: Vec<&str> = report.examples.iter().map(|example| example.id.as_str()).collect();
        assert_eq!(ids, events::expected((0..40).step_by(5)), "{body}");
        assert_eq!(bytes(&rig.queue("out").events()), bytes(&events::mixed(40, is_guilty)), "{body}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn beside_a_baseline_it_is_compared_with_that() {
    let mut rig = Rig::new();
    rig.guest("old.wasm", &drops_guilty());
    rig.guest("new.wasm", &Guest::filter());
    let baseline = digest(&drops_guilty().component());
    rig.apply(&Docs::line().policy("guard", "old.wasm", "")).await;
    let shadowed = format!("mode: Shadow, rollout: {{baseline: '{baseline}'}}");
    rig.apply(&Docs::line().policy("guard", "new.wasm", &shadowed)).await;
    unhurried(&rig, 2, 20, |number| number % 4 == 1).await;
    let found = shadow(&rig);
    assert_eq!(counts(&found.report), BTreeMap::from([(Outcome::Same, 30), (Outcome::Keep, 10)]));
    assert_eq!((found.against.as_ref(), found.digest == baseline), (Some(&baseline), false));
    // The baseline is what decides.
    assert_eq!(rig.ids("out"), events::expected((0..40).filter(|number| number % 4 != 1)));
    assert_eq!(rig.tally("main").dropped.values().sum::<u64>(), 10);
}

/// It is asked about what others leave, and only about events that its conditions want.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_sees_what_the_chain_has_at_its_place() {
    let mut rig = Rig::new();
    rig.guest("guard.wasm", &drops_guilty());
    rig.guest("stamp.wasm", &stamp(1));
    let stamp = "phase: Transform, wasm: {module: 'file:stamp.wasm', config: 'x1=0', mayWrite: {attributes: [x1]}}";
    let wants = |phase: &str| format!("phase: {phase}, mode: Shadow, match: [{{filters: [{{exact: {{x1: '1.0'}}}}]}}]");
    for (phase, expected) in [("Admit", 0), ("Observe", 30)] {
        let docs = Docs::line().policy("drops", "guard.wasm", "").policy("stamps", "", stamp);
        rig.apply(&docs.policy("looks-on", "guard.wasm", &wants(phase))).await;
        let before = rig.tally("main").received;
        rig.push("in", events::mixed(40, |number| number % 4 == 0));
        rig.settled("in", before + 40).await;
        // What does not match is not counted; where nothing does, something else has to tell that it is through.
        let probe = rig.control.observe();
        let found = eventually("the shadow has been asked", || {
            rig.control.show();
            let shadows = probe.last().shadows.clone();
            let sum = shadows[0].report.outcomes.iter().map(|(_, count)| count).sum::<u64>();
            (sum >= expected).then_some(shadows[0].report.clone())
        })
        .await;
        let wanted = if expected == 0 { BTreeMap::new() } else { BTreeMap::from([(Outcome::Same, expected)]) };
        assert_eq!(counts(&found), wanted, "{phase}");
    }
}

/// One that uses up its time on every batch is skipped, and the lane goes on without it.
#[tokio::test(flavor = "multi_thread", worker_threads = 3)]
async fn a_hostile_one_is_skipped_and_holds_nobody() {
    let mut rig = Rig::new();
    rig.guest("loops.wasm", &Guest::filter().guilty("(loop $ever (br $ever))"));
    rig.apply(&Docs::line().policy("loops", "loops.wasm", "mode: Shadow, limits: {timeout: 50ms}")).await;
    let is_guilty = |number: usize| number.is_multiple_of(16);
    let all = events::mixed(6_000, is_guilty);
    for batch in all.chunks(20) {
        rig.push("in", batch.to_vec());
    }
    rig.settled("in", 6_000).await;
    assert_eq!(bytes(&rig.queue("out").events()), bytes(&all));
    let report = seen(&rig, 6_000).await;
    assert!(report.skipped > 0, "{report:?}");
    let asked: u64 = report.outcomes.iter().map(|(_, count)| count).sum();
    assert_eq!(asked + report.skipped, 6_000, "{report:?}");
}

/// What it remembers is its own, and is nobody's once it is gone.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn its_state_is_its_own() {
    let mut rig = Rig::new();
    rig.control = std::mem::replace(&mut rig.control, Rig::new().control).remembering();
    std::fs::copy(example("dedupe-window"), rig.dir().join("dedupe.wasm")).expect("a module");
    let wasm = "wasm: {module: 'file:dedupe.wasm', capabilities: [state]}";
    rig.apply(&Docs::line().policy("once", "", &format!("mode: Shadow, {wasm}"))).await;
    for round in 1..=2 {
        rig.push("in", events::plain(20));
        rig.settled("in", round * 20).await;
        seen(&rig, round * 20).await;
    }
    let found = shadow(&rig).report;
    assert_eq!(counts(&found), BTreeMap::from([(Outcome::Same, 20), (Outcome::Drop, 20)]));
    rig.control.show();
    let kept = rig.control.observe().last().state.iter().map(|(_, usage)| usage.keys).sum::<u64>();
    assert_eq!((kept, rig.queue("out").events().len()), (0, 40));
}
