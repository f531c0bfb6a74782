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
    // One that finds all settled, because the machine was busy elsewhere, is one too many and does not count.
    let (mut kills, mut counted) = (0, 0);
    while counted < KILLS && kills < 2 * KILLS {
        kills += 1;
        line.produce(EVENTS / KILLS);
        let wanted = line.count("OUT") + random.below(4000) as usize;
        let mut host = line.spawn();
        let found = host.until("more in the sink and much in flight", || {
            let (pending, waiting) = line.open()?;
            let in_flight = pending >= IN_FLIGHT && line.count("OUT") >= wanted;
            (in_flight || (pending, waiting) == (0, 0)).then_some(in_flight)
        });
        counted += usize::from(found);
        // Another generation goes live while it is killed, or is what the next host begins with.
        line.deploy(kills);
        host.kill();
    }
    assert_eq!(counted, KILLS, "kills with {IN_FLIGHT} messages and more in flight");
    line.produce(EVENTS.saturating_sub(line.produced()));
    let mut host = line.spawn();
    host.until("a consumer", || line.open());
    line.finish(&mut host);
    assert!(host.stop().success());
    let verdict = line.check(name, kills * WINDOW);
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
