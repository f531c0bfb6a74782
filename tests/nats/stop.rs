//! Asked to stop, a host settles what it has: nothing comes twice.

use super::line::Line;
use crate::rig::random::Random;

#[test]
fn a_host_that_is_asked_to_stop_repeats_nothing() {
    let mut random = Random::from_env();
    let mut line = Line::new();
    // Nothing would hide what comes twice.
    line.sink = "messageId: none";
    line.deploy(0);
    for _ in 0..5 {
        line.produce(4000);
        let wanted = line.count("OUT") + random.below(2000) as usize;
        let mut host = line.start();
        host.until("more in the sink", || (line.count("OUT") >= wanted).then_some(()));
        assert!(host.stop().success());
    }
    let mut host = line.start();
    line.finish(&mut host);
    assert!(host.stop().success());
    line.check("nats_stopped_and_started", 0);
}
