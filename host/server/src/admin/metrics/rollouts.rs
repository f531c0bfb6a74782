//! Figures of what does not decide everything yet: rollouts, and policies in shadow.

use std::{fmt, time::Duration};

use prometheus_client::registry::Unit;
use tidegate_control::{Picture, rollouts::RolloutStatus};
use tidegate_pipeline::rollout::Decided;

use super::sheet::Sheet;

impl Sheet<'_> {
    pub(super) fn rollouts(&mut self, picture: &Picture) -> fmt::Result {
        let percent = picture.rollouts.iter().map(|found| ([("policy", &*found.policy)], u64::from(found.percent)));
        let help = "Keys of which the module on its way decides, in percent; 0 where it was taken back";
        self.gauge("tidegate_rollout_percent", help, None, percent)?;
        let steps = || {
            let next = |found: &RolloutStatus| found.steps.as_ref()?.next;
            picture.rollouts.iter().filter_map(move |found| Some(([("policy", &*found.policy)], next(found)?)))
        };
        let next = steps().map(|(labels, (to, _))| (labels, u64::from(to.percent())));
        let help = "Percentage that a rollout goes on to by itself; at its last step 100, and it is done then";
        self.gauge("tidegate_rollout_next_percent", help, None, next)?;
        let at = steps().map(|(labels, (_, at_ms))| (labels, Duration::from_millis(at_ms).as_secs_f64()));
        let help = "When it does at the earliest, in seconds since 1970";
        self.gauge("tidegate_rollout_next_timestamp", help, Some(Unit::Seconds), at)?;
        let candidate = |found: &RolloutStatus| {
            let live = picture.generation.iter().flat_map(|live| &live.policies);
            live.into_iter().find(|policy| policy.policy == found.policy).map(|policy| policy.digest.as_str())
        };
        let versions: Vec<_> = picture
            .rollouts
            .iter()
            .filter(|found| !found.steps.as_ref().is_some_and(|steps| steps.done))
            .flat_map(|found| {
                let of = |version, digest| [("policy", &*found.policy), ("version", version), ("digest", digest)];
                [
                    (of("candidate", candidate(found).unwrap_or_default()), found.candidate_decided),
                    (of("baseline", found.baseline.as_str()), found.baseline_decided),
                ]
            })
            .collect();
        let each = |count: fn(&Decided) -> u64| versions.iter().map(move |(labels, decided)| (*labels, count(decided)));
        let help = "Events that each version of a policy was asked about during a rollout";
        self.counter("tidegate_rollout_events", help, each(|decided| decided.events))?;
        let help = "Events that each version could not decide: traps, timeouts, invalid replies";
        self.counter("tidegate_rollout_failed", help, each(|decided| decided.failed))?;
        let help = "Events that each version dropped or rejected";
        self.counter("tidegate_rollout_refused", help, each(|decided| decided.refused))
    }

    pub(super) fn shadows(&mut self, picture: &Picture) -> fmt::Result {
        let outcomes = picture.shadows.iter().flat_map(|found| {
            let (policy, digest) = (("policy", &*found.policy), ("digest", found.digest.as_str()));
            found
                .report
                .outcomes
                .iter()
                .map(move |(outcome, count)| ([policy, digest, ("outcome", outcome.word())], *count))
        });
        let help = "Events that a policy in shadow was asked about, by what it would have made of them; nothing of it took place";
        self.counter("tidegate_shadow_events", help, outcomes)?;
        let skipped = picture
            .shadows
            .iter()
            .map(|found| ([("policy", &*found.policy), ("digest", found.digest.as_str())], found.report.skipped));
        let help = "Events that a policy in shadow was not asked about: it had no time";
        self.counter("tidegate_shadow_skipped", help, skipped)
    }
}
