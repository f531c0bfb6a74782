//! One event in a thousand traps its filter: each rests in the dead letter, once, and the others go on.

use super::line::Line;
use crate::rig::host::processor_ticks;

const EVENTS: usize = 20_000;

/// Processor time of a host that takes all of it.
fn run(name: &str, is_poison: impl Fn(usize) -> bool) -> u64 {
    let mut line = Line::new();
    line.deploy(0);
    line.produce_with(EVENTS, |number| match is_poison(number) {
        true => ("test.trap", "dead_lettered"),
        false => ("test.pass", "delivered"),
    });
    let mut host = line.start();
    line.finish(&mut host);
    let ticks = processor_ticks(host.id());
    assert!(host.stop().success());
    line.check(name, 0);
    ticks
}

#[test]
fn each_poison_event_rests_once() {
    let without = run("nats_without_poison", |_| false);
    let with = run("nats_poison", |number| number % 1000 == 7);
    println!("ratio nats_poison_cpu {:.2}", without as f64 / with as f64);
}
