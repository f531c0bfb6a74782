//! A sink that takes nothing for a while: its source is held, memory stays within bounds, nothing is lost.

use tidegate_brokers::proxy::Proxy;

use super::line::Line;
use crate::rig::docs::Docs;

const EVENTS: usize = 40_000;
const EVENT_BYTES: usize = 4096;
/// The lane's window (64 MiB), the sink's queue (16 MiB), what is read ahead (8 MiB), twice over for what an allocator keeps.
const GROWTH_MAX: u64 = 176 << 20;

#[test]
fn a_sink_that_stands_still_holds_its_source() {
    let mut line = Line::new();
    let proxy = Proxy::to(line.server.address()).unwrap();
    let url = line.server.url();
    let out = format!("nats://{}", proxy.address());
    let docs = Docs::new()
        .doc("Source", "in", &format!("{{nats: {{servers: ['{url}'], stream: IN, consumer: c, ackWait: 2s}}}}"))
        .doc("Sink", "out", &format!("{{nats: {{servers: ['{out}'], subject: OUT.x}}, retry: {{maxDelay: 500ms}}}}"))
        .doc("Sink", "dlq", &format!("{{nats: {{servers: ['{url}'], subject: DLQ.x}}}}"))
        .route("main", "in", "out");
    line.put(&docs);
    let mut host = line.start();
    let before = host.resident();
    proxy.stall();
    let padding = "x".repeat(EVENT_BYTES);
    let event = |number: usize| {
        format!(
            "{{\"specversion\":\"1.0\",\"id\":\"{number}\",\"source\":\"/t\",\"type\":\"t\",\"data\":\"{padding}\"}}"
        )
    };
    line.publish("IN.x", (0..EVENTS).map(event).collect());
    // Held: what is under way no longer grows, though there is more.
    let mut last = None;
    let mut still = 0;
    host.until("the source is held", || {
        let open = line.open();
        still = if open == last { still + 1 } else { 0 };
        last = open;
        std::thread::sleep(std::time::Duration::from_millis(50));
        (still >= 20).then_some(())
    });
    let (in_flight, waiting) = last.unwrap();
    let growth = host.resident().saturating_sub(before);
    println!("nats_pressure in_flight={in_flight} waiting={waiting} growth_bytes={growth}");
    assert!(waiting > 0, "the source was read to its end");
    assert!(growth <= GROWTH_MAX, "{growth} bytes more");
    proxy.resume();
    line.finish(&mut host);
    assert!(host.stop().success());
    let expected: Vec<String> = (0..EVENTS).map(|number| number.to_string()).collect();
    assert!(line.ids("OUT") == expected, "in order, each once");
}
