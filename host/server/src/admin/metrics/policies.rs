//! Figures of policies: each with the digest of the module that decides, over all routes.

use std::fmt;

use prometheus_client::{metrics::MetricType, registry::Unit};
use tidegate_control::Picture;
use tidegate_pipeline::{
    CircuitState,
    meter::{ByCause, CAUSES, PolicyCounts, Reading},
};

use super::sheet::{Sheet, write_counter};

impl Sheet<'_> {
    pub(super) fn policies(&mut self, picture: &Picture) -> fmt::Result {
        let all = &picture.meters.read();
        let count = |of: fn(&PolicyCounts) -> u64| all.iter().map(move |one| (labels(one), of(&one.counts)));
        let help = "Events that a policy was asked about: each passed, was dropped or rejected, or failed";
        self.counter("tidegate_policy_matched", help, count(|counts| counts.matched))?;
        let help = "Events that a policy let go on";
        self.counter("tidegate_policy_passed", help, count(|counts| counts.passed))?;
        let help = "Events that a policy dropped on purpose";
        self.counter("tidegate_policy_dropped", help, count(|counts| counts.dropped))?;
        let help = "Events that a policy rejected; its failure rule says what becomes of them";
        self.counter("tidegate_policy_rejected", help, count(|counts| counts.rejected))?;
        let help = "Events that a policy gave in the place of others";
        self.counter("tidegate_policy_transformed", help, count(|counts| counts.transformed))?;
        let help = "Events that a policy could not decide; its failure rule says what becomes of them";
        self.by_cause("tidegate_policy_failed", help, all, |counts| &counts.failed)?;
        let help = "Events that went on past a policy by a failure rule";
        self.by_cause("tidegate_policy_bypassed", help, all, |counts| &counts.bypassed)?;
        let calls = all.iter().map(|one| (labels(one), one.calls.clone()));
        let help = "How long a module took for a batch, with its wait for a turn and the search for guilty events";
        self.durations("tidegate_policy_call_duration", help, calls)?;
        let memory = all.iter().map(|one| (labels(one), one.memory));
        let help = "Linear memory of a module's instances";
        self.gauge("tidegate_policy_memory", help, Some(Unit::Bytes), memory)?;
        let circuits = picture.circuits.iter().map(|one| {
            let labels = [("policy", &*one.policy), ("digest", one.digest.as_str())];
            (labels, circuit(&one.state))
        });
        let help = "1 for the state of a policy's breaker, 0 for others; absent where it has none";
        self.state("tidegate_policy_breaker_state", help, &CIRCUITS, circuits)
    }

    /// What policies keep.
    pub(super) fn state_kept(&mut self, picture: &Picture) -> fmt::Result {
        let kept = || {
            picture.state.iter().filter(|(_, usage)| usage.keys > 0).map(|(of, usage)| {
                let (source, lane) = (&*of.lane.source, &*of.lane.lane);
                ([("policy", &*of.policy), ("route", &*of.route), ("source", source), ("lane", lane)], usage)
            })
        };
        let bytes = kept().map(|(labels, usage)| (labels, usage.bytes));
        let help = "What a policy keeps, by route and lane: keys and values, and 64 bytes more for each key";
        self.gauge("tidegate_policy_state", help, Some(Unit::Bytes), bytes)?;
        let keys = kept().map(|(labels, usage)| (labels, usage.keys));
        self.gauge("tidegate_policy_state_keys", "Keys that a policy keeps, by route and lane", None, keys)
    }

    /// Causes that never were are left out.
    fn by_cause(
        &mut self,
        name: &str,
        help: &str,
        all: &[Reading],
        counts: fn(&PolicyCounts) -> &ByCause,
    ) -> fmt::Result {
        let mut metric = self.encoder.encode_descriptor(name, help, None, MetricType::Counter)?;
        for one in all {
            for (cause, count) in CAUSES.iter().zip(counts(&one.counts)).filter(|(_, count)| **count > 0) {
                let [policy, digest] = labels(one);
                write_counter(&mut metric.encode_family(&[policy, digest, ("cause", cause)].as_slice())?, count)?;
            }
        }
        Ok(())
    }
}

fn labels(one: &Reading) -> [(&str, &str); 2] {
    [("policy", &one.policy), ("digest", &one.digest)]
}

const CIRCUITS: [&str; 3] = ["closed", "open", "half_open"];

/// The word for what a breaker does.
pub(in crate::admin) fn circuit(state: &CircuitState) -> &'static str {
    match state {
        CircuitState::Closed => "closed",
        CircuitState::Open { .. } => "open",
        CircuitState::HalfOpen { .. } => "half_open",
    }
}
