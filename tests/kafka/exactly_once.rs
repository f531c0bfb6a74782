//! Exactly once: whatever happens between writing and committing, a reader of committed messages sees each event once.

use std::time::Duration;

use tidegate_brokers::kafka::Kafka;
use tidegate_brokers::kafka::clients::Record;
use tidegate_brokers::proxy::Proxy;

use super::line::Line;
use crate::oracle;
use crate::rig::docs::Docs;

/// How often a host dies with a transaction open.
const CRASHES: usize = 5;
/// How often one is frozen.
const FREEZES: usize = 5;

#[test]
fn a_crash_between_writing_and_committing_leaves_nothing_behind() {
    let proxy = Proxy::bind().unwrap();
    let kafka = Kafka::behind(proxy.address()).unwrap();
    proxy.lead_to(kafka.behind_proxy());
    let mut line = Line::new(&kafka, "kafka_crash_in_transaction", 2).exactly_once("30s").through(proxy.address());
    let out = line.topic("out");
    let is_open = || kafka.written(&out) > kafka.count(&out);
    let mut open = 0;
    for _ in 0..CRASHES {
        line.produce(5_000);
        // Writing, positions and commit are a round trip each: now there is time between them.
        proxy.delay(Duration::from_millis(150));
        let mut host = line.spawn(0);
        host.until("a transaction is open", || is_open().then_some(()));
        host.kill();
        open += usize::from(is_open());
        proxy.resume();
    }
    println!("kafka_crash_in_transaction open={open} of {CRASHES}");
    assert!(open > 0, "no host died with a transaction open");
    let mut host = line.start(0);
    line.finish(&mut host);
    assert!(host.stop().success());
    line.check(0);
}

#[test]
fn a_host_that_was_frozen_doubles_nothing_when_it_thaws() {
    let mut line = Line::new(Kafka::shared(), "kafka_frozen_exactly_once", 4).exactly_once("5s");
    let mut stays = line.start(0);
    for freeze in 0..FREEZES {
        line.deploy(&line.host_dir(0), freeze);
        let guest = line.start(1);
        let before = line.settled();
        line.produce(8_000);
        // In the middle of it: what it has under way is not settled.
        stays.until("it is at work", || (line.settled() > before + 1_000).then_some(()));
        guest.signal(rustix::process::Signal::STOP);
        // Past its session all of its partitions go to the other: else this would not end.
        line.finish(&mut stays);
        guest.signal(rustix::process::Signal::CONT);
        line.produce(1_000);
        line.finish(&mut stays);
        assert!(guest.stop().success());
    }
    assert!(stays.stop().success());
    line.check(0);
}

#[test]
fn connections_fail_and_brokers_restart_and_nothing_comes_twice() {
    let proxy = Proxy::bind().unwrap();
    let kafka = Kafka::behind(proxy.address()).unwrap();
    proxy.lead_to(kafka.behind_proxy());
    let mut line = Line::new(&kafka, "kafka_network_exactly_once", 2).exactly_once("10s").through(proxy.address());
    let mut host = line.start(0);
    for fault in 0..12 {
        line.produce(2_000);
        match fault {
            4 => kafka.restart().unwrap(),
            8 => {
                kafka.kill();
                kafka.restart().unwrap();
            }
            fault if fault % 3 == 0 => proxy.cut(),
            fault if fault % 3 == 1 => proxy.truncate(),
            _ => {
                proxy.stall();
                line.produce(100);
                proxy.cut();
            }
        }
        proxy.resume();
        line.produce(100);
        line.finish(&mut host);
    }
    assert!(host.stop().success());
    line.check(0);
}

