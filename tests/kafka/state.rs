//! What policies remember of a partition, and how far it is read: one thing, whatever the broker was told of the latter.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use tidegate_brokers::kafka::Kafka;
use tidegate_brokers::kafka::clients::Record;

use super::line::{Line, id};
use crate::rig::host::Host;
use crate::rig::random::Random;
use crate::rig::request::get;
use crate::support::example;

/// How often a host dies.
const KILLS: usize = 4;

/// A line whose filter lets each event through once; the topic's messages are numbered as they were written.
struct Once<'a> {
    line: Line<'a>,
    written: Vec<u64>,
}

impl<'a> Once<'a> {
    fn new(name: &'static str, partitions: i32) -> Once<'a> {
        let mut line = Line::new(Kafka::shared(), name, partitions);
        line.source = "sessionTimeout: 1s, commitInterval: 10ms".to_owned();
        let dir = line.host_dir(0);
        fs::copy(example("dedupe-window"), dir.join("docs/dedupe.wasm")).unwrap();
        let policy = "wasm: {module: 'file:dedupe.wasm', config: {window_seconds: 86400}, capabilities: [state]}";
        line.put(&dir, &line.docs().policy("dedupe", "", policy));
        Once { line, written: Vec::new() }
    }

    /// One partition has all events of an id.
    fn write(&mut self, ids: impl IntoIterator<Item = u64>) {
        let mut records = Vec::new();
        for id in ids {
            let number = self.written.len();
            let value = format!(
                "{{\"specversion\":\"1.0\",\"id\":\"{id}\",\"source\":\"/test\",\"type\":\"t\",\"number\":{number}}}"
            );
            let header = ("content-type", "application/cloudevents+json");
            records.push(Record::new(value).key(id.to_string()).header(header.0, header.1));
            self.written.push(id);
        }
        self.line.kafka.write(&self.line.topic("in"), records);
    }

    /// Waits until all that was written is settled, and that is committed.
    fn finish(&self, host: &mut Host) {
        host.until("all is settled", || (self.line.settled() >= self.written.len()).then_some(()));
    }

    /// Numbers of the messages that came out, in their order.
    fn out(&self) -> Vec<usize> {
        let number = |record: &Record| {
            let header = record.headers.iter().find(|(name, _)| name == "ce_number");
            let value = header.and_then(|(_, value)| value.clone()).unwrap_or_else(|| panic!("{}", id(record)));
            String::from_utf8(value).unwrap().parse().unwrap()
        };
        self.line.kafka.read(&self.line.topic("out")).iter().map(number).collect()
    }

    /// The first message of each id: what is to come out, and nothing else.
    fn firsts(&self) -> BTreeSet<usize> {
        let mut first = BTreeMap::new();
        for (number, id) in self.written.iter().enumerate() {
            first.entry(id).or_insert(number);
        }
        first.into_values().collect()
    }
}

/// The sum of a counter of a host.
fn counted(admin: &str, name: &str) -> u64 {
    let metrics = get(admin, "/metrics").unwrap().body;
    let of_name = metrics.lines().filter(|line| line.starts_with(&format!("{name}_total{{")));
    of_name.map(|line| line.rsplit(' ').next().unwrap().parse::<u64>().unwrap()).sum()
}

#[test]
fn what_comes_again_and_is_known_is_acknowledged_without_a_call() {
    let mut once = Once::new("kafka_state_known", 1);
    let group = once.line.kafka.group(once.line.name, &once.line.topic("in"));
    once.write(0..500);
    let mut host = once.line.start(0);
    once.finish(&mut host);
    assert!(host.stop().success());

    // As after a crash between writing what is remembered and telling the broker.
    group.take_back(0, 200);
    once.write((450..500).chain(500..600));
    let mut host = once.line.start(0);
    once.finish(&mut host);
    let admin = host.admin();
    host.until("all is counted", || (counted(&admin, "tidegate_route_settled") >= 150).then_some(()));
    // Of the 300 that came again nobody was asked anything, and the filter still knows them: it drops 50 that have their ids.
    let counts = ["tidegate_route_settled", "tidegate_route_dropped"].map(|name| counted(&admin, name));
    assert_eq!(counts, [150, 50]);
    assert!(host.stop().success());
    assert_eq!(once.out(), (0..500).chain(550..650).collect::<Vec<_>>(), "each id once, and none decided anew");
}

/// Else the group would seem to lag behind until the next message comes.
#[test]
fn what_comes_again_and_is_known_is_committed_though_nothing_follows() {
    let mut once = Once::new("kafka_state_last", 1);
    let group = once.line.kafka.group(once.line.name, &once.line.topic("in"));
    once.write(0..300);
    let mut host = once.line.start(0);
    once.finish(&mut host);
    assert!(host.stop().success());

    group.take_back(0, 100);
    assert_eq!(once.line.settled(), 100);
    let mut host = once.line.start(0);
    once.finish(&mut host);
    assert!(host.stop().success());
    assert_eq!(once.out(), (0..300).collect::<Vec<_>>(), "and decided once");
}

#[test]
fn where_somebody_else_has_set_the_offset_nothing_is_remembered() {
    let mut once = Once::new("kafka_state_set", 1);
    let group = once.line.kafka.group(once.line.name, &once.line.topic("in"));
    once.write(0..300);
    let mut host = once.line.start(0);
    once.finish(&mut host);
    assert!(host.stop().success());

    group.set(0, 100);
    let mut host = once.line.start(0);
    once.finish(&mut host);
    assert!(host.stop().success());
    assert_eq!(once.out(), (0..300).chain(100..300).collect::<Vec<_>>());
}

/// Ids are drawn from few, so that most have been there before: in the same batch, in one that is not settled yet, or long ago.
#[test]
fn killed_hosts_decide_every_message_as_if_once() {
    let mut random = Random::from_env();
    let mut once = Once::new("kafka_state_killed", 2);
    let mut names = 0;
    for _ in 0..KILLS {
        let ids: Vec<u64> = (0..6000).map(|_| random.below(names + 3000)).collect();
        once.write(ids);
        names += 3000;
        let out = once.line.topic("out");
        let before = once.line.kafka.count(&out);
        let wanted = before + usize::try_from(random.below(2000)).unwrap() + 1;
        let mut host = once.line.spawn(0);
        let most = once.firsts().len();
        host.until("more came out, or all", || {
            let count = once.line.kafka.count(&out);
            (count >= wanted || count >= most).then_some(())
        });
        host.kill();
    }
    let mut host = once.line.start(0);
    once.finish(&mut host);
    assert!(host.stop().success());
    let (out, firsts) = (once.out().into_iter().collect::<BTreeSet<_>>(), once.firsts());
    let lost: Vec<_> = firsts.difference(&out).take(5).collect();
    let twice: Vec<_> = out.difference(&firsts).take(5).collect();
    assert!(lost.is_empty() && twice.is_empty(), "of {}: lost {lost:?}, decided anew {twice:?}", firsts.len());
}
