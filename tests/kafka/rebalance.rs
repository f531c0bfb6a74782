//! Hosts of one group join and leave under load, and one freezes: nothing is lost, and no partition stays idle.

use tidegate_brokers::kafka::Kafka;

use super::line::{Line, WINDOW};

const PARTITIONS: i32 = 4;
const JOINS: usize = 20;

#[test]
fn hosts_join_and_leave_and_one_freezes() {
    let mut line = Line::new(Kafka::shared(), "kafka_rebalance", PARTITIONS);
    line.source = "sessionTimeout: 1s, drainTimeout: 10s".to_owned();
    let mut stays = line.start(0);
    for join in 0..JOINS {
        line.produce(500);
        line.deploy(&line.host_dir(0), join);
        // It is ready once it has a lane: then both have some.
        let guest = line.start(1);
        line.produce(500);
        match join {
            // Killed, it is missed only once its session has run out.
            7 => guest.kill(),
            13 => {
                guest.signal(rustix::process::Signal::STOP);
                // All of its partitions go to the other: else this would not end.
                line.finish(&mut stays);
                guest.signal(rustix::process::Signal::CONT);
                line.produce(500);
                line.finish(&mut stays);
                assert!(guest.stop().success());
            }
            _ => assert!(guest.stop().success()),
        }
    }
    line.finish(&mut stays);
    assert!(stays.stop().success());
    // A host that is killed or frozen; else nothing comes twice.
    line.check(2 * usize::try_from(PARTITIONS).unwrap() * WINDOW);
}
