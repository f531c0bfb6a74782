//! What poison costs: Kafka to Kafka through one filter, with one event in a thousand that traps it and rests in the dead letter, beside the same
//! without. What counts is events per CPU second.

use std::{
    thread,
    time::{Duration, Instant},
};

use tidegate_brokers::kafka::Kafka;

use crate::{build, host::Setup, kafka, measure::median_of, relay::EVENTS, report::Report};

const ROUNDS: usize = 5;
const PATIENCE: Duration = Duration::from_secs(180);
/// One event in so many.
const POISON: usize = 1000;
const TOPICS: [&str; 2] = ["clean", "poisoned"];

pub(crate) fn run(report: &mut Report) {
    report.section(&format!(
        "Kafka to Kafka with one filter: {EVENTS} events of 1 KiB, one in {POISON} of which traps it; CPU time an event"
    ));
    let broker = Kafka::start().unwrap_or_else(|error| panic!("{error}"));
    let filter = build::guest("poison");
    for topic in TOPICS {
        broker.topic(topic, 1);
        broker.write(
            topic,
            (0..EVENTS).map(|n| match n % POISON {
                0 if topic == TOPICS[1] => kafka::record(n).header("ce_poison", "trap"),
                _ => kafka::record(n),
            }),
        );
    }
    let mut rounds = Vec::new();
    for round in 0..ROUNDS {
        let mut row = [0.0; 2];
        for way in (0..2).map(|way| (way + round) % 2) {
            row[way] = pass(&broker, &filter, way, &format!("{round}-{way}"));
        }
        rounds.push(row);
    }
    report.figure("kafka_clean_cpu", median_of(&rounds, |row| row[0]), "us/event");
    report.figure("kafka_poisoned_cpu", median_of(&rounds, |row| row[1]), "us/event");
    // Four fifths of the events per CPU second.
    report.ratio("kafka_poisoned_by_clean", median_of(&rounds, |row| row[1] / row[0]), 1.25);
}

/// Microseconds of CPU time an event, from the start of the host until everything has arrived.
fn pass(broker: &Kafka, filter: &[u8], way: usize, this: &str) -> f64 {
    let (out, dead) = (format!("out-{this}"), format!("dead-{this}"));
    broker.topic(&out, 1);
    broker.topic(&dead, 1);
    let brokers = broker.plain();
    let source = format!("{{kafka: {{brokers: [\"{brokers}\"], topics: [{}], group: reader-{this}}}}}", TOPICS[way]);
    let sink = |topic: &str| format!("{{kafka: {{brokers: [\"{brokers}\"], topic: {topic}}}}}");
    let setup = Setup::with_dead_letter(&source, &sink(&out), &sink(&dead), filter);
    let mut party = setup.spawn();
    let began = Instant::now();
    while broker.count(&out) + broker.count(&dead) < EVENTS {
        assert!(began.elapsed() < PATIENCE, "{} events arrived:\n{}", broker.count(&out), party.log());
        party.assert_alive();
        thread::sleep(Duration::from_millis(20));
    }
    let cpu = party.cpu();
    party.stop();
    let poisoned = if way == 1 { EVENTS / POISON } else { 0 };
    assert_eq!((broker.count(&out), broker.count(&dead)), (EVENTS - poisoned, poisoned), "each event once");
    cpu.as_secs_f64() * 1e6 / EVENTS as f64
}
