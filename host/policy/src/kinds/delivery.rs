//! `retry`, `timeout`, `rateLimit` and `breaker` of a Sink; `window` of a Source.

use std::{ops::RangeInclusive, time::Duration};

use crate::{
    codes,
    mistakes::{Fields, Mistakes, Shape},
    spec::{Breaker, Delivery, RateKey, RateLimit, Retry, Window},
    tree::Node,
    units::{GI, MI},
};

/// The keys of a Sink that are read here.
pub(super) const KEYS: [&str; 4] = ["retry", "timeout", "rateLimit", "breaker"];

const RETRY: Shape = Shape { what: "`retry`", keys: &["max", "backoff", "delay", "maxDelay", "jitter"], later: &[] };
const RATE_LIMIT: Shape = Shape { what: "`rateLimit`", keys: &["events", "bytes", "per", "key"], later: &[] };
const BREAKER: Shape = Shape { what: "`breaker`", keys: &["failures", "window", "pause"], later: &[] };
const WINDOW: Shape = Shape { what: "`window`", keys: &["events", "bytes"], later: &[] };

const BACKOFFS: [(&str, Backoff); 2] = [("exponential", Backoff::Exponential), ("constant", Backoff::Constant)];
const RATE_KEYS: [(&str, RateKey); 2] = [("none", RateKey::None), ("partitionkey", RateKey::Partitionkey)];

/// More tries than this are the same as for ever (which is the default): twelve days at the default delay.
const RETRIES_MAX: i64 = 100_000;
/// Milliseconds: below 1 ms a retry is a busy loop, above an hour nobody waits for it.
const DELAY_MS: RangeInclusive<u64> = 1..=3_600_000;
const TIMEOUT_MS: RangeInclusive<u64> = 10..=3_600_000;
const RATE_EVENTS: RangeInclusive<i64> = 1..=1_000_000_000;
const RATE_BYTES: RangeInclusive<u64> = 1..=1024 * GI;
/// Failures are remembered with their times: 10,000 are 160 KiB.
const FAILURES: RangeInclusive<i64> = 1..=10_000;
const FAILURE_WINDOW_MS: RangeInclusive<u64> = 1_000..=3_600_000;
const PAUSE_MS: RangeInclusive<u64> = 10..=600_000;
/// A lane takes a batch only where there is room for the largest one.
const WINDOW_EVENTS: RangeInclusive<i64> = 1_024..=262_144;
const WINDOW_BYTES: RangeInclusive<u64> = 4 * MI..=GI;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Backoff {
    Exponential,
    Constant,
}

pub(super) fn read(spec: &Node, mistakes: &mut Mistakes<'_>) -> Delivery {
    let default = Delivery::default();
    Delivery {
        retry: spec.get("retry").map_or(default.retry, |node| retry(node, mistakes)),
        timeout: spec.get("timeout").and_then(|node| mistakes.duration(node, "`timeout`", TIMEOUT_MS)),
        rate_limit: spec.get("rateLimit").and_then(|node| rate_limit(node, mistakes)),
        breaker: spec.get("breaker").map_or(default.breaker, |node| breaker(node, mistakes)),
    }
}

fn retry(node: &Node, mistakes: &mut Mistakes<'_>) -> Retry {
    let mut retry = Retry::default();
    let Some(fields) = mistakes.fields(node, &RETRY) else { return retry };
    if let Some(node) = fields.get("max") {
        retry.max = mistakes.integer(node, "`max`", 0..=RETRIES_MAX);
    }
    if let Some(jitter) = fields.get("jitter").and_then(|node| mistakes.integer(node, "`jitter` (in percent)", 0..=100))
    {
        retry.jitter_percent = jitter;
    }
    retry.delay = duration(&fields, "delay", DELAY_MS, retry.delay, mistakes);
    let backoff = fields.get("backoff").and_then(|node| mistakes.word(node, "`backoff`", &BACKOFFS, &[]));
    if backoff == Some(Backoff::Constant) {
        retry.max_delay = retry.delay;
        if let Some(at) = fields.key("maxDelay") {
            let hint = "leave it out: every delay is as long as `delay`";
            mistakes.hint(codes::EXCLUSIVE, at, "`maxDelay` beside `backoff: constant`", hint);
        }
        return retry;
    }
    retry.max_delay = duration(&fields, "maxDelay", DELAY_MS, retry.max_delay, mistakes);
    if retry.delay > retry.max_delay {
        // The default of one gives way to what is written for the other.
        match (fields.get("delay"), fields.get("maxDelay")) {
            (Some(_), None) => retry.max_delay = retry.delay,
            (None, Some(_)) => retry.delay = retry.max_delay,
            (Some(delay), Some(_)) => {
                mistakes.add(codes::OUT_OF_RANGE, delay.at, "`delay` is longer than `maxDelay`");
            }
            (None, None) => {}
        }
    }
    retry
}

fn rate_limit(node: &Node, mistakes: &mut Mistakes<'_>) -> Option<RateLimit> {
    let fields = mistakes.fields(node, &RATE_LIMIT)?;
    if fields.get("events").is_none() && fields.get("bytes").is_none() {
        // One mistake is said once: a misspelled key may be the one that is missing.
        let _ = fields.need("events", "or `bytes`, as in `rateLimit: {events: 100, per: 1s}`", mistakes);
        return None;
    }
    let events = fields.get("events").and_then(|node| mistakes.integer::<i64>(node, "`events`", RATE_EVENTS));
    let bytes = fields.get("bytes").and_then(|node| mistakes.size(node, "`bytes`", RATE_BYTES));
    let key = fields.get("key").and_then(|node| mistakes.word(node, "`key`", &RATE_KEYS, &[]));
    Some(RateLimit {
        events: events.map(i64::unsigned_abs),
        bytes: bytes.map(|bytes| bytes as u64),
        per: duration(&fields, "per", DELAY_MS, Duration::from_secs(1), mistakes),
        key: key.unwrap_or(RateKey::None),
    })
}

fn breaker(node: &Node, mistakes: &mut Mistakes<'_>) -> Breaker {
    let default = Breaker::default();
    let Some(fields) = mistakes.fields(node, &BREAKER) else { return default };
    let failures = fields.get("failures").and_then(|node| mistakes.integer(node, "`failures`", FAILURES));
    Breaker {
        failures: failures.unwrap_or(default.failures),
        window: duration(&fields, "window", FAILURE_WINDOW_MS, default.window, mistakes),
        pause: duration(&fields, "pause", PAUSE_MS, default.pause, mistakes),
    }
}

pub(super) fn window(node: &Node, mistakes: &mut Mistakes<'_>) -> Window {
    let Some(fields) = mistakes.fields(node, &WINDOW) else { return Window::default() };
    Window {
        events: fields.get("events").and_then(|node| mistakes.integer(node, "`events`", WINDOW_EVENTS)),
        bytes: fields.get("bytes").and_then(|node| mistakes.size(node, "`bytes`", WINDOW_BYTES)),
    }
}

fn duration(
    fields: &Fields<'_>,
    key: &str,
    range_ms: RangeInclusive<u64>,
    default: Duration,
    mistakes: &mut Mistakes<'_>,
) -> Duration {
    let node = fields.get(key);
    node.and_then(|node| mistakes.duration(node, &format!("`{key}`"), range_ms)).unwrap_or(default)
}
