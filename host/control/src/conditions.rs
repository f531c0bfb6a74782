//! How far the newest documents got, and what is wrong with what runs: the conditions of a host, as Kubernetes has them.

use std::sync::Arc;

use tidegate_pipeline::{CircuitState, LaneState, OPERATOR, SourceState};
use tidegate_policy::Report;

use crate::{Picture, book::now_ms, history::Outcome, rollouts::TakenBack, status::Phase};

/// How the newest documents fared.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attempt {
    /// Milliseconds since 1970.
    pub at_ms: u64,
    /// What they became, where they went live.
    pub generation: Option<Arc<str>>,
    /// Codes of their mistakes.
    codes: Vec<&'static str>,
    /// Their mistakes, as a person reads them.
    pub reasons: Vec<String>,
}

impl Attempt {
    pub(crate) fn live(generation: &Arc<str>) -> Attempt {
        Attempt { at_ms: now_ms(), generation: Some(generation.clone()), codes: Vec::new(), reasons: Vec::new() }
    }

    pub(crate) fn refused(report: &Report) -> Attempt {
        let reasons = match Outcome::refused(report) {
            Outcome::Refused { reasons } => reasons,
            Outcome::Live | Outcome::RolledBack { .. } => Vec::new(),
        };
        let codes = report.diagnostics.iter().map(|found| found.code).collect();
        Attempt { at_ms: now_ms(), generation: None, codes, reasons }
    }
}

/// One thing that holds, does not, or is not known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Condition {
    /// Its name: `Accepted`, `Resolved`, `Verified`, `Compiled`, `Programmed`, `Degraded`.
    pub name: &'static str,
    /// `None`: not known.
    pub holds: Option<bool>,
    /// One word in camel case.
    pub reason: &'static str,
    /// For a person; empty where there is nothing to say.
    pub message: String,
    /// Milliseconds since 1970 at which it was found; absent for what is looked at now.
    pub since_ms: Option<u64>,
}

