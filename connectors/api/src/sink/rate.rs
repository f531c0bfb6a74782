//! How many events, or bytes, a sink may be given in a time. What exceeds it waits; nothing is dropped or overtaken.
//!
//! A bucket holds what may go in one `per`, and fills evenly: over any time `t` no more goes than `1 + t / per` times the limit.
//! Amounts are kept as whole numbers (nanoseconds times the limit), so that nothing is lost to rounding.

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tidegate_event::Event;
use tokio::time::Instant;

/// What a sink may be given, at most.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RateLimit {
    /// Events.
    pub events: Option<u64>,
    /// Bytes of events. A larger event goes alone, and is waited out after it.
    pub bytes: Option<u64>,
    /// In this time.
    pub per: Duration,
    /// Of what.
    pub key: RateKey,
}

/// What has a rate of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RateKey {
    /// The sink.
    Sink,
    /// Each ordering key; events without one have one together.
    OrderingKey,
}

/// Keys with a rate of their own at once; a key whose bucket is full again is forgotten. Those beyond share one.
// 64 Ki of 48 bytes are 3 MiB.
const KEYS_MAX: usize = 1 << 16;

/// The buckets of one sink.
#[derive(Debug)]
pub(super) struct Limiter {
    limit: RateLimit,
    start: Instant,
    hasher: RandomState,
    buckets: Mutex<Buckets>,
}

#[derive(Debug, Default)]
struct Buckets {
    /// Of the sink, or of keys for which there is no room.
    common: Bucket,
    by_key: HashMap<u64, Bucket>,
    /// Looking for keys to forget takes a while: not more than once in a `per`.
    forgotten: Option<Instant>,
}

/// When each is full again, in nanoseconds since the start times its limit.
#[derive(Clone, Copy, Debug, Default)]
struct Bucket {
    events: u128,
    bytes: u128,
}

impl Limiter {
    pub(super) fn new(limit: RateLimit) -> Limiter {
        Limiter { limit, start: Instant::now(), hasher: RandomState::new(), buckets: Mutex::default() }
    }

    /// Takes room for the first of the events and those behind it that may go with it, and tells when they may.
    pub(super) fn reserve(&self, events: &[Event], now: Instant) -> (usize, Instant) {
        let mut buckets = self.lock();
        let mut at = now;
        let mut count = 0;
        for event in events {
            let ready = self.ready(&mut buckets, event, now);
            if ready > now && count > 0 {
                break;
            }
            at = ready;
            count += 1;
            self.take(&mut buckets, event, now);
            if ready > now {
                break;
            }
        }
        (count, at)
    }

    /// When the event may go.
    fn ready(&self, buckets: &mut Buckets, event: &Event, now: Instant) -> Instant {
        let bucket = *self.bucket(buckets, event, now);
        let now_ns = self.nanos(now);
        let of = |full_at: u128, amount: u64, limit: Option<u64>| {
            limit.map_or(now_ns, |limit| self.since(full_at, amount, limit, now_ns))
        };
        let ns = of(bucket.events, 1, self.limit.events).max(of(bucket.bytes, event.size() as u64, self.limit.bytes));
        // A wait beyond 2^64 ns does not come about: limits are at least 1 in an hour.
        self.start + Duration::from_nanos(u64::try_from(ns).unwrap_or(u64::MAX))
    }

    /// Room for `amount` is there once the bucket lacks no more than it holds beside it; for more than it holds, once it is full.
    fn since(&self, full_at: u128, amount: u64, limit: u64, now_ns: u128) -> u128 {
        let (limit, per_ns) = (u128::from(limit.max(1)), self.limit.per.as_nanos());
        let spare = (limit * per_ns).saturating_sub(u128::from(amount) * per_ns);
        full_at.saturating_sub(spare).div_ceil(limit).max(now_ns)
    }

    fn take(&self, buckets: &mut Buckets, event: &Event, now: Instant) {
        let (now_ns, per_ns) = (self.nanos(now), self.limit.per.as_nanos());
        let bucket = self.bucket(buckets, event, now);
        let take = |full_at: &mut u128, amount: u64, limit: Option<u64>| {
            if let Some(limit) = limit {
                *full_at = (*full_at).max(now_ns * u128::from(limit.max(1))) + u128::from(amount) * per_ns;
            }
        };
        take(&mut bucket.events, 1, self.limit.events);
        take(&mut bucket.bytes, event.size() as u64, self.limit.bytes);
    }

