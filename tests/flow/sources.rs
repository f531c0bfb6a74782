//! Sources that are changed, taken away and brought back while they are read.

use std::fs::File;
use std::io::Write as _;

use crate::rig::{Rig, docs::Docs, events, eventually, within};

const LINES: usize = 30_000;

fn docs(source: &str) -> Docs {
    let source = format!("{{file: {{path: in.jsonl, follow: true{source}}}}}");
    Docs::new().doc("Source", "in", &source).sink("out").sink("dlq").route("main", "in", "out")
}

fn rig() -> Rig {
    let rig = Rig::new();
    let lines: String = (0..LINES).map(|number| events::line(&events::id(number), "k", 10)).collect();
    File::create(rig.dir().join("in.jsonl")).unwrap().write_all(lines.as_bytes()).unwrap();
    rig
}

async fn written(rig: &Rig, count: usize) {
    let out = rig.queue("out");
    within("events at the sink", out.wait_for(|counts| counts.written >= count as u64)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_source_that_is_configured_anew_goes_on_where_it_was() {
    let mut rig = rig();
    for step in 0..8 {
        // Another limit makes another source of it: the old one settles, the new one begins at its cursor.
        rig.apply(&docs(&format!(", maxLineBytes: {}", 4096 + step))).await;
        written(&rig, (step + 1) * 2500).await;
    }
    written(&rig, LINES).await;
    assert_eq!(rig.ids("out"), events::expected(0..LINES));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_route_that_is_taken_away_and_brought_back_misses_nothing() {
    let mut rig = rig();
    let without = Docs::new().doc("Source", "in", "{file: {path: in.jsonl, follow: true}}").sink("out").sink("dlq");
    for step in 1..=5 {
        rig.apply(&docs("")).await;
        written(&rig, step * 4000).await;
        rig.apply(&without).await;
        eventually("the source is closed", || rig.control.status().is_empty().then_some(())).await;
    }
    rig.apply(&docs("")).await;
    written(&rig, LINES).await;
    assert_eq!(rig.ids("out"), events::expected(0..LINES));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_second_route_sees_what_comes_after_it_and_the_first_goes_on_undisturbed() {
    let mut rig = rig();
    rig.apply(&docs("")).await;
    written(&rig, 1000).await;
    rig.apply(&docs("").sink("late").route("second", "in", "late")).await;
    written(&rig, LINES).await;
    assert_eq!(rig.ids("out"), events::expected(0..LINES));
    let last = events::id(LINES - 1);
    eventually("the last event at both", || rig.ids("late").contains(&last).then_some(())).await;
    let late = rig.ids("late");
    assert_eq!(late, events::expected(LINES - late.len()..LINES), "an unbroken rest");
}
