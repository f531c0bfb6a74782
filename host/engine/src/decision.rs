//! What workers answer: one decision for each event.

use std::sync::Arc;

use tidegate_event::flat::Outputs;

use crate::fault::Fault;

/// What was decided about one event.
#[derive(Clone, Debug)]
pub enum Decision {
    /// It goes on.
    Keep,
    /// Dropped as intended, with the reason the guest gave.
    Drop(Option<Arc<str>>),
    /// Refused: a dead letter.
    Reject(Option<Arc<str>>),
    /// To be decided again later.
    Retry(Option<Arc<str>>),
    /// The guest failed on this very event (found by bisection).
    Fault(Arc<Fault>),
    /// Bisection ran out of its budget before it came to this event, or no instance could be had: nothing may be
    /// concluded, nothing acknowledged.
    Undecided,
}

/// What a transform made of a batch.
#[derive(Debug, Default)]
pub struct Applied {
    /// One a row.
    pub decisions: Vec<Decision>,
    /// Rows ascending, outputs of one row in the guest's order. Rows that are kept have at least one.
    pub outputs: Outputs,
}

/// What a matcher made of a batch.
#[derive(Debug, Default)]
pub struct Assigned {
    /// One a row.
    pub decisions: Vec<Decision>,
    /// The distinct names used, in order of first use.
    pub names: Vec<Arc<str>>,
    /// (row, index in `names`), rows ascending. Only rows that are kept have any.
    pub pairs: Vec<(u32, u32)>,
}
