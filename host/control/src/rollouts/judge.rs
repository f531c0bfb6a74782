//! Whether a rollout is to be taken back: pure, from what its two versions have decided lately.

use tidegate_pipeline::rollout::Decided;
use tidegate_policy::spec::Abort;

/// The condition that holds, with its figures; `None` where none does.
pub(super) fn why(abort: &Abort, candidate: Decided, baseline: Decided) -> Option<String> {
    if candidate.paused > 0 {
        return Some("it failed, and a lane has stopped in front of that event".to_owned());
    }
    if candidate.held > 0 && baseline.held == 0 {
        return Some(format!("it failed and held a lane, {} times", candidate.held));
    }
    if candidate.events < abort.min_events {
        return None;
    }
    let (failed, usual) = (Part::of(candidate.failed, candidate.events), Part::of(baseline.failed, baseline.events));
    if failed.exceeds(usual, abort.error_ratio) {
        return Some(format!(
            "{} of its {} events failed ({}), of the baseline's {} ({}); at most {} more are allowed",
            candidate.failed,
            candidate.events,
            percent(failed.value),
            baseline.events,
            percent(usual.value),
            percent(abort.error_ratio),
        ));
    }
    let (refused, usual) = (Part::of(candidate.refused, candidate.events), Part::of(baseline.refused, baseline.events));
    if let Some(most) = abort.divergence.filter(|_| baseline.events >= abort.min_events)
        && (refused.exceeds(usual, most) || usual.exceeds(refused, most))
    {
        return Some(format!(
            "it dropped or rejected {} of its {} events, the baseline {} of {}; at most {} of difference are allowed",
            percent(refused.value),
            candidate.events,
            percent(usual.value),
            baseline.events,
            percent(most),
        ));
    }
    let mean = candidate.time.checked_div(u32::try_from(candidate.calls).unwrap_or(u32::MAX)).unwrap_or_default();
    let most = abort.latency.filter(|most| mean > *most)?;
    Some(format!("a call took {mean:.1?} on average, of {} calls; at most {most:?} are allowed", candidate.calls))
}

/// A part of events, and how far chance may have moved it.
#[derive(Clone, Copy, Debug)]
struct Part {
    value: f64,
    /// The square of its standard error.
    variance: f64,
}

/// Standard errors. Both versions are looked at for days: at three, chance alone would take a rollout back within a day.
const BEYOND_CHANCE: f64 = 4.0;

impl Part {
    fn of(some: u64, all: u64) -> Part {
        if all == 0 {
            return Part { value: 0.0, variance: 0.0 };
        }
        let value = some as f64 / all as f64;
        Part { value, variance: value * (1.0 - value) / all as f64 }
    }

    /// Whether it is larger than another by more than `most`, and by more than chance explains.
    fn exceeds(self, other: Part, most: f64) -> bool {
        let (more, error) = (self.value - other.value, (self.variance + other.variance).sqrt());
        more > most && more > BEYOND_CHANCE * error
    }
}

fn percent(part: f64) -> String {
    format!("{:.1} %", part * 100.0)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn decided(events: u64, failed: u64, refused: u64) -> Decided {
        Decided { events, failed, refused, calls: 10, time: Duration::from_millis(10), ..Decided::default() }
    }

    #[track_caller]
    fn check(abort: &Abort, candidate: Decided, baseline: Decided, expected: Option<&str>) {
        let found = why(abort, candidate, baseline);
        match expected {
            None => assert_eq!(found, None),
            Some(words) => assert!(found.as_ref().is_some_and(|found| found.contains(words)), "{found:?}"),
        }
    }

    #[test]
    fn a_version_is_judged_by_what_the_other_does() {
        let abort = Abort::default();
        check(&abort, decided(100, 20, 0), decided(400, 0, 0), Some("20 of its 100 events failed (20.0 %)"));
        check(&abort, decided(99, 99, 0), decided(400, 0, 0), None);
        check(&abort, decided(10_000, 100, 0), decided(40_000, 0, 0), None);
        check(&abort, decided(10_000, 101, 0), decided(40_000, 0, 0), Some("at most 1.0 % more"));
        // What fails on both is not its doing.
        check(&abort, decided(1_000, 51, 0), decided(4_000, 200, 0), None);
        check(&abort, decided(1_000, 100, 0), decided(4_000, 200, 0), Some("of the baseline's 4000 (5.0 %)"));
        // Nobody is left to compare with: nothing is usual.
        check(&abort, decided(1_000, 20, 0), decided(0, 0, 0), Some("20 of its 1000"));
        // Two of a hundred may be chance; as many of a thousand are not.
        check(&abort, decided(100, 2, 0), decided(400, 0, 0), None);
        check(&abort, decided(1_000, 20, 0), decided(4_000, 0, 0), Some("(2.0 %)"));
        check(&abort, decided(1_000, 115, 0), decided(1_000, 85, 0), None);
        check(&abort, decided(1_000, 0, 1_000), decided(4_000, 0, 0), None);
    }

    #[test]
    fn a_lane_that_it_holds_is_enough() {
        let held = Decided { held: 1, ..Decided::default() };
        check(&Abort::default(), held, Decided::default(), Some("held a lane"));
        check(&Abort::default(), decided(0, 0, 0), held, None);
        check(&Abort::default(), held, held, None);
        let paused = Decided { paused: 1, ..Decided::default() };
        check(&Abort::default(), paused, paused, Some("a lane has stopped"));
    }

    #[test]
    fn divergence_goes_both_ways_and_needs_both() {
        let abort = Abort { divergence: Some(0.1), ..Abort::default() };
        let usual = decided(40_000, 0, 8_000);
        let words = "31.0 % of its 10000 events, the baseline 20.0 % of 40000";
        check(&abort, decided(10_000, 0, 3_100), usual, Some(words));
        check(&abort, decided(10_000, 0, 900), usual, Some("at most 10.0 % of difference"));
        check(&abort, decided(10_000, 0, 2_900), usual, None);
        check(&abort, decided(100, 0, 31), usual, None);
        check(&abort, decided(100, 0, 100), decided(99, 0, 0), None);
    }

    #[test]
    fn a_call_that_takes_too_long_is_told() {
        let abort = Abort { latency: Some(Duration::from_micros(900)), ..Abort::default() };
        check(&abort, decided(100, 0, 0), decided(0, 0, 0), Some("a call took 1.0ms on average"));
        let abort = Abort { latency: Some(Duration::from_millis(1)), ..Abort::default() };
        check(&abort, decided(100, 0, 0), decided(0, 0, 0), None);
        let never = Decided { calls: 0, ..decided(100, 0, 0) };
        check(&abort, never, decided(0, 0, 0), None);
    }
}
