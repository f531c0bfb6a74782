//! One lane's use of a guest: keeps an instance between calls, cuts batches to what one call may carry, and answers
//! for every row. It never fails: what goes wrong becomes the decision of the rows concerned.

use std::{collections::HashMap, ops::Range, sync::Arc};

use tidegate_event::{
    Event,
    flat::{FlatBatch, Outputs, ROW_WORDS},
};

use crate::{
    bisect::{self, Budget},
    decision::{Applied, Assigned, Decision},
    fault::{Fault, FaultCause},
    guest::Guest,
    instance::{Live, StartError},
    interner::Interner,
    job::{Apply, Assign, Evaluate, Job},
    limits::{CALL_EVENTS_MAX, Isolation},
    state::{Session, StateView, Written},
};

/// Memory that an idle instance may have taken on since it was configured and still be kept.
const IDLE_GROWTH_MAX: usize = 4 << 20;

/// One lane's use of a guest. Keeps one instance between calls (isolation `Worker`).
///
/// **Do not drop the future of a call**: a guest ends by its own deadline. If it is dropped all the same, the running
/// instance goes with it, whole, and the worker starts a fresh one for the next batch; what the call would have decided
/// is unknown.
pub struct Worker {
    guest: Guest,
    live: Option<Live>,
    interner: Interner,
    /// Of guests that use state, from the first batch on.
    state: Option<Session>,
    gave_up: bool,
}

/// Why a call gave no reply.
pub(crate) enum CallError {
    /// The guest failed on these rows.
    Fault(Fault),
    /// No instance could be had: says nothing about the rows.
    NoInstance,
}

impl Worker {
    /// Starts no instance yet; the first call does.
    pub fn new(guest: &Guest) -> Worker {
        Worker { guest: guest.clone(), live: None, interner: Interner::default(), state: None, gave_up: false }
    }

    /// The guest it calls.
    pub fn guest(&self) -> &Guest {
        &self.guest
    }

    /// Has the filter decide. One decision a row of `batch`.
    pub async fn evaluate(&mut self, batch: &FlatBatch) -> Vec<Decision> {
        let mut interner = std::mem::take(&mut self.interner);
        let decisions = self.run(batch, &mut Evaluate { interner: &mut interner }).await;
        self.interner = interner;
        decisions
    }

    /// Has the transform rewrite. `events[rows[i]]` is the event that row `i` of `batch` was assembled from.
    pub async fn apply(&mut self, batch: &FlatBatch, events: &[Event], rows: &[u32]) -> Applied {
        let guest = self.guest.clone();
        let mut interner = std::mem::take(&mut self.interner);
        let mut job =
            Apply { interner: &mut interner, rights: &guest.spec().rights, events, rows, outputs: Outputs::default() };
        let decisions = self.run(batch, &mut job).await;
        let outputs = job.outputs;
        self.interner = interner;
        Applied { decisions, outputs }
    }

    /// One call of the transform whose reply is lifted and thrown away: its bytes and words, or nothing if the call failed. For
    /// benchmarks, which tell crossing apart from making events.
    #[doc(hidden)]
    pub async fn apply_unread(&mut self, batch: &FlatBatch) -> Option<(usize, usize)> {
        let mut live = match self.live.take() {
            Some(live) => live,
            None => self.start().await.ok()?,
        };
        let reply = live.apply(batch, self.guest.timeout()).await.ok()?;
        let size = (reply.bytes.len(), reply.index.len());
        live.commit();
        self.live = Some(live);
        Some(size)
    }

    /// Has the matcher name. One decision a row of `batch`, and names for the rows kept.
    pub async fn assign(&mut self, batch: &FlatBatch) -> Assigned {
        let mut interner = std::mem::take(&mut self.interner);
        let mut job =
            Assign { interner: &mut interner, positions: HashMap::new(), names: Vec::new(), pairs: Vec::new() };
        let decisions = self.run(batch, &mut job).await;
        let (names, pairs) = (job.names, job.pairs);
        self.interner = interner;
        Assigned { decisions, names, pairs }
    }

    /// What the guest remembers from here on, until [`written`](Self::written) is called: for one batch. A worker that is told nothing
    /// remembers by itself, in memory, within the policy's limits.
    pub fn remember(&mut self, view: Box<dyn StateView>) {
        self.state = Some(Session::new(view, &self.guest.spec().limits.state));
    }

    /// What calls that went well have written since [`remember`](Self::remember). Of calls that failed there is nothing among it.
    pub fn written(&mut self) -> Written {
        self.state.take().map_or_else(Written::default, |mut session| session.finish())
    }

    /// To be called when the lane has nothing to do: gives back an instance that has grown since it was configured. The
    /// next call then starts a fresh one.
    pub fn shrink(&mut self) {
        if self.live.as_ref().is_some_and(|live| live.grown() > IDLE_GROWTH_MAX) {
            self.discard();
        }
    }

    /// Linear memory of its instance in bytes; `None` where it has none now.
    pub fn memory(&self) -> Option<usize> {
        self.live.as_ref().map(Live::memory)
    }

    /// Whether the guest failed on so much of the last batch that looking for the guilty events was given up.
    pub fn gave_up(&self) -> bool {
        self.gave_up
    }

    pub(crate) fn give_up(&mut self) {
        self.gave_up = true;
    }

    /// Gives the instance back, whatever its size.
    pub fn discard(&mut self) {
        if let Some(live) = self.live.take() {
            live.retire();
        }
    }

