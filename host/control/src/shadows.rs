//! Policies in shadow: what they need to run beside what is enforced, and what came of it.

use std::sync::Arc;

use tidegate_matching::{Matcher, Names};
use tidegate_pipeline::{
    Meter,
    plan::{FailureRule, FailureRules, Stage},
    shadow::{Report, Shadow, ShadowPlan, ShadowStages, ShadowTarget, Task},
};
use tidegate_policy::spec::{FilterPolicy, Route};

use crate::plan::Decider;

/// An event that it cannot decide ends there, and is told apart from others by its cause.
const ENDS: FailureRules =
    FailureRules { on_trap: FailureRule::Reject, on_timeout: FailureRule::Reject, on_reject: FailureRule::Reject };

/// A policy in shadow, ready to run.
#[derive(Clone, Debug)]
pub(crate) struct Shadowing {
    shadow: Arc<Shadow>,
    /// Marked as a shadow: what it logs and counts is its own.
    candidate: Decider,
    /// What it is compared with, marked as well.
    against: Option<Decider>,
    /// Of the policy's document and its module: another one begins to count anew.
    fingerprint: String,
}

/// All of a generation.
#[derive(Clone, Debug, Default)]
pub(crate) struct Shadows(Vec<Shadowing>);

/// A policy in shadow, as an operator sees it.
#[derive(Clone, Debug)]
pub struct ShadowStatus {
    /// `namespace/name` of the policy.
    pub policy: Arc<str>,
    /// Digest of what would decide.
    pub digest: String,
    /// Digest of what it is compared with; `None`: events as they are without it.
    pub against: Option<String>,
    /// What came of it.
    pub report: Report,
}

impl Shadows {
    /// Adds a policy. One that is there already goes on with its counts; of a new one the task is to be run once it is live.
    pub(crate) fn add(
        &mut self,
        policy: &FilterPolicy,
        candidate: Decider,
        against: Option<Decider>,
        fingerprint: String,
        live: &Shadows,
    ) -> Option<Task> {
        let id: Arc<str> = policy.meta.id.to_string().into();
        let known = live.0.iter().find(|known| known.shadow.policy == id && known.fingerprint == fingerprint);
        let (shadow, task) = match known {
            Some(known) => (known.shadow.clone(), None),
            None => {
                let (shadow, task) = Shadow::new(id);
                (shadow, Some(task))
            }
        };
        self.0.push(Shadowing { shadow, candidate, against, fingerprint });
        task
    }

    /// What looks on at a route, behind so many stages of it.
    pub(crate) fn plan(&self, policy: &FilterPolicy, route: &Route, at: usize) -> Option<Arc<ShadowPlan>> {
        let id = policy.meta.id.to_string();
        let Shadowing { shadow, candidate, against, .. } = self.0.iter().find(|known| *known.shadow.policy == *id)?;
        let name: Arc<str> = route.meta.id.to_string().into();
        let matcher = Matcher::policy(&policy.matches);
        let stages = |decider: Option<&Decider>| {
            let bodies = decider.map(Decider::bodies).unwrap_or_default().into_iter();
            // Its own: nothing of it is among the metrics of what decides.
            let meter = Meter::new(&shadow.policy, &decider.map(Decider::digest).unwrap_or_default());
            let stage = |body| Stage {
                policy: shadow.policy.clone(),
                matcher: matcher.clone(),
                body,
                failure: ENDS,
                circuit: None,
                meter: meter.clone(),
                share: None,
            };
            ShadowStages::new(name.clone(), bodies.map(stage).collect())
        };
        let target = |target: &tidegate_policy::spec::Target| ShadowTarget {
            id: target.sink.to_string().into(),
            when: Matcher::condition(target.when.as_ref()),
            names: (!target.names.is_empty()).then(|| Names::new(&target.names)),
        };
        Some(Arc::new(ShadowPlan {
            shadow: shadow.clone(),
            route: name.clone(),
            at,
            candidate: stages(Some(candidate)),
            against: stages(against.as_ref()),
            targets: route.to.iter().map(target).collect(),
        }))
    }

    pub(crate) fn status(&self) -> Vec<ShadowStatus> {
        let status = |known: &Shadowing| ShadowStatus {
            policy: known.shadow.policy.clone(),
            digest: known.candidate.digest(),
            against: known.against.as_ref().map(Decider::digest),
            report: known.shadow.report(),
        };
        self.0.iter().map(status).collect()
    }
}
