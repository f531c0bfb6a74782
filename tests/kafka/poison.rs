//! One event in a thousand is poison: each rests in the dead letter, once, and the others hardly notice.

use tidegate_brokers::kafka::Kafka;

use super::line::Line;
use crate::oracle;
use crate::rig::host;

const EVENTS: usize = 60_000;

/// Processor time that a host takes for all of it, in ticks.
fn ticks(name: &'static str, poison: bool) -> u64 {
    let mut line = Line::new(Kafka::shared(), name, 2);
    line.produce_with(EVENTS, move |number| match number % 1000 {
        0 if poison => ("test.trap", "dead_lettered"),
        _ => ("test.pass", "delivered"),
    });
    let mut host = line.start(0);
    line.finish(&mut host);
    let ticks = host::processor_ticks(host.id());
    assert!(host.stop().success());
    let verdict = line.check(0);
    assert_eq!(oracle::number(&verdict, "dead_lettered"), if poison { EVENTS / 1000 } else { 0 });
    ticks
}

#[test]
fn poison_rests_in_the_dead_letter_once_each() {
    let clean = ticks("kafka_clean", false);
    let poisoned = ticks("kafka_poisoned", true);
    // Of a debug build, and with its start; the figure that counts is the benchmarks'.
    println!("ratio kafka_poison_events_per_cpu {:.2}", clean as f64 / poisoned as f64);
}