#[test]
fn what_is_too_large_rests_with_the_transaction_of_the_others() {
    let kafka = Kafka::shared();
    let name = "kafka_too_large_exactly_once";
    let topic = |which: &str| format!("{name}.{which}");
    kafka.topic(&topic("in"), 1);
    kafka.topic_with(&topic("broker"), 1, &[("max.message.bytes", "3000")]);
    kafka.topic(&topic("ours"), 1);
    kafka.topic(&topic("dlq"), 1);
    let brokers = kafka.plain();
    let sink =
        |which: &str, rest: &str| format!("{{kafka: {{brokers: ['{brokers}'], topic: {}, {rest}}}}}", topic(which));
    let source = format!("topics: [{}], group: {name}, delivery: exactlyOnce", topic("in"));
    let docs = Docs::new()
        .doc("Source", "in", &format!("{{kafka: {{brokers: ['{brokers}'], {source}}}}}"))
        .doc("Sink", "broker", &sink("broker", ""))
        .doc("Sink", "ours", &sink("ours", "maxMessageBytes: 4Ki"))
        .doc("Sink", "dlq", &sink("dlq", ""))
        .doc("Route", "main", "{from: [{name: in}], to: [{sink: broker}, {sink: ours}], deadLetter: {sink: dlq}}");
    let line = Line::new(kafka, "kafka_too_large_unused", 1);
    let dir = line.host_dir(0);
    line.put(&dir, &docs);
    // Too large for the topic, for the sink, for both.
    let sizes = |number: usize| match number {
        50 => 3_500,
        150 => 10_000,
        _ => 10,
    };
    let event = |number: usize| {
        let (padding, head) = ("x".repeat(sizes(number)), "\"specversion\":\"1.0\",\"source\":\"/t\",\"type\":\"t\"");
        let value = format!("{{{head},\"id\":\"{number}\",\"data\":\"{padding}\"}}");
        Record::new(value).header("content-type", "application/cloudevents+json")
    };
    kafka.write(&topic("in"), (0..200).map(event));
    let mut host = line.start(0);
    host.until("all is settled", || (kafka.committed(name, &topic("in"), 0) == Some(200)).then_some(()));
    assert!(host.stop().success());
    let ids = |which: &str| kafka.read(&topic(which)).iter().map(super::line::id).collect::<Vec<_>>();
    let all_but = |gone: &[usize]| (0..200).filter(|n| !gone.contains(n)).map(|n| n.to_string()).collect::<Vec<_>>();
    assert_eq!(ids("broker"), all_but(&[50, 150]));
    assert_eq!(ids("ours"), all_but(&[150]));
    let mut dead = ids("dlq");
    dead.sort();
    // Each sink that refused it is told of.
    assert_eq!(dead, ["150", "150", "50"]);
    // Nothing of the transactions that were given up is seen, though it is there: the marks that end a transaction are, too.
    assert!(kafka.written(&topic("broker")) > 198 + 1);
}

#[test]
fn nowhere_to_rest_pauses_behind_what_came_before() {
    let kafka = Kafka::shared();
    let name = "kafka_stuck_exactly_once";
    let topic = |which: &str| format!("{name}.{which}");
    kafka.topic(&topic("in"), 1);
    kafka.topic(&topic("out"), 1);
    let brokers = kafka.plain();
    let docs = |limit: &str| {
        let source = format!("topics: [{}], group: {name}, delivery: exactlyOnce", topic("in"));
        let sink = format!("topic: {}, maxMessageBytes: {limit}", topic("out"));
        Docs::new()
            .doc("Source", "in", &format!("{{kafka: {{brokers: ['{brokers}'], {source}}}}}"))
            .doc("Sink", "out", &format!("{{kafka: {{brokers: ['{brokers}'], {sink}}}}}"))
            .doc("Route", "main", "{from: [{name: in}], to: [{sink: out}]}")
    };
    let line = Line::new(kafka, "kafka_stuck_unused", 1);
    let dir = line.host_dir(0);
    line.put(&dir, &docs("1Ki"));
    let event = |number: usize| {
        let padding = "x".repeat(if number == 70 { 2_000 } else { 1 });
        let head = "\"specversion\":\"1.0\",\"source\":\"/t\",\"type\":\"t\"";
        Record::new(format!("{{{head},\"id\":\"{number}\",\"data\":\"{padding}\"}}"))
            .header("content-type", "application/cloudevents+json")
    };
    kafka.write(&topic("in"), (0..100).map(event));
    let mut host = line.start(0);
    host.logged("paused until the documents change", 1);
    let ids = || kafka.read(&topic("out")).iter().map(super::line::id).collect::<Vec<_>>();
    let expected = |count: usize| (0..count).map(|n| n.to_string()).collect::<Vec<_>>();
    assert_eq!(ids(), expected(70));
    assert_eq!(kafka.committed(name, &topic("in"), 0), Some(70));
    line.put(&dir, &docs("4Ki"));
    host.until("the rest is settled", || (kafka.committed(name, &topic("in"), 0) == Some(100)).then_some(()));
    assert!(host.stop().success());
    assert_eq!(ids(), expected(100));
}

#[test]
fn a_host_that_is_asked_to_stop_has_committed_all_it_has_taken() {
    let mut line = Line::new(Kafka::shared(), "kafka_stopped_exactly_once", 2).exactly_once("30s");
    for _ in 0..3 {
        line.produce(6_000);
        let before = line.settled();
        let mut host = line.start(0);
        host.until("some of it is settled", || (line.settled() > before + 2_000).then_some(()));
        assert!(host.stop().success());
    }
    let mut host = line.start(0);
    line.finish(&mut host);
    assert!(host.stop().success());
    let verdict = line.check(0);
    assert!(oracle::number(&verdict, "dead_lettered") > 0, "{verdict}");
}
