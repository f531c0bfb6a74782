//! How a sink is delivered to, and how much a lane of a source may have under way. The same for every connector.

use std::time::Duration;

/// `retry`, `timeout`, `rateLimit` and `breaker` of a sink.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Delivery {
    /// What to do when it cannot take an event now.
    pub retry: Retry,
    /// A write (of up to 8,192 events at once) that takes longer counts as a failed try: the sink is in trouble, and the breaker counts
    /// it. The write is waited for all the same, and what it writes late is durable. 10 ms to an hour; absent (the default): it may
    /// take as long as it takes, within the connector's own timeouts.
    pub timeout: Option<Duration>,
    /// Absent (the default): as fast as it goes.
    pub rate_limit: Option<RateLimit>,
    /// When nothing is tried for a while.
    pub breaker: Breaker,
}

/// `retry: {max, backoff, delay, maxDelay, jitter}`. Delays double from `delay` up to `max_delay`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retry {
    /// Tries of one event after the first, up to 100,000; then it is refused for good: to the dead letter where the route has
    /// one, else the lane pauses. `None` (the default) tries for ever.
    pub max: Option<u32>,
    /// Default 100 ms; 1 ms to an hour.
    pub delay: Duration,
    /// Default 10 s; from `delay` to an hour. The same as `delay` with `backoff: constant` (default: `exponential`).
    pub max_delay: Duration,
    /// A delay is shortened by so much at most, at random, in percent. Default 50; 0 to 100.
    pub jitter_percent: u8,
}

impl Default for Retry {
    fn default() -> Retry {
        let (delay, max_delay) = (Duration::from_millis(100), Duration::from_secs(10));
        Retry { max: None, delay, max_delay, jitter_percent: 50 }
    }
}

/// `rateLimit: {events, bytes, per, key}`, one of `events` and `bytes` at least. What exceeds it waits in order, and what is behind
/// it in its lane: nothing is dropped. What was not used up in one `per` may go at once, and no more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RateLimit {
    /// 1 to 1,000,000,000.
    pub events: Option<u64>,
    /// 1 to 1024Gi; a larger event goes alone, and is waited out after it.
    pub bytes: Option<u64>,
    /// Default 1 s; 1 ms to an hour.
    pub per: Duration,
    /// Default `none`. At most 65,536 keys have a rate of their own at once; those beyond share one.
    pub key: RateKey,
}

/// What has a rate of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RateKey {
    /// `none`: the sink.
    None,
    /// `partitionkey`: each ordering key (Kafka's key, else the attribute `partitionkey`); events without one have one together. An
    /// event that waits for the turn of its key holds what is behind it in its lane and at its writer.
    Partitionkey,
}

/// `breaker: {failures, window, pause}`: after `failures` in a row within `window` nothing is tried for `pause`; then one write tries.
/// Whatever is answered about an event ends the row. Nothing is refused meanwhile, and `retry.max` counts tries only.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Breaker {
    /// Default 10; 1 to 10,000.
    pub failures: u32,
    /// Default 1 m; 1 s to an hour.
    pub window: Duration,
    /// Default 1 s; 10 ms to 10 m.
    pub pause: Duration,
}

impl Default for Breaker {
    fn default() -> Breaker {
        Breaker { failures: 10, window: Duration::from_mins(1), pause: Duration::from_secs(1) }
    }
}

/// `window: {events, bytes}` of a source: what each of its lanes may have taken and not settled. Also what may come twice after
/// a crash.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Window {
    /// 1,024 (the largest batch) to 262,144. Default: the host's, 4,096 without a preset.
    pub events: Option<usize>,
    /// 4Mi (the largest batch) to 1Gi. Default: the host's, 64Mi without a preset.
    pub bytes: Option<usize>,
}
