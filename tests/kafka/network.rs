//! The broker restarts, and connections to it are cut, stall and lose their ends: nothing is lost, and all goes on by itself.

use std::time::{Duration, Instant};

use tidegate_brokers::kafka::Kafka;
use tidegate_brokers::proxy::Proxy;

use super::line::{Line, WINDOW};

const FAULTS: usize = 20;
/// What the connector lets librdkafka wait for another try at most.
const RECONNECT: Duration = Duration::from_secs(1);

#[test]
fn connections_fail_and_the_broker_restarts() {
    let proxy = Proxy::bind().unwrap();
    let kafka = Kafka::behind(proxy.address()).unwrap();
    proxy.lead_to(kafka.behind_proxy());
    let mut line = Line::new(&kafka, "kafka_network", 2).through(proxy.address());
    let mut host = line.start(0);
    let mut slowest = Duration::ZERO;
    for fault in 0..FAULTS {
        line.produce(1000);
        match (fault, fault % 4) {
            (7, _) => {
                kafka.kill();
                kafka.restart().unwrap();
            }
            (15, _) => kafka.restart().unwrap(),
            (_, 0) => proxy.cut(),
            (_, 1) => proxy.truncate(),
            (_, 2) => {
                proxy.stall();
                line.produce(100);
                proxy.cut();
            }
            (_, _) => proxy.delay(Duration::from_millis(20)),
        }
        proxy.resume();
        let began = Instant::now();
        line.produce(100);
        line.finish(&mut host);
        slowest = slowest.max(began.elapsed());
    }
    println!("ratio kafka_flowing_again {:.2}", slowest.as_secs_f64() / RECONNECT.as_secs_f64());
    assert!(host.stop().success());
    // What was under way when a connection broke may have arrived.
    line.check(FAULTS * 2 * WINDOW);
}
