//! Rollouts of the documents that are live: what they are, how they do, and what is to be done about them.
//!
//! The data path counts what each version decides ([`tidegate_pipeline::rollout`]); here it is looked at, now and then. A rollout whose
//! conditions hold is taken back, and one that promotes itself goes on, each by a generation of its own: see
//! [`Control::judge`](crate::Control::judge). What came of that is kept beside the documents: `standing`.

mod judge;
mod standing;
mod status;
mod steps;

use std::{
    collections::VecDeque,
    sync::Arc,
    time::{Duration, Instant},
};

use sha2::{Digest, Sha256};
use tidegate_engine::Guest;
use tidegate_pipeline::rollout::{Decided, Rollout, Share, Version};
use tidegate_policy::{
    amend::Promotion,
    spec::{Abort, FilterPolicy, Mode, Promote},
};

pub(crate) use self::standing::Standing;
pub use self::standing::{Reached, TakenBack};
pub use self::status::{RolloutStatus, StepsStatus};
use crate::{book::now_ms, plan::Decider};

/// How often rollouts are looked at.
pub(crate) const LOOK: Duration = Duration::from_millis(250);
/// Looks back are as exact as this part of the window.
const SAMPLES: u32 = 32;
/// What could not be done about a rollout is tried again.
const AGAIN: Duration = Duration::from_secs(10);

/// What is to be done about a rollout.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Due {
    /// It is taken back; why.
    Back(String),
    /// It goes on by itself; why it may.
    On(Promotion, String),
}

/// A rollout of a generation.
#[derive(Clone, Debug)]
pub(crate) struct Running {
    /// Counts what is decided.
    pub(crate) rollout: Arc<Rollout>,
    pub(crate) baseline: Guest,
    /// Of the policy's document and its module: another one is another rollout.
    pub(crate) fingerprint: String,
    /// What the document says; what is live is 0 where it was taken back, and more where it has promoted itself.
    pub(crate) wanted: u8,
    mode: Mode,
    promote: Option<Promote>,
    /// Whose rollback it is held by: it does not promote itself.
    held: Option<String>,
    abort: Abort,
    /// When this percentage went live; `None`: not yet.
    since: Option<Since>,
    /// Oldest first.
    samples: VecDeque<Sample>,
    /// When taking it back failed, and when promoting it did.
    failed: [Option<Instant>; 2],
}

/// A moment, to measure from and to show.
#[derive(Clone, Copy, Debug)]
struct Since {
    at: Instant,
    /// Milliseconds since 1970.
    at_ms: u64,
}

#[derive(Clone, Copy, Debug)]
struct Sample {
    at: Instant,
    candidate: Decided,
    baseline: Decided,
}

/// A rollout that has promoted itself to the end: its document has one, what is live has none.
#[derive(Clone, Debug)]
struct Ended {
    policy: Arc<str>,
    fingerprint: String,
    wanted: u8,
    key: Option<String>,
    baseline: String,
    promote: Option<Promote>,
}

/// All rollouts of a generation.
#[derive(Clone, Debug, Default)]
pub(crate) struct Rollouts {
    running: Vec<Running>,
    ended: Vec<Ended>,
}

/// Tells rollouts apart: by the policy's document, and by the module it means.
pub(crate) fn fingerprint(policy: &FilterPolicy, candidate: &str) -> String {
    let mut hash = Sha256::new();
    hash.update(policy.fingerprint_input());
    hash.update([0]);
    hash.update(candidate);
    format!("{:x}", hash.finalize())
}

impl Rollouts {
    /// Adds the rollout of a policy, which has got as far as `reached`. One that runs already goes on with its counts.
    pub(crate) fn add(
        &mut self,
        policy: &FilterPolicy,
        wanted: u8,
        baseline: Guest,
        fingerprint: String,
        reached: Option<&Reached>,
        live: &Rollouts,
    ) {
        let Some(spec) = &policy.rollout else { return };
        let id: Arc<str> = policy.meta.id.to_string().into();
        let held = reached.and_then(|reached| reached.held.clone());
        let same = |running: &&Running| {
            running.fingerprint == fingerprint
                && running.rollout.percent == spec.percent
                && running.rollout.policy == id
        };
        self.running.push(match live.running.iter().find(same) {
            Some(running) => Running { baseline, held, ..running.clone() },
            None => Running {
                rollout: Arc::new(Rollout::new(id.clone(), spec.percent, spec.key.clone())),
                baseline,
                fingerprint,
                wanted,
                mode: policy.mode,
                promote: spec.promote.clone(),
                held,
                abort: spec.abort.clone(),
                since: None,
                samples: VecDeque::new(),
                failed: [None; 2],
            },
        });
    }

    /// Adds a rollout that is over, though its document still has it.
    pub(crate) fn add_ended(&mut self, policy: &FilterPolicy, fingerprint: String) {
        let Some(spec) = &policy.rollout else { return };
        self.ended.push(Ended {
            policy: policy.meta.id.to_string().into(),
            fingerprint,
            wanted: spec.percent,
            key: spec.key.clone(),
            baseline: spec.baseline.digest.clone(),
            promote: spec.promote.clone(),
        });
    }

    /// They are live: steps that are new begin to last.
    pub(crate) fn begin(&mut self, now: Instant) {
        for running in &mut self.running {
            running.since.get_or_insert_with(|| Since { at: now, at_ms: now_ms() });
        }
    }

    /// Whether there is nothing to look at.
    pub(crate) fn is_empty(&self) -> bool {
        self.running.iter().all(|running| running.rollout.percent == 0)
    }

    pub(crate) fn get(&self, policy: &str) -> Option<&Running> {
        self.running.iter().find(|running| *running.rollout.policy == *policy)
    }

