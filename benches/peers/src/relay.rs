//! From a broker to the same broker: the plain client library in a loop, the host without policies, the host with one filter.
//!
//! What is there already is read, so that everybody is as fast as it can be; what counts is CPU time an event, not how long it
//! took. The broker runs beside, on any core, and its CPU time is nobody's.

use std::{
    process::Command,
    thread,
    time::{Duration, Instant},
};

use crate::{build, cores::Core, host::Setup, measure::median_of, orders, party::Party, report::Report};

/// Events of one measurement: a second or more of CPU time.
pub(crate) const EVENTS: usize = 200_000;
const ROUNDS: usize = 5;
const PATIENCE: Duration = Duration::from_secs(120);

/// Keeps everything: what a filter drops costs nothing behind it, and would count in its favour.
const KEEPS_ALL: &str = "com.acme.";

/// What differs between brokers.
pub(crate) trait Broker {
    /// In the names of the figures.
    const NAME: &'static str;
    /// A fresh place to write to.
    fn make_out(&self, name: &str);
    /// How many events are there.
    fn count(&self, out: &str) -> usize;
    /// Nobody needs it any more.
    fn remove_out(&self, out: &str);
    /// `spec:` of a source that reads everything, as somebody new.
    fn source(&self, reader: &str) -> String;
    /// `spec:` of a sink.
    fn sink(&self, out: &str) -> String;
    /// This program as the plain loop.
    fn bare(&self, reader: &str, out: &str) -> Command;
}

pub(crate) fn run<B: Broker>(report: &mut Report, broker: &B) {
    let name = B::NAME;
    report.section(&format!(
        "{name} to {name}: {EVENTS} events of 1 KiB in binary mode, one partition; CPU time of the process an event"
    ));
    let filter = build::type_filter();
    let mut rounds = Vec::new();
    for round in 0..ROUNDS {
        let mut row = [0.0; 3];
        for way in (0..3).map(|way| (way + round) % 3) {
            let this = format!("{round}-{way}");
            let out = format!("out-{this}");
            broker.make_out(&out);
            row[way] = match way {
                0 => {
                    let mut command = broker.bare(&format!("bare-{this}"), &out);
                    let folder = tempfile::tempdir().unwrap();
                    let party = Party::start("the plain loop", Core::Proxy, &mut command, folder.path().join("log"));
                    cpu_until(broker, party, &out)
                }
                way => {
                    let filter = (way == 2).then_some((&*filter, KEEPS_ALL));
                    let setup = Setup::relay(&broker.source(&format!("host-{this}")), &broker.sink(&out), filter);
                    cpu_until(broker, setup.spawn(), &out)
                }
            };
        }
        rounds.push(row);
    }
    for (way, who) in ["bare", "relay", "filtered"].into_iter().enumerate() {
        report.figure(&format!("{name}_{who}_cpu"), median_of(&rounds, |row| row[way]), "us/event");
    }
    report.ratio(&format!("{name}_relay_by_bare"), median_of(&rounds, |row| row[1] / row[0]), 1.5);
    report.ratio(&format!("{name}_filtered_by_relay"), median_of(&rounds, |row| row[2] / row[1]), 1.1);
}

/// Microseconds of CPU time an event, from the start of the process until everything has arrived.
fn cpu_until<B: Broker>(broker: &B, mut party: Party, out: &str) -> f64 {
    let began = Instant::now();
    while broker.count(out) < EVENTS {
        assert!(began.elapsed() < PATIENCE, "{} of {EVENTS} events arrived:\n{}", broker.count(out), party.log());
        party.assert_alive();
        thread::sleep(Duration::from_millis(20));
    }
    let cpu = party.cpu();
    party.stop();
    assert_eq!(broker.count(out), EVENTS, "each event once");
    broker.remove_out(out);
    cpu.as_secs_f64() * 1e6 / EVENTS as f64
}

/// Attributes of an order as `(name, value)`, without prefixes, and its data.
pub(crate) fn order(n: usize) -> (Vec<(&'static str, String)>, String) {
    let attributes = vec![
        ("specversion", "1.0".to_owned()),
        ("id", format!("{n:08}")),
        ("source", format!("/shops/eu/{}", n % 10)),
        ("type", "com.acme.order.placed".to_owned()),
        ("subject", format!("orders/{n}")),
        ("time", format!("2026-03-01T12:00:{:02}Z", n % 60)),
        ("partitionkey", format!("customer-{}", n * 7 % 1000)),
    ];
    (attributes, orders::payload(n, 1024))
}
