//! Sinks with several writers: each stream keeps its order, and none waits for another.
#![allow(clippy::unwrap_used, reason = "tests")]

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use futures_util::FutureExt;
use tidegate_connector::{Sink, SinkOptions, WriteError, Writer};
use tidegate_event::{Event, Value};
use tokio::sync::Semaphore;

const WRITERS: usize = 4;

#[derive(Debug)]
struct Shared {
    /// What each writer wrote.
    written: Mutex<BTreeMap<usize, Vec<String>>>,
    /// A writer that has an event of the stream `slow` waits here.
    gate: Semaphore,
}

struct One(usize, Arc<Shared>);

#[async_trait]
impl Writer for One {
    async fn write(&mut self, events: &[Event]) -> Result<(), WriteError> {
        if events.iter().any(|event| event.ordering_key() == Some("slow")) {
            self.1.gate.acquire().await.unwrap().forget();
        }
        for (index, event) in events.iter().enumerate() {
            if event.subject() == Some("refused") {
                return Err(WriteError::Permanent { index, place: "there".into(), cause: "as told".into() });
            }
            self.1.written.lock().unwrap().entry(self.0).or_default().push(event.id().to_owned());
        }
        Ok(())
    }

    async fn close(&mut self) -> Result<(), WriteError> {
        Ok(())
    }
}

fn start(options: SinkOptions) -> (Sink, Arc<Shared>) {
    let shared = Arc::new(Shared { written: Mutex::default(), gate: Semaphore::new(0) });
    let writers = (0..WRITERS).map(|at| Box::new(One(at, shared.clone())) as Box<dyn Writer>).collect();
    (Sink::start_all("sharded", writers, options), shared)
}

fn event(key: &str, number: usize, subject: &str) -> Event {
    let id = format!("{key}-{number}");
    let event = Event::builder().id(&id).source("/s").ty("t").subject(subject);
    event.extension("partitionkey", Value::String(key.into())).build().unwrap()
}

#[tokio::test]
async fn a_stream_keeps_its_order_and_waits_for_no_other() {
    let (sink, shared) = start(SinkOptions::default());
    let mut slow = sink.send(vec![event("slow", 0, "s")]).await;
    let batch: Vec<Event> =
        (0..100).flat_map(|number| (0..7).map(move |key| event(&format!("k{key}"), number, "s"))).collect();
    let mut receipts = Vec::new();
    for events in batch.chunks(35) {
        receipts.push(sink.send(events.to_vec()).await);
    }
    // Those that share a writer with the slow stream wait; there are keys that do not.
    let mut done = 0;
    tokio::task::yield_now().await;
    while done == 0 {
        tokio::task::yield_now().await;
        done = shared.written.lock().unwrap().values().map(Vec::len).sum();
    }
    assert!(slow.wait().now_or_never().is_none());
    shared.gate.add_permits(1);
    assert!(slow.wait().await.all_durable());
    for mut receipt in receipts {
        assert!(receipt.wait().await.all_durable());
    }
    sink.close().await;
    let written = shared.written.lock().unwrap();
    assert!(written.len() > 1, "one writer did it all");
    for key in 0..7 {
        let prefix = format!("k{key}-");
        let by: Vec<Vec<&String>> =
            written.values().map(|ids| ids.iter().filter(|id| id.starts_with(&prefix)).collect::<Vec<_>>()).collect();
        let of_one: Vec<&Vec<&String>> = by.iter().filter(|ids| !ids.is_empty()).collect();
        let expected: Vec<String> = (0..100).map(|number| format!("k{key}-{number}")).collect();
        assert!(of_one.len() == 1 && of_one[0].iter().copied().eq(&expected), "{by:?}");
    }
}

#[tokio::test]
async fn refusals_keep_their_positions_over_writers() {
    let (sink, shared) = start(SinkOptions::default());
    shared.gate.add_permits(1 << 10);
    let subject = |number: usize| if number % 10 == 3 { "refused" } else { "s" };
    let batch: Vec<Event> =
        (0..60).map(|number| event(&format!("k{}", number % 11), number, subject(number))).collect();
    let sent = sink.send(batch).await.wait().await;
    let positions: Vec<usize> = sent.refused.iter().map(|(at, _)| *at).collect();
    assert_eq!(positions, [3, 13, 23, 33, 43, 53]);
}

/// Batches that need room of several full writers, from both sides: nobody waits for ever.
#[tokio::test]
async fn full_queues_of_several_writers_do_not_lock_each_other() {
    let (sink, shared) = start(SinkOptions { queue_events: 4 * WRITERS, ..SinkOptions::default() });
    shared.gate.add_permits(1 << 20);
    let mut senders = tokio::task::JoinSet::new();
    for sender in 0..8 {
        let sink = sink.clone();
        senders.spawn(async move {
            for round in 0..50 {
                let events =
                    (0..20).map(|at| event(&format!("k{}", (sender + at) % 9), round * 20 + at, "s")).collect();
                assert!(sink.send(events).await.wait().await.all_durable());
            }
        });
    }
    while let Some(ended) = senders.join_next().await {
        ended.unwrap();
    }
    assert_eq!(sink.pending_events(), 0);
}
