//! kill -9 under load, and policies that change all the while: nothing is lost or out of order.

use tidegate_brokers::kafka::Kafka;

use super::line::{Line, WINDOW};
use crate::oracle;
use crate::rig::random::Random;

const EVENTS: usize = 100_000;
const KILLS: usize = 10;
const IN_FLIGHT_MIN: usize = 1_000;

#[test]
fn kill_nine_loses_and_reorders_nothing() {
    let mut line = Line::new(Kafka::shared(), "kafka_kill_nine", 2);
    // Whoever comes back waits for the session of the one that was killed.
    line.source = "sessionTimeout: 2s".to_owned();
    campaign(&mut line, 2 * WINDOW);
}

#[test]
fn kill_nine_repeats_nothing_where_delivery_is_exactly_once() {
    let mut line = Line::new(Kafka::shared(), "kafka_kill_nine_exactly_once", 2).exactly_once("30s");
    campaign(&mut line, 0);
}

/// `duplicates` may come of one kill.
fn campaign(line: &mut Line<'_>, duplicates: usize) {
    let mut random = Random::from_env();
    // One that finds less in flight, because the machine was busy elsewhere, is one too many and does not count.
    let (mut kills, mut counted) = (0, 0);
    while counted < KILLS && kills < 2 * KILLS {
        kills += 1;
        line.produce(EVENTS / KILLS);
        let mut host = line.spawn(0);
        let before = line.settled();
        let open = line.produced() - before - IN_FLIGHT_MIN - WINDOW;
        let wanted = before + usize::try_from(random.below(u64::try_from(open).unwrap())).unwrap();
        line.deploy(&line.host_dir(0), kills);
        host.until("more is settled", || (line.settled() > wanted).then_some(()));
        host.kill();
        let unsettled = line.produced() - line.settled();
        counted += usize::from(unsettled >= IN_FLIGHT_MIN);
        println!("kill {kills}: {unsettled} of {} events were not settled", line.produced());
    }
    assert_eq!(counted, KILLS, "kills with {IN_FLIGHT_MIN} events and more in flight");
    let mut host = line.start(0);
    line.finish(&mut host);
    assert!(host.stop().success());
    let line = line.check(kills * duplicates);
    assert!(oracle::number(&line, "dead_lettered") > 0 && oracle::number(&line, "dropped") > 0, "{line}");
}
