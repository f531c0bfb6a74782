//! A sidecar with one Wasm filter between a client and a service, against nginx in the same place.

use std::time::Duration;

use crate::{
    build,
    host::{Setup, To},
    load::{CONNECTIONS, Load, Outcome},
    measure::median_of,
    messages::Mode,
    nginx::Nginx,
    party::Party,
    report::Report,
    upstream::Upstream,
};

/// One measurement at a rate; about 70,000 requests, so that 700 lie beyond the 99th percentile.
const TIME: Duration = Duration::from_secs(4);
/// One measurement of capacity.
const CAPACITY_TIME: Duration = Duration::from_secs(2);
const CAPACITY_ROUNDS: usize = 3;
const ROUNDS: usize = 7;

pub(crate) fn run(report: &mut Report) {
    let upstream = Upstream::start();
    let nginx = Nginx::start(upstream.address);
    let setup = Setup::new(Some(&build::type_filter()), To::Http(upstream.address));
    let host = setup.start();
    let parties = [
        Way { party: Some(&nginx.party), to: nginx.address },
        Way { party: Some(&host.party), to: host.address },
        Way { party: None, to: upstream.address },
    ];
    for way in &parties {
        way.hold();
    }
    report.section(&format!(
        "POST of one event in binary mode, 1 KiB of JSON, over {CONNECTIONS} connections to an upstream that answers 204"
    ));
    let capacity = capacities(&parties);
    for (name, capacity) in ["nginx", "sidecar", "direct"].into_iter().zip(capacity) {
        report.figure(&format!("inline_{name}_capacity"), capacity, "requests/s");
    }
    let rate = capacity[0].min(capacity[1]) / 2.0;
    report.section(&format!("the same, {rate:.0} requests a second: half of what the slower of the two can do"));
    at_rate(report, &parties, rate);
    let own = capacity[NGINX] / 2.0;
    report.section(&format!("the same over nginx alone, {own:.0} requests a second: half of what it can do itself"));
    at_its_own_half(report, &parties[NGINX], own);
}

/// A way to the upstream.
struct Way<'a> {
    party: Option<&'a Party>,
    to: std::net::SocketAddr,
}

impl Way<'_> {
    fn hold(&self) {
        self.party.inspect(|party| party.hold());
    }

    /// Microseconds of CPU time a request, and what the client saw. The other proxy does not run meanwhile.
    fn measure(&self, rate: Option<f64>, time: Duration) -> (f64, Outcome) {
        self.party.inspect(|party| party.resume());
        let cpu = || self.party.map_or(Duration::ZERO, Party::cpu);
        let before = cpu();
        let outcome = Load { to: self.to, mode: Mode::Binary, rate, time }.run();
        let reached = rate.map_or(1.0, |rate| outcome.throughput / rate);
        assert!(reached > 0.98, "only {:.0} % of the rate were answered: the machine is too busy", reached * 100.0);
        let cpu_us = (cpu() - before).as_secs_f64() * 1e6 / outcome.answered;
        self.hold();
        (cpu_us, outcome)
    }
}

fn capacities(ways: &[Way<'_>; 3]) -> [f64; 3] {
    let rounds: Vec<[f64; 3]> = (0..CAPACITY_ROUNDS)
        .map(|_| std::array::from_fn(|way| ways[way].measure(None, CAPACITY_TIME).1.throughput))
        .collect();
    std::array::from_fn(|way| median_of(&rounds, |round| round[way]))
}

const NGINX: usize = 0;
const SIDECAR: usize = 1;
const DIRECT: usize = 2;

/// What is measured of a way, and compared less that of the direct one: with the name of its figure.
type Latency = (&'static str, fn(&Outcome) -> f64);

const LATENCIES: [Latency; 3] = [
    ("p50", |outcome| outcome.p50_us),
    ("p99", |outcome| outcome.p99_us),
    ("undisturbed_p99", |outcome| outcome.undisturbed_p99_us),
];

/// What others take of a core delays twice as much where half of it is in use already: so nginx is seen as busy as the sidecar was.
fn at_its_own_half(report: &mut Report, nginx: &Way<'_>, rate: f64) {
    let rounds: Vec<Outcome> = (0..ROUNDS).map(|_| nginx.measure(Some(rate), TIME).1).collect();
    for (latency, of) in LATENCIES {
        report.figure(&format!("inline_nginx_at_its_own_half_{latency}"), median_of(&rounds, of), "us");
    }
}

fn at_rate(report: &mut Report, ways: &[Way<'_>; 3], rate: f64) {
    let mut rounds: Vec<[(f64, Outcome); 3]> = Vec::new();
    for round in 0..ROUNDS {
        let mut row = [None; 3];
        for way in (0..3).map(|way| (way + round) % 3) {
            let (cpu_us, outcome) = ways[way].measure(Some(rate), TIME);
            row[way] = Some((cpu_us, outcome));
        }
        rounds.push(row.map(Option::unwrap));
    }
    for (way, name) in ["nginx", "sidecar", "direct"].into_iter().enumerate() {
        if way != DIRECT {
            report.figure(&format!("inline_{name}_cpu"), median_of(&rounds, |row| row[way].0), "us/request");
        }
        for (latency, of) in LATENCIES {
            report.figure(&format!("inline_{name}_{latency}"), median_of(&rounds, |row| of(&row[way].1)), "us");
        }
        let undisturbed = median_of(&rounds, |row| row[way].1.undisturbed * 100.0);
        report.figure(&format!("inline_{name}_undisturbed"), undisturbed, "% of the time");
    }
    report.ratio("inline_cpu_by_nginx", median_of(&rounds, |row| row[SIDECAR].0 / row[NGINX].0), 1.5);
    for (latency, of) in LATENCIES {
        let quotient = median_of(&rounds, |row| {
            let added = |way: usize| of(&row[way].1) - of(&row[DIRECT].1);
            added(SIDECAR) / added(NGINX)
        });
        report.ratio(&format!("inline_added_{latency}_by_nginx"), quotient, 1.5);
    }
}
