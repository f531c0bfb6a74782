//! One file per command: its options, what it does, and the words it uses.

pub mod build;
pub mod demo;
pub mod dlq;
pub mod eval;
pub mod inspect;
pub mod run;
pub mod validate;

mod module_file;

/// How a result is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Output {
    // For people. Without doc comments on the variants help stays one line an option.
    Table,
    // For programs.
    Json,
}
