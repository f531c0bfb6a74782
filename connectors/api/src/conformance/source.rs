//! Checks of sources and lanes.

use std::time::Duration;

use async_trait::async_trait;
use futures_util::FutureExt;
use tidegate_event::Event;
use tokio::time::Instant;

use super::{assert_numbered, ids, in_time, numbered, ok};
use crate::{Delivery, LANE_BATCH_BYTES, LANE_BATCH_EVENTS, Lane, Settled, Source};

/// How a connector's tests give the kit something to read.
#[async_trait]
pub trait SourceHarness: Send {
    /// Makes a fresh place, as if never read, with these events in one lane, in this order.
    async fn fill(&mut self, events: &[Event]);
    /// Adds events behind those in the present place.
    async fn append(&mut self, events: &[Event]);
    /// Adds a message that is no event behind what is in the present place; false where there can be none.
    async fn append_malformed(&mut self) -> bool;
    /// Opens the source on the present place; what was settled before stays settled.
    async fn open(&mut self) -> Box<dyn Source>;
    /// What its lanes do when they have delivered everything.
    fn at_end(&self) -> AtEnd;
}

/// What a lane does when it has delivered everything.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AtEnd {
    /// It ends.
    Ends,
    /// It waits for more.
    Waits,
}

/// More than two batches.
const MANY: usize = 2 * LANE_BATCH_EVENTS + 500;

/// Runs every check of a source.
pub async fn source_conforms(harness: &mut dyn SourceHarness) {
    in_time("order and bounds", order_and_bounds(harness)).await;
    in_time("cancel safety", next_is_cancel_safe(harness)).await;
    in_time("a dropped delivery", dropped_comes_again(harness)).await;
    in_time("reopening after a drop", unsettled_comes_again_after_reopen(harness)).await;
    in_time("reopening after a close", settled_does_not_come_again(harness)).await;
    in_time("a nack", nack_rewinds_and_voids_what_followed(harness)).await;
    in_time("a nack's delay", nack_waits(harness)).await;
    in_time("drops in any order", drops_in_reverse_come_again_from_the_first(harness)).await;
    in_time("malformed messages", malformed_messages_keep_their_place(harness)).await;
    if harness.at_end() == AtEnd::Ends {
        in_time("the end", end_is_told_and_is_not_final(harness)).await;
    }
}

async fn open(harness: &mut dyn SourceHarness) -> Box<dyn Lane> {
    let mut source = harness.open().await;
    match ok(source.lane().await, "opening the lane") {
        Some(lane) => lane,
        None => panic!("the source has no lane"),
    }
}

async fn next(lane: &mut Box<dyn Lane>) -> Delivery {
    match ok(lane.next().await, "next") {
        Some(delivery) => delivery,
        None => panic!("the lane ended early"),
    }
}

async fn settle(delivery: Delivery, outcome: Settled) {
    ok(delivery.settlement.settle(outcome).await, "settle");
}

/// Reads and acks until the lane has delivered `count` events; their ids.
async fn drain(lane: &mut Box<dyn Lane>, count: usize) -> Vec<String> {
    let mut got = Vec::new();
    while got.len() < count {
        let delivery = next(lane).await;
        got.extend(ids(&delivery.events));
        settle(delivery, Settled::Ack).await;
    }
    got
}

async fn order_and_bounds(harness: &mut dyn SourceHarness) {
    harness.fill(&numbered(0..MANY)).await;
    let mut lane = open(harness).await;
    assert!(!lane.name().is_empty(), "a lane has a name");
    let mut got = Vec::new();
    while got.len() < MANY {
        let delivery = next(&mut lane).await;
        assert!(delivery.events.len() <= LANE_BATCH_EVENTS, "a batch has {} events", delivery.events.len());
        assert!(!delivery.events.is_empty(), "an empty batch");
        let bytes: usize = delivery.events.iter().map(Event::size).sum();
        assert!(bytes <= LANE_BATCH_BYTES || delivery.events.len() == 1, "a batch has {bytes} bytes");
        got.extend(ids(&delivery.events));
        settle(delivery, Settled::Ack).await;
    }
    assert_numbered(&got, 0..MANY, "order");
    ok(lane.close().await, "close");
}

async fn next_is_cancel_safe(harness: &mut dyn SourceHarness) {
    harness.fill(&numbered(0..MANY)).await;
    let mut lane = open(harness).await;
    let mut got = Vec::new();
    while got.len() < MANY {
        // Polled once and dropped; a source behind a network needs the time between to get anywhere.
        match lane.next().now_or_never() {
            None => tokio::time::sleep(Duration::from_micros(100)).await,
            Some(delivery) => match ok(delivery, "next") {
                None => panic!("the lane ended early"),
                Some(delivery) => {
                    got.extend(ids(&delivery.events));
                    settle(delivery, Settled::Ack).await;
                }
            },
        }
    }
    assert_numbered(&got, 0..MANY, "polling and dropping `next`");
}

async fn dropped_comes_again(harness: &mut dyn SourceHarness) {
    harness.fill(&numbered(0..MANY)).await;
    let mut lane = open(harness).await;
    drop(next(&mut lane).await);
    assert_numbered(&drain(&mut lane, MANY).await, 0..MANY, "after a dropped delivery");
}

