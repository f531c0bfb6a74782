//! kill -9 under load, with thousands of messages in flight: nothing is lost, nothing overtakes, and no more comes twice than was
//! under way.

use super::line::{Line, WINDOW};
use crate::oracle;
use crate::rig::random::Random;

const EVENTS: usize = 100_000;
const KILLS: usize = 10;
/// Messages that the host has and has not settled, at each kill.
const IN_FLIGHT: usize = 1000;

fn campaign(name: &str, sink: &'static str) {
    let mut random = Random::from_env();
    let mut line = Line::new();
    line.sink = sink;
    line.deploy(0);
    for kill in 0..KILLS {
        line.produce(EVENTS / KILLS);
        let wanted = line.count("OUT") + random.below(4000) as usize;
        let mut host = line.spawn();
        host.until("more in the sink and much in flight", || {
            let in_flight = line.open().is_some_and(|(pending, _)| pending >= IN_FLIGHT);
            (in_flight && line.count("OUT") >= wanted).then_some(())
        });
        // Another generation goes live while it is killed, or is what the next host begins with.
        line.deploy(kill + 1);
        host.kill();
    }
    line.produce(EVENTS - line.produced());
    let mut host = line.spawn();
    host.until("a consumer", || line.open());
    line.finish(&mut host);
    assert!(host.stop().success());
    let verdict = line.check(name, KILLS * WINDOW);
    assert!(oracle::number(&verdict, "dead_lettered") > 0 && oracle::number(&verdict, "dropped") > 0, "{verdict}");
}

#[test]
fn kill_nine_with_message_ids() {
    campaign("nats_kill_nine", "");
}

/// Nothing hides what comes twice.
#[test]
fn kill_nine_without_message_ids() {
    campaign("nats_kill_nine_no_ids", "messageId: none");
}
