//! One lane: takes deliveries, has them decided, sends, and settles in input order.
//!
//! One task, no hops: what pends here (a full sink, a held event) slows this lane and nothing else.

use std::{
    collections::HashSet,
    future::pending,
    pin::pin,
    sync::{Arc, Mutex, OnceLock, PoisonError},
    time::{Duration, SystemTime},
};

use tidegate_connector::{Backoff, Delivery, LagGauge, Lane, Resumed, Settled, SourceError};
use tidegate_state::Store;
use tokio::{sync::watch, time::Instant};

use crate::{
    Live, Plan,
    flow::{Hold, HoldWhy, Workbench},
    lag::{Behind, Unsettled},
    memory::Memory,
    pauses::{Held, OPERATOR},
    plan::Body,
    window::{Window, WindowOptions},
};

/// What a lane is doing, for status.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LaneState {
    /// Taking what comes.
    Running,
    /// Held at an event that will be tried again; by whom, and why.
    Held {
        /// Policy or source (`namespace/name`).
        by: Arc<str>,
        /// What it said.
        reason: Arc<str>,
    },
    /// Stopped in front of an event until the documents change; by whom, and why.
    Paused {
        /// Policy, sink or source (`namespace/name`).
        by: Arc<str>,
        /// What it said.
        reason: Arc<str>,
    },
    /// Settled everything it will.
    Ended,
}

/// State that can be looked at from outside.
#[derive(Debug)]
pub(crate) struct Shared {
    state: Mutex<LaneState>,
    unsettled: Unsettled,
}

impl Shared {
    pub(crate) fn new(gauge: Option<LagGauge>) -> Arc<Shared> {
        Arc::new(Shared { state: Mutex::new(LaneState::Running), unsettled: Unsettled::new(gauge) })
    }

