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

use tidegate_engine::{Engine, Kind, Module};
use tidegate_pipeline::plan::Verdict;

/// A case and how it ended.
#[derive(Debug)]
pub(crate) struct Done<'t> {
    pub(crate) case: &'t Planned,
    pub(crate) tried: Tried,
    /// Nothing: it passed.
    pub(crate) problems: Vec<Problem>,
}

/// What the cases are about.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Subject<'s> {
    Module(&'s Engine, &'s Module),
    /// The policy of the folder decides without one.
    Condition(&'s Verdict),
}

impl Subject<'_> {
    /// Whether nothing but names comes of it.
    fn only_names(&self) -> bool {
        match self {
            Subject::Module(_, module) => module.kinds().iter().all(|kind| *kind == Kind::Matcher),
            Subject::Condition(_) => false,
        }
    }

    pub(crate) fn digest(&self) -> &str {
        match self {
            Subject::Module(_, module) => module.digest(),
            Subject::Condition(verdict) => verdict.digest(),
        }
    }
}

/// Runs every case of a folder, in order.
pub(crate) async fn run_all<'t>(tests: &'t Tests, base: &Base, subject: Subject<'_>) -> Vec<Done<'t>> {
    let mut done = Vec::new();
    for case in &tests.cases {
        let tried = try_case(case, base, subject).await;
        let problems = compare::compare(case, &tried, subject);
        done.push(Done { case, tried, problems });
    }
    done
}