/// Its name, and whether a code ends it.
type Step = (&'static str, fn(&str) -> bool);

/// The steps that documents take, in order, with the codes that end them there.
const STEPS: [Step; 4] = [
    ("Accepted", |code| code.starts_with('P')),
    ("Resolved", |code| matches!(code, "C201" | "C202" | "C203" | "C204" | "C208" | "C209" | "C220")),
    ("Compiled", |code| code == "C205"),
    ("Verified", |_| true),
];

/// All conditions of a host, in the order in which documents meet them.
pub fn conditions(picture: &Picture) -> Vec<Condition> {
    let mut all = Vec::new();
    let attempt = picture.attempt.as_ref();
    let since_ms = attempt.map(|attempt| attempt.at_ms);
    let mut failed = false;
    for (name, ends) in STEPS {
        let (holds, reason, message) = match attempt {
            None => (None, "Pending", String::new()),
            Some(_) if failed => (None, "NotReached", String::new()),
            Some(attempt) if attempt.codes.iter().any(|code| ends(code)) => {
                failed = true;
                (Some(false), "Refused", attempt.reasons.join("\n\n"))
            }
            Some(_) => (Some(true), "Fine", String::new()),
        };
        all.push(Condition { name, holds, reason, message, since_ms });
    }
    all.push(programmed(picture, since_ms));
    all.push(degraded(picture));
    all
}

fn programmed(picture: &Picture, since_ms: Option<u64>) -> Condition {
    let (holds, reason, message) = match (picture.phase, &picture.generation) {
        (Phase::Starting, _) | (_, None) => (Some(false), "Starting", String::new()),
        (Phase::Draining, Some(_)) => (Some(false), "Draining", "it takes nothing more".to_owned()),
        (Phase::Serving, Some(live)) if picture.refused => {
            (Some(false), "Refused", format!("{} goes on: the newest documents were refused", live.id))
        }
        (Phase::Serving, Some(live)) => match &picture.deployed.pin {
            Some(pin) => {
                let message = format!("{} is held by a rollback of {}, until the folder changes", live.id, pin.who);
                (Some(true), "RolledBack", message)
            }
            None => (Some(true), "Live", format!("{} decides", live.id)),
        },
    };
    Condition { name: "Programmed", holds, reason, message, since_ms }
}

fn degraded(picture: &Picture) -> Condition {
    let mut found = Vec::new();
    let mut reason = "Fine";
    let mut note = |word: &'static str, text: String| {
        if found.is_empty() {
            reason = word;
        }
        found.push(text);
    };
    for source in &picture.sources {
        match &source.state {
            SourceState::Failed(why) => note("SourceFailed", format!("source {}: {why}", source.source)),
            SourceState::Trouble(why) => note("SourceTrouble", format!("source {}: {why}", source.source)),
            SourceState::Opening | SourceState::Open | SourceState::Standby | SourceState::Complete => {}
        }
    }
    for circuit in &picture.circuits {
        if let CircuitState::Open { cause, .. } | CircuitState::HalfOpen { cause, .. } = &circuit.state {
            note("CircuitOpen", format!("policy {}: its module is not asked: {cause}", circuit.policy));
        }
    }
    for lane in &picture.lanes {
        match &lane.state {
            LaneState::Paused { by, reason } if **by == *OPERATOR => {
                note("Paused", format!("source {}: {reason}", lane.source))
            }
            LaneState::Paused { by, reason } => {
                note("LanePaused", format!("lane {} of {}: {by}: {reason}", lane.lane, lane.source))
            }
            LaneState::Held { by, reason } => {
                note("LaneHeld", format!("lane {} of {}: {by}: {reason}", lane.lane, lane.source))
            }
            LaneState::Running | LaneState::Ended => {}
        }
    }
    for sink in &picture.sinks {
        if let Some(trouble) = &sink.trouble {
            note("SinkTrouble", format!("sink {}: {trouble}", sink.sink));
        }
    }
    for taken in picture.rollouts.iter().filter_map(|found| found.taken_back.as_ref()) {
        let TakenBack { policy, why, percent, .. } = taken;
        let text =
            format!("policy {policy}: its rollout to {percent} % was taken back, until its document changes: {why}");
        note("RolloutTakenBack", text);
    }
    Condition { name: "Degraded", holds: Some(!found.is_empty()), reason, message: found.join("\n"), since_ms: None }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use tidegate_policy::Diagnostic;

    use super::*;

    fn check(codes: &[&'static str], expected: [Option<bool>; 4]) {
        let diagnostic = |code| Diagnostic { code, message: "m".into(), place: None, hint: None, line: None };
        let report = Report::new(codes.iter().map(|code| diagnostic(*code)).collect());
        let attempt = if codes.is_empty() { Attempt::live(&"abc".into()) } else { Attempt::refused(&report) };
        let picture = Picture { attempt: Some(attempt), ..Picture::default() };
        let found: Vec<Option<bool>> = conditions(&picture).iter().map(|condition| condition.holds).collect();
        assert_eq!(found[..4], expected, "{codes:?}");
    }

    #[test]
    fn documents_stop_at_the_step_that_refuses_them() {
        check(&[], [Some(true); 4]);
        check(&["P104"], [Some(false), None, None, None]);
        check(&["C204", "C207"], [Some(true), Some(false), None, None]);
        check(&["C205"], [Some(true), Some(true), Some(false), None]);
        check(&["C301"], [Some(true), Some(true), Some(true), Some(false)]);
    }

    #[test]
    fn a_host_that_has_not_begun_knows_nothing() {
        let found = conditions(&Picture::default());
        assert!(found[..4].iter().all(|condition| condition.holds.is_none()), "{found:?}");
        assert_eq!((found[4].holds, found[5].holds), (Some(false), Some(false)));
    }
}
