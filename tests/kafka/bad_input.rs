//! Messages that are no events, a sink that refuses for good, and topics that are not there: all is told by name, and goes on.

use tidegate_brokers::kafka::Kafka;
use tidegate_brokers::kafka::clients::Record;

use super::line::Line;

#[test]
fn messages_that_are_no_events_rest_in_the_dead_letter_with_their_place() {
    let kafka = Kafka::shared();
    let mut line = Line::new(kafka, "kafka_malformed", 1);
    let ours = |record: Record| record.header("ce_specversion", "1.0").header("ce_id", "1").header("ce_source", "/s");
    line.produce(10);
    line.produce_malformed(vec![
        Record::new("no event at all"),
        Record { value: None, ..Record::new("") },
        ours(Record::new("no type")),
        ours(Record::new("x")).header("ce_type", "t").header("ce_subject", b"\xff\xfe".to_vec()),
        Record::new("{\"half\":").header("content-type", "application/cloudevents+json"),
    ]);
    line.produce(10);
    let mut host = line.start(0);
    line.finish(&mut host);
    assert!(host.stop().success());
    let dead = kafka.read(&line.topic("dlq"));
    let text: Vec<String> = dead
        .iter()
        .map(|record| {
            let headers: Vec<String> = record
                .headers
                .iter()
                .map(|(name, value)| {
                    format!("{name}={}", String::from_utf8_lossy(value.as_deref().unwrap_or_default()))
                })
                .collect();
            format!("{} {}", headers.join(" "), String::from_utf8_lossy(record.value.as_deref().unwrap_or_default()))
        })
        .collect();
    for offset in 10..15 {
        let place = format!("kafka_malformed.in/0@{offset} of {}", kafka.plain());
        assert!(text.iter().any(|letter| letter.contains(&place)), "{place} is not in {text:#?}");
    }
}
