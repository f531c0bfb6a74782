//! Finds the guilty events of a batch that failed: halves it, on fresh instances, until single events remain.
//!
//! Only an event that fails alone is guilty. Its neighbours get their decisions from the calls that went well. When a
//! left half goes well, its right half must hold a culprit, and is halved without being tried whole.

use std::{ops::Range, sync::Arc, time::Duration};

use tidegate_event::flat::FlatBatch;

use crate::{
    decision::Decision,
    fault::Fault,
    job::Job,
    store,
    worker::{CallError, Worker},
};

/// Guest time that one batch may cost beyond its first call, in timeouts.
const TIMEOUTS_MAX: u32 = 10;

/// Fresh instances that one batch may cost.
const INSTANCES_MAX: u32 = 64;

/// What is left to spend on a batch.
#[derive(Debug)]
pub(crate) struct Budget {
    slices: u32,
    instances: u32,
}

impl Budget {
    pub(crate) fn new(timeout: Duration) -> Budget {
        Budget { slices: store::slices(timeout).saturating_mul(TIMEOUTS_MAX), instances: INSTANCES_MAX }
    }

    pub(crate) fn spend(&mut self, slices: u32, fresh_instance: bool) {
        self.slices = self.slices.saturating_sub(slices);
        self.instances = self.instances.saturating_sub(u32::from(fresh_instance));
    }

    fn is_spent(&self) -> bool {
        self.slices == 0 || self.instances == 0
    }
}

/// Rows still to be decided.
#[derive(Debug)]
struct Part {
    rows: Range<usize>,
    /// It is known to hold a culprit, because the whole failed and what lies left of it did not.
    suspect: bool,
    side: Side,
}

#[derive(Debug, PartialEq, Eq)]
enum Side {
    Left,
    Right,
}

/// `piece` is the rows `rows` of the whole batch and has failed with `fault`. Decisions for all of them, in order.
pub(crate) async fn search<J: Job>(
    worker: &mut Worker,
    piece: &FlatBatch,
    rows: Range<usize>,
    fault: Fault,
    job: &mut J,
    budget: &mut Budget,
) -> Vec<Decision> {
    if rows.len() == 1 {
        return vec![Decision::Fault(Arc::new(fault))];
    }
    let offset = rows.start;
    let mut decisions = Vec::with_capacity(rows.len());
    let mut parts = Vec::from(halves(0..rows.len()));
    while let Some(part) = parts.pop() {
        if part.suspect && part.rows.len() > 1 {
            parts.extend(halves(part.rows));
            continue;
        }
        if budget.is_spent() {
            worker.give_up();
            break;
        }
        let start = part.rows.start + offset;
        let whole_rows = start..part.rows.end + offset;
        let sub_batch = piece.slice(part.rows.clone());
        match worker.call(&sub_batch, whole_rows, job, Some(budget)).await {
            Ok(reply) => {
                decisions.extend(job.collect(start, reply));
                if part.side == Side::Left
                    && let Some(right) = parts.last_mut()
                {
                    right.suspect = true;
                }
            }
            Err(CallError::NoInstance) => break,
            Err(CallError::Fault(fault)) if part.rows.len() == 1 => decisions.push(Decision::Fault(Arc::new(fault))),
            Err(CallError::Fault(_)) => parts.extend(halves(part.rows)),
        }
    }
    decisions.resize(rows.len(), Decision::Undecided);
    decisions
}

/// The left half last: it is taken first.
fn halves(rows: Range<usize>) -> [Part; 2] {
    let middle = rows.start + rows.len() / 2;
    [
        Part { rows: middle..rows.end, suspect: false, side: Side::Right },
        Part { rows: rows.start..middle, suspect: false, side: Side::Left },
    ]
}
