//! Events through one module without a host around it: what `eval`, `test` and `dev` ask.
//!
//! The module is asked as the data path asks it, a batch at a time, one interface after the other. Nothing is sent anywhere.

use tidegate_engine::{Decision, Guest, Kind, Worker};
use tidegate_event::{Event, flat::FlatBatch};
use tidegate_matching::Matcher;
use tidegate_pipeline::plan::Verdict;
use tidegate_policy::cases;

/// What one interface said about one event.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) kind: Kind,
    /// What it saw: the event, or what an earlier interface of the module made of it.
    pub(crate) seen: Event,
    pub(crate) decision: Decision,
    /// Of a transform.
    pub(crate) outputs: Vec<Event>,
    /// Of a matcher.
    pub(crate) names: Vec<String>,
}

/// Through every interface the module has, in the order of the data path, all events in one batch. One list an event; a transform
/// that makes several of one has the next interface asked about each.
pub(crate) async fn answers(guest: &Guest, worker: &mut Worker, events: &[Event], now_ms: u64) -> Vec<Vec<Answer>> {
    let mut answers: Vec<Vec<Answer>> = events.iter().map(|_| Vec::new()).collect();
    let mut seen: Vec<(usize, Event)> = events.iter().cloned().enumerate().collect();
    for &kind in guest.module().kinds() {
        let mut next = Vec::new();
        let (origins, batch): (Vec<usize>, Vec<Event>) = seen.into_iter().unzip();
        for (origin, answer) in origins.into_iter().zip(ask(guest, worker, kind, batch, now_ms).await) {
            match (&answer.decision, kind) {
                (Decision::Keep, Kind::Transform) => {
                    next.extend(answer.outputs.iter().map(|output| (origin, output.clone())));
                }
                (Decision::Keep, Kind::Filter | Kind::Matcher) => next.push((origin, answer.seen.clone())),
                (
                    Decision::Drop(_)
                    | Decision::Reject(_)
                    | Decision::Retry(_)
                    | Decision::Fault(_)
                    | Decision::Undecided,
                    _,
                ) => {}
            }
            answers[origin].push(answer);
        }
        seen = next;
    }
    answers
}

async fn ask(guest: &Guest, worker: &mut Worker, kind: Kind, events: Vec<Event>, now_ms: u64) -> Vec<Answer> {
    let mut batch = FlatBatch::default();
    let rows: Vec<u32> = (0u32..).take(events.len()).collect();
    batch.assemble(&events, &rows, guest.needs(), now_ms);
    let mut outputs: Vec<Vec<Event>> = events.iter().map(|_| Vec::new()).collect();
    let mut names: Vec<Vec<String>> = events.iter().map(|_| Vec::new()).collect();
    let decisions = match kind {
        Kind::Filter => worker.evaluate(&batch).await,
        Kind::Transform => {
            let applied = worker.apply(&batch, &events, &rows).await;
            for (row, made) in applied.outputs {
                let row = row as usize;
                outputs[row].push(made.unwrap_or_else(|| events[row].clone()));
            }
            applied.decisions
        }
        Kind::Matcher => {
            let assigned = worker.assign(&batch).await;
            for (row, name) in assigned.pairs {
                names[row as usize].extend(assigned.names.get(name as usize).map(ToString::to_string));
            }
            assigned.decisions
        }
    };
    let answer = |(((seen, decision), outputs), names)| Answer { kind, seen, decision, outputs, names };
    events.into_iter().zip(decisions).zip(outputs).zip(names).map(answer).collect()
}

/// What became of one event.
#[derive(Clone, Debug)]
pub(crate) struct Fate {
    pub(crate) verdict: cases::Verdict,
    /// The guest's, or what it failed with; empty where it gave none.
    pub(crate) reason: String,
    /// What goes on.
    pub(crate) out: Vec<Event>,
    /// All it was given, sorted, each once.
    pub(crate) names: Vec<String>,
}

/// What becomes of each event under a policy that wants what `matcher` holds for.
pub(crate) async fn fates(
    guest: &Guest,
    worker: &mut Worker,
    matcher: &Matcher,
    events: &[Event],
    now_ms: u64,
) -> Vec<Fate> {
    let wanted: Vec<Event> = events.iter().filter(|event| matcher.holds(event)).cloned().collect();
    let mut answered = answers(guest, worker, &wanted, now_ms).await.into_iter();
    let skipped = |event: &Event| Fate {
        verdict: cases::Verdict::Skip,
        reason: String::new(),
        out: vec![event.clone()],
        names: Vec::new(),
    };
    let fate = |event: &Event| match matcher.holds(event).then(|| answered.next()).flatten() {
        Some(answers) => fate(event, &answers),
        None => skipped(event),
    };
    events.iter().map(fate).collect()
}

/// What becomes of an event under a policy that decides by a condition.
pub(crate) fn decided(of: &Verdict, matcher: &Matcher, event: &Event) -> Fate {
    let (verdict, reason) =
        if matcher.holds(event) { verdict(&of.of(event)) } else { (cases::Verdict::Skip, String::new()) };
    let goes_on = matches!(verdict, cases::Verdict::Keep | cases::Verdict::Skip);
    let out = if goes_on { vec![event.clone()] } else { Vec::new() };
    Fate { verdict, reason, out, names: Vec::new() }
}

/// The interfaces' answers as one: the first that does not keep it decides; of what a transform has split, what goes on.
fn fate(event: &Event, answers: &[Answer]) -> Fate {
    let mut out = vec![event.clone()];
    let mut names: Vec<String> = Vec::new();
    let mut refused = None;
    for answer in answers {
        let (verdict, reason) = verdict(&answer.decision);
        if verdict != cases::Verdict::Keep {
            refused = refused.or(Some((verdict, reason)));
        }
        names.extend(answer.names.iter().cloned());
    }
    if let Some(last) = answers.last().map(|answer| answer.kind) {
        let kept = answers.iter().filter(|answer| answer.kind == last && matches!(answer.decision, Decision::Keep));
        out = match last {
            Kind::Transform => kept.flat_map(|answer| answer.outputs.iter().cloned()).collect(),
            Kind::Filter | Kind::Matcher => kept.map(|answer| answer.seen.clone()).collect(),
        };
    }
    names.sort_unstable();
    names.dedup();
    let (verdict, reason) = match refused {
        Some(refused) if out.is_empty() => refused,
        Some(_) | None => (cases::Verdict::Keep, String::new()),
    };
    Fate { verdict, reason, out, names }
}

/// A decision in the words of cases.
pub(crate) fn verdict(decision: &Decision) -> (cases::Verdict, String) {
    let or_none = |reason: &Option<std::sync::Arc<str>>| reason.as_deref().unwrap_or_default().to_owned();
    match decision {
        Decision::Keep => (cases::Verdict::Keep, String::new()),
        Decision::Drop(reason) => (cases::Verdict::Drop, or_none(reason)),
        Decision::Reject(reason) => (cases::Verdict::Reject, or_none(reason)),
        Decision::Retry(reason) => (cases::Verdict::Retry, or_none(reason)),
        Decision::Fault(fault) => (cases::Verdict::Fail, fault.to_string()),
        Decision::Undecided => (cases::Verdict::Fail, "the module failed too often".to_owned()),
    }
}
