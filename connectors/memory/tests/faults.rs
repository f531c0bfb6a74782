//! What tests of others rely on: injected failures happen as told, counts tell what happened, queues are bounded.
#![allow(clippy::unwrap_used, reason = "tests")]

use std::path::Path;
use std::time::Duration;

use futures_util::FutureExt;
use serde_json::{Value, json};
use tidegate_connector::conformance::numbered;
use tidegate_connector::{Backoff, Connector, Lane, Place, Settled, Sink, SinkOptions};
use tidegate_connector_memory::{Full, Memory};
use tidegate_event::Event;

fn place() -> Place<'static> {
    Place { base_dir: Path::new(""), state_dir: Path::new("") }
}

fn sink(memory: &Memory, config: Value) -> Sink {
    let writer = memory.open_sink("ns/s", &config, &place()).unwrap();
    let backoff = Backoff { first: Duration::from_millis(1), max: Duration::from_millis(1), ..Backoff::default() };
    Sink::start("s", writer, SinkOptions { backoff, ..SinkOptions::default() })
}

async fn lanes(memory: &Memory, config: Value) -> Vec<Box<dyn Lane>> {
    let mut source = memory.open_source("ns/s", &config, &place()).unwrap();
    let mut lanes = Vec::new();
    while let Some(lane) = source.lane().await.unwrap() {
        lanes.push(lane);
    }
    lanes
}

fn keyed(id: usize, key: &str) -> Event {
    numbered(id..id + 1).remove(0).with_context(&[("key", key)])
}

#[tokio::test]
async fn writes_fail_hold_and_end_as_told() {
    let memory = Memory::new();
    let queue = memory.queue("q");
    let sink = sink(&memory, json!({"name": "q"}));
    queue.fail_writes(2, 3);
    assert!(sink.send(numbered(0..10)).await.wait().await.all_durable());
    assert_eq!((queue.counts().writes, queue.counts().written, queue.events().len()), (3, 10, 10));

    queue.hold();
    let mut receipt = sink.send(numbered(10..20)).await;
    assert_eq!(receipt.wait().now_or_never(), None);
    queue.release();
    assert!(receipt.wait().await.all_durable());

    queue.refuse("e21");
    let sent = sink.send(numbered(20..23)).await.wait().await;
    assert_eq!(sent.refused.iter().map(|(position, _)| *position).collect::<Vec<_>>(), [1]);
    assert_eq!(queue.counts().written, 22);

    queue.close_sink();
    assert!(sink.send(numbered(23..24)).await.wait().await.closed.is_some());
}

#[tokio::test]
async fn a_full_queue_takes_nothing_until_something_is_settled() {
    let memory = Memory::new();
    let queue = memory.queue("q");
    queue.set_capacity(5);
    assert_eq!(queue.push(numbered(0..6)), Err(Full { capacity: 5 }));
    assert_eq!(queue.events().len(), 0, "all or none");
    queue.push(numbered(0..4)).unwrap();
    let sink = sink(&memory, json!({"name": "q"}));
    let mut receipt = sink.send(numbered(4..7)).await;
    queue.wait_for(|counts| counts.writes >= 2).await;
    assert!(sink.trouble().unwrap().contains("its limit"), "{:?}", sink.trouble());
    let mut lanes = lanes(&memory, json!({"name": "q"})).await;
    let mut got = 0;
    while got < 7 {
        let delivery = lanes[0].next().await.unwrap().unwrap();
        got += delivery.events.len();
        delivery.settlement.settle(Settled::Ack).await.unwrap();
    }
    assert!(receipt.wait().await.all_durable());
    assert_eq!(queue.counts().settled, 7);
}

#[tokio::test]
async fn keys_choose_lanes_and_counts_tell_what_became_of_deliveries() {
    let memory = Memory::new();
    let queue = memory.queue("q");
    queue.set_lanes(4);
    let keys = ["a", "b", "c", "d", "e", "f"];
    queue.push((0..60).map(|id| keyed(id, keys[id % 6]))).unwrap();
    queue.finish();
    let mut lane_of = std::collections::BTreeMap::new();
    for mut lane in lanes(&memory, json!({"name": "q", "lanes": 2})).await {
        queue.fail_reads(1);
        lane.next().await.unwrap_err();
        drop(lane.next().await);
        let mut last = std::collections::BTreeMap::new();
        while let Some(delivery) = lane.next().await.unwrap() {
            for event in &delivery.events {
                let key = event.ordering_key().unwrap().to_owned();
                let id: usize = event.id()[1..].parse().unwrap();
                assert_eq!(*lane_of.entry(key.clone()).or_insert(lane.name().to_owned()), lane.name());
                assert!(last.insert(key, id).is_none_or(|before| before < id));
            }
            delivery.settlement.settle(Settled::Ack).await.unwrap();
        }
    }
    let counts = queue.counts();
    assert_eq!(counts.settled, 60);
    assert_eq!(counts.delivered, 120, "each lane's first delivery was dropped once");
    assert!(counts.nacked >= 1);
}

#[tokio::test]
async fn a_sink_that_discards_only_counts() {
    let memory = Memory::new();
    let sink = sink(&memory, json!({"name": "q", "mode": "discard"}));
    assert!(sink.send(numbered(0..100)).await.wait().await.all_durable());
    assert_eq!((memory.queue("q").counts().written, memory.queue("q").events().len()), (100, 0));
}

#[test]
fn a_wrong_configuration_is_refused_with_a_hint() {
    let memory = Memory::new();
    let errors = memory.check_source(&json!({"nam": "q", "lanes": 0})).unwrap_err();
    assert_eq!(errors[0].hint.as_deref(), Some("did you mean `name`?"));
    let errors = memory.check_source(&json!({"name": "q", "lanes": 0})).unwrap_err();
    assert_eq!(errors[0].to_string(), "/lanes: must be between 1 and 1024");
    assert!(memory.check_sink(&json!({"name": "q", "mode": "drop"})).is_err());
}
