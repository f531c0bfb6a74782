//! Two versions of a policy at once: a share of the keys meets the one that is on its way, the others what ran before.
//!
//! Each version is a stage of its own, and an event is of one of them: by the key that it came in with, whatever earlier policies made of
//! it. So order, accounting and the log of decisions are those of any two stages, a redelivered event meets the same version as long as
//! the documents are the same, and nothing is asked of routes without a rollout. What versions decide is counted here, for whoever
//! takes a rollout back; nothing here takes anything back.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use tidegate_event::Event;

use crate::{
    flow::{Flow, HoldWhy},
    plan::RoutePlan,
};

/// Buckets of keys: one a percent.
const BUCKETS: u128 = 100;

/// A policy of which two versions are live.
#[derive(Debug)]
pub struct Rollout {
    /// `namespace/name`.
    pub policy: Arc<str>,
    /// Of the keys, 0 to 100.
    pub percent: u8,
    /// The attribute with the key; `None`: what orders the event. Where it is absent, `source`.
    pub key: Option<String>,
    /// FNV-1a over what comes before the key.
    seed: u64,
    candidate: Counters,
    baseline: Counters,
}

/// Which of the two.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Version {
    /// It is on its way.
    Candidate,
    /// It ran before.
    Baseline,
}

/// The events that one version decides about.
#[derive(Clone, Debug)]
pub struct Share {
    /// Of which policy.
    pub rollout: Arc<Rollout>,
    /// Which of its versions.
    pub version: Version,
}

#[derive(Debug, Default)]
struct Counters {
    events: AtomicU64,
    failed: AtomicU64,
    refused: AtomicU64,
    held: AtomicU64,
    paused: AtomicU64,
    calls: AtomicU64,
    nanos: AtomicU64,
}

/// What a version has decided since its generation went live.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Decided {
    /// Events it was asked about.
    pub events: u64,
    /// It could not decide them: traps, timeouts, invalid replies and the like.
    pub failed: u64,
    /// It dropped or rejected them.
    pub refused: u64,
    /// Times that it held a lane by failing, for its failure rule is `Retry`.
    pub held: u64,
    /// Times that it stopped a lane by failing, for its failure rule is `Pause`, or `Reject` where nobody is answered.
    pub paused: u64,
    /// Times that it was asked about a batch.
    pub calls: u64,
    /// How long these took in all.
    pub time: Duration,
}

impl Decided {
    /// What has come on top of `before`.
    #[must_use]
    pub fn since(self, before: Decided) -> Decided {
        Decided {
            events: self.events.saturating_sub(before.events),
            failed: self.failed.saturating_sub(before.failed),
            refused: self.refused.saturating_sub(before.refused),
            held: self.held.saturating_sub(before.held),
            paused: self.paused.saturating_sub(before.paused),
            calls: self.calls.saturating_sub(before.calls),
            time: self.time.saturating_sub(before.time),
        }
    }
}

impl Rollout {
    /// Nothing is decided yet.
    pub fn new(policy: Arc<str>, percent: u8, key: Option<String>) -> Rollout {
        let seed = fnv(fnv(FNV_OFFSET, policy.as_bytes()), &[0]);
        Rollout { policy, percent, key, seed, candidate: Counters::default(), baseline: Counters::default() }
    }

    /// What a version has decided so far.
    pub fn decided(&self, version: Version) -> Decided {
        let of = self.counters(version);
        Decided {
            events: of.events.load(Relaxed),
            failed: of.failed.load(Relaxed),
            refused: of.refused.load(Relaxed),
            held: of.held.load(Relaxed),
            paused: of.paused.load(Relaxed),
            calls: of.calls.load(Relaxed),
            time: Duration::from_nanos(of.nanos.load(Relaxed)),
        }
    }

    /// The version that an event meets.
    pub fn version(&self, event: &Event) -> Version {
        let named = self.key.as_deref().map(|key| event.attribute(key));
        let bucket = match &named {
            Some(Some(value)) => finish(fnv(self.seed, value.as_bytes())),
            Some(None) => finish(fnv(self.seed, event.source().as_bytes())),
            None => finish(fnv(self.seed, event.ordering_key().unwrap_or(event.source()).as_bytes())),
        };
        if bucket < self.percent { Version::Candidate } else { Version::Baseline }
    }

    fn counters(&self, version: Version) -> &Counters {
        match version {
            Version::Candidate => &self.candidate,
            Version::Baseline => &self.baseline,
        }
    }
}

impl Share {
    /// Whether the version decides about an event, as it came in.
    pub(crate) fn takes(&self, event: &Event) -> bool {
        self.rollout.version(event) == self.version
    }

    /// It was asked about a batch.
    pub(crate) fn called(&self, time: Duration) {
        let counters = self.counters();
        counters.calls.fetch_add(1, Relaxed);
        counters.nanos.fetch_add(u64::try_from(time.as_nanos()).unwrap_or(u64::MAX), Relaxed);
    }

    /// It failed in a way that holds its lane.
    pub(crate) fn held(&self, why: HoldWhy) {
        let counters = self.counters();
        let counter = match why {
            HoldWhy::Retry => &counters.held,
            HoldWhy::Pause => &counters.paused,
        };
        counter.fetch_add(1, Relaxed);
    }

    fn counters(&self) -> &Counters {
        self.rollout.counters(self.version)
    }
}

