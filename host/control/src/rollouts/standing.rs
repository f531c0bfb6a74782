//! What the host did about rollouts by itself: which it took back, and how far others have got. It stands beside the documents, whoever owns
//! them, until the policy's own document changes: neither a restart nor a folder that still says so begins a rollout again.

use serde::{Deserialize, Serialize};

use super::Rollouts;
use crate::{KeptGeneration, history::Action};

/// See the module.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Standing {
    pub(crate) taken_back: Vec<TakenBack>,
    /// Every rollout of what is live that promotes itself has one.
    pub(crate) reached: Vec<Reached>,
}

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

/// How far a rollout that promotes itself has got.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reached {
    /// `namespace/name`.
    pub policy: String,
    /// Of the keys.
    pub percent: u8,
    /// It is over: as if `rollout` was not in the document.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub done: bool,
    /// Whose rollback ended at this step: it goes no further by itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub held: Option<String>,
    /// Of the policy's document and its module.
    pub(crate) fingerprint: String,
}

impl Standing {
    /// How far a rollout has got, where it promotes itself and has run before.
    pub(crate) fn reached(&self, policy: &str, fingerprint: &str) -> Option<&Reached> {
        self.reached.iter().find(|known| known.policy == policy && known.fingerprint == fingerprint)
    }

    /// Whether a rollout is over.
    pub(crate) fn is_done(&self, policy: &str, fingerprint: &str) -> bool {
        self.reached(policy, fingerprint).is_some_and(|known| known.done)
    }

    /// Of the keys, those that meet the candidate of a rollout whose document says `wanted`.
    pub(crate) fn percent(&self, policy: &str, fingerprint: &str, wanted: u8) -> u8 {
        if self.taken_back.iter().any(|taken| taken.policy == policy && taken.fingerprint == fingerprint) {
            return 0;
        }
        self.reached(policy, fingerprint).map_or(wanted, |known| known.percent)
    }

    /// A rollout is taken back.
    #[must_use]
    pub(crate) fn with_taken_back(&self, taken: TakenBack) -> Standing {
        let mut standing = self.clone();
        standing.taken_back.push(taken);
        standing
    }

    /// A rollout has got further.
    #[must_use]
    pub(crate) fn with_reached(&self, reached: Reached) -> Standing {
        let mut standing = self.clone();
        standing.reached.retain(|known| known.policy != reached.policy);
        standing.reached.push(reached);
        standing
    }

    /// Somebody says how a rollout goes on, and has seen how it stands.
    pub(crate) fn forget(&mut self, policy: &str) {
        self.taken_back.retain(|taken| taken.policy != policy);
        self.reached.retain(|known| known.policy != policy);
    }

    /// What stands once these rollouts are live: documents that changed begin theirs anew.
    pub(crate) fn of(&self, rollouts: &Rollouts, action: Action) -> Standing {
        let mut taken_back = self.taken_back.clone();
        // What comes back with a rollback, or was there at the start, may have been taken back before.
        if matches!(action, Action::Apply | Action::Promote) {
            taken_back.retain(|taken| rollouts.has(taken));
        }
        let known = |begun: Reached| self.reached(&begun.policy, &begun.fingerprint).cloned().unwrap_or(begun);
        Standing { taken_back, reached: rollouts.begun().map(known).collect() }
    }

    /// What stands once a kept generation is live again by somebody's rollback. Taken back is what was then, and what is now unless it ran
    /// then; nothing goes on by itself from where a person brought it back to.
    pub(crate) fn back_to(&self, kept: &KeptGeneration, who: &str) -> Standing {
        let ran = |taken: &&TakenBack| {
            let policy = kept.policies.iter().find(|policy| policy.policy == taken.policy);
            policy.and_then(|policy| policy.rollout.as_ref()).is_some_and(|rollout| rollout.percent > 0)
        };
        let mut taken_back: Vec<TakenBack> = self.taken_back.iter().filter(|taken| !ran(taken)).cloned().collect();
        taken_back.extend(kept.taken_back.iter().filter(|taken| !self.taken_back.contains(taken)).cloned());
        let held = |known: &Reached| Reached { held: (!known.done).then(|| who.to_owned()), ..known.clone() };
        Standing { taken_back, reached: kept.reached.iter().map(held).collect() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reached(policy: &str, percent: u8) -> Reached {
        Reached { policy: policy.into(), percent, done: false, held: None, fingerprint: format!("{policy} 1") }
    }

    fn taken_back(policy: &str, percent: u8) -> TakenBack {
        let fingerprint = format!("{policy} 1");
        TakenBack { policy: policy.into(), why: "it failed".into(), at_ms: 1, percent, fingerprint }
    }

    fn kept(reached: &[Reached], taken_back: &[TakenBack]) -> KeptGeneration {
        KeptGeneration {
            id: "abcdef".into(),
            number: 1,
            since_ms: 1,
            policies: Vec::new(),
            routes: Vec::new(),
            files: Vec::new(),
            taken_back: taken_back.to_vec(),
            reached: reached.to_vec(),
        }
    }

    #[test]
    fn a_rollout_is_at_the_step_it_reached_until_its_document_changes() {
        let standing = Standing::default().with_reached(reached("a", 10)).with_reached(reached("b", 10));
        let standing = standing.with_reached(reached("a", 25));
        assert_eq!(standing.percent("a", "a 1", 10), 25);
        assert_eq!(standing.percent("a", "a 2", 10), 10, "another document");
        assert_eq!(standing.percent("b", "b 1", 5), 10, "another policy");
        assert_eq!(standing.percent("c", "c 1", 7), 7);
        let taken = standing.with_taken_back(taken_back("a", 25));
        assert_eq!((taken.percent("a", "a 1", 10), taken.percent("a", "a 2", 10)), (0, 10));
        let mut forgotten = taken.clone();
        forgotten.forget("a");
        assert_eq!((forgotten.percent("a", "a 1", 10), forgotten.percent("b", "b 1", 5)), (10, 10));
        let done = standing.with_reached(Reached { done: true, ..reached("a", 100) });
        assert!(done.is_done("a", "a 1") && !done.is_done("a", "a 2") && !done.is_done("b", "b 1"));
    }

    #[test]
    fn what_a_rollback_brings_back_goes_on_by_nobody_but_a_person() {
        let now = Standing::default().with_reached(reached("a", 50)).with_taken_back(taken_back("b", 20));
        let back = now.back_to(&kept(&[reached("a", 10)], &[]), "ops");
        assert_eq!(back.percent("a", "a 1", 5), 10);
        assert_eq!(back.reached[0].held.as_deref(), Some("ops"));
        assert_eq!(back.percent("b", "b 1", 20), 0, "it did not run then");
        let done = Reached { done: true, ..reached("a", 100) };
        assert_eq!(now.back_to(&kept(std::slice::from_ref(&done), &[]), "ops").reached, [done]);
    }
}
