//! Messages that are no events, a sink that refuses for good, and topics that are not there: all is told by name, and goes on.

use std::fs;

use tidegate_brokers::kafka::clients::Record;
use tidegate_brokers::kafka::{Kafka, USER};

use super::line::{Line, id};
use crate::rig::docs::Docs;

#[test]
fn messages_that_are_no_events_rest_in_the_dead_letter_with_their_place() {
    let kafka = Kafka::shared();
    let mut line = Line::new(kafka, "kafka_malformed", 1);
    line.source = "acceptHeaders: [id, source]".to_owned();
    let ours = |record: Record| record.header("ce_specversion", "1.0").header("ce_id", "1").header("ce_source", "/s");
    line.produce(10);
    line.produce_malformed(vec![
        Record::new("no event at all"),
        Record { value: None, ..Record::new("") },
        ours(Record::new("no type")),
        ours(Record::new("x")).header("ce_type", "t").header("ce_subject", b"\xff\xfe".to_vec()),
        Record::new("{\"half\":").header("content-type", "application/cloudevents+json"),
        ours(Record::new("x")).header("ce_type", "t").header("ce_datacontenttype", "text/plain"),
        // Named like attributes, they are only headers.
        ours(Record::new("x")).header("ce_type", "named").header("id", "2").header("type", "u").header("source", "/u"),
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
    for offset in 10..16 {
        let place = format!("kafka_malformed.in/0@{offset} of {}", kafka.plain());
        let found = text.iter().filter(|letter| letter.contains(&format!("ce_tidegateorigin={place}"))).count();
        assert_eq!(found, 1, "{place} in {text:#?}");
    }
    let named: Vec<Record> = kafka.read(&line.topic("out"));
    let named: Vec<&Record> = named.iter().filter(|record| header(record, "ce_type") == "named").collect();
    assert!(named.len() == 1 && header(named[0], "ce_source") == "/s" && id(named[0]) == "1", "{named:?}");
}

/// The first header of that name, as text; empty where there is none.
fn header(record: &Record, name: &str) -> String {
    let found = record.headers.iter().find(|(known, _)| known == name).and_then(|(_, value)| value.as_deref());
    String::from_utf8_lossy(found.unwrap_or_default()).into_owned()
}

/// Events in structured form: an id and how long its data is.
fn events(list: &[(&str, usize)]) -> Vec<Record> {
    let event = |(id, length): &(&str, usize)| {
        let head = "\"specversion\":\"1.0\",\"source\":\"/t\",\"type\":\"t\"";
        Record::new(format!("{{{head},\"id\":\"{id}\",\"data\":\"{}\"}}", "x".repeat(*length)))
            .header("content-type", "application/cloudevents+json")
    };
    list.iter().map(event).collect()
}

#[test]
fn what_a_broker_does_not_take_rests_and_the_others_go_on() {
    let kafka = Kafka::shared();
    for (name, out, large, said) in
        [("kafka_too_large", "small", 4_000, "too large"), ("kafka_unknown_out", "nowhere", 1, "Unknown topic")]
    {
        let line = Line::new(kafka, name, 1);
        kafka.topic_with(&line.topic("small"), 1, &[("max.message.bytes", "2048")]);
        let brokers = kafka.plain();
        let sink = |which: &str| format!("{{kafka: {{brokers: ['{brokers}'], topic: {}}}}}", line.topic(which));
        let source = format!("topics: [{}], group: {name}", line.topic("in"));
        let docs = Docs::new()
            .doc("Source", "in", &format!("{{kafka: {{brokers: ['{brokers}'], {source}}}}}"))
            .doc("Sink", "out", &sink(out))
            .doc("Sink", "dlq", &sink("dlq"))
            .route("main", "in", "out");
        line.put(&line.host_dir(0), &docs);
        kafka.write(&line.topic("in"), events(&[("a", 1), ("b", large), ("c", 1)]));
        let mut host = line.start(0);
        host.until("all is settled", || (kafka.committed(name, &line.topic("in"), 0) == Some(3)).then_some(()));
        assert!(host.stop().success());
        let dead = kafka.read(&line.topic("dlq"));
        let ids: Vec<String> = dead.iter().map(id).collect();
        if out == "small" {
            assert_eq!(ids, ["b"]);
            assert_eq!(kafka.read(&line.topic("small")).iter().map(id).collect::<Vec<_>>(), ["a", "c"]);
        } else {
            assert_eq!(ids, ["a", "b", "c"]);
        }
        // Broker, topic, partition and offset: of the sink that refuses, and of the message it is about.
        let log = host_log(&line.host_dir(0));
        for letter in dead {
            let (reason, origin) = (header(&letter, "ce_tidegatereason"), header(&letter, "ce_tidegateorigin"));
            let place = format!("{brokers}: topic {}", line.topic(out));
            assert!(reason.contains(&place) && reason.contains(said), "{place} {said} {reason}");
            let offset = ["a", "b", "c"].iter().position(|known| *known == id(&letter)).unwrap();
            assert_eq!(origin, format!("{}/0@{offset} of {brokers}", line.topic("in")));
        }
        let first = format!("{}/0@{} of {brokers}", line.topic("in"), usize::from(out == "small"));
        assert!(log.lines().any(|line| line.contains(&first) && line.contains(said)), "{first}\n{log}");
    }
}

#[test]
fn places_that_are_not_there_are_named_and_hold_the_lane() {
    let kafka = Kafka::shared();
    let (plain, guarded) = (kafka.plain(), kafka.sasl());
    let sasl =
        format!("sasl: {{mechanism: scram-sha-512, username: {USER}, password: {{secret: {{file: password}}}}}}");
    for (name, source, out, said, place) in [
        (
            "kafka_unknown_in",
            format!("brokers: ['{plain}'], topics: [kafka_none]"),
            format!("brokers: ['{plain}']"),
            "Unknown topic",
            "kafka_none",
        ),
        (
            "kafka_wrong_in",
            format!("brokers: ['{guarded}'], {sasl}, topics: [kafka_wrong_in.in]"),
            format!("brokers: ['{plain}']"),
            "uthentication",
            &*guarded,
        ),
        (
            "kafka_wrong_out",
            format!("brokers: ['{plain}'], topics: [kafka_wrong_out.in]"),
            format!("brokers: ['{guarded}'], {sasl}, timeout: 2s"),
            "uthentication",
            &*guarded,
        ),
    ] {
        let mut line = Line::new(kafka, name, 1);
        let dir = line.host_dir(0);
        fs::write(dir.join("docs/password"), "wrong").unwrap();
        let docs = Docs::new()
            .doc("Source", "in", &format!("{{kafka: {{{source}, group: {name}}}}}"))
            .doc(
                "Sink",
                "out",
                &format!("{{kafka: {{{out}, topic: {}}}, retry: {{maxDelay: 200ms}}}}", line.topic("out")),
            )
            .doc("Sink", "dlq", &format!("{{kafka: {{brokers: ['{plain}'], topic: {}}}}}", line.topic("dlq")))
            .route("main", "in", "out");
        line.put(&dir, &docs);
        line.produce(10);
        let mut host = line.spawn(0);
        // Of a sink that is in trouble the first message that waits for it is told, too.
        let words = match name {
            "kafka_wrong_out" => {
                vec![said, place, "topic kafka_wrong_out.out", "topic kafka_wrong_out.in", "partition 0", "offset 0"]
            }
            "kafka_wrong_in" => vec![said, place, "kafka_wrong_in.in of "],
            _ => vec![said, place],
        };
        host.until(said, || {
            let log = host_log(&dir);
            log.lines().any(|line| words.iter().all(|word| line.contains(word))).then_some(())
        });
        assert!(host.alive());
        assert_eq!(
            (kafka.count(&line.topic("out")), kafka.count(&line.topic("dlq"))),
            (0, 0),
            "{name}: it is held, not lost"
        );
        assert_eq!(line.settled(), 0, "{name}");
        host.kill();
    }
}

/// Where nothing can rest, the lane stands before the message, and says which.
#[test]
fn without_a_dead_letter_the_lane_pauses_before_what_is_refused() {
    let kafka = Kafka::shared();
    let name = "kafka_refused_pauses";
    let line = Line::new(kafka, name, 1);
    kafka.topic_with(&line.topic("small"), 1, &[("max.message.bytes", "2048")]);
    let (brokers, dir) = (kafka.plain(), line.host_dir(0));
    let docs = Docs::new()
        .doc("Source", "in", &format!("{{kafka: {{brokers: ['{brokers}'], topics: [{name}.in], group: {name}}}}}"))
        .doc("Sink", "out", &format!("{{kafka: {{brokers: ['{brokers}'], topic: {name}.small}}}}"))
        .doc("Route", "main", "{from: [{name: in}], to: [{sink: out}]}");
    line.put(&dir, &docs);
    kafka.write(&line.topic("in"), events(&[("a", 1), ("b", 4_000), ("c", 1)]));
    let mut host = line.spawn(0);
    let said =
        [format!("{brokers}: topic {name}.small"), format!("{name}.in/0@1 of {brokers}"), "too large".to_owned()];
    host.until("the lane is paused", || {
        let log = host_log(&dir);
        log.lines()
            .any(|line| line.contains("paused until") && said.iter().all(|word| line.contains(word)))
            .then_some(())
    });
    host.until("what is before it is settled", || {
        (kafka.committed(name, &line.topic("in"), 0) == Some(1)).then_some(())
    });
    assert_eq!(kafka.read(&line.topic("small")).first().map(id).as_deref(), Some("a"));
    assert!(host.stop().success());
}

fn host_log(dir: &std::path::Path) -> String {
    fs::read_to_string(dir.join("host.log")).unwrap_or_default()
}
