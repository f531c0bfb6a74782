//! Rollouts, as an operator sees them.

use std::{sync::Arc, time::Duration};

use tidegate_pipeline::rollout::{Decided, Version};
use tidegate_policy::{
    amend::Promotion,
    spec::{Mode, Promote},
};

use super::{Ended, Rollouts, Running, Standing, TakenBack, steps};

/// A rollout, as an operator sees it.
#[derive(Clone, Debug, PartialEq)]
pub struct RolloutStatus {
    /// `namespace/name` of the policy.
    pub policy: Arc<str>,
    /// Of the keys, that meet the candidate now.
    pub percent: u8,
    /// What the document says: more than `percent` where it was taken back, less where it has promoted itself.
    pub wanted: u8,
    /// Where it promotes itself.
    pub steps: Option<StepsStatus>,
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

/// How far a rollout that promotes itself has got.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StepsStatus {
    /// As its document has them.
    pub steps: Vec<u8>,
    /// How long each lasts at least.
    pub after: Duration,
    /// Events that the candidate must have decided in each.
    pub min_events: u64,
    /// What comes after this one by itself, and when at the earliest, in milliseconds since 1970.
    pub next: Option<(Promotion, u64)>,
    /// It is over: the candidate decides about everything, and nothing takes it back any more.
    pub done: bool,
    /// Whose rollback it is held by.
    pub held: Option<String>,
}

impl Rollouts {
    /// For an operator; `standing` is what the host did by itself.
    pub(crate) fn status(&self, standing: &Standing) -> Vec<RolloutStatus> {
        let running = |running: &Running| RolloutStatus {
            policy: running.rollout.policy.clone(),
            percent: running.rollout.percent,
            wanted: running.wanted,
            steps: running.steps_status(),
            taken_back: standing.taken_back.iter().find(|taken| running.is(taken)).cloned(),
            key: running.rollout.key.clone(),
            baseline: running.baseline.module().digest().to_owned(),
            candidate_decided: running.rollout.decided(Version::Candidate),
            baseline_decided: running.rollout.decided(Version::Baseline),
        };
        let ended = |ended: &Ended| RolloutStatus {
            policy: ended.policy.clone(),
            percent: 100,
            wanted: ended.wanted,
            steps: ended.promote.as_ref().map(|promote| StepsStatus { done: true, ..steps_status(promote) }),
            taken_back: None,
            key: ended.key.clone(),
            baseline: ended.baseline.clone(),
            candidate_decided: Decided::default(),
            baseline_decided: Decided::default(),
        };
        let enforced = self.running.iter().filter(|running| running.mode == Mode::Enforce);
        enforced.map(running).chain(self.ended.iter().map(ended)).collect()
    }
}

impl Running {
    fn steps_status(&self) -> Option<StepsStatus> {
        let promote = self.promote.as_ref()?;
        let next = self.promotes().and_then(|promote| steps::next(promote, self.rollout.percent));
        let after_ms = u64::try_from(promote.after.as_millis()).unwrap_or(u64::MAX);
        let at_ms = self.since.map(|since| since.at_ms.saturating_add(after_ms));
        Some(StepsStatus { next: next.zip(at_ms), held: self.held.clone(), ..steps_status(promote) })
    }
}

fn steps_status(promote: &Promote) -> StepsStatus {
    let Promote { after, steps, min_events } = promote.clone();
    StepsStatus { steps, after, min_events, next: None, done: false, held: None }
}
