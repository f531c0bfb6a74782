//! What a policy in shadow would have done differently, event by event. Pure.

use std::sync::Arc;

use tidegate_event::Event;

use super::{Example, Flow, Lot, Outcome, REASON_CHARS_MAX, ShadowTarget};
use crate::flow::{Fate, Outgoing};

/// What was made of one event.
#[derive(Debug, Default)]
struct Made<'f> {
    asked: bool,
    /// The search for guilty events was given up: what was not decided failed.
    given_up: bool,
    fate: Option<&'f Fate>,
    outputs: Vec<Outgoing<'f>>,
}

/// How an event ends, where it does not go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    Kept,
    Dropped,
    Rejected,
    Held,
    Failed,
}

/// Events that the policy matches, each with what would be different. Flows over the events of the lot: without stages everything is kept.
pub(super) fn compare(lot: &Lot, candidate: &Flow<'_>, against: &Flow<'_>) -> Vec<(Outcome, Option<Example>)> {
    let rows = lot.events.len();
    let (candidate, against) = (made(candidate, rows), made(against, rows));
    let mut found = Vec::with_capacity(rows);
    for ((event, made), other) in lot.events.iter().zip(&candidate).zip(&against) {
        if !made.asked {
            continue;
        }
        let (outcome, reason) = outcome(&lot.plan.targets, made, other);
        let example = (outcome != Outcome::Same).then(|| Example {
            outcome,
            id: short(event.id()),
            source: short(event.source()),
            route: lot.plan.route.clone(),
            at_ms: lot.now_ms,
            reason: reason.map(|reason| short(&reason)).filter(|reason| !reason.is_empty()),
        });
        found.push((outcome, example));
    }
    found
}

fn short(text: &str) -> String {
    text.chars().take(REASON_CHARS_MAX).collect()
}

fn made<'f>(flow: &'f Flow<'_>, rows: usize) -> Vec<Made<'f>> {
    let given_up = flow.gave_up;
    let mut all: Vec<Made<'f>> = (0..rows).map(|_| Made { given_up, ..Made::default() }).collect();
    for row in flow.asked().iter().flat_map(|(_, rows)| rows) {
        if let Some(made) = all.get_mut(*row as usize) {
            made.asked = true;
        }
    }
    for (row, fate) in &flow.fates {
        if let Some(made) = all.get_mut(*row as usize) {
            made.fate = Some(fate);
        }
    }
    for output in flow.outgoing() {
        if let Some(made) = all.get_mut(output.origin as usize) {
            made.outputs.push(output);
        }
    }
    all
}

impl Made<'_> {
    /// With the guest's words, or what failed.
    fn end(&self) -> (End, Option<String>) {
        if !self.outputs.is_empty() {
            return (End::Kept, None);
        }
        match self.fate {
            None if self.given_up => (End::Failed, Some("it fails on many events".to_owned())),
            None => (End::Held, None),
            Some(Fate::Dropped { reason, .. }) => (End::Dropped, reason.as_ref().map(ToString::to_string)),
            Some(Fate::DeadLetter { cause: "reject", reason, .. } | Fate::Rejected { cause: "reject", reason, .. }) => {
                (End::Rejected, Some(reason.to_string()))
            }
            Some(fate) => (End::Failed, fate.why().map(|why| why.to_string())),
        }
    }
}

fn outcome(targets: &[ShadowTarget], made: &Made<'_>, other: &Made<'_>) -> (Outcome, Option<String>) {
    let ((end, reason), (before, _)) = (made.end(), other.end());
    match end {
        End::Failed => (Outcome::Fail, reason),
        End::Kept if before == End::Kept => kept(targets, &made.outputs, &other.outputs),
        end if end == before => (Outcome::Same, None),
        End::Kept => (Outcome::Keep, None),
        End::Dropped => (Outcome::Drop, reason),
        End::Rejected => (Outcome::Reject, reason),
        End::Held => (Outcome::Hold, reason),
    }
}

/// Both send it on.
fn kept(targets: &[ShadowTarget], now: &[Outgoing<'_>], before: &[Outgoing<'_>]) -> (Outcome, Option<String>) {
    let (to, instead) = (wanted(targets, now), wanted(targets, before));
    if to != instead {
        let names = |ids: &[&Arc<str>]| match ids {
            [] => "nothing".to_owned(),
            ids => ids.iter().map(|id| &***id).collect::<Vec<_>>().join(", "),
        };
        return (Outcome::Reroute, Some(format!("to {} instead of {}", names(&to), names(&instead))));
    }
    let changed = match (now, before) {
        ([now], [before]) => changed(now.event, before.event),
        (now, before) if now.len() == before.len() => {
            let all = now.iter().zip(before).flat_map(|(now, before)| changed(now.event, before.event));
            all.collect()
        }
        (now, before) => vec![format!("{} events instead of {}", now.len(), before.len())],
    };
    if changed.is_empty() { (Outcome::Same, None) } else { (Outcome::Change, Some(changed.join(", "))) }
}

/// The sinks that want one of the events, as if no further policy came.
fn wanted<'t>(targets: &'t [ShadowTarget], events: &[Outgoing<'_>]) -> Vec<&'t Arc<str>> {
    let wants = |target: &ShadowTarget, event: &Outgoing<'_>| {
        let named = target.names.as_ref().is_none_or(|names| event.names.iter().any(|name| names.fits(name)));
        named && target.when.holds(event.event)
    };
    let some = targets.iter().filter(|target| events.iter().any(|event| wants(target, event)));
    some.map(|target| &target.id).collect()
}

/// Names of what two events say differently.
fn changed(now: &Event, before: &Event) -> Vec<String> {
    if now == before {
        return Vec::new();
    }
    const CORE: [&str; 7] = ["id", "source", "type", "subject", "time", "datacontenttype", "dataschema"];
    let mut names: Vec<&str> = CORE.to_vec();
    names.extend(now.extensions().map(|(name, _)| name));
    names.extend(before.extensions().map(|(name, _)| name).filter(|name| now.extension(name).is_none()));
    let mut changed: Vec<String> =
        names.into_iter().filter(|name| now.attribute(name) != before.attribute(name)).map(str::to_owned).collect();
    if now.data() != before.data() {
        changed.push("data".to_owned());
    }
    changed
}
