//! A sink that takes nothing for a while: its source is held, memory stays within bounds, nothing is lost.

use tidegate_brokers::kafka::Kafka;
use tidegate_brokers::kafka::clients::Record;
use tidegate_brokers::proxy::Proxy;

use super::line::{Line, id};
use crate::rig::docs::Docs;
use crate::rig::request::get;

const EVENTS: usize = 40_000;
const EVENT_BYTES: usize = 4096;
/// The lane's window (64 MiB), the sink's queue (16 MiB), what is read ahead (4 MiB), twice over for what an allocator keeps.
const GROWTH_MAX: u64 = 168 << 20;
/// Looks at a source that shows no change, after which it counts as held.
const STILL: usize = 20;

#[test]
fn a_sink_that_stands_still_holds_its_source() {
    let proxy = Proxy::bind().unwrap();
    let kafka = Kafka::behind(proxy.address()).unwrap();
    proxy.lead_to(kafka.behind_proxy());
    let mut line = Line::new(&kafka, "kafka_pressure", 1);
    line.delivery = "retry: {maxDelay: 500ms}";
    let (plain, slow, topic) = (kafka.plain(), proxy.address(), |which: &str| line.topic(which));
    let sink = |brokers: &str, which: &str| format!("{{kafka: {{brokers: ['{brokers}'], topic: {}}}}}", topic(which));
    let docs = Docs::new()
        .doc("Source", "in", &format!("{{kafka: {{brokers: ['{plain}'], topics: [{}], group: g}}}}", topic("in")))
        .doc("Sink", "out", &sink(&slow.to_string(), "out"))
        .doc("Sink", "dlq", &sink(&plain, "dlq"))
        .route("main", "in", "out");
    line.put(&line.host_dir(0), &docs);
    let mut host = line.start(0);
    let (before, admin) = (host.resident(), host.admin());
    proxy.stall();
    let padding = "x".repeat(EVENT_BYTES);
    let event = |number: usize| {
        let head = "\"specversion\":\"1.0\",\"source\":\"/t\",\"type\":\"t\"";
        Record::new(format!("{{{head},\"id\":\"{number}\",\"data\":\"{padding}\"}}"))
            .header("content-type", "application/cloudevents+json")
    };
    kafka.write(&topic("in"), (0..EVENTS).map(event));
    // Held: what is under way no longer grows, though there is more.
    let mut last = (0, 0);
    let mut still = 0;
    host.until("the source is held", || {
        let status: serde_json::Value = serde_json::from_str(&get(&admin, "/status").ok()?.body).ok()?;
        let lane = &status["lanes"][0];
        let now = (lane["in_flight"].as_u64()?, lane["lag"]["events"].as_u64()?);
        still = if now == last && now.0 > 0 { still + 1 } else { 0 };
        last = now;
        std::thread::sleep(std::time::Duration::from_millis(50));
        (still >= STILL).then_some(())
    });
    let (in_flight, behind) = last;
    let growth = host.resident().saturating_sub(before);
    println!("kafka_pressure in_flight={in_flight} behind={behind} growth_bytes={growth}");
    assert!(behind > in_flight, "the source was read to its end");
    assert!(growth <= GROWTH_MAX, "{growth} bytes more");
    proxy.resume();
    let settled = || kafka.committed("g", &topic("in"), 0) == Some(i64::try_from(EVENTS).unwrap());
    host.until("all is settled", || settled().then_some(()));
    assert!(host.stop().success());
    let ids: Vec<String> = kafka.read(&topic("out")).iter().map(id).collect();
    let expected: Vec<String> = (0..EVENTS).map(|number| number.to_string()).collect();
    assert!(ids == expected, "in order, each once");
}
