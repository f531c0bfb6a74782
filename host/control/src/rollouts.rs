//! Rollouts of the documents that are live: what they are, how they do, and which were taken back.
//!
//! The data path counts what each version decides ([`tidegate_pipeline::rollout`]); here it is looked at, now and then, and a
//! rollout whose conditions hold is taken back by a generation of its own: see [`Control::judge`](crate::Control::judge). That is kept until
//! the policy's document changes, so that neither a restart nor a folder that still says so begins it again.

mod judge;

use std::{
    collections::VecDeque,
    sync::Arc,
    time::{Duration, Instant},
};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use tidegate_engine::Guest;
use tidegate_pipeline::rollout::{Decided, Rollout, Share, Version};
use tidegate_policy::spec::{Abort, FilterPolicy, Mode};

use crate::plan::Decider;

/// How often rollouts are looked at.
pub(crate) const LOOK: Duration = Duration::from_millis(250);
/// Looks back are as exact as this part of the window.
const SAMPLES: u32 = 32;
/// Rollouts that could not be taken back are tried again.
const AGAIN: Duration = Duration::from_secs(10);

/// What the last look came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Judged {
    /// It goes on.
    Open,
    /// It is to be taken back, and that failed then.
    Failed(Instant),
}

/// A rollout of a generation.
#[derive(Clone, Debug)]
pub(crate) struct Running {
    /// Counts what is decided.
    pub(crate) rollout: Arc<Rollout>,
    pub(crate) baseline: Guest,
    /// Of the policy's document and its module: another one is another rollout.
    pub(crate) fingerprint: String,
    /// What the document says; what is live is 0 where it was taken back.
    pub(crate) wanted: u8,
    mode: Mode,
    abort: Abort,
    /// Oldest first.
    samples: VecDeque<Sample>,
    judged: Judged,
}

#[derive(Clone, Copy, Debug)]
struct Sample {
    at: Instant,
    candidate: Decided,
    baseline: Decided,
}

/// All rollouts of a generation.
#[derive(Clone, Debug, Default)]
pub(crate) struct Rollouts(Vec<Running>);

/// A rollout that was taken back, and stays so until its document changes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TakenBack {
    /// `namespace/name`.
    pub policy: String,
    /// The conditions that held, with figures.
    pub why: String,
    /// Milliseconds since 1970.
    pub at_ms: u64,
    /// Of the keys, before.
    pub percent: u8,
    /// Of the policy's document and its module.
    pub(crate) fingerprint: String,
}

/// A rollout, as an operator sees it.
#[derive(Clone, Debug, PartialEq)]
pub struct RolloutStatus {
    /// `namespace/name` of the policy.
    pub policy: Arc<str>,
    /// Of the keys, that meet the candidate now.
    pub percent: u8,
    /// What the document says: more than `percent` where it was taken back.
    pub wanted: u8,
    /// It was taken back; why.
    pub taken_back: Option<TakenBack>,
    /// The attribute with the key, where one is named.
    pub key: Option<String>,
    /// Digest of what decides about the other keys.
    pub baseline: String,
    /// What the candidate has decided since its generation went live.
    pub candidate_decided: Decided,
    /// What the baseline has.
    pub baseline_decided: Decided,
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
    /// Adds the rollout of a policy. One that runs already goes on with its counts.
    pub(crate) fn add(
        &mut self,
        policy: &FilterPolicy,
        wanted: u8,
        baseline: Guest,
        fingerprint: String,
        live: &Rollouts,
    ) {
        let Some(spec) = &policy.rollout else { return };
        let id: Arc<str> = policy.meta.id.to_string().into();
        let same = |running: &&Running| {
            running.fingerprint == fingerprint
                && running.rollout.percent == spec.percent
                && running.rollout.policy == id
        };
        self.0.push(match live.0.iter().find(same) {
            Some(running) => Running { baseline, ..running.clone() },
            None => Running {
                rollout: Arc::new(Rollout::new(id.clone(), spec.percent, spec.key.clone())),
                baseline,
                fingerprint,
                wanted,
                mode: policy.mode,
                abort: spec.abort.clone(),
                samples: VecDeque::new(),
                judged: Judged::Open,
            },
        });
    }

    /// Whether there is nothing to look at.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.iter().all(|running| running.rollout.percent == 0)
    }

    pub(crate) fn get(&self, policy: &str) -> Option<&Running> {
        self.0.iter().find(|running| *running.rollout.policy == *policy)
    }

    /// Whether it is the rollout of one of the policies.
    pub(crate) fn has(&self, taken: &TakenBack) -> bool {
        self.0.iter().any(|running| running.is(taken))
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

    /// Looks at all of them: the first that is to be taken back, and why.
    pub(crate) fn judge(&mut self, now: Instant) -> Option<(Arc<str>, String)> {
        self.0.iter_mut().filter(|running| running.rollout.percent > 0).find_map(|running| {
            let why = running.judge(now)?;
            if matches!(running.judged, Judged::Failed(at) if now.duration_since(at) < AGAIN) {
                return None;
            }
            Some((running.rollout.policy.clone(), why))
        })
    }

    /// It could not be taken back: not to be tried again at once.
    pub(crate) fn failed(&mut self, policy: &str, now: Instant) {
        if let Some(running) = self.0.iter_mut().find(|running| *running.rollout.policy == *policy) {
            running.judged = Judged::Failed(now);
        }
    }

    /// For an operator; `taken` is what was taken back.
    pub(crate) fn status(&self, taken: &[TakenBack]) -> Vec<RolloutStatus> {
        let status = |running: &Running| RolloutStatus {
            policy: running.rollout.policy.clone(),
            percent: running.rollout.percent,
            wanted: running.wanted,
            taken_back: taken.iter().find(|taken| running.is(taken)).cloned(),
            key: running.rollout.key.clone(),
            baseline: running.baseline.module().digest().to_owned(),
            candidate_decided: running.rollout.decided(Version::Candidate),
            baseline_decided: running.rollout.decided(Version::Baseline),
        };
        self.0.iter().filter(|running| running.mode == Mode::Enforce).map(status).collect()
    }
}

impl Running {
    fn is(&self, taken: &TakenBack) -> bool {
        *self.rollout.policy == *taken.policy && self.fingerprint == taken.fingerprint
    }

    fn judge(&mut self, now: Instant) -> Option<String> {
        let [candidate, baseline] =
            [Version::Candidate, Version::Baseline].map(|version| self.rollout.decided(version));
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
        judge::why(&self.abort, candidate.since(since), baseline.since(before))
    }
}
