//! Asked to stop, a host settles what it has and commits that: nothing comes twice.

use std::net::TcpListener;

use tidegate_brokers::kafka::Kafka;

use super::line::Line;
use crate::rig::host::Start;
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

/// Else the next host would wait for as long as the session lasts: longer than a test hangs.
#[test]
fn a_host_whose_grace_runs_out_leaves_its_group() {
    let mut line = Line::new(Kafka::shared(), "kafka_grace", 1);
    line.source = "sessionTimeout: 10m".to_owned();
    line.produce_with(100, |_| ("test.pass", "delivered"));
    let dir = line.host_dir(0);
    // A sink that takes connections, and answers nothing.
    let mute = TcpListener::bind("127.0.0.1:0").unwrap();
    let hangs = format!("{{http: {{url: 'http://{}'}}}}", mute.local_addr().unwrap());
    line.put(&dir, &line.docs().doc("Sink", "mute", &hangs).route("other", "in", "mute"));
    let mut host = Start { args: &["--dev", "--admin", "127.0.0.1:0", "--grace", "1s"], ..Start::new(&dir) }.spawn();
    mute.accept().unwrap();
    host.logged("host is ready", 1);
    assert!(!host.stop().success(), "it had something under way");
    line.put(&dir, &line.docs());
    let mut host = line.start(0);
    line.finish(&mut host);
    assert!(host.stop().success());
    // What it had delivered and not settled came again.
    line.check(100);
}
