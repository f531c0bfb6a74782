//! What two versions do to the events of a lane, and what holds a lane.

use tidegate_event::Event;
use tidegate_pipeline::LaneState;

use super::{after, before, meets, modules};
use crate::rig::docs::Docs;
use crate::rig::guests::Guest;
use crate::rig::{Rig, events, within};
use crate::support::digest;

/// `e0`, `e1`, … each of a key of its own, of which some are guilty.
fn keyed(count: usize, is_guilty: impl Fn(usize) -> bool) -> Vec<Event> {
    let event = |number: usize| {
        let event = Event::builder().id(&events::id(number)).source("/test").ty("test.event");
        let event = event.extension("partitionkey", tidegate_event::Value::String(key(number).into()));
        let event = if is_guilty(number) { event.subject("guilty") } else { event };
        event.build().expect("an event")
    };
    (0..count).map(event).collect()
}

fn key(number: usize) -> String {
    format!("k{number}")
}

fn policy(module: &str, rest: &str) -> Docs {
    let wasm = format!("wasm: {{module: 'file:{module}', config: 'x1=0', mayWrite: {{attributes: [x1]}}}}");
    Docs::line().policy("stamp", "", &format!("phase: Transform, {wasm}{rest}"))
}

fn rollout(percent: u8, baseline: &str) -> String {
    format!(", rollout: {{percent: {percent}, baseline: '{baseline}'}}")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn versions_share_a_batch_by_key_and_the_share_only_grows() {
    let mut rig = Rig::new();
    let [baseline, _] = modules(rig.dir());
    rig.apply(&policy("before.wasm", "")).await;
    let count = 1_000;
    let mut seen = 0;
    for percent in [0, 10, 50, 51, 100] {
        rig.apply(&policy("after.wasm", &rollout(percent, &baseline))).await;
        rig.push("in", keyed(count, |_| false));
        seen += count as u64;
        rig.settled("in", seen).await;
        let out = rig.queue("out").events();
        let out = &out[out.len() - count..];
        assert_eq!(events::ids(out), events::expected(0..count), "in order at {percent} %");
        for (number, event) in out.iter().enumerate() {
            let wanted = if meets(&key(number), percent) { "2.0" } else { "1.0" };
            assert_eq!(events::attribute(event, "x1"), wanted, "e{number} at {percent} %");
        }
    }
    let tally = rig.tally("main");
    assert_eq!((tally.received, tally.delivered.values().sum::<u64>()), (seen, seen));
}

/// The default rule where nobody is answered and there is no dead letter, and the strictest one: the lane stands still.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_version_that_holds_a_lane_is_taken_back_whatever_the_number_of_its_events() {
    for rule in ["Pause", "Retry"] {
        let mut rig = Rig::new();
        let [baseline, _] = modules(rig.dir());
        rig.apply(&policy("before.wasm", "")).await;
        let failure = format!(", failure: {{onTrap: {rule}}}{}", rollout(50, &baseline));
        let running = rig.apply(&policy("after.wasm", &failure)).await;
        let guilty = (0..64).find(|number| meets(&key(*number), 50)).expect("one of half of the keys");
        rig.push("in", keyed(64, |number| number == guilty));
        rig.lane("in", |state| matches!(state, LaneState::Paused { .. } | LaneState::Held { .. })).await;
        let taken = within("the rollout is taken back", async {
            loop {
                rig.control.rollouts_due().await;
                if let Some(generation) = rig.control.judge().await {
                    return generation;
                }
            }
        })
        .await;
        assert_ne!(taken.id, running.id);
        rig.settled("in", 64).await;
        assert_eq!(rig.ids("out"), events::expected(0..64), "{rule}: nothing lost, doubled or out of order");
        assert_eq!(rig.queue("dlq").events().len(), 0);
        assert!(rig.control.judge().await.is_none(), "once");
    }
}

/// A breaker keeps it from failing often enough to be judged by that: the lane that waits for it is enough.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_version_whose_breaker_stops_a_lane_is_taken_back() {
    let mut rig = Rig::new();
    let [baseline, _] = modules(rig.dir());
    rig.apply(&policy("before.wasm", "")).await;
    let failure = "failure: {onTrap: DeadLetter, breaker: {failures: 1, pause: 10m, then: Pause}}";
    rig.apply(&policy("after.wasm", &format!(", {failure}{}", rollout(50, &baseline)))).await;
    let guilty = (0..64).find(|number| meets(&key(*number), 50)).expect("one of half of the keys");
    rig.push("in", keyed(64, |number| number == guilty));
    rig.settled("in", 64).await;
    rig.push("in", keyed(64, |_| false));
    rig.lane("in", |state| matches!(state, LaneState::Paused { .. } | LaneState::Held { .. })).await;
    within("the rollout is taken back", async {
        loop {
            rig.control.rollouts_due().await;
            if rig.control.judge().await.is_some() {
                return;
            }
        }
    })
    .await;
    rig.settled("in", 128).await;
    let first: Vec<usize> = (0..64).filter(|number| *number != guilty).collect();
    assert_eq!(rig.ids("out"), events::expected(first.into_iter().chain(0..64)));
    assert_eq!(rig.ids("dlq"), events::expected([guilty]));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_fails_on_both_versions_takes_nothing_back() {
    let mut rig = Rig::new();
    let fails = |code| crate::rig::guests::stamp(code).guilty("unreachable");
    rig.guest("before.wasm", &fails(1));
    rig.guest("after.wasm", &fails(2));
    let baseline = digest(&fails(1).component());
    rig.apply(&policy("before.wasm", "")).await;
    rig.apply(&policy("after.wasm", &rollout(50, &baseline))).await;
    rig.push("in", keyed(2_000, |number| number % 10 == 0));
    rig.settled("in", 2_000).await;
    assert_eq!(rig.queue("dlq").events().len(), 200);
    rig.control.rollouts_due().await;
    assert!(rig.control.judge().await.is_none());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_baseline_that_is_not_kept_is_named_by_its_file_or_refused() {
    let mut rig = Rig::new();
    let [baseline, _] = modules(rig.dir());
    let docs = policy("after.wasm", &rollout(50, &baseline));
    let report = rig.refused(docs.text()).await.to_string();
    assert!(report.contains("[C220]") && report.contains("module: file:"), "{report}");
    let named = |digest: &str| {
        format!(", rollout: {{percent: 50, baseline: {{digest: '{digest}', module: 'file:before.wasm'}}}}")
    };
    rig.apply(&policy("after.wasm", &named(&baseline))).await;
    let other = digest(&after().component());
    let report = rig.refused(policy("after.wasm", &named(&other)).text()).await.to_string();
    assert!(report.contains("[C220]"), "{report}");
    // It is kept from now on.
    std::fs::remove_file(rig.dir().join("before.wasm")).expect("remove");
    rig.apply(&docs).await;
    // One that cannot run with what the policy gives it is refused as well.
    let picky = Guest::filter().configure("unreachable");
    rig.guest("picky.wasm", &picky);
    let digest = digest(&picky.component());
    let picky = format!(", rollout: {{percent: 50, baseline: {{digest: '{digest}', module: 'file:picky.wasm'}}}}");
    let report = rig.refused(policy("after.wasm", &picky).text()).await.to_string();
    assert!(report.contains("[C221]"), "{report}");
    assert_ne!(before().component(), after().component());
}
