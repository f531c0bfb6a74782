//! Asked to stop, a host settles what it has and commits that: nothing comes twice.

use tidegate_brokers::kafka::Kafka;

use super::line::Line;
use crate::rig::random::Random;

#[test]
fn a_host_that_is_asked_to_stop_repeats_nothing() {
    let mut random = Random::from_env();
    let mut line = Line::new(Kafka::shared(), "kafka_stopped", 4);
    for _ in 0..5 {
        line.produce(6_000);
        let before = line.settled();
        let open = line.produced() - before;
        let wanted = before + usize::try_from(random.below(u64::try_from(open / 2).unwrap())).unwrap();
        let mut host = line.start(0);
        host.until("more is settled", || (line.settled() > wanted).then_some(()));
        assert!(host.stop().success());
    }
    let mut host = line.start(0);
    line.finish(&mut host);
    assert!(host.stop().success());
    line.check(0);
}