    pub(crate) fn state(&self) -> LaneState {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(crate) fn in_flight(&self) -> usize {
        self.unsettled.events()
    }

    pub(crate) fn behind(&self) -> Behind {
        self.unsettled.behind(SystemTime::now())
    }

    fn set(&self, state: LaneState) -> bool {
        let mut now = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let differs = *now != state;
        *now = state;
        differs
    }
}

/// Delays between tries of a held event.
pub(crate) const RETRY: Backoff = Backoff::DEFAULT;

/// A lane without work for this long, or up to twice as long, gives back what its guests have taken on.
const IDLE: Duration = Duration::from_secs(1);

/// What runs one lane.
pub(crate) struct LaneTask {
    pub(crate) lane: Box<dyn Lane>,
    pub(crate) context: Context,
    /// True once the lane shall settle what it has and end.
    pub(crate) drain: watch::Receiver<bool>,
}

/// Where a lane belongs.
#[derive(Clone, Debug)]
pub(crate) struct Context {
    pub(crate) source: Arc<str>,
    /// As the connector calls the lane.
    pub(crate) name: Arc<str>,
    pub(crate) live: Arc<Live>,
    pub(crate) options: WindowOptions,
    pub(crate) shared: Arc<Shared>,
    /// Where policies remember, once one does.
    pub(crate) store: Arc<OnceLock<Store>>,
}

/// How a lane goes on after a batch.
enum Next {
    /// Take more.
    Take,
    /// Settle what is in flight first, then take again from the held row.
    Retry,
    /// Settle what is in flight first, then wait for other documents.
    Pause,
    /// Settle what is in flight, then end.
    End,
}

impl LaneTask {
    /// Runs until the lane ends, or is drained and settled.
    pub(crate) async fn run(self) {
        let LaneTask { mut lane, context, mut drain } = self;
        // What is waited for beside the lane is armed once, and not anew for each batch.
        let mut drained = pin!(drained(drain.clone()));
        let mut idle = pin!(tokio::time::sleep(IDLE));
        let mut bench = Workbench::default();
        let mut window = Window::default();
        // Only its name: a plan kept here would keep its sinks open.
        let mut generation: Option<Arc<str>> = None;
        let mut options = context.options;
        let mut next = Next::Take;
        let mut tries = 0;
        // When the oldest of what was held came, until something is taken again.
        let mut held_since = None;
        let mut failures = 0;
        // Since its guests gave back what they had; and since the timer was set.
        let (mut worked, mut works) = (false, false);
        // While its source is in trouble a lane takes nothing, and goes on settling.
        let mut pause_until: Option<Instant> = None;
        let mut changed = context.live.subscribe();
        let mut pauses = context.live.pauses().subscribe();
        let mut held = pauses.borrow_and_update().get(&context.source).cloned();
        let mut repaused = pin!(repaused(pauses));
        let mut stopped = false;
        let mut memory = context.memory();
        if let Some(memory) = &memory {
            context.resume(&mut *lane, memory, &mut drain).await;
        }
        loop {
            context.shared.unsettled.note(window.events(), window.since().or(held_since));
            let draining = *drain.borrow();
            if window.is_empty() && (draining || matches!(next, Next::End)) {
                break;
            }
            let settled = window.is_settled_in_order();
            if settled && matches!(next, Next::Retry) {
                next = Next::Take;
            }
            if let Some(reason) = held.as_ref().filter(|_| settled) {
                let (by, reason) = (OPERATOR.into(), reason.clone());
                stopped = true;
                if !matches!(next, Next::Pause) {
                    context.shared.set(LaneState::Paused { by, reason });
                }
            } else if stopped && held.is_none() {
                stopped = false;
                next = if matches!(next, Next::Pause) { Next::Take } else { next };
                context.shared.set(LaneState::Running);
            }
            let room = held.is_none() && pause_until.is_none() && window.has_room(options);
            let takes = matches!(next, Next::Take) && !draining && room;
            tokio::select! {
                biased;
                () = &mut drained, if !draining => {}
                mut pauses = &mut repaused => {
                    held = pauses.borrow_and_update().get(&context.source).cloned();
                    repaused.set(self::repaused(pauses));
                }
                (batch, progress) = window.progress(), if !window.is_empty() => {
                    let since = batch.since;
                    if batch.outcome != Settled::Ack {
                        held_since = Some(since);
                    }
                    if let Some(hold) = context.settle(&mut window, batch, progress).await {
                        window.void();
                        held_since = Some(since);
                        next = context.hold(&hold);
                    }
                }
                delivery = taken(&mut *lane, takes), if !draining && !matches!(next, Next::End) => match delivery {
                    Ok(Some(delivery)) => {
                        failures = 0;
                        if !worked {
                            idle.as_mut().reset(Instant::now() + IDLE);
                        }
                        (worked, works) = (true, true);
                        held_since = None;
                        changed.mark_unchanged();
                        let current = context.live.load();
                        if generation.as_ref() != Some(&current.generation) {
                            bench.retain(uses(&current, &context.source));
                            let source = current.sources.get(&context.source);
                            options = source.and_then(|source| source.window).unwrap_or(context.options);
                            generation = Some(current.generation.clone());
                            memory = memory.or_else(|| context.memory());
                            if let Some(memory) = &memory {
                                memory.release();
                            }
                            bench.memory = memory.clone().filter(|_| remembers(&current, &context.source));
                        }
                        let hold = context.decide(&current, delivery, &mut bench, &mut window, &mut tries).await;
                        next = match hold {
                            Some(hold) => context.hold(&hold),
                            None => {
                                context.shared.set(LaneState::Running);
                                Next::Take
                            }
                        };
                    }
                    Ok(None) => next = Next::End,
                    Err(error) => {
                        if matches!(error, SourceError::Permanent { .. }) {
                            context.pause(&context.source, &error.to_string());
                            next = Next::Pause;
                        } else {
                            failures += 1;
                            context.trouble(&error);
                            pause_until = Some(Instant::now() + RETRY.delay(failures));
                        }
                    }
                },
                _ = changed.changed(), if settled && matches!(next, Next::Pause) => {
                    context.shared.set(LaneState::Running);
                    next = Next::Take;
                }
                () = over(pause_until), if pause_until.is_some() => pause_until = None,
                () = &mut idle, if worked && window.is_empty() => {
                    if works {
                        idle.as_mut().reset(Instant::now() + IDLE);
                    } else {
                        bench.idle();
                        worked = false;
                    }
                    works = false;
                }
            }
        }
        if let Err(error) = lane.close().await {
            tracing::warn!(source = %context.source, lane = %context.name, "the position could not be stored, events will come again: {error}");
        }
        context.shared.set(LaneState::Ended);
    }
}

impl Context {
    fn memory(&self) -> Option<Arc<Memory>> {
        self.store.get().map(|store| Memory::new(store.clone(), &self.source, &self.name))
    }

