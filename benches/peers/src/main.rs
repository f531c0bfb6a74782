//! The host beside others that do the same work in the same run: inline over HTTP beside nginx, between brokers beside their plain
//! client libraries; what a sidecar holds and how fast it starts.
//!
//! Every party is a process of its own: the proxies on one core, who sends and who receives on the other.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a benchmark that cannot be set up stops")]

mod batched;
mod build;
mod cores;
mod host;
mod idle;
mod inline;
mod jetstream;
mod kafka;
mod load;
mod messages;
mod nginx;
mod party;
mod poison;
mod polling;
mod relay;
mod upstream;

// The benchmarks' own, and not their crate: that links the whole host.
#[path = "../../../host/server/src/measure.rs"]
#[allow(dead_code, unreachable_pub, reason = "who compares within a process needs more of it")]
mod measure;
#[path = "../../src/orders.rs"]
#[allow(dead_code, unreachable_pub, reason = "who reads files needs more of it")]
mod orders;
#[path = "../../src/report.rs"]
#[allow(unreachable_pub, reason = "elsewhere it is a library's")]
mod report;

use std::process::ExitCode;

use crate::report::Report;

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    // The parties that are ours are this program again.
    match args.first().map(String::as_str) {
        Some(upstream::COMMAND) => return upstream::serve(),
        Some(load::COMMAND) => return load::main(&args[1..]),
        Some(kafka::COMMAND) => return kafka::bare(&args[1..]),
        Some(polling::COMMAND) => return polling::reader(&args[1..]),
        Some(jetstream::COMMAND) => return jetstream::bare(&args[1..]),
        _ => {}
    }
    let mut report = Report::from_args();
    if report.wants("inline") {
        inline::run(&mut report);
    }
    if report.wants("batched") {
        batched::run(&mut report);
    }
    if report.wants("idle") {
        idle::run(&mut report);
    }
    if report.wants("kafka") {
        kafka::run(&mut report);
    }
    if report.wants("poison") {
        poison::run(&mut report);
    }
    if report.wants("polling") {
        polling::run(&mut report);
    }
    if report.wants("jetstream") {
        jetstream::run(&mut report);
    }
    report.finish()
}
