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
    campaign(&mut line, KILLS * 2 * WINDOW);
}

#[test]
fn kill_nine_repeats_nothing_where_delivery_is_exactly_once() {
    let mut line = Line::new(Kafka::shared(), "kafka_kill_nine_exactly_once", 2).exactly_once("30s");
    campaign(&mut line, 0);
}

fn campaign(line: &mut Line<'_>, duplicates_max: usize) {
    let mut random = Random::from_env();
    let mut least = usize::MAX;
    for kill in 0..KILLS {
        line.produce(EVENTS / KILLS);
        let mut host = line.spawn(0);
        let before = line.settled();
        let open = line.produced() - before - IN_FLIGHT_MIN - WINDOW;
        let wanted = before + usize::try_from(random.below(u64::try_from(open).unwrap())).unwrap();
        line.deploy(&line.host_dir(0), kill + 1);
        host.until("more is settled", || (line.settled() > wanted).then_some(()));
        host.kill();
        let unsettled = line.produced() - line.settled();
        least = least.min(unsettled);
        println!("kill {kill}: {unsettled} of {} events were not settled", line.produced());
    }
    assert!(least >= IN_FLIGHT_MIN, "only {least} events were in flight");
    let mut host = line.start(0);
    line.finish(&mut host);
    assert!(host.stop().success());
    let line = line.check(duplicates_max);
    assert!(oracle::number(&line, "dead_lettered") > 0 && oracle::number(&line, "dropped") > 0, "{line}");
}
