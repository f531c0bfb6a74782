//! A Go filter lasts: with the collector busy, and with single events of 8 MiB in between.
//!
//! A million batches take longer than a test may: `cargo bench --bench languages -- lasting` runs them.

use tidegate_engine::Worker;
use tidegate_event::{Event, Form};

use super::lab;

/// Batches, each of another size. Enough that the collector has run some hundred times.
const BATCHES: usize = 20_000;

/// One of this many batches is an event of 8 MiB.
const LARGE_EVERY: usize = 4_000;

fn event(id: &str, ty: &str, data: Vec<u8>) -> Event {
    Event::builder().id(id).source("/lasting").ty(ty).data(Form::Binary, data).build().expect("an event")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_go_filter_lasts_with_its_collector_busy_and_events_of_8_mib_in_between() {
    let engine = lab::engine();
    let mut worker = lab::worker(&engine, "tests/guests/garbage-go", &[], "null").await;
    let large = [event("large", "t", vec![b'x'; 8 << 20])];
    let batches: Vec<Vec<Event>> = (1..=7)
        .map(|size| {
            (0..size).map(|n| event(&format!("{size}-{n}"), "t", vec![b'a' + n; 100 * usize::from(n)])).collect()
        })
        .collect();
    for batch in 0..BATCHES {
        let events = if batch % LARGE_EVERY == 0 { &large[..] } else { &batches[batch % batches.len()] };
        let answers = lab::answers(&mut worker, events).await;
        assert!(answers.iter().all(|answer| answer == "keep"), "batch {batch}: {answers:?}");
    }
    assert_collected(&mut worker).await;
}

/// All of it was one instance: a new one would have collected nothing yet.
async fn assert_collected(worker: &mut Worker) {
    let report = lab::answers(worker, &[event("report", "report", Vec::new())]).await;
    let collections = report[0].strip_prefix("drop: ").and_then(|text| text.strip_suffix(" collections"));
    let collections: u32 = collections.and_then(|text| text.parse().ok()).unwrap_or_else(|| panic!("{report:?}"));
    assert!(collections >= 20, "{collections} collections");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_go_filter_reads_is_what_it_wrote_with_its_collector_busy() {
    let engine = lab::engine();
    let mut worker = lab::worker(&engine, "tests/guests/state-go", &[], "null").await;
    for batch in 0..400 {
        let events: Vec<Event> = (0..10).map(|n| event(&(batch * 10 + n).to_string(), "t", Vec::new())).collect();
        let answers = lab::answers(&mut worker, &events).await;
        assert!(answers.iter().all(|answer| answer == "keep"), "batch {batch}: {answers:?}");
    }
    assert_collected(&mut worker).await;
}
