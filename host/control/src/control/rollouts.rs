//! Rollouts that are taken back, and those that are promoted.

use std::{collections::BTreeMap, sync::Arc, time::Instant};

use tidegate_policy::amend::{self, Promotion};

use super::Control;
use crate::{
    DocumentSet, Generation, KeptGeneration, Owner,
    book::{Pin, now_ms},
    edit,
    history::{Action, Author},
    modules::Origin,
    orders::{Changed, Edit, Promote, Refusal},
    rollouts::{LOOK, TakenBack},
};

/// Who takes rollouts back.
const ABORT: &str = "rollout abort";

impl Control {
    /// Waits until rollouts are to be looked at with [`judge`](Self::judge); for ever where there are none. Cancel-safe, and to be called
    /// as often as one likes: what waits is a time of day.
    pub fn rollouts_due(&self) -> impl Future<Output = ()> + use<> {
        let at = (!self.rollouts.is_empty()).then_some(self.look_at);
        async move {
            match at {
                Some(at) => tokio::time::sleep_until(at.into()).await,
                None => std::future::pending().await,
            }
        }
    }

    /// Looks at the rollouts, and takes back what is to be taken back: the baseline decides about all events then, in a generation of
    /// its own, which is returned.
    pub async fn judge(&mut self) -> Option<Arc<Generation>> {
        let now = Instant::now();
        self.look_at = now + LOOK;
        let (policy, why) = self.rollouts.judge(now)?;
        // Boxed: whoever awaits it need not hold the whole of a verification.
        let generation = Box::pin(self.take_back(&policy, why)).await;
        if generation.is_none() {
            self.rollouts.failed(&policy, now);
        }
        generation
    }

    async fn take_back(&mut self, policy: &str, why: String) -> Option<Arc<Generation>> {
        let running = self.rollouts.get(policy)?;
        let taken = TakenBack {
            policy: policy.to_owned(),
            why,
            at_ms: now_ms(),
            percent: running.rollout.percent,
            fingerprint: running.fingerprint.clone(),
        };
        let reason = format!("{policy} at {} %: {}", taken.percent, taken.why);
        tracing::error!(policy, percent = taken.percent, "the rollout is taken back: {}", taken.why);
        let mut all = self.taken_back.clone();
        all.push(taken);
        let set = DocumentSet { files: self.files.clone() };
        let digests = self.digests();
        let store = self.book.store.clone();
        let before = std::mem::replace(&mut self.taken_back, all);
        let candidate = match self.in_sight(self.verify_from(&set, Origin::Store(&store, &digests))).await {
            Ok(candidate) => candidate,
            Err(report) => {
                tracing::error!(policy, "it could not be taken back, and goes on: it will be tried again\n{report}");
                self.taken_back = before;
                return None;
            }
        };
        // Written down before it counts.
        self.book.set_taken_back(&self.taken_back);
        if let Some(pin) = self.book.pin() {
            self.book.set_pin(Some(&Pin { generation: candidate.generation().to_string(), ..pin }));
        }
        let author = Author { who: ABORT.into(), reason: Some(reason) };
        Some(self.go_live(candidate, author, Action::Abort).await)
    }

    /// What is live for each policy (`namespace/name`).
    fn digests(&self) -> BTreeMap<String, String> {
        let live = self.current().into_iter().flat_map(|current| &current.policies);
        live.map(|known| (known.policy.to_string(), known.digest.clone())).collect()
    }

    /// Takes a rollout on, or ends it.
    pub(super) async fn promote(&mut self, promote: Promote) -> Result<Changed, Refusal> {
        let Promote { policy, to, dry_run, author } = promote;
        let documents = edit::documents(&self.files);
        let document = edit::policy(&documents, &policy)
            .ok_or_else(|| Refusal::Unknown(format!("there is no FilterPolicy {policy}")))?;
        let none = || Refusal::Unknown(format!("the FilterPolicy {policy} rolls nothing out"));
        let text = amend::promoted(&document.text, to).filter(|_| self.rollouts.get(&policy).is_some());
        let text = text.ok_or_else(none)?;
        if self.owner == Owner::Directory && !dry_run {
            let change = match to {
                Promotion::Percent(percent) => format!("write `percent: {percent}` below `rollout`"),
                Promotion::Done => "take out `rollout`".to_owned(),
            };
            let path = &document.path;
            return Err(Refusal::Elsewhere(format!("in {path}, FilterPolicy {policy}: {change}")));
        }
        let reason = match to {
            Promotion::Percent(percent) => format!("{policy} at {percent} %"),
            Promotion::Done => format!("{policy} for all keys"),
        };
        let author = Author { reason: author.reason.or(Some(reason)), ..author };
        let edit = Edit {
            put: vec![text],
            delete: Vec::new(),
            replace: false,
            expect: Vec::new(),
            dry_run,
            sample: Vec::new(),
            author,
        };
        // Whoever promotes has seen that it was taken back.
        let taken_back = self.taken_back.clone();
        self.taken_back.retain(|taken| taken.policy != policy);
        let changed = self.edit(edit, Action::Promote).await;
        if dry_run || changed.is_err() {
            self.taken_back = taken_back;
        }
        changed
    }

    /// What is taken back once a kept generation is live again: what was then, and what is now unless it ran then.
    pub(super) fn taken_back_in(&self, kept: &KeptGeneration) -> Vec<TakenBack> {
        let ran = |taken: &&TakenBack| {
            let policy = kept.policies.iter().find(|policy| policy.policy == taken.policy);
            policy.and_then(|policy| policy.rollout.as_ref()).is_some_and(|rollout| rollout.percent > 0)
        };
        let mut all: Vec<TakenBack> = self.taken_back.iter().filter(|taken| !ran(taken)).cloned().collect();
        all.extend(kept.taken_back.iter().filter(|taken| !self.taken_back.contains(taken)).cloned());
        all
    }
}
