//! Checks of writers, behind the framework's queue.

use async_trait::async_trait;
use tidegate_event::Event;

use super::{assert_numbered, event, ids, in_time, numbered};
use crate::{Receipt, Sent, Sink, SinkOptions, Writer};

/// How a connector's tests let the kit see what was written.
#[async_trait]
pub trait SinkHarness: Send {
    /// Makes a fresh, empty place.
    async fn fresh(&mut self);
    /// Opens the writer on the present place.
    async fn open(&mut self) -> Box<dyn Writer>;
    /// What another program finds in the present place, in order.
    async fn durable(&mut self) -> Vec<Event>;
    /// An event that it will never take; `None` where it takes all.
    async fn refused(&mut self) -> Option<Event>;
}

/// Runs every check of a sink.
pub async fn sink_conforms(harness: &mut dyn SinkHarness) {
    in_time("durable before the receipt", durable_before_the_receipt(harness)).await;
    in_time("order", order_over_many_batches(harness)).await;
    in_time("an empty batch", empty_batch_is_durable_at_once(harness)).await;
    in_time("close", close_flushes(harness)).await;
    in_time("reopening", reopening_keeps_what_was_there(harness)).await;
    in_time("a large event", large_event_passes_whole(harness)).await;
    in_time("a refused event", refused_event_stops_nothing(harness)).await;
}

async fn start(harness: &mut dyn SinkHarness) -> Sink {
    Sink::start("conformance", harness.open().await, SinkOptions::default())
}

async fn send_and_wait(sink: &Sink, events: Vec<Event>) {
    let sent = sink.send(events).await.wait().await;
    assert!(sent.all_durable(), "{sent:?}");
}

async fn durable_before_the_receipt(harness: &mut dyn SinkHarness) {
    harness.fresh().await;
    let sink = start(harness).await;
    for number in 0..10 {
        send_and_wait(&sink, numbered(number..number + 1)).await;
        assert_numbered(&ids(&harness.durable().await), 0..number + 1, "durable when the receipt resolves");
    }
    let written = harness.durable().await;
    for (written, sent) in written.iter().zip(numbered(0..10)) {
        assert_eq!((written.source(), written.ty()), (sent.source(), sent.ty()), "attributes of {}", sent.id());
        assert_eq!(written.data(), sent.data(), "data of {}", sent.id());
    }
}

async fn order_over_many_batches(harness: &mut dyn SinkHarness) {
    harness.fresh().await;
    let sink = start(harness).await;
    let mut receipts: Vec<Receipt> = Vec::new();
    let mut total = 0;
    for length in 1..=60 {
        receipts.push(sink.send(numbered(total..total + length)).await);
        total += length;
    }
    for receipt in &mut receipts {
        assert!(receipt.wait().await.all_durable());
    }
    assert_numbered(&ids(&harness.durable().await), 0..total, "order over many batches");
}

async fn empty_batch_is_durable_at_once(harness: &mut dyn SinkHarness) {
    harness.fresh().await;
    let sink = start(harness).await;
    send_and_wait(&sink, Vec::new()).await;
    assert!(harness.durable().await.is_empty());
}

async fn close_flushes(harness: &mut dyn SinkHarness) {
    harness.fresh().await;
    let sink = start(harness).await;
    let mut first = sink.send(numbered(0..100)).await;
    drop(sink.send(numbered(100..200)).await);
    let other = sink.clone();
    sink.close().await;
    assert!(first.wait().await.all_durable());
    assert_numbered(&ids(&harness.durable().await), 0..200, "after close");
    assert!(other.send(numbered(200..201)).await.wait().await.closed.is_some(), "a closed sink takes nothing");
}

async fn reopening_keeps_what_was_there(harness: &mut dyn SinkHarness) {
    harness.fresh().await;
    for number in 0..3 {
        let sink = start(harness).await;
        send_and_wait(&sink, numbered(number * 10..number * 10 + 10)).await;
        sink.close().await;
    }
    assert_numbered(&ids(&harness.durable().await), 0..30, "after reopening twice");
}

async fn large_event_passes_whole(harness: &mut dyn SinkHarness) {
    harness.fresh().await;
    let sink = start(harness).await;
    let data = format!("\"{}\"", "x".repeat(900 << 10));
    send_and_wait(&sink, vec![event("e0", &data), event("e1", "1")]).await;
    let written = harness.durable().await;
    assert_numbered(&ids(&written), 0..2, "with a large event");
    assert_eq!(written[0].data().map(|data| data.bytes.len()), Some(data.len()), "its data");
}

async fn refused_event_stops_nothing(harness: &mut dyn SinkHarness) {
    harness.fresh().await;
    let Some(refused) = harness.refused().await else { return };
    let sink = start(harness).await;
    let mut events = numbered(0..10);
    events.insert(4, refused);
    let Sent { refused, closed } = sink.send(events).await.wait().await;
    assert_eq!(closed, None);
    let positions: Vec<usize> = refused.iter().map(|(position, _)| *position).collect();
    assert_eq!(positions, [4], "the refused event and no other");
    assert_numbered(&ids(&harness.durable().await), 0..10, "around a refused event");
}
