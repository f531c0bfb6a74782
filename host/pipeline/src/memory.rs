//! What the policies of one lane remember, between a batch's decision and its settlement.
//!
//! What a batch writes is a layer: later batches of the lane read through it at once, and it goes to the store, with the lane's position, when
//! everything else that was to become of the batch is durable and before the batch is acknowledged. A batch that comes again takes its
//! layer with it. Nothing here knows what is written, or asks a guest.

use std::{
    collections::{HashMap, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tidegate_connector::Backoff;
use tidegate_engine::{Guest, StateGone, StateValue, StateView, StateWrites, Written};
use tidegate_state::{Commit, Committed, LaneKey, Reader, Scope, ScopeKey, Store, Unavailable, Value, Writes};
use tokio::time::Instant;

/// Delays between tries to commit: a full disk, mostly.
const RETRY: Backoff = Backoff::DEFAULT;

/// The memory of one lane.
#[derive(Debug)]
pub(crate) struct Memory {
    store: Store,
    lane: LaneKey,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// Handles of those who have used it under the present documents.
    scopes: HashMap<(Arc<str>, Arc<str>), Scope>,
    /// Oldest first.
    layers: VecDeque<Layer>,
    numbers: u64,
}

/// What one batch has written.
#[derive(Debug)]
struct Layer {
    number: u64,
    /// It is on its way to the store: those handed over later are written later.
    handed_over: bool,
    parts: Vec<Part>,
}

#[derive(Debug)]
struct Part {
    scope: Scope,
    writes: StateWrites,
    growth: i64,
}

impl Memory {
    pub(crate) fn new(store: Store, source: &Arc<str>, lane: &Arc<str>) -> Arc<Memory> {
        let lane = LaneKey { source: source.clone(), lane: lane.clone() };
        Arc::new(Memory { store, lane, state: Mutex::default() })
    }

    /// The position that was committed last.
    pub(crate) fn position(&self) -> Result<Option<Vec<u8>>, Unavailable> {
        self.store.position(&self.lane)
    }

    /// Somebody else has gone on with the lane: what is remembered here is not all there was.
    pub(crate) async fn forget(&self) -> Result<(), Unavailable> {
        self.store.forget(self.lane.clone()).wait().await
    }

    /// Other documents: those who are gone use nothing any more.
    pub(crate) fn release(&self) {
        self.state().scopes.clear();
    }

    /// A batch begins: what is written from here on is its layer, until the next begins.
    pub(crate) fn begin(self: &Arc<Memory>) -> Staged {
        let mut state = self.state();
        state.numbers += 1;
        let number = state.numbers;
        state.layers.push_back(Layer { number, handed_over: false, parts: Vec::new() });
        Staged {
            memory: Arc::clone(self),
            number,
            position: None,
            committing: None,
            tries: 0,
            retry_at: None,
            done: false,
        }
    }

    /// What a guest reads through while it decides a batch on a route. Fails while the store cannot be read.
    pub(crate) fn view(self: &Arc<Memory>, route: &Arc<str>, guest: &Guest) -> Result<Box<dyn StateView>, Unavailable> {
        let reader = self.store.read()?;
        let mut state = self.state();
        let scope = state.scope(&self.store, &self.lane, &guest.spec().policy, route);
        let growth: i64 = state.parts(&scope).map(|part| part.growth).sum();
        let max = guest.spec().limits.state.max_bytes;
        let room = max.saturating_sub(scope.usage().bytes).saturating_sub_signed(growth).min(self.store.room());
        drop(state);
        Ok(Box::new(View { memory: Arc::clone(self), scope, reader, room }))
    }

    /// Adds to the layer of the batch that began last.
    pub(crate) fn keep(&self, route: &Arc<str>, policy: &Arc<str>, written: Written) {
        let Written { writes, growth } = written;
        if writes.is_empty() {
            return;
        }
        let mut state = self.state();
        let scope = state.scope(&self.store, &self.lane, policy, route);
        let Some(layer) = state.layers.back_mut() else { return };
        match layer.parts.iter_mut().find(|part| part.scope == scope) {
            // Another interface of the same module.
            Some(part) => {
                part.writes.extend(writes);
                part.growth += growth;
            }
            None => layer.parts.push(Part { scope, writes, growth }),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn scope(&mut self, store: &Store, lane: &LaneKey, policy: &Arc<str>, route: &Arc<str>) -> Scope {
        let name = (policy.clone(), route.clone());
        let key = || ScopeKey { policy: policy.clone(), route: route.clone(), lane: lane.clone() };
        self.scopes.entry(name).or_insert_with(|| store.scope(&key())).clone()
    }

    /// Newest first.
    fn parts(&self, scope: &Scope) -> impl Iterator<Item = &Part> {
        self.layers.iter().rev().flat_map(|layer| &layer.parts).filter(move |part| part.scope == *scope)
    }

    fn layer(&mut self, number: u64) -> Option<usize> {
        self.layers.iter().position(|layer| layer.number == number)
    }
}

struct View {
    memory: Arc<Memory>,
    scope: Scope,
    reader: Reader,
    room: u64,
}

impl StateView for View {
    fn get(&mut self, key: &[u8]) -> Result<Option<StateValue>, StateGone> {
        let state = self.memory.state();
        if let Some(write) = state.parts(&self.scope).find_map(|part| part.writes.get(key)) {
            return Ok(write.clone());
        }
        drop(state);
        let found = self.reader.get(&self.scope, key).map_err(|error| StateGone(error.to_string()))?;
        Ok(found.map(|Value { bytes, expires_ms }| StateValue { bytes, expires_ms }))
    }

    fn room(&self) -> u64 {
        self.room
    }
}

/// The layer of one batch. Dropped before it is committed, what the batch wrote is forgotten.
#[derive(Debug)]
pub(crate) struct Staged {
    memory: Arc<Memory>,
    number: u64,
    /// Of the lane, behind the batch; asked for once.
    position: Option<Option<Vec<u8>>>,
    committing: Option<Committed>,
    tries: u32,
    retry_at: Option<Instant>,
    done: bool,
}

impl Staged {
    /// Whether nothing was written.
    pub(crate) fn is_empty(&self) -> bool {
        let mut state = self.memory.state();
        state.layer(self.number).is_none_or(|at| state.layers[at].parts.is_empty())
    }

    /// Bytes that are held until it is committed.
    pub(crate) fn bytes(&self) -> usize {
        let mut state = self.memory.state();
        let Some(at) = state.layer(self.number) else { return 0 };
        let writes = state.layers[at].parts.iter().flat_map(|part| &part.writes);
        writes.map(|(key, value)| key.len() + value.as_ref().map_or(0, |value| value.bytes.len())).sum()
    }

    /// Where the lane will be behind the batch.
    pub(crate) fn position_is(&mut self, position: impl FnOnce() -> Option<Vec<u8>>) {
        self.position.get_or_insert_with(position);
    }

    /// Commits what was written, with the position, and waits until that is on disk. While it cannot be written it is tried again: nothing
    /// is acknowledged meanwhile, and nothing has to be sent twice. Cancel-safe.
    pub(crate) async fn commit(&mut self) {
        while !self.done {
            if let Some(at) = self.retry_at {
                tokio::time::sleep_until(at).await;
                self.retry_at = None;
            }
            let committing = match &mut self.committing {
                Some(committing) => committing,
                none => none.insert(hand_over(&self.memory, self.number, self.position.clone().flatten())),
            };
            let committed = committing.wait().await;
            self.committing = None;
            match committed {
                Ok(()) => {
                    self.done = true;
                    self.remove();
                }
                Err(error) => {
                    if self.tries == 0 {
                        let LaneKey { source, lane } = &self.memory.lane;
                        tracing::warn!(source = %source, lane = %lane, "held, trying again: {error}");
                    }
                    self.tries = self.tries.saturating_add(1);
                    self.retry_at = Some(Instant::now() + RETRY.delay(self.tries));
                }
            }
        }
    }

    fn remove(&self) {
        let mut state = self.memory.state();
        if let Some(at) = state.layer(self.number) {
            state.layers.remove(at);
        }
    }
}

impl Drop for Staged {
    fn drop(&mut self) {
        self.remove();
    }
}

/// Where batches are settled for themselves a later one can come first. What it wrote over is then written by nobody: it has read it.
fn hand_over(memory: &Memory, number: u64, position: Option<Vec<u8>>) -> Committed {
    let mut state = memory.state();
    let mut parts = Vec::new();
    if let Some(at) = state.layer(number) {
        let (older, rest) = state.layers.make_contiguous().split_at_mut(at);
        if let Some(layer) = rest.first_mut() {
            layer.handed_over = true;
            for part in &layer.parts {
                let same = older.iter_mut().filter(|older| !older.handed_over).flat_map(|older| &mut older.parts);
                for older in same.filter(|older| older.scope == part.scope) {
                    older.writes.retain(|key, _| !part.writes.contains_key(key));
                }
            }
            parts.extend(layer.parts.iter().map(|part| (part.scope.clone(), writes(&part.writes))));
        }
    }
    drop(state);
    memory.store.commit(Commit { lane: memory.lane.clone(), position, writes: parts })
}

fn writes(of: &StateWrites) -> Writes {
    let value = |value: &StateValue| Value { bytes: value.bytes.clone(), expires_ms: value.expires_ms };
    of.iter().map(|(key, written)| (key.clone(), written.as_ref().map(value))).collect()
}
