//! What an event costs from file to sink, all in all.

use std::process::ExitCode;

use tidegate_benches::{
    file_pipeline::{FilePipeline, To},
    guests,
    measure::{ROUNDS, alternate},
    plans, process,
    report::Report,
};
use tidegate_engine::Kind;

/// About 100 MiB: a run takes a tenth of a second, and the file stays in the page cache.
const LINES: usize = 100_000;

/// Bento 1.10 with its Wasm processor, file to nowhere, the same lines on one such core: nanoseconds of CPU time an event.
/// A figure from elsewhere, for orientation; everything else here is compared within one run.
const BENTO_NS: f64 = 16_800.0;

fn main() -> ExitCode {
    process::settle();
    let mut report = Report::from_args();
    let pipeline = FilePipeline::new(LINES);
    let filter = pipeline.guest(&guests::type_filter(), &guests::policy(0));
    let stages = || vec![plans::wasm(&filter, Kind::Filter)];

    report.section("JSON lines of 1,076 bytes, one core, ns of CPU time an event");
    let rounds = alternate(
        ROUNDS,
        [&mut || pipeline.run(Vec::new(), To::Nowhere), &mut || pipeline.run(stages(), To::Nowhere), &mut || {
            pipeline.run(stages(), To::File)
        }],
    );
    report.figure("file_to_nowhere", rounds.ns(0), "ns/event");
    report.figure("file_to_filter_to_nowhere", rounds.ns(1), "ns/event");
    report.figure("file_to_filter_to_file", rounds.ns(2), "ns/event");
    report.figure("bento_1_10_by_file_to_filter_to_nowhere", BENTO_NS / rounds.ns(1), "times");
    report.ratio("end_to_end_by_a_20th_of_bento_1_10", rounds.ns(1) / (BENTO_NS / 20.0), 1.0);
    report.finish()
}
