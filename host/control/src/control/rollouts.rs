//! Rollouts that are taken back, and those that are promoted: by themselves, or by somebody.

use std::{collections::BTreeMap, sync::Arc, time::Instant};

use tidegate_policy::{
    Report,
    amend::{self, Promotion},
};

use super::Control;
use crate::{
    DocumentSet, Generation, Owner,
    book::{Pin, now_ms},
    edit,
    history::{Action, Author},
    modules::Origin,
    orders::{Changed, Edit, Promote, Refusal},
    rollouts::{Due, LOOK, Reached, Standing, TakenBack},
};

/// Who takes rollouts back.
const ABORT: &str = "rollout abort";
/// Who takes them on.
const PROMOTION: &str = "rollout promotion";

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

    /// Looks at the rollouts, and takes back what is to be taken back, or takes on what may go on: each in a generation of its own, which is
    /// returned.
    pub async fn judge(&mut self) -> Option<Arc<Generation>> {
        let now = Instant::now();
        self.look_at = now + LOOK;
        let (policy, due) = self.rollouts.judge(now)?;
        // Boxed: whoever awaits it need not hold the whole of a verification.
        let generation = match &due {
            Due::Back(why) => Box::pin(self.take_back(&policy, why)).await,
            Due::On(to, why) => Box::pin(self.take_on(&policy, *to, why)).await,
        };
        if generation.is_none() {
            self.rollouts.failed(&policy, &due, now);
        }
        generation
    }

    async fn take_back(&mut self, policy: &str, why: &str) -> Option<Arc<Generation>> {
        let running = self.rollouts.get(policy)?;
        let (percent, fingerprint) = (running.rollout.percent, running.fingerprint.clone());
        tracing::error!(policy, percent, "the rollout is taken back: {why}");
        let author = Author { who: ABORT.into(), reason: Some(format!("{policy} at {percent} %: {why}")) };
        let (policy_id, why) = (policy.to_owned(), why.to_owned());
        let taken = TakenBack { policy: policy_id, why, at_ms: now_ms(), percent, fingerprint };
        match self.stand_otherwise(self.standing.with_taken_back(taken), author, Action::Abort).await {
            Ok(generation) => Some(generation),
            Err(report) => {
                tracing::error!(policy, "it could not be taken back, and goes on: it will be tried again\n{report}");
                None
            }
        }
    }

    async fn take_on(&mut self, policy: &str, to: Promotion, why: &str) -> Option<Arc<Generation>> {
        let running = self.rollouts.get(policy)?;
        let (percent, done) = (to.percent(), to == Promotion::Done);
        let fingerprint = running.fingerprint.clone();
        let reached = Reached { policy: policy.to_owned(), percent, done, held: None, fingerprint };
        let author = Author { who: PROMOTION.into(), reason: Some(format!("{}: {why}", promoted(policy, to))) };
        match self.stand_otherwise(self.standing.with_reached(reached), author, Action::Promote).await {
            Ok(generation) => {
                tracing::info!(policy, percent, done, "the rollout goes on by itself: {why}");
                Some(generation)
            }
            Err(report) => {
                tracing::error!(
                    policy,
                    "it could not be taken on, and stays as it is: it will be tried again\n{report}"
                );
                None
            }
        }
    }

    /// Makes the documents that are live live once more, with rollouts that stand otherwise.
    async fn stand_otherwise(
        &mut self,
        standing: Standing,
        author: Author,
        action: Action,
    ) -> Result<Arc<Generation>, Report> {
        let set = DocumentSet { files: self.files.clone() };
        let digests = self.digests();
        let store = self.book.store.clone();
        let before = std::mem::replace(&mut self.standing, standing);
        let verified = self.in_sight(self.verify_from(&set, Origin::Store(&store, &digests))).await;
        let candidate = match verified {
            Ok(candidate) => candidate,
            Err(report) => {
                self.standing = before;
                return Err(report);
            }
        };
        // Written down before it counts.
        self.book.set_standing(&self.standing);
        if let Some(pin) = self.book.pin() {
            self.book.set_pin(Some(&Pin { generation: candidate.generation().to_string(), ..pin }));
        }
        Ok(self.go_live(candidate, author, action).await)
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
        let document = edit::policy(&documents, &policy).ok_or_else(|| {
            let policies = documents.iter().filter(|document| document.name.kind == "FilterPolicy");
            let known: Vec<String> = policies.map(|document| document.name.id()).collect();
            Refusal::unknown("FilterPolicy", &policy, known.iter().map(String::as_str))
        })?;
        let none = || Refusal::Unknown(format!("the FilterPolicy {policy} rolls nothing out"));
        let text = amend::promoted(&document.text, to).filter(|_| self.rollouts.knows(&policy));
        let text = text.ok_or_else(none)?;
        if self.owner == Owner::Directory && !dry_run {
            let steps = if self.rollouts.has_steps(&policy) { ", and only `steps` from there on" } else { "" };
            let change = match to {
                Promotion::Percent(percent) => format!("write `percent: {percent}` below `rollout`{steps}"),
                Promotion::Done => "take out `rollout`".to_owned(),
            };
            let path = &document.path;
            return Err(Refusal::Elsewhere(format!("in {path}, FilterPolicy {policy}: {change}")));
        }
        let author = Author { reason: author.reason.or_else(|| Some(promoted(&policy, to))), ..author };
        let edit = Edit {
            put: vec![text],
            delete: Vec::new(),
            replace: false,
            expect: Vec::new(),
            dry_run,
            sample: Vec::new(),
            author,
        };
        // Whoever promotes has seen how it stands.
        let standing = self.standing.clone();
        self.standing.forget(&policy);
        let changed = self.edit(edit, Action::Promote).await;
        if dry_run || changed.is_err() {
            self.standing = standing;
        }
        changed
    }
}

fn promoted(policy: &str, to: Promotion) -> String {
    match to {
        Promotion::Percent(percent) => format!("{policy} at {percent} %"),
        Promotion::Done => format!("{policy} for all keys"),
    }
}