    async fn run<J: Job>(&mut self, batch: &FlatBatch, job: &mut J) -> Vec<Decision> {
        if batch.is_empty() {
            return Vec::new();
        }
        self.gave_up = false;
        let mut budget = Budget::new(self.guest.timeout());
        let limits = &self.guest.spec().limits;
        if self.state.is_none() && self.guest.uses_state() {
            self.state = Some(Session::own(&limits.state));
        }
        let (event_bytes, call_bytes) = (limits.max_event_bytes, limits.call_bytes());
        let decisions = if batch.len() <= CALL_EVENTS_MAX && batch.bytes.len() <= event_bytes {
            self.run_piece(batch, 0..batch.len(), job, &mut budget).await
        } else {
            let mut decisions = Vec::with_capacity(batch.len());
            for piece in pieces(batch, event_bytes, call_bytes) {
                let more = match piece {
                    Piece::Call(rows) if rows.len() == batch.len() && batch.bytes.len() <= call_bytes => {
                        self.run_piece(batch, rows, job, &mut budget).await
                    }
                    Piece::Call(rows) => self.run_piece(&batch.slice(rows.clone()), rows, job, &mut budget).await,
                    Piece::TooLarge { bytes } => vec![too_large(bytes, event_bytes)],
                };
                decisions.extend(more);
            }
            decisions
        };
        if let Some(session) = self.state.as_mut().filter(|session| !session.is_given()) {
            session.finish();
        }
        if self.guest.spec().isolation == Isolation::Batch {
            self.discard();
        }
        decisions
    }

    /// One call; when it fails, the guilty rows are searched.
    async fn run_piece<J: Job>(
        &mut self,
        piece: &FlatBatch,
        rows: Range<usize>,
        job: &mut J,
        budget: &mut Budget,
    ) -> Vec<Decision> {
        match self.call(piece, rows.clone(), job, None).await {
            Ok(reply) => job.collect(rows.start, reply),
            Err(CallError::NoInstance) => vec![Decision::Undecided; rows.len()],
            Err(CallError::Fault(fault)) => bisect::search(self, piece, rows, fault, job, budget).await,
        }
    }

    /// One call with a checked reply. The instance is kept only if all went well.
    pub(crate) async fn call<J: Job>(
        &mut self,
        batch: &FlatBatch,
        rows: Range<usize>,
        job: &mut J,
        budget: Option<&mut Budget>,
    ) -> Result<J::Reply, CallError> {
        let fresh = self.live.is_none();
        // Taken out while it runs: should this future be dropped, the instance goes with it.
        let mut live = match self.live.take() {
            Some(live) => live,
            None => self.start().await?,
        };
        self.guest.module().touch();
        live.lend(self.state.take(), batch.now_ms);
        let reply = job.ask(&mut live, batch, rows, self.guest.timeout()).await;
        self.state = live.take_back();
        let remembered = self.state.as_mut().map_or(Ok(()), |session| session.end(reply.is_ok()));
        if let Some(budget) = budget {
            budget.spend(live.used(), fresh);
        }
        match reply {
            Ok(reply) => {
                live.commit();
                self.live = Some(live);
                Ok(reply)
            }
            // Not the guest's doing: nothing is known of the rows.
            Err(_) if remembered.is_err() => {
                live.retire();
                Err(CallError::NoInstance)
            }
            Err(fault) => {
                live.retire();
                Err(CallError::Fault(fault))
            }
        }
    }

    async fn start(&mut self) -> Result<Live, CallError> {
        self.guest.instance().await.map_err(|error| {
            let policy = &*self.guest.spec().policy;
            match error {
                StartError::Busy(problem) => tracing::warn!(policy, problem, "no instance is free"),
                StartError::Fault(fault) => tracing::warn!(policy, %fault, "the guest no longer starts"),
            }
            CallError::NoInstance
        })
    }
}

impl std::fmt::Debug for Worker {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Worker").field("guest", &self.guest).field("live", &self.live.is_some()).finish()
    }
}

/// A part of a batch.
#[derive(Debug, PartialEq, Eq)]
enum Piece {
    Call(Range<usize>),
    TooLarge { bytes: usize },
}

/// Cuts a batch into calls: events that are too large stand alone and are not called with.
fn pieces(batch: &FlatBatch, event_bytes: usize, call_bytes: usize) -> Vec<Piece> {
    let mut pieces = Vec::new();
    let (mut start, mut bytes) = (0, 0);
    for (row, size) in batch.index.chunks_exact(ROW_WORDS).map(row_bytes).enumerate() {
        let too_large = size > event_bytes;
        if too_large || row - start == CALL_EVENTS_MAX || bytes + size > call_bytes {
            if row > start {
                pieces.push(Piece::Call(start..row));
            }
            (start, bytes) = (row, 0);
        }
        if too_large {
            pieces.push(Piece::TooLarge { bytes: size });
            start = row + 1;
        } else {
            bytes += size;
        }
    }
    if batch.len() > start {
        pieces.push(Piece::Call(start..batch.len()));
    }
    pieces
}

/// Bytes of an event's values: the lengths of its ten fields.
fn row_bytes(row: &[u32]) -> usize {
    row[4..].iter().skip(1).step_by(2).map(|&length| length as usize).sum()
}

fn too_large(bytes: usize, max: usize) -> Decision {
    let message = format!("{bytes} bytes; the policy allows {max}");
    Decision::Fault(Arc::new(Fault::new(FaultCause::TooLarge, message)))
}
