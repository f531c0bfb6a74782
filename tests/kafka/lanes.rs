//! What is told of lanes that stand still, of partitions that go to others, and of a host that has none.

use serde_json::Value;
use tidegate_brokers::kafka::Kafka;

use super::line::Line;
use crate::rig::docs::Docs;
use crate::rig::host::Host;
use crate::rig::request::{Answer, get};

/// What the host answers on its admin port, once it does.
fn ask(host: &mut Host, path: &str) -> Answer {
    let admin = host.admin();
    host.until("an answer", || get(&admin, path).ok())
}

fn status(host: &mut Host) -> Value {
    serde_json::from_str(&ask(host, "/status").body).unwrap()
}

/// A poison event stops its lane.
fn pausing(line: &Line<'_>) -> Docs {
    line.docs().policy("trap", "trap.wasm", "failure: {onTrap: Pause}")
}

#[test]
fn a_lane_that_stands_still_is_behind_by_all_that_waits() {
    const WAITING: usize = 4000;
    let mut line = Line::new(Kafka::shared(), "kafka_held_lag", 1);
    // Far less than waits: nothing more of the partition is fetched.
    line.source = "prefetch: 64Ki".to_owned();
    let dir = line.host_dir(0);
    line.put(&dir, &pausing(&line));
    line.produce_with(1, |_| ("test.trap", "dead_lettered"));
    let mut host = line.spawn(0);
    let admin = host.admin();
    let lane = || -> Option<Value> {
        let status: Value = serde_json::from_str(&get(&admin, "/status").ok()?.body).ok()?;
        status["lanes"].get(0).cloned()
    };
    host.until("the lane is paused", || (lane()?["state"] == "paused").then_some(()));
    let reason = lane().unwrap()["held"]["reason"].as_str().unwrap().to_owned();
    let place = format!("kafka_held_lag.in/0@0 of {}", line.kafka.plain());
    assert!(reason.contains(&place), "{place} is not in {reason}");
    for part in 1..=4 {
        line.produce_with(WAITING / 4, |_| ("test.pass", "delivered"));
        let all = 1 + part * WAITING / 4;
        host.until("the lag is known", || (lane()?["lag"]["events"] == all).then_some(()));
    }
    line.deploy(&dir, 1);
    line.finish(&mut host);
    host.until("nothing waits", || (lane()?["lag"]["events"] == 0).then_some(()));
    assert!(host.stop().success());
    line.check(0);
}

/// Neither where the topic is empty, nor where a host before has settled all there is.
#[test]
fn a_lane_to_which_nothing_has_come_is_known_not_to_be_behind() {
    let mut line = Line::new(Kafka::shared(), "kafka_no_lag", 2);
    for _ in 0..2 {
        let mut host = line.start(0);
        let admin = host.admin();
        host.until("no lane is behind", || {
            let status: Value = serde_json::from_str(&get(&admin, "/status").ok()?.body).ok()?;
            let lanes = status["lanes"].as_array()?;
            (lanes.len() == 2 && lanes.iter().all(|lane| lane["lag"]["events"] == 0)).then_some(())
        });
        line.produce(100);
        line.finish(&mut host);
        assert!(host.stop().success());
    }
    line.check(0);
}

#[test]
fn a_host_without_a_partition_is_ready_and_takes_over() {
    let mut line = Line::new(Kafka::shared(), "kafka_standby", 1);
    line.source = "sessionTimeout: 2s".to_owned();
    let first = line.start(0);
    let mut second = line.spawn(1);
    let admin = second.admin();
    let ready = |admin: &str| get(admin, "/readyz").ok().filter(|answer| answer.status == 200);
    let answer = second.until("it is ready", || ready(&admin));
    assert!(answer.body.contains("others of its group have all there is"), "{}", answer.body);
    assert!(status(&mut second)["lanes"].as_array().unwrap().is_empty());
    line.produce(100);
    assert!(first.stop().success());
    line.finish(&mut second);
    // All may have been settled by the first, before it went.
    second.until("it has the partition", || {
        let status: Value = serde_json::from_str(&get(&admin, "/status").ok()?.body).ok()?;
        (status["lanes"].as_array()?.len() == 1).then_some(())
    });
    assert!(!ask(&mut second, "/readyz").body.contains("others of its group"));
    assert!(second.stop().success());
    line.check(0);
}

#[test]
fn a_source_of_a_topic_that_is_not_there_is_not_ready() {
    let kafka = Kafka::shared();
    let line = Line::new(kafka, "kafka_nothing_there", 1);
    let dir = line.host_dir(0);
    let source = format!("{{kafka: {{brokers: ['{}'], topics: [kafka_nothing], group: g}}}}", kafka.plain());
    let docs = Docs::new()
        .doc("Source", "in", &source)
        .doc("Sink", "out", "{file: {path: ../out.jsonl}}")
        .doc("Sink", "dlq", "{file: {path: ../dlq.jsonl}}")
        .route("main", "in", "out");
    line.put(&dir, &docs);
    let mut host = line.spawn(0);
    let admin = host.admin();
    host.until("it says why", || {
        let answer = get(&admin, "/readyz").ok()?;
        (answer.status == 503 && answer.body.contains("kafka_nothing")).then_some(())
    });
    kafka.topic("kafka_nothing", 1);
    host.until("it is ready once there is one", || get(&admin, "/readyz").ok().filter(|answer| answer.status == 200));
    assert!(host.stop().success());
}

#[test]
fn the_paused_lane_of_a_partition_that_others_have_is_gone() {
    let mut line = Line::new(Kafka::shared(), "kafka_paused_gone", 2);
    line.source = "sessionTimeout: 2s".to_owned();
    let dir = line.host_dir(0);
    line.put(&dir, &pausing(&line));
    // Keys enough for both partitions.
    line.produce_with(32, |_| ("test.trap", "dead_lettered"));
    let mut first = line.spawn(0);
    let admin = first.admin();
    let states = || -> Option<Vec<Value>> {
        let status: Value = serde_json::from_str(&get(&admin, "/status").ok()?.body).ok()?;
        Some(status["lanes"].as_array()?.iter().map(|lane| lane["state"].clone()).collect())
    };
    first.until("both lanes are paused", || (states()? == ["paused", "paused"]).then_some(()));
    // It dead-letters what the first stands before.
    let second = line.start(1);
    first.until("one lane has gone to the other", || (states()? == ["paused"]).then_some(()));
    line.deploy(&dir, 1);
    line.finish(&mut first);
    assert!(second.stop().success());
    assert!(first.stop().success());
    line.check(0);
}
