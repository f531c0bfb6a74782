//! A sidecar with one small module that has nothing to do: how soon it is there, and what it holds.

use std::{
    thread,
    time::{Duration, Instant},
};

use crate::{
    build,
    host::{Setup, To},
    load::Load,
    measure::{median, quantile},
    messages::Mode,
    party,
    report::Report,
    upstream::Upstream,
};

const STARTS: usize = 11;

/// Until what is given back after some seconds without a call is given back.
const REST: Duration = Duration::from_secs(10);

const MIB: f64 = 1024.0 * 1024.0;

pub(crate) fn run(report: &mut Report) {
    let upstream = Upstream::start();
    let module = build::type_filter();
    let setup = Setup::new(Some(&module), To::Http(upstream.address));
    report.section(&format!(
        "an idle sidecar with a listener, a client, an admin port and a module of {} KiB",
        module.len() / 1024
    ));
    // Compiles the module, which later starts find.
    setup.start().party.stop();

    let times: Vec<f64> = (0..STARTS).map(|_| time_to_ready(&setup)).collect();
    report.figure("idle_start_to_ready_slowest", quantile(times.clone(), 1.0), "ms");
    report.ratio("idle_start_to_ready_ms", median(times), 200.0);

    let host = setup.start();
    thread::sleep(REST);
    report.figure("idle_pss", host.party.proportional() / MIB, "MiB");
    report.ratio("idle_resident_mb", host.party.resident() / 1e6, 30.0);
    let before = host.party.cpu();
    thread::sleep(REST);
    let cpu = (host.party.cpu() - before).as_secs_f64() / REST.as_secs_f64();
    report.figure("idle_cpu", cpu * 1e3, "ms of CPU time a second, to 1");

    let time = Duration::from_secs(3);
    Load { to: host.address, mode: Mode::Binary, rate: None, time }.run();
    thread::sleep(REST);
    report.figure("idle_pss_after_load", host.party.proportional() / MIB, "MiB");
    report.ratio("idle_resident_after_load_mb", host.party.resident() / 1e6, 30.0);
}

/// Milliseconds from the start of the process until `/readyz` says 200, and then until the first event is answered.
fn time_to_ready(setup: &Setup) -> f64 {
    let start = Instant::now();
    let party = setup.spawn().wait_for(setup.admin(), "/readyz");
    let time = start.elapsed();
    assert!(party::get(setup.listen(), "/").is_some(), "a host that is ready listens");
    party.stop();
    time.as_secs_f64() * 1e3
}
