//! The server restarts, and connections to it are cut, stall and lose their ends, while policies change: nothing is lost, and all
//! goes on by itself.

use std::time::{Duration, Instant};

use tidegate_brokers::proxy::Proxy;

use super::line::Line;

const FAULTS: usize = 20;
/// What the client waits between two tries to connect at most.
const RECONNECT: Duration = Duration::from_secs(4);

#[test]
fn connections_fail_and_the_server_restarts() {
    let line = Line::new();
    let proxy = Proxy::to(line.server.address()).unwrap();
    let mut line = line.through(proxy.address());
    line.source = "ackWait: 2s";
    line.sink = "ackTimeout: 1s";
    line.deploy(0);
    let mut host = line.start();
    let mut slowest = Duration::ZERO;
    for fault in 0..FAULTS {
        line.produce(1000);
        match (fault, fault % 4) {
            (5 | 10, _) => {
                line.server.kill();
                line.server.restart().unwrap();
            }
            (15, _) => {
                line.server.stop();
                line.server.restart().unwrap();
            }
            (_, 0) => proxy.cut(),
            (_, 1) => proxy.truncate(),
            (_, 2) => {
                proxy.stall();
                line.produce(100);
                proxy.cut();
            }
            (_, _) => proxy.delay(Duration::from_millis(20)),
        }
        line.deploy(fault + 1);
        line.produce(100);
        proxy.resume();
        let began = Instant::now();
        line.finish(&mut host);
        slowest = slowest.max(began.elapsed());
    }
    println!("ratio nats_flowing_again {:.2}", slowest.as_secs_f64() / RECONNECT.as_secs_f64());
    assert!(host.stop().success());
    // What is sent again has the same message id.
    line.check("nats_network", 0);
}
