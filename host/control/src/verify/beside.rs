//! What runs beside the module of a policy: what ran before, where it is rolled out, and what a shadow is compared with.

use std::collections::BTreeMap;

use tidegate_engine::{Guest, GuestSpec, VerifyError};
use tidegate_pipeline::shadow::Task;
use tidegate_policy::{
    Diagnostic,
    spec::{Documents, FilterPolicy, Mode, Rule, Wasm},
};

use super::{Guests, Verifier, guest_spec};
use crate::{
    modules::{self, ResolveError},
    plan::Decider,
    rollouts::{self, Rollouts},
    shadows::Shadows,
};

/// What shadows are called, so that what they log is not taken for what decides.
const SHADOW: &str = " (shadow)";
const SHADOW_BASELINE: &str = " (shadow baseline)";

/// Guests that are found on the way, by policy (`namespace/name`): only of policies with a rollout, or in shadow.
#[derive(Debug, Default)]
pub(super) struct Beside(BTreeMap<String, Found>);

#[derive(Debug)]
struct Found {
    candidate: Decider,
    baseline: Option<Guest>,
    /// The baseline once more, for a shadow to be compared with.
    against: Option<Guest>,
}

/// What the module of a policy is given.
pub(super) fn candidate_spec(policy: &FilterPolicy, wasm: &Wasm) -> GuestSpec {
    marked(guest_spec(policy, wasm), if policy.mode == Mode::Shadow { SHADOW } else { "" })
}

fn marked(spec: GuestSpec, mark: &str) -> GuestSpec {
    if mark.is_empty() { spec } else { GuestSpec { policy: format!("{}{mark}", spec.policy).into(), ..spec } }
}

impl Beside {
    /// A condition has nothing beside it; it may look on.
    pub(super) fn condition(&mut self, policy: &FilterPolicy, rule: &Rule) {
        if policy.mode == Mode::Shadow {
            let candidate = Decider::Condition(rule.clone());
            self.0.insert(policy.meta.id.to_string(), Found { candidate, baseline: None, against: None });
        }
    }
}

impl Verifier<'_> {
    /// Looks for what runs beside `candidate`, and verifies it.
    pub(super) async fn beside(
        self,
        policy: &FilterPolicy,
        wasm: &Wasm,
        candidate: &Guest,
        beside: &mut Beside,
        guests: &mut Guests,
    ) -> Result<(), Diagnostic> {
        if policy.rollout.is_none() && policy.mode != Mode::Shadow {
            return Ok(());
        }
        let candidate = Decider::Module(candidate.clone());
        if self.is_done(policy, &candidate) {
            // Nothing but the candidate decides: its baseline need not be there any more.
            beside.0.insert(policy.meta.id.to_string(), Found { candidate, baseline: None, against: None });
            return Ok(());
        }
        let mut known = |found: Option<(String, Guest)>| {
            found.map(|(key, guest)| {
                guests.insert(key, guest.clone());
                guest
            })
        };
        let baseline = known(self.baseline(policy, wasm, "").await?);
        let against = match policy.mode {
            Mode::Shadow => known(self.baseline(policy, wasm, SHADOW_BASELINE).await?),
            Mode::Enforce | Mode::Disabled => None,
        };
        beside.0.insert(policy.meta.id.to_string(), Found { candidate, baseline, against });
        Ok(())
    }

    /// Whether the rollout of a policy has promoted itself to the end.
    fn is_done(self, policy: &FilterPolicy, candidate: &Decider) -> bool {
        let fingerprint = || rollouts::fingerprint(policy, &candidate.digest());
        !self.standing.reached.is_empty() && self.standing.is_done(&policy.meta.id.to_string(), &fingerprint())
    }

    /// What is rolled out, as far as it has got: what was taken back has no share any more, what is over is none; what looks on; and what is to be run for what is new of that.
    pub(super) fn rolled_out(self, documents: &mut Documents, mut beside: Beside) -> (Rollouts, Shadows, Vec<Task>) {
        let (mut rollouts, mut shadows, mut tasks) = (Rollouts::default(), Shadows::default(), Vec::new());
        for policy in &mut documents.policies {
            let id = policy.meta.id.to_string();
            let Some(Found { candidate, baseline, against }) = beside.0.remove(&id) else { continue };
            let fingerprint = rollouts::fingerprint(policy, &candidate.digest());
            if policy.mode == Mode::Shadow {
                let against = against.map(Decider::Module);
                tasks.extend(shadows.add(policy, candidate, against, fingerprint.clone(), self.shadows));
            }
            if self.standing.is_done(&id, &fingerprint) {
                rollouts.add_ended(policy, fingerprint);
                policy.rollout = None;
            } else if let (Some(rollout), Some(baseline)) = (&mut policy.rollout, baseline) {
                let wanted = rollout.percent;
                rollout.percent = self.standing.percent(&id, &fingerprint, wanted);
                let reached = self.standing.reached(&id, &fingerprint);
                rollouts.add(policy, wanted, baseline, fingerprint, reached, self.rollouts);
            }
        }
        (rollouts, shadows, tasks)
    }

    /// What ran before, where a rollout names it, called as the policy with this mark. Its configuration is judged by itself.
    async fn baseline(
        self,
        policy: &FilterPolicy,
        wasm: &Wasm,
        mark: &str,
    ) -> Result<Option<(String, Guest)>, Diagnostic> {
        let Some(rollout) = &policy.rollout else { return Ok(None) };
        let baseline = &rollout.baseline;
        if self.kept.is_none() && baseline.module.is_none() {
            return Ok(None);
        }
        let module = modules::resolve_baseline(self.engine, self.modules, self.kept, policy, baseline).await;
        let module = module.map_err(|error| unresolved(policy, &error))?;
        let mut spec = marked(guest_spec(policy, wasm), mark);
        if let Some(config) = &baseline.config {
            spec.config = config.to_string();
        }
        let key = format!("{} {spec:?}", module.digest());
        if let Some(guest) = self.guests.get(&key) {
            return Ok(Some((key, guest.clone())));
        }
        let guest = Guest::verify(self.engine, &module, spec).await.map_err(|error| refused(policy, &error))?;
        Ok(Some((key, guest)))
    }
}

fn refused(policy: &FilterPolicy, error: &VerifyError) -> Diagnostic {
    let message = format!("the baseline cannot run: {error}");
    let hint = "it runs with what the policy grants, and with its config unless `baseline` has one".to_owned();
    policy.meta.places.diagnostic("C221", "/spec/rollout/baseline", message, Some(hint))
}

fn unresolved(policy: &FilterPolicy, error: &ResolveError) -> Diagnostic {
    let hint = match error {
        ResolveError::Absent { .. } => {
            "the host has what it ran lately; another one is named with `baseline: {digest: …, module: file:…}`"
        }
        ResolveError::Digest { .. } => "its digest is that of what ran before; `tidegate status` shows what runs now",
        ResolveError::Read { .. }
        | ResolveError::Outside { .. }
        | ResolveError::TooLarge { .. }
        | ResolveError::NoDigest
        | ResolveError::Load(_) => "`tidegate inspect` shows what a file is; paths are relative to the document",
    };
    let message = match error {
        ResolveError::Absent { digest } => format!("no module with the digest {digest} is kept here"),
        ResolveError::Read { .. }
        | ResolveError::Outside { .. }
        | ResolveError::TooLarge { .. }
        | ResolveError::Digest { .. }
        | ResolveError::NoDigest
        | ResolveError::Load(_) => error.to_string(),
    };
    policy.meta.places.diagnostic("C220", "/spec/rollout/baseline", message, Some(hint.to_owned()))
}
