//! Whether a rollout goes on to more keys: pure, from how long its step has lasted and what its two versions have decided in it.

use std::time::Duration;

use tidegate_pipeline::rollout::Decided;
use tidegate_policy::{
    amend::Promotion,
    spec::{Abort, Promote},
};

use super::{Due, judge};

/// A step, as far as it has got.
#[derive(Clone, Copy, Debug)]
pub(super) struct Step {
    /// Since it went live, in this process: what was not watched does not count.
    pub(super) lasted: Duration,
    /// Of the keys.
    pub(super) percent: u8,
    pub(super) candidate: Decided,
    pub(super) baseline: Decided,
}

/// What comes after so many percent; `None`: nothing by itself.
pub(super) fn next(promote: &Promote, percent: u8) -> Option<Promotion> {
    match promote.steps.iter().find(|step| **step > percent) {
        Some(step) => Some(Promotion::Percent(*step)),
        None if percent == 100 => Some(Promotion::Done),
        None => None,
    }
}

/// What is to be done about a step, where no condition of `abort` holds at the moment.
///
/// The step is judged once more as a whole: what comes too seldom for the window of `abort` shows here, and nothing is promoted that
/// was never judged.
pub(super) fn due(promote: &Promote, abort: &Abort, step: Step) -> Option<Due> {
    let to = next(promote, step.percent)?;
    if step.lasted < promote.after || step.candidate.events < promote.min_events {
        return None;
    }
    let whole = Abort { min_events: abort.min_events.min(promote.min_events), ..abort.clone() };
    if let Some(why) = judge::why(&whole, step.candidate, step.baseline) {
        return Some(Due::Back(format!("in all of its step {why}")));
    }
    let Step { lasted, percent, candidate: Decided { events, .. }, .. } = step;
    Some(Due::On(to, format!("{lasted:.1?} at {percent} %, {events} events, and no abort condition held")))
}

#[cfg(test)]
mod tests {
    use super::*;

    const AFTER: Duration = Duration::from_secs(600);

    fn promote() -> Promote {
        Promote { after: AFTER, steps: vec![10, 25, 100], min_events: 50 }
    }

    fn decided(events: u64, failed: u64) -> Decided {
        Decided { events, failed, ..Decided::default() }
    }

    fn step(percent: u8, lasted: Duration, candidate: Decided) -> Step {
        Step { lasted, percent, candidate, baseline: decided(1_000, 0) }
    }

    fn goes_on(due: Option<Due>) -> Option<Promotion> {
        match due {
            None => None,
            Some(Due::On(to, _)) => Some(to),
            Some(Due::Back(why)) => panic!("{why}"),
        }
    }

    #[test]
    fn a_step_is_over_when_it_has_lasted_and_has_had_its_events() {
        let at = |percent, lasted, events| {
            goes_on(due(&promote(), &Abort::default(), step(percent, lasted, decided(events, 0))))
        };
        let short = AFTER - Duration::from_millis(1);
        assert_eq!(at(10, short, 1_000), None);
        assert_eq!(at(10, 100 * AFTER, 49), None, "without traffic nothing is promoted");
        assert_eq!(at(10, AFTER, 50), Some(Promotion::Percent(25)));
        assert_eq!(at(25, AFTER, 50), Some(Promotion::Percent(100)));
        assert_eq!(at(100, short, 50), None, "the last step is watched like the others");
        assert_eq!(at(100, AFTER, 50), Some(Promotion::Done));
        assert_eq!(at(5, AFTER, 50), Some(Promotion::Percent(10)), "before the first step");
    }

    /// A clock of its own, looked at as the host does: each step begins when the one before is over.
    #[test]
    fn a_rollout_goes_through_all_its_steps_and_to_no_other() {
        let (mut percent, mut since, mut seen) = (10, Duration::ZERO, Vec::new());
        for look in 0..100_000_u32 {
            let now = look * super::super::LOOK;
            // One event a second.
            let events = (now - since).as_secs();
            match goes_on(due(&promote(), &Abort::default(), step(percent, now - since, decided(events, 0)))) {
                None => {}
                Some(Promotion::Percent(next)) => {
                    seen.push((next, now));
                    (percent, since) = (next, now);
                }
                Some(Promotion::Done) => {
                    assert_eq!(seen, [(25, AFTER), (100, 2 * AFTER)]);
                    assert_eq!(now, 3 * AFTER);
                    return;
                }
            }
        }
        panic!("it is at {percent} % for ever");
    }

    #[test]
    fn after_a_last_step_below_all_keys_a_person_goes_on() {
        let promote = Promote { steps: vec![10, 50], ..promote() };
        assert_eq!(next(&promote, 10), Some(Promotion::Percent(50)));
        assert_eq!(next(&promote, 50), None);
        assert!(due(&promote, &Abort::default(), step(50, 10 * AFTER, decided(1_000, 0))).is_none());
    }

    /// Some failures a minute are too few for any window; over the step they are one in four.
    #[test]
    fn what_no_window_saw_shows_in_the_step_as_a_whole() {
        let back = due(&promote(), &Abort::default(), step(10, AFTER, decided(80, 20)));
        let Some(Due::Back(why)) = back else { panic!("{back:?}") };
        assert!(why.starts_with("in all of its step 20 of its 80 events failed (25.0 %)"), "{why}");
        let held = Decided { held: 1, ..decided(80, 0) };
        assert!(matches!(due(&promote(), &Abort::default(), step(10, AFTER, held)), Some(Due::Back(_))));
    }
}
