//! `failure: {breaker}` of a FilterPolicy. That of a Sink is in [`super::delivery`].

use std::{ops::RangeInclusive, time::Duration};

use crate::{
    mistakes::{Fields, Mistakes, Shape},
    spec::{FailureRule, PolicyBreaker},
    tree::Node,
};

const SHAPE: Shape = Shape { what: "`breaker`", keys: &["failures", "window", "pause", "then"], later: &[] };
/// Failures are remembered with their times: 10,000 are 160 KiB.
const FAILURES: RangeInclusive<i64> = 1..=10_000;
const WINDOW_MS: RangeInclusive<u64> = 1_000..=3_600_000;
const PAUSE_MS: RangeInclusive<u64> = 10..=600_000;

/// `Retry` is none of them: it is what `Pause` does here.
const THEN: [FailureRule; 5] =
    [FailureRule::Pause, FailureRule::DeadLetter, FailureRule::Drop, FailureRule::Bypass, FailureRule::Reject];

pub(super) fn read(node: &Node, mistakes: &mut Mistakes<'_>) -> PolicyBreaker {
    let default = PolicyBreaker::default();
    let Some(fields) = mistakes.fields(node, &SHAPE) else { return default };
    let failures = fields.get("failures").and_then(|node| mistakes.integer(node, "`failures`", FAILURES));
    let words = THEN.map(|rule| (rule.word(), rule));
    let then = fields.get("then").and_then(|node| mistakes.word(node, "`then`", &words, &[]));
    PolicyBreaker {
        failures: failures.unwrap_or(default.failures),
        window: duration(&fields, "window", WINDOW_MS, default.window, mistakes),
        pause: duration(&fields, "pause", PAUSE_MS, default.pause, mistakes),
        then: then.unwrap_or(default.then),
    }
}

fn duration(
    fields: &Fields<'_>,
    key: &str,
    range: RangeInclusive<u64>,
    default: Duration,
    mistakes: &mut Mistakes<'_>,
) -> Duration {
    let given = fields.get(key).and_then(|node| mistakes.duration(node, &format!("`{key}`"), range));
    given.unwrap_or(default)
}
