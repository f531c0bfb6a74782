//! What the attribute macros make of a function, and the loops that call it for each event of a batch.
//!
//! Authors do not implement these traits: `#[filter]`, `#[transform]` and `#[matcher]` do.

use std::cell::OnceCell;
use std::thread::LocalKey;

use crate::batch::Batch;
use crate::bindings::{events, matcher_export::Assignment, transform_export};
pub use crate::config::{no_config, parse_config};
use crate::draft;
use crate::verdict::Answers;
use crate::{Event, Names, Needs, Output, Verdict};

/// What every module has.
pub trait Module: 'static {
    /// What its configuration is read into.
    type Config: 'static;
    /// Shown by `tidegate inspect`.
    const NAME: &'static str;
    /// Shown by `tidegate inspect`.
    const VERSION: &'static str;
    /// JSON Schema.
    const CONFIG_SCHEMA: Option<&'static str>;
    /// What it reads.
    const NEEDS: Needs;
    /// Reads its configuration. An error is what whoever deploys the policy is told.
    fn parse(config: &str) -> Result<Self::Config, String>;
    /// Where the instance's configuration stays.
    fn slot() -> &'static LocalKey<OnceCell<Self::Config>>;
}

/// Made by `#[filter]`.
pub trait Filter: Module {
    /// Decides about one event.
    fn evaluate(event: &Event<'_>, config: &Self::Config) -> Verdict;
}

/// Made by `#[transform]`.
pub trait Transform: Module {
    /// Rewrites one event.
    fn apply(event: &Event<'_>, config: &Self::Config) -> Output;
}

/// Made by `#[matcher]`.
pub trait Matcher: Module {
    /// Names one event's places.
    fn assign(event: &Event<'_>, config: &Self::Config, names: &mut Names) -> Verdict;
}

pub(crate) fn evaluate<F: Filter>(batch: &Batch, config: &F::Config) -> Result<events::Outcomes, String> {
    let mut answers = Answers::for_events(batch.len());
    for event in batch.events() {
        answers.push(&F::evaluate(&event, config));
    }
    batch.check_misreads()?;
    Ok(answers.into_outcomes())
}

pub(crate) fn apply<T: Transform>(batch: &Batch, config: &T::Config) -> Result<transform_export::Output, String> {
    let mut answers = Answers::for_events(batch.len());
    draft::with(|drafts| drafts.begin(batch.len()));
    let mut rows = 0;
    for event in batch.events() {
        let output = T::apply(&event, config);
        rows = draft::with(|drafts| drafts.settle(rows, &output.rows));
        answers.push(&output.verdict);
    }
    batch.check_misreads()?;
    let events = draft::with(|drafts| drafts.take(batch.now_ms));
    Ok(transform_export::Output { outcomes: answers.into_outcomes(), events })
}

pub(crate) fn assign<M: Matcher>(batch: &Batch, config: &M::Config) -> Result<Assignment, String> {
    let mut answers = Answers::for_events(batch.len());
    let mut names = Names::default();
    let mut pairs = Vec::with_capacity(2 * batch.len());
    for (row, event) in (0..).zip(batch.events()) {
        let verdict = M::assign(&event, config, &mut names);
        if verdict != Verdict::Keep {
            names.clear();
        }
        match names.finish() {
            Ok(positions) => {
                pairs.extend(positions.flat_map(|name| [row, name]));
                answers.push(&verdict);
            }
            Err(problem) => answers.push(&Verdict::reject(problem)),
        }
    }
    batch.check_misreads()?;
    names.check_count()?;
    Ok(Assignment { outcomes: answers.into_outcomes(), names: names.names, pairs })
}

#[cfg(test)]
mod tests;