/// Counts what versions decided about a batch on a route, up to the row that is held.
pub(crate) fn count(route: &RoutePlan, flow: &Flow<'_>, limit: u32) {
    if route.stages.iter().all(|stage| stage.share.is_none()) {
        return;
    }
    let share = |stage: usize| route.stages[stage].share.as_ref();
    for (stage, asked) in flow.asked() {
        if let Some(share) = share(*stage) {
            let events = asked.iter().filter(|row| **row < limit).count() as u64;
            share.counters().events.fetch_add(events, Relaxed);
        }
    }
    for (_, fate) in flow.fates.iter().filter(|(row, _)| *row < limit) {
        if let Some(share) = share(fate.stage()) {
            let counters = share.counters();
            let counter =
                if matches!(fate.cause(), None | Some("reject")) { &counters.refused } else { &counters.failed };
            counter.fetch_add(1, Relaxed);
        }
    }
}

/// The bucket of a key among a policy's, 0 to 99; the key is of the candidate where this is less than the percentage.
///
/// Part of what the host promises: the same on every host, in every version. FNV-1a of 64 bits over the policy's `namespace/name`, a zero byte
/// and the key; its bits mixed as MurmurHash3 does at its end (`fmix64`), for FNV alone leaves the high ones of short keys alike; the
/// hundredth of the range that it falls into.
pub fn bucket(policy: &str, key: &str) -> u8 {
    finish(fnv(fnv(fnv(FNV_OFFSET, policy.as_bytes()), &[0]), key.as_bytes()))
}

const FNV_OFFSET: u64 = 0xcbf2_9ce4_8422_2325;
const FNV_PRIME: u64 = 0x0000_0100_0000_01b3;

fn fnv(state: u64, bytes: &[u8]) -> u64 {
    bytes.iter().fold(state, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(FNV_PRIME))
}

fn finish(mut hash: u64) -> u8 {
    hash = (hash ^ (hash >> 33)).wrapping_mul(0xff51_afd7_ed55_8ccd);
    hash = (hash ^ (hash >> 33)).wrapping_mul(0xc4ce_b9fe_1a85_ec53);
    hash ^= hash >> 33;
    ((u128::from(hash) * BUCKETS) >> 64) as u8
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use tidegate_event::{EventBuilder, Value};

    use super::*;

    /// Worked out by hand once: a host that answers otherwise would give keys another version than its neighbours do.
    #[test]
    fn buckets_are_those_of_every_host() {
        for (policy, key, expected) in [
            ("default/guard", "", 18),
            ("default/guard", "a", 3),
            ("default/guard", "customer-1", 86),
            ("default/guard", "customer-2", 86),
            ("shop/mask", "customer-1", 80),
            ("shop/mask", "/sensors/7", 94),
            ("shop/mask", "ключ", 78),
        ] {
            assert_eq!(bucket(policy, key), expected, "{policy} {key}");
        }
    }

    fn event(attributes: &[(&str, &str)]) -> Event {
        let event = Event::builder().id("1").source("/s").ty("t");
        let with =
            |event: EventBuilder, (name, value): &(&str, &str)| event.extension(name, Value::String((*value).into()));
        attributes.iter().fold(event, with).build().unwrap()
    }

    #[test]
    fn a_key_stays_with_the_candidate_as_its_share_grows_and_the_share_is_what_is_asked_for() {
        let keys: Vec<Event> = (0..20_000).map(|n| event(&[("partitionkey", &format!("customer-{n}"))])).collect();
        let mut before = vec![false; keys.len()];
        for percent in 0..=100 {
            let rollout = Rollout::new("shop/guard".into(), percent, None);
            let now: Vec<bool> = keys.iter().map(|key| rollout.version(key) == Version::Candidate).collect();
            assert!(before.iter().zip(&now).all(|(before, now)| *now || !before), "at {percent} %");
            let share = now.iter().filter(|candidate| **candidate).count();
            // Four standard deviations of 20,000 draws are 1.4 points at most.
            assert!(share.abs_diff(usize::from(percent) * 200) <= 300, "{share} of 20,000 at {percent} %");
            before = now;
        }
        assert!(before.iter().all(|candidate| *candidate), "all at 100 %");
    }

    #[test]
    fn policies_choose_other_keys() {
        let same = (0..10_000).filter(|n| {
            let key = format!("customer-{n}");
            bucket("shop/guard", &key) < 10 && bucket("shop/mask", &key) < 10
        });
        // 1 % of them by chance.
        assert!((50..=150).contains(&same.count()));
    }

    #[test]
    fn the_key_is_what_orders_the_event_or_what_is_named_or_its_source() {
        let meets = |key: Option<&str>, event: &Event| {
            let percent = |percent| Rollout::new("p".into(), percent, key.map(str::to_owned));
            (0..=100).find(|at| percent(*at).version(event) == Version::Candidate).unwrap() - 1
        };
        let both = event(&[("partitionkey", "k"), ("tenant", "a")]);
        assert_eq!(meets(None, &both), bucket("p", "k"));
        assert_eq!(meets(Some("tenant"), &both), bucket("p", "a"));
        assert_eq!(meets(Some("source"), &both), bucket("p", "/s"));
        for none in [None, Some("tenant")] {
            assert_eq!(meets(none, &event(&[])), bucket("p", "/s"));
        }
    }
}
