//! HTTP → Wasm filter → file: what an event costs alone in its request, and as one of a hundred.

use std::{fs, time::Duration};

use crate::{
    build,
    host::{Setup, To},
    load::Load,
    measure::median_of,
    messages::Mode,
    report::Report,
};

const TIME: Duration = Duration::from_secs(2);
const ROUNDS: usize = 5;
const MODES: [Mode; 3] = [Mode::Binary, Mode::Structured, Mode::Batched];

pub(crate) fn run(report: &mut Report) {
    let setup = Setup::new(Some(&build::type_filter()), To::File);
    let host = setup.start();
    report.section("HTTP to filter to file, durable before it is answered; one event in a request, and 100");
    let measure = |mode: Mode| {
        let before = host.party.cpu();
        let outcome = Load { to: host.address, mode, rate: None, time: TIME }.run();
        let events = outcome.answered * mode.events() as f64;
        (host.party.cpu() - before).as_secs_f64() * 1e6 / events
    };
    let mut rounds = Vec::new();
    for round in 0..ROUNDS {
        let mut row = [0.0; MODES.len()];
        for mode in (0..MODES.len()).map(|mode| (mode + round) % MODES.len()) {
            row[mode] = measure(MODES[mode]);
        }
        rounds.push(row);
    }
    assert!(fs::metadata(setup.out()).unwrap().len() > 0, "what was answered 2xx is in the file");
    for (number, mode) in MODES.into_iter().enumerate() {
        report.figure(&format!("batched_cpu_{}", mode.name()), median_of(&rounds, |row| row[number]), "us/event");
    }
    // Against the cheaper of the two ways to send one: its attributes need no JSON.
    report.ratio("batched_cpu_by_single", median_of(&rounds, |row| row[2] / row[0]), 0.2);
}