    fn bucket<'b>(&self, buckets: &'b mut Buckets, event: &Event, now: Instant) -> &'b mut Bucket {
        if self.limit.key == RateKey::Sink {
            return &mut buckets.common;
        }
        // Keys as they are could be of any size; two of 2^64 that meet share a bucket.
        let key = self.hasher.hash_one(event.ordering_key());
        if buckets.by_key.len() >= KEYS_MAX && !buckets.by_key.contains_key(&key) {
            self.forget(buckets, now);
            if buckets.by_key.len() >= KEYS_MAX {
                return &mut buckets.common;
            }
        }
        buckets.by_key.entry(key).or_default()
    }

    fn forget(&self, buckets: &mut Buckets, now: Instant) {
        if buckets.forgotten.is_some_and(|at| now.duration_since(at) < self.limit.per) {
            return;
        }
        buckets.forgotten = Some(now);
        let now_ns = self.nanos(now);
        let full =
            |full_at: u128, limit: Option<u64>| limit.is_none_or(|limit| full_at <= now_ns * u128::from(limit.max(1)));
        let (events, bytes) = (self.limit.events, self.limit.bytes);
        buckets.by_key.retain(|_, bucket| !(full(bucket.events, events) && full(bucket.bytes, bytes)));
    }

    fn nanos(&self, now: Instant) -> u128 {
        now.duration_since(self.start).as_nanos()
    }

    fn lock(&self) -> MutexGuard<'_, Buckets> {
        self.buckets.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn event(key: &str, bytes: usize) -> Event {
        let event = Event::builder().id("1").source("/s").ty("t").context("key", key);
        event.data(tidegate_event::Form::Binary, vec![0; bytes]).build().unwrap()
    }

    fn limit(events: Option<u64>, bytes: Option<u64>, key: RateKey) -> Limiter {
        Limiter::new(RateLimit { events, bytes, per: Duration::from_secs(1), key })
    }

    /// The milliseconds at which each goes where one after another is sent as soon as it may.
    fn schedule(limiter: &Limiter, events: &[Event]) -> Vec<u128> {
        let (mut times, mut now) = (Vec::new(), limiter.start);
        while times.len() < events.len() {
            let (count, at) = limiter.reserve(&events[times.len()..], now);
            now = at;
            times.extend(std::iter::repeat_n((at - limiter.start).as_millis(), count));
        }
        times
    }

    #[test]
    fn events_go_at_once_up_to_the_limit_and_evenly_from_then_on() {
        let events = vec![event("a", 1); 8];
        assert_eq!(schedule(&limit(Some(4), None, RateKey::Sink), &events), [0, 0, 0, 0, 250, 500, 750, 1000]);
        // A third of a second cannot be written down, and nothing is lost by it.
        assert_eq!(schedule(&limit(Some(3), None, RateKey::Sink), &events), [0, 0, 0, 333, 666, 1000, 1333, 1666]);
    }

    #[test]
    fn what_is_larger_than_the_limit_goes_alone_and_is_waited_out() {
        let (small, large) = (event("a", 10), event("a", 5000));
        let size = small.size() as u64;
        let limiter = limit(None, Some(size * 2), RateKey::Sink);
        let times = schedule(&limiter, &[small.clone(), large.clone(), small.clone()]);
        assert_eq!(times[..2], [0, 500], "once the bucket is full");
        let debt = u128::from(large.size() as u64) * 1000 / u128::from(size * 2);
        assert_eq!(times[2], 500 + debt - 500, "until there is room for it");
    }

    #[test]
    fn each_key_has_its_own() {
        let limiter = limit(Some(1), None, RateKey::OrderingKey);
        assert_eq!(schedule(&limiter, &["a", "b", "a", "b"].map(|key| event(key, 1))), [0, 0, 1000, 1000]);
    }

    #[test]
    fn keys_are_forgotten_once_full_and_never_too_many() {
        let limiter = limit(Some(1), None, RateKey::OrderingKey);
        let now = limiter.start;
        for key in 0..KEYS_MAX + 10 {
            limiter.reserve(&[event(&key.to_string(), 1)], now);
        }
        assert_eq!(limiter.lock().by_key.len(), KEYS_MAX);
        limiter.reserve(&[event("new", 1)], now + Duration::from_secs(60));
        assert_eq!(limiter.lock().by_key.len(), 1);
    }

    proptest! {
        /// Over any time no more than `1 + t / per` times the limit, and no less than could be.
        #[test]
        fn no_more_than_the_limit_in_any_time(rate in 1u64..50, count in 1usize..200) {
            let times = schedule(&limit(Some(rate), None, RateKey::Sink), &vec![event("a", 1); count]);
            for from in 0..count {
                for to in from..count {
                    // A millisecond: times are cut to it.
                    let most = u128::from(rate) * (1001 + times[to] - times[from]) / 1000;
                    prop_assert!((to - from + 1) as u128 <= most, "{} in {} ms", to - from, times[to] - times[from]);
                }
            }
            let last = (count as u64).saturating_sub(rate) * 1000 / rate;
            prop_assert_eq!(times[count - 1], u128::from(last));
        }
    }
}