    /// Whether the document of a policy has one, though it may be over.
    pub(crate) fn knows(&self, policy: &str) -> bool {
        self.get(policy).is_some() || self.ended.iter().any(|ended| *ended.policy == *policy)
    }

    /// Whether the rollout of a policy promotes itself, by its document.
    pub(crate) fn has_steps(&self, policy: &str) -> bool {
        self.begun().any(|begun| begun.policy == policy)
    }

    /// Whether it is the rollout of one of the policies.
    pub(crate) fn has(&self, taken: &TakenBack) -> bool {
        self.running.iter().any(|running| running.is(taken))
            || self.ended.iter().any(|ended| *ended.policy == *taken.policy && ended.fingerprint == taken.fingerprint)
    }

    /// Those that promote themselves, as they began.
    pub(crate) fn begun(&self) -> impl Iterator<Item = Reached> {
        let begun = |policy: &str, fingerprint: &str, wanted| {
            let (policy, fingerprint) = (policy.to_owned(), fingerprint.to_owned());
            Reached { policy, percent: wanted, done: false, held: None, fingerprint }
        };
        let running = self.running.iter().filter(|running| running.promote.is_some());
        let running = running.map(move |running| begun(&running.rollout.policy, &running.fingerprint, running.wanted));
        running.chain(self.ended.iter().map(move |ended| begun(&ended.policy, &ended.fingerprint, ended.wanted)))
    }

    /// What decides for a policy that has `decider`: one version, two with the events of each, or nothing.
    pub(crate) fn versions(&self, policy: &FilterPolicy, decider: &Decider) -> Vec<(Decider, Option<Share>)> {
        let running = self.get(&policy.meta.id.to_string());
        let running = match (policy.mode, running) {
            (Mode::Disabled, _) | (Mode::Shadow, None) => return Vec::new(),
            (Mode::Enforce, None) => return vec![(decider.clone(), None)],
            (Mode::Enforce | Mode::Shadow, Some(running)) => running,
        };
        let baseline = Decider::Module(running.baseline.clone());
        if running.rollout.percent == 0 {
            return vec![(baseline, None)];
        }
        let share = |version| Some(Share { rollout: running.rollout.clone(), version });
        vec![(decider.clone(), share(Version::Candidate)), (baseline, share(Version::Baseline))]
    }

    /// Looks at all of them: the first that something is to be done about. What is to be taken back comes before any that may go on.
    pub(crate) fn judge(&mut self, now: Instant) -> Option<(Arc<str>, Due)> {
        let looks: [fn(&mut Running, Instant) -> Option<Due>; 2] = [Running::judge, Running::step];
        looks.into_iter().find_map(|look| {
            let mut running = self.running.iter_mut().filter(|running| running.rollout.percent > 0);
            running.find_map(|running| {
                let due = look(running, now)?;
                let failed = running.failed[due.number()];
                let waits = failed.is_some_and(|at| now.duration_since(at) < AGAIN);
                (!waits).then(|| (running.rollout.policy.clone(), due))
            })
        })
    }

    /// It could not be done: not to be tried again at once.
    pub(crate) fn failed(&mut self, policy: &str, due: &Due, now: Instant) {
        if let Some(running) = self.running.iter_mut().find(|running| *running.rollout.policy == *policy) {
            running.failed[due.number()] = Some(now);
        }
    }
}

impl Due {
    /// Its place in [`Running::failed`].
    fn number(&self) -> usize {
        match self {
            Due::Back(_) => 0,
            Due::On(..) => 1,
        }
    }
}

impl Running {
    fn is(&self, taken: &TakenBack) -> bool {
        *self.rollout.policy == *taken.policy && self.fingerprint == taken.fingerprint
    }

    /// The steps to come by itself, and how long each lasts.
    pub(crate) fn to_come(&self) -> Option<(Vec<u8>, Duration)> {
        let (promote, percent) = (self.promotes()?, self.rollout.percent);
        let steps: Vec<u8> = promote.steps.iter().copied().filter(|step| *step > percent).collect();
        (!steps.is_empty()).then_some((steps, promote.after))
    }

    /// Where it promotes itself, as it stands.
    fn promotes(&self) -> Option<&Promote> {
        self.promote.as_ref().filter(|_| self.rollout.percent > 0 && self.held.is_none())
    }

    fn decided(&self) -> [Decided; 2] {
        [Version::Candidate, Version::Baseline].map(|version| self.rollout.decided(version))
    }

    fn judge(&mut self, now: Instant) -> Option<Due> {
        let [candidate, baseline] = self.decided();
        let window = self.abort.window;
        let old = |sample: &Sample| now.duration_since(sample.at) >= window;
        // The newest that is old enough is what the window begins with; until there is one it begins with the generation.
        while self.samples.get(1).is_some_and(old) {
            self.samples.pop_front();
        }
        let begin = self.samples.front().filter(|sample| old(sample));
        let (since, before) = begin.map_or_else(Default::default, |sample| (sample.candidate, sample.baseline));
        if self.samples.back().is_none_or(|last| now.duration_since(last.at) >= window / SAMPLES) {
            self.samples.push_back(Sample { at: now, candidate, baseline });
        }
        judge::why(&self.abort, candidate.since(since), baseline.since(before)).map(Due::Back)
    }

    fn step(&mut self, now: Instant) -> Option<Due> {
        let (promote, since) = (self.promotes()?, self.since?);
        let [candidate, baseline] = self.decided();
        let (lasted, percent) = (now.saturating_duration_since(since.at), self.rollout.percent);
        steps::due(promote, &self.abort, steps::Step { lasted, percent, candidate, baseline })
    }
}
