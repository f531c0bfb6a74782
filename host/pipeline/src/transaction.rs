//! What a batch of a transactional source sends: nothing by itself. When it is the oldest of its lane, all of it and its position are
//! committed as one, by the source.
//!
//! An event that a sink will never take makes its transaction end without effect; its dead letter takes its place, and the rest is
//! committed with that. So a dead letter is in the same transaction as what came of the events beside it.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use tidegate_connector::{Commit, Committed, Part, Refusal, Settled};

use crate::{
    dispatch::Parcel,
    window::{InFlight, Progress},
};

/// The parcels of one batch.
#[derive(Default)]
pub(crate) struct Together {
    parcels: Vec<Parcel>,
    commit: Option<Commit>,
    /// The batch ends before a row: what came of it will never be taken, and has nowhere to rest.
    stuck: Option<Stuck>,
}

struct Stuck {
    row: u32,
    by: Arc<str>,
    reason: String,
}

impl Together {
    pub(crate) fn new(parcels: Vec<Parcel>) -> Together {
        Together { parcels, ..Together::default() }
    }

    /// Lets go of what came of the row, and of those behind it.
    fn end_before(&mut self, row: u32) {
        for parcel in &mut self.parcels {
            let origins = &parcel.lot.origins;
            let gone: Vec<usize> = (origins.partition_point(|&origin| origin < row)..origins.len()).collect();
            parcel.without(&gone);
        }
    }
}

/// The events of a parcel, which is without them until the transaction has ended; the error is a sink that cannot take part. Documents
/// with such a sink are refused.
fn part(parcel: &mut Parcel) -> Result<Part, String> {
    let sink = parcel.sink.participant().cloned();
    let sink = sink.ok_or_else(|| format!("the sink {} cannot take part in transactions", parcel.sink.name()))?;
    Ok(Part { sink, events: std::mem::take(&mut parcel.events) })
}

/// Commits the batch, and waits for that. Cancel-safe: the transaction goes on meanwhile, and is asked again.
pub(crate) async fn progress(batch: &mut InFlight) -> Progress {
    loop {
        let InFlight { together: Some(together), settlement, outcome, .. } = &mut *batch else {
            return Progress::Durable;
        };
        let commit = match &mut together.commit {
            Some(commit) => commit,
            none => match together.parcels.iter_mut().map(part).collect() {
                Ok(parts) => none.insert(settlement.commit(parts, *outcome)),
                Err(reason) => return Progress::Aborted { reason },
            },
        };
        let committed = commit.await;
        together.commit = None;
        match committed {
            Committed::Aborted { cause } => return Progress::Aborted { reason: cause },
            Committed::Refused { parts, refusals } => amend(batch, parts, refusals),
            Committed::Done => return done(batch),
        }
    }
}

/// Dead letters take the place of what will never be taken.
fn amend(batch: &mut InFlight, parts: Vec<Part>, refusals: Vec<Refusal>) {
    let Some(mut together) = batch.together.take() else { return };
    for (parcel, part) in together.parcels.iter_mut().zip(parts) {
        parcel.events = part.events;
    }
    let mut by_parcel: BTreeMap<usize, Vec<(usize, String)>> = BTreeMap::new();
    for Refusal { part, event, reason } in refusals {
        by_parcel.entry(part).or_default().push((event, reason));
    }
    for (at, mut refused) in by_parcel {
        refused.sort_unstable();
        let parcel = &mut together.parcels[at];
        match batch.letters(&parcel.lot, &refused) {
            Some(letters) => {
                let positions: Vec<usize> = refused.iter().map(|(position, _)| *position).collect();
                parcel.without(&positions);
                together.parcels.push(letters);
            }
            None => {
                let (position, reason) = refused.swap_remove(0);
                let row = parcel.lot.origins[position];
                let stuck = Stuck { row, by: parcel.lot.destination(), reason: batch.located(row, reason) };
                if together.stuck.as_ref().is_none_or(|earlier| stuck.row < earlier.row) {
                    together.stuck = Some(stuck);
                }
            }
        }
    }
    if let Some(Stuck { row, .. }) = together.stuck {
        together.end_before(row);
        batch.outcome = Settled::Nack { events: row as usize, delay: Duration::ZERO };
    }
    together.parcels.retain(|parcel| !parcel.events.is_empty());
    batch.together = Some(together);
}

/// All of it is durable.
fn done(batch: &mut InFlight) -> Progress {
    let Some(together) = batch.together.take() else { return Progress::Durable };
    for parcel in &together.parcels {
        parcel.sink.counts().committed(parcel.lot.origins.len());
        batch.count(&parcel.lot, 0);
    }
    match together.stuck {
        None => Progress::Durable,
        // Nobody waits for the answer of a transactional source.
        Some(Stuck { row, by, reason }) => Progress::Stuck { row, by, told: reason.clone(), reason },
    }
}
