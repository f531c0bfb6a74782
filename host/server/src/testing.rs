//! Cases of a filter's folder: found, run through the real engine, compared, and reported.
//!
//! What a case says is read in [`tidegate_policy::cases`]; what becomes of its events is [`crate::trial`]'s. The command (`test`) and `dev`
//! stand on this.

pub(crate) mod compare;
pub(crate) mod folder;
pub(crate) mod report;
mod run;
pub(crate) mod save;
pub(crate) mod update;

pub(crate) use compare::Problem;
pub(crate) use folder::{Base, Planned, Tests};
pub(crate) use run::{Tried, try_case};

use tidegate_engine::{Engine, Module};

/// A case and how it ended.
#[derive(Debug)]
pub(crate) struct Done<'t> {
    pub(crate) case: &'t Planned,
    pub(crate) tried: Tried,
    /// Nothing: it passed.
    pub(crate) problems: Vec<Problem>,
}

/// Runs every case of a folder, in order.
pub(crate) async fn run_all<'t>(tests: &'t Tests, base: &Base, engine: &Engine, module: &Module) -> Vec<Done<'t>> {
    let mut done = Vec::new();
    for case in &tests.cases {
        let tried = try_case(case, base, engine, module).await;
        let problems = compare::compare(case, &tried, module);
        done.push(Done { case, tried, problems });
    }
    done
}