async fn unsettled_comes_again_after_reopen(harness: &mut dyn SourceHarness) {
    harness.fill(&numbered(0..MANY)).await;
    let mut lane = open(harness).await;
    let first = next(&mut lane).await;
    let settled = first.events.len();
    settle(first, Settled::Ack).await;
    drop(next(&mut lane).await);
    // Without `close`, as when the host is killed: nothing unsettled is lost, and what was settled may come again.
    drop(lane);
    let mut lane = open(harness).await;
    let again = next(&mut lane).await;
    let from: usize = match again.events[0].id()[1..].parse() {
        Ok(number) if number <= settled => number,
        _ => panic!("after a drop the lane went on with {}, e{settled} was unsettled", again.events[0].id()),
    };
    drop(again);
    assert_numbered(&drain(&mut lane, MANY - from).await, from..MANY, "after a drop and reopen");
    ok(lane.close().await, "close");
}

async fn settled_does_not_come_again(harness: &mut dyn SourceHarness) {
    harness.fill(&numbered(0..MANY)).await;
    let mut lane = open(harness).await;
    let first = next(&mut lane).await;
    let settled = first.events.len();
    settle(first, Settled::Ack).await;
    drop(next(&mut lane).await);
    ok(lane.close().await, "close");
    let mut lane = open(harness).await;
    assert_numbered(&drain(&mut lane, MANY - settled).await, settled..MANY, "after close and reopen");
    ok(lane.close().await, "close");
    harness.append(&numbered(MANY..MANY + 1)).await;
    let mut lane = open(harness).await;
    assert_numbered(&drain(&mut lane, 1).await, MANY..MANY + 1, "when all was settled before");
}

async fn nack_rewinds_and_voids_what_followed(harness: &mut dyn SourceHarness) {
    const DONE: usize = 3;
    harness.fill(&numbered(0..MANY)).await;
    let mut lane = open(harness).await;
    let first = next(&mut lane).await;
    let second = next(&mut lane).await;
    settle(first, Settled::Nack { events: DONE, delay: Duration::ZERO }).await;
    settle(second, Settled::Ack).await;
    assert_numbered(&drain(&mut lane, MANY - DONE).await, DONE..MANY, "after a nack");
    ok(lane.close().await, "close");
    harness.append(&numbered(MANY..MANY + 1)).await;
    let mut lane = open(harness).await;
    assert_numbered(&drain(&mut lane, 1).await, MANY..MANY + 1, "reopened after a nack");
}

async fn nack_waits(harness: &mut dyn SourceHarness) {
    harness.fill(&numbered(0..10)).await;
    let mut lane = open(harness).await;
    let delay = Duration::from_millis(50);
    let first = next(&mut lane).await;
    let nacked = Instant::now();
    settle(first, Settled::Nack { events: 0, delay }).await;
    let got = drain(&mut lane, 10).await;
    assert!(nacked.elapsed() >= delay, "delivered again before the delay was over");
    assert_numbered(&got, 0..10, "after a nack with a delay");
}

async fn drops_in_reverse_come_again_from_the_first(harness: &mut dyn SourceHarness) {
    harness.fill(&numbered(0..MANY)).await;
    let mut lane = open(harness).await;
    let first = next(&mut lane).await;
    let second = next(&mut lane).await;
    drop(second);
    drop(first);
    assert_numbered(&drain(&mut lane, MANY).await, 0..MANY, "after drops in reverse");
}

async fn malformed_messages_keep_their_place(harness: &mut dyn SourceHarness) {
    harness.fill(&numbered(0..2)).await;
    if !harness.append_malformed().await {
        return;
    }
    harness.append(&numbered(2..4)).await;
    let mut lane = open(harness).await;
    let mut got = Vec::new();
    let mut behind = Vec::new();
    while got.len() < 4 {
        let delivery = next(&mut lane).await;
        for malformed in &delivery.malformed {
            assert!(!malformed.place.is_empty() && !malformed.problem.is_empty(), "{malformed:?}");
            assert!(malformed.before <= delivery.events.len(), "{malformed:?}");
            behind.push(got.len() + malformed.before);
        }
        got.extend(ids(&delivery.events));
        settle(delivery, Settled::Ack).await;
    }
    assert_numbered(&got, 0..4, "around a malformed message");
    assert_eq!(behind, [2], "the malformed message comes after two events");
}

async fn end_is_told_and_is_not_final(harness: &mut dyn SourceHarness) {
    harness.fill(&numbered(0..10)).await;
    let mut lane = open(harness).await;
    let mut deliveries = Vec::new();
    while let Some(delivery) = ok(lane.next().await, "next") {
        deliveries.push(delivery);
    }
    assert!(ok(lane.next().await, "next").is_none(), "a lane that has ended goes on without a nack");
    drop(deliveries);
    assert_numbered(&drain(&mut lane, 10).await, 0..10, "nacked after the end");
    assert!(ok(lane.next().await, "next").is_none(), "everything was delivered and settled");
    ok(lane.close().await, "close");
}
