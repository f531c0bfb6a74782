//! What the benchmarks share: clocks, interleaved comparison, input, guests, plans, and the lines that are printed.
//!
//! The benchmarks themselves are the programs beside `src/` (`boundary.rs`, `stages.rs`, …). They compare within one run,
//! never against a figure stored earlier; `README.md` says how to run and to read them.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a benchmark that cannot be set up has nothing to measure: it stops and says where"
)]

pub mod file_pipeline;
pub mod guests;
pub mod orders;
pub mod plans;
pub mod process;
pub mod report;

pub use tidegate::measure;