    /// Goes on where what is remembered was kept last; where somebody else has gone on meanwhile, with nothing remembered.
    async fn resume(&self, lane: &mut dyn Lane, memory: &Memory, drain: &mut watch::Receiver<bool>) {
        let mut failures = 0;
        while !*drain.borrow() {
            let resumed = async {
                let unavailable = |error: tidegate_state::Unavailable| SourceError::Transient {
                    place: "state".into(),
                    cause: error.to_string(),
                };
                let Some(mark) = memory.position().map_err(unavailable)? else { return Ok(()) };
                match lane.resume(&mark).await? {
                    Resumed::Here => Ok(()),
                    Resumed::Elsewhere => memory.forget().await.map_err(unavailable),
                }
            };
            let Err(error) = resumed.await else { return };
            failures += 1;
            self.trouble(&error);
            tokio::select! {
                () = tokio::time::sleep(RETRY.delay(failures)) => {}
                _ = drain.changed() => {}
            }
        }
    }

    fn hold(&self, hold: &Hold) -> Next {
        match hold.why {
            HoldWhy::Pause => {
                self.pause(&hold.by, &hold.reason);
                Next::Pause
            }
            HoldWhy::Retry => {
                let state = LaneState::Held { by: hold.by.clone(), reason: hold.reason.clone() };
                if self.shared.set(state) {
                    tracing::warn!(
                        source = %self.source, lane = %self.name, by = %hold.by,
                        "held, trying again: {}", hold.reason
                    );
                }
                Next::Retry
            }
        }
    }

    fn pause(&self, by: &Arc<str>, reason: &str) {
        if self.shared.set(LaneState::Paused { by: by.clone(), reason: reason.into() }) {
            tracing::error!(
                source = %self.source, lane = %self.name, by = %by,
                "paused until the documents change: {reason}"
            );
        }
    }

    fn trouble(&self, error: &SourceError) {
        let state = LaneState::Held { by: self.source.clone(), reason: error.to_string().into() };
        if self.shared.set(state) {
            tracing::warn!(source = %self.source, lane = %self.name, "trying again: {error}");
        }
    }
}

/// The next delivery; where the lane takes nothing, its end is waited for.
async fn taken(lane: &mut dyn Lane, takes: bool) -> Result<Option<Delivery>, SourceError> {
    if takes {
        return lane.next().await;
    }
    lane.ended().await;
    Ok(None)
}

/// Once a lane shall settle what it has and end.
async fn drained(mut drain: watch::Receiver<bool>) {
    if drain.wait_for(|drain| *drain).await.is_err() {
        pending().await
    }
}

/// Once sources were paused, or let go on.
async fn repaused(mut pauses: watch::Receiver<Arc<Held>>) -> watch::Receiver<Arc<Held>> {
    if pauses.changed().await.is_err() {
        return pending().await;
    }
    pauses
}

/// Until then.
async fn over(until: Option<Instant>) {
    if let Some(until) = until {
        tokio::time::sleep_until(until).await;
    }
}

/// Whether a policy of the source's routes remembers anything.
fn remembers(plan: &Plan, source: &str) -> bool {
    let routes = plan.sources.get(source).into_iter().flat_map(|source| &source.routes);
    routes.flat_map(|route| &route.stages).any(|stage| match &stage.body {
        Body::Wasm { guest, .. } => guest.uses_state(),
        Body::Condition(_) => false,
    })
}

/// Whether a guest is used by the source's routes in this plan.
fn uses(plan: &Plan, source: &str) -> impl Fn(usize) -> bool + use<> {
    let mut ids = HashSet::new();
    for route in plan.sources.get(source).iter().flat_map(|source| &source.routes) {
        for stage in &route.stages {
            if let Body::Wasm { guest, .. } = &stage.body {
                ids.insert(guest.id());
            }
        }
    }
    move |id| ids.contains(&id)
}
