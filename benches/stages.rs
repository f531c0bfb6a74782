//! What a policy adds to the file pipeline: a Wasm filter on `type` against the same filter as a condition of the host.

use std::process::ExitCode;

use tidegate_benches::{
    file_pipeline::{FilePipeline, To},
    guests,
    measure::alternate,
    plans, process,
    report::Report,
};
use tidegate_engine::Kind;

/// About 100 MiB: a run takes a tenth of a second, and the file stays in the page cache.
const LINES: usize = 100_000;

/// What counts are differences of a few percent between whole runs, which differ by as much.
const ROUNDS: usize = 61;

/// Filters in the long chain.
const CHAIN: usize = 10;

fn main() -> ExitCode {
    process::settle();
    let mut report = Report::from_args();
    let pipeline = FilePipeline::new(LINES);
    let component = guests::type_filter();
    // As ten policies of the same module: an instance each.
    let filters: Vec<_> = (0..CHAIN).map(|n| pipeline.guest(&component, &guests::policy(n))).collect();
    let wasm_stages = |count| filters.iter().take(count).map(|guest| plans::wasm(guest, Kind::Filter)).collect();
    let native_stages = |count| (0..count).map(|n| plans::native(&guests::policy(n))).collect();

    report.section("file to nowhere, ns of CPU time an event; filters on `type` that keep three of four");
    let rounds = alternate(
        ROUNDS,
        [
            &mut || pipeline.run(Vec::new(), To::Nowhere),
            &mut || pipeline.run(native_stages(1), To::Nowhere),
            &mut || pipeline.run(wasm_stages(1), To::Nowhere),
            &mut || pipeline.run(native_stages(CHAIN), To::Nowhere),
            &mut || pipeline.run(wasm_stages(CHAIN), To::Nowhere),
        ],
    );
    report.figure("no_filter", rounds.ns(0), "ns/event");
    report.figure("native_filter", rounds.ns(1), "ns/event");
    report.figure("wasm_filter", rounds.ns(2), "ns/event");
    report.figure("native_filters_10", rounds.ns(3), "ns/event");
    report.figure("wasm_filters_10", rounds.ns(4), "ns/event");
    report.ratio("stages_wasm_filter_over_native_ns", rounds.median(|r| r[2] - r[1]), 100.0);
    // What they add over as many conditions: the first pays for laying the batch out, and the nine behind it must not.
    let chain = rounds.median(|r| r[4] - r[3]) / rounds.median(|r| r[2] - r[1]);
    report.ratio("stages_10_wasm_filters_by_first", chain, 3.0);
    report.finish()
}
