//! The circuit breaker of a policy: after so many failures in a time its module is not asked any more, and every event that it
//! would be asked about meets the rule of the breaker. Now and then one event is put to it again; where that goes well, all are.
//!
//! One circuit a policy and module, whatever the number of its lanes and routes. A policy that does not fail pays for one load a batch.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError, Weak,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    time::{Duration, SystemTime},
};

use tidegate_engine::{Decision, Fault, FaultCause};
use tokio::time::Instant;

use crate::plan::FailureRule;

/// The cause of what becomes of events meanwhile, in dead letters, metrics and the decision log.
pub const CIRCUIT_OPEN: &str = "circuit open";

/// When a circuit opens, for how long, and what becomes of events meanwhile.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CircuitOptions {
    /// So many events that the module fails on open it; at least 1.
    pub failures: u32,
    /// Failures older than this do not count.
    pub window: Duration,
    /// Nothing is asked for so long; then one event.
    pub pause: Duration,
    /// What every event meets meanwhile. With `Pause` (and `Retry`, and `Reject` where nobody can be told) lanes are held, and go on
    /// by themselves.
    pub then: FailureRule,
}

/// Whether a policy's module is asked.
#[derive(Debug)]
pub struct Circuit {
    policy: Arc<str>,
    options: CircuitOptions,
    /// What is said in `state`, for whoever only passes by.
    open: AtomicBool,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// Oldest first; no more than open it.
    failed: VecDeque<Instant>,
    open: Option<Open>,
}

#[derive(Debug)]
struct Open {
    since: SystemTime,
    /// When one event may be tried.
    until: Instant,
    /// One is being tried.
    probing: bool,
    cause: Arc<str>,
    /// What is said of events meanwhile; made once.
    reason: Arc<str>,
}

/// What a circuit is doing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CircuitState {
    /// The module is asked.
    Closed,
    /// It is not.
    Open {
        /// Since when.
        since: SystemTime,
        /// What it failed with.
        cause: Arc<str>,
    },
    /// One event is put to it.
    HalfOpen {
        /// Since when it is open.
        since: SystemTime,
        /// What it failed with.
        cause: Arc<str>,
    },
}

/// How much of a batch a module is asked about.
#[derive(Debug)]
pub(crate) enum Ask<'c> {
    /// All of it.
    All,
    /// Its first event; what becomes of that has to be told.
    One(#[expect(dead_code, reason = "is held, and told by its end")] Probe<'c>),
    /// Nothing.
    None,
}

/// One event that is tried. Dropped without a word (its lane is gone) it is as if nobody had tried.
#[derive(Debug)]
pub(crate) struct Probe<'c>(&'c Circuit);

impl Drop for Probe<'_> {
    fn drop(&mut self) {
        if let Some(open) = &mut self.0.lock().open {
            open.probing = false;
        }
    }
}

impl Circuit {
    /// Closed.
    pub fn new(policy: &str, options: CircuitOptions) -> Circuit {
        Circuit { policy: policy.into(), options, open: AtomicBool::new(false), state: Mutex::default() }
    }

    /// What it is doing.
    pub fn state(&self) -> CircuitState {
        match &self.lock().open {
            None => CircuitState::Closed,
            Some(Open { since, cause, probing: false, .. }) => {
                CircuitState::Open { since: *since, cause: cause.clone() }
            }
            Some(Open { since, cause, probing: true, .. }) => {
                CircuitState::HalfOpen { since: *since, cause: cause.clone() }
            }
        }
    }

    /// What events meet while it is open, and why; `None` while it is closed.
    pub(crate) fn rule(&self) -> Option<(FailureRule, Arc<str>)> {
        if !self.open.load(Relaxed) {
            return None;
        }
        self.lock().open.as_ref().map(|open| (self.options.then, open.reason.clone()))
    }

