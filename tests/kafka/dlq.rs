//! Dead letters in a topic.

use tidegate_brokers::kafka::Kafka;
use tidegate_brokers::kafka::clients::Record;

use super::line::{Line, id};
use crate::rig::letters::Letters;

#[test]
fn dead_letters_of_a_topic_are_listed_shown_replayed_and_dropped() {
    let kafka = Kafka::shared();
    let mut line = Line::new(kafka, "kafka_dlq", 1);
    let mut host = line.start(0);
    line.produce_with(20, |number| match number {
        7 | 14 => ("test.trap", "dead_lettered"),
        _ => ("test.pass", "delivered"),
    });
    line.produce_malformed(vec![Record::new("no event at all")]);
    line.finish(&mut host);
    let origin = |offset: usize| format!("kafka_dlq.in/0@{offset} of {}", kafka.plain());
    let letters =
        Letters { dir: &line.host_dir(0), poison: [("7", origin(7)), ("14", origin(14))], malformed: origin(20) };
    letters.pass_through_every_command(|| kafka.read(&line.topic("out")).iter().map(id).collect());
    assert!(host.stop().success());
}
