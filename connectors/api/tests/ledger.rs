//! The ledger against a model: whatever is acked, nacked and dropped in whatever order, nothing unsettled is passed, and a
//! lane that follows its rewinds delivers every message until it is settled, in order.
#![allow(clippy::unwrap_used, reason = "tests")]

use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::FutureExt;
use proptest::prelude::*;
use tidegate_connector::conformance::numbered;
use tidegate_connector::ledger::Batch;
use tidegate_connector::{Delivery, Ledger, Settled};

/// One thing that happens to a lane.
#[derive(Clone, Debug)]
enum Act {
    /// It delivers a batch of so many.
    Deliver(usize),
    /// A delivery, counted among those held, is settled so.
    Ack(usize),
    Nack(usize, usize),
    Drop(usize),
}

fn act() -> impl Strategy<Value = Act> {
    prop_oneof![
        3 => (1..5usize).prop_map(Act::Deliver),
        3 => (0..4usize).prop_map(Act::Ack),
        1 => (0..4usize, 0..6usize).prop_map(|(at, events)| Act::Nack(at, events)),
        1 => (0..4usize).prop_map(Act::Drop),
    ]
}

/// A lane over the natural numbers.
struct Naturals {
    ledger: Ledger<usize>,
    position: usize,
    committed: Arc<Mutex<usize>>,
}

impl Naturals {
    fn new() -> Self {
        let committed = Arc::new(Mutex::new(0));
        let seen = committed.clone();
        let ledger = Ledger::with_commit(0, move |&position| {
            let mut committed = seen.lock().unwrap();
            assert!(position >= *committed, "the committed position went back from {committed} to {position}");
            *committed = position;
            Ok(())
        });
        Self { ledger, position: 0, committed }
    }

    fn next(&mut self, count: usize) -> (std::ops::Range<usize>, Delivery) {
        if let Some(rewind) = self.ledger.rewind() {
            self.position = rewind.position;
            self.ledger.rewound(&rewind);
        }
        let range = self.position..self.position + count;
        let batch = Batch {
            events: numbered(range.clone()),
            malformed: Vec::new(),
            behind: range.clone().map(|number| number + 1).collect(),
            end: range.end,
        };
        self.position = range.end;
        (range, self.ledger.deliver(batch).unwrap())
    }
}

proptest! {
    #[test]
    fn nothing_unsettled_is_passed(acts in proptest::collection::vec(act(), 1..60)) {
        let mut lane = Naturals::new();
        // What the host holds, and whether a nack has made it void.
        let mut held: Vec<(std::ops::Range<usize>, Delivery, bool)> = Vec::new();
        // The model: what is settled for good.
        let mut settled = std::collections::BTreeSet::new();
        let mut expected_next = 0;
        for act in acts {
            match act {
                Act::Deliver(count) => {
                    let (range, delivery) = lane.next(count);
                    prop_assert_eq!(range.start, expected_next, "the lane went on from the wrong place");
                    expected_next = range.end;
                    held.push((range, delivery, false));
                }
                Act::Ack(at) if at < held.len() => {
                    let (range, delivery, void) = held.remove(at);
                    delivery.settlement.settle(Settled::Ack).now_or_never().unwrap().unwrap();
                    if !void {
                        settled.extend(range);
                    }
                }
                Act::Nack(at, events) if at < held.len() => {
                    let (range, delivery, void) = held.remove(at);
                    let outcome = Settled::Nack { events, delay: Duration::ZERO };
                    delivery.settlement.settle(outcome).now_or_never().unwrap().unwrap();
                    if !void {
                        expected_next = (range.start + events).min(range.end);
                        settled.extend(range.start..expected_next);
                    }
                }
                Act::Drop(at) if at < held.len() => {
                    let (range, delivery, void) = held.remove(at);
                    drop(delivery);
                    if !void {
                        expected_next = range.start;
                    }
                }
                Act::Ack(_) | Act::Nack(..) | Act::Drop(_) => {}
            }
            // Everything from where the lane goes on is to be delivered again, and void where it was delivered before.
            settled.retain(|number| *number < expected_next);
            for (range, _, void) in &mut held {
                *void |= range.start >= expected_next;
            }
            let lowest = (0..).find(|number| !settled.contains(number)).unwrap();
            prop_assert_eq!(lane.ledger.committed(), lowest);
            prop_assert!(*lane.committed.lock().unwrap() <= lowest);
        }
        // Everything held is acked: the lane is at its end, and has said so.
        for (_, delivery, _) in held {
            delivery.settlement.settle(Settled::Ack).now_or_never().unwrap().unwrap();
        }
        prop_assert_eq!(lane.ledger.committed(), expected_next);
        prop_assert_eq!(lane.ledger.outstanding(), 0);
        prop_assert_eq!(*lane.committed.lock().unwrap(), expected_next);
    }
}

#[tokio::test]
async fn a_batch_read_before_a_nack_is_not_delivered_after_it() {
    let mut lane = Naturals::new();
    let (_, first) = lane.next(3);
    drop(first);
    let beyond = Batch { events: numbered(3..4), malformed: Vec::new(), behind: vec![4], end: 4 };
    assert!(lane.ledger.deliver(beyond).is_none());
    lane.ledger.wait_for_rewind().await;
    assert_eq!(lane.next(1).0, 0..1);
}

#[tokio::test]
async fn a_nack_while_the_lane_goes_back_for_another_is_not_forgotten() {
    let mut lane = Naturals::new();
    let (_, first) = lane.next(3);
    let (_, second) = lane.next(3);
    drop(second);
    let rewind = lane.ledger.rewind().unwrap();
    assert_eq!(rewind.position, 3);
    drop(first);
    lane.ledger.rewound(&rewind);
    assert_eq!(lane.ledger.rewind().unwrap().position, 0);
}
