//! Hostile guests: whatever they do, it costs exactly the guilty events, and the lane goes on.

use crate::{
    support::{batch, events, faults, letters, spec, worker},
    wat::{Guest, marked},
};

/// Calls `guest` with events of these marks twice: what a fault leaves behind must not show.
async fn check(guest: Guest, marks: &str, expected: &str, fault: &str) {
    let mut worker = worker(&guest, spec()).await;
    let batch = batch(&events(marks));
    for round in 0..2 {
        let decisions = worker.evaluate(&batch).await;
        assert_eq!(letters(&decisions), expected, "round {round}: {:?}", faults(&decisions));
        for text in faults(&decisions) {
            assert!(text.contains(fault), "{text:?} does not say {fault:?}");
        }
    }
}

const MARKS: &str = "aaaaaaaaapaaaaaa";
const GUILTY: &str = "kkkkkkkkkfkkkkkk";

#[tokio::test]
async fn a_trap_costs_only_the_event_it_happens_on() {
    check(Guest::filter(&marked('p', "unreachable")), MARKS, GUILTY, "trap: wasm trap: wasm `unreachable`").await;
}

#[tokio::test]
async fn an_endless_loop_costs_only_the_event_it_happens_on() {
    check(Guest::filter(&marked('p', "(loop $l (br $l))")), MARKS, GUILTY, "timeout: ran longer than 10ms").await;
}