    /// How much of the next batch the module is asked about.
    pub(crate) fn ask(&self, now: impl FnOnce() -> Instant) -> Ask<'_> {
        if !self.open.load(Relaxed) {
            return Ask::All;
        }
        match &mut self.lock().open {
            None => Ask::All,
            Some(open) if open.probing || now() < open.until => Ask::None,
            Some(open) => {
                open.probing = true;
                Ask::One(Probe(self))
            }
        }
    }

    /// Tells what the module decided. `gave_up`: it failed on so many that looking for the guilty ones was given up.
    pub(crate) fn tell(&self, asked: &Ask<'_>, decisions: &[Decision], gave_up: bool, now: Instant) {
        let faults = decisions.iter().filter_map(|decision| match decision {
            Decision::Fault(fault) if counts(fault) => Some(fault),
            Decision::Keep
            | Decision::Drop(_)
            | Decision::Reject(_)
            | Decision::Retry(_)
            | Decision::Fault(_)
            | Decision::Undecided => None,
        });
        let mut last = None;
        for fault in faults {
            last = Some(fault);
            self.failed(now, || fault.to_string().into());
        }
        let probing = matches!(asked, Ask::One(_));
        if gave_up {
            let cause = || last.map_or_else(|| "it fails on whole batches".into(), |fault| fault.to_string().into());
            self.opens(&mut self.lock(), now, cause());
        } else if probing && last.is_none() && decisions.first().is_some_and(known) {
            self.closes();
        }
    }

    fn failed(&self, now: Instant, cause: impl Fn() -> Arc<str>) {
        let mut state = self.lock();
        let enough = self.options.failures.max(1) as usize;
        let failed = &mut state.failed;
        while failed.len() >= enough
            || failed.front().is_some_and(|&at| now.saturating_duration_since(at) > self.options.window)
        {
            failed.pop_front();
        }
        failed.push_back(now);
        if failed.len() == enough || state.open.is_some() {
            self.opens(&mut state, now, cause());
        }
    }

    fn opens(&self, state: &mut State, now: Instant, cause: Arc<str>) {
        let until = now + self.options.pause;
        let reason = format!("the module is not asked, it failed too often: {cause}").into();
        match &mut state.open {
            Some(open) => (open.until, open.cause, open.reason) = (until, cause, reason),
            none => {
                let (policy, then) = (&*self.policy, self.options.then);
                tracing::error!(policy, %cause, ?then, "the circuit opens: the module is not asked any more");
                *none = Some(Open { since: SystemTime::now(), until, probing: false, cause, reason });
            }
        }
        self.open.store(true, Relaxed);
    }

    fn closes(&self) {
        let mut state = self.lock();
        state.failed.clear();
        state.open = None;
        self.open.store(false, Relaxed);
        tracing::info!(policy = &*self.policy, "the circuit closes: the module decides again");
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// An event that is too large was never put to the module.
fn counts(fault: &Fault) -> bool {
    fault.cause != FaultCause::TooLarge
}

/// Something was decided: where no instance could be had nothing was.
fn known(decision: &Decision) -> bool {
    match decision {
        Decision::Keep | Decision::Drop(_) | Decision::Reject(_) | Decision::Retry(_) => true,
        Decision::Fault(_) | Decision::Undecided => false,
    }
}

/// The circuits of a host. One that documents leave as it is stays as it is over generations.
#[derive(Debug, Default)]
pub struct Circuits(Mutex<BTreeMap<Key, Weak<Circuit>>>);

/// Policy, and what is said of its module and breaker.
type Key = (Arc<str>, String);

impl Circuits {
    /// The circuit of a policy for what `module` says of what runs: the one there is, or a new one, closed.
    pub fn of(&self, policy: &str, module: &str, options: CircuitOptions) -> Arc<Circuit> {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.retain(|_, circuit| circuit.strong_count() > 0);
        let key = (policy.into(), format!("{module} {options:?}"));
        if let Some(circuit) = all.get(&key).and_then(Weak::upgrade) {
            return circuit;
        }
        let circuit = Arc::new(Circuit::new(policy, options));
        all.insert(key, Arc::downgrade(&circuit));
        circuit
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::panic, reason = "tests")]

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn options(failures: u32) -> CircuitOptions {
        CircuitOptions { failures, window: 60 * SECOND, pause: 5 * SECOND, then: FailureRule::Drop }
    }

    fn fault(cause: FaultCause) -> Decision {
        Decision::Fault(Arc::new(Fault { cause, message: "unreachable".into() }))
    }

    fn fails(circuit: &Circuit, count: usize, at: Instant) {
        circuit.tell(&Ask::All, &vec![fault(FaultCause::Trap); count], false, at);
    }

    fn is_open(circuit: &Circuit) -> bool {
        circuit.state() != CircuitState::Closed
    }

    #[test]
    fn it_opens_after_so_many_failures_in_the_window_whatever_goes_well_between() {
        let (circuit, start) = (Circuit::new("a/p", options(3)), Instant::now());
        fails(&circuit, 2, start);
        circuit.tell(&Ask::All, &[Decision::Keep, Decision::Drop(None)], false, start);
        fails(&circuit, 1, start + 61 * SECOND);
        assert!(!is_open(&circuit), "the first two are too long ago");
        fails(&circuit, 2, start + 62 * SECOND);
        assert!(is_open(&circuit));
        assert!(circuit.rule().is_some_and(|(rule, why)| rule == FailureRule::Drop && why.contains("unreachable")));
    }

    #[test]
    fn what_is_no_failure_of_the_module_does_not_count() {
        let (circuit, now) = (Circuit::new("a/p", options(1)), Instant::now());
        let fine = [Decision::Reject(None), Decision::Retry(None), Decision::Undecided, fault(FaultCause::TooLarge)];
        circuit.tell(&Ask::All, &fine, false, now);
        assert!(!is_open(&circuit));
        circuit.tell(&Ask::All, &[Decision::Undecided], true, now);
        assert!(is_open(&circuit), "a budget that is spent opens it at once");
    }

    #[test]
    fn one_event_is_tried_after_the_pause_and_decides() {
        let (circuit, start) = (Circuit::new("a/p", options(1)), Instant::now());
        fails(&circuit, 1, start);
        assert!(matches!(circuit.ask(|| start + 4 * SECOND), Ask::None));
        let probe = circuit.ask(|| start + 5 * SECOND);
        assert!(matches!(probe, Ask::One(_)));
        assert!(matches!(circuit.state(), CircuitState::HalfOpen { .. }));
        assert!(matches!(circuit.ask(|| start + 5 * SECOND), Ask::None), "one tries, others wait");
        circuit.tell(&probe, &[fault(FaultCause::Timeout)], false, start + 6 * SECOND);
        drop(probe);
        assert!(matches!(circuit.ask(|| start + 10 * SECOND), Ask::None), "it failed: another pause");
        // Its lane is gone in the middle of it, or no instance could be had.
        drop(circuit.ask(|| start + 11 * SECOND));
        let probe = circuit.ask(|| start + 11 * SECOND);
        circuit.tell(&probe, &[Decision::Undecided], false, start + 11 * SECOND);
        drop(probe);
        let probe = circuit.ask(|| start + 11 * SECOND);
        assert!(matches!(probe, Ask::One(_)));
        circuit.tell(&probe, &[Decision::Drop(None)], false, start + 11 * SECOND);
        drop(probe);
        assert!(!is_open(&circuit) && matches!(circuit.ask(|| start), Ask::All) && circuit.rule().is_none());
    }

    #[test]
    fn documents_that_leave_a_policy_as_it_is_leave_its_circuit_as_it_is() {
        let (circuits, now) = (Circuits::default(), Instant::now());
        let first = circuits.of("a/p", "sha256:1", options(1));
        fails(&first, 1, now);
        assert!(is_open(&circuits.of("a/p", "sha256:1", options(1))));
        for other in [circuits.of("a/p", "sha256:2", options(1)), circuits.of("a/p", "sha256:1", options(2))] {
            assert!(!is_open(&other), "another module, or another rule, begins anew");
        }
        drop(first);
        assert!(!is_open(&circuits.of("a/p", "sha256:1", options(1))), "nobody has held it");
    }
}
