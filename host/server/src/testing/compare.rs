//! What a case expects against what came of it.

use std::{fs, path::Path};

use serde_json::{Value, json};
use tidegate_policy::cases::{Case, Expect, Expected, Given, Line, Out, OutOf};

use super::{
    Planned, Subject,
    run::{Ran, Tried},
};
use crate::{event_text, guest_lines::GuestLine, human, trial::Fate};

/// One way in which a case failed.
#[derive(Clone, Debug)]
pub(crate) struct Problem {
    /// Of the event it is about, from 1.
    pub(crate) event: Option<usize>,
    /// Its id.
    pub(crate) id: Option<String>,
    /// One sentence without a full stop; may have a hint on a further line.
    pub(crate) message: String,
    /// Expected and found, where lines tell more than a sentence.
    pub(crate) diff: Option<(String, String)>,
}

impl Problem {
    fn of_case(message: impl Into<String>) -> Problem {
        Problem { event: None, id: None, message: message.into(), diff: None }
    }

    fn with_diff(message: impl Into<String>, expected: String, found: String) -> Problem {
        Problem { diff: Some((expected, found)), ..Problem::of_case(message) }
    }
}

/// Everything that is not as expected.
pub(crate) fn compare(planned: &Planned, tried: &Tried, subject: Subject<'_>) -> Vec<Problem> {
    let case = &planned.case;
    match (tried, &case.given) {
        (Tried::Not(why), _) => vec![Problem::of_case(why.clone())],
        (Tried::Refused(words), Given::Refused(expected)) => refused(words, expected),
        (Tried::Refused(words), _) => {
            let said = words.join("; ");
            vec![Problem::of_case(format!("the configuration is refused: {}", human::plain(&said)))]
        }
        (Tried::Ran(_), Given::Refused(expected)) => {
            vec![Problem::of_case(format!("the configuration is taken, and {} was expected", expected.written()))]
        }
        (Tried::Ran(ran), _) => {
            let mut problems = events(case, ran);
            problems.extend(case.out.as_ref().and_then(|out| whole_out(planned, out, ran, subject)));
            problems.extend(case.log.as_ref().and_then(|log| lines(log, ran)));
            problems.extend(case.metrics.as_ref().and_then(|metrics| counters(metrics, ran)));
            problems
        }
    }
}

fn refused(words: &[String], expected: &Expected) -> Vec<Problem> {
    if words.iter().any(|words| expected.fits(Some(&json!(words)))) {
        return Vec::new();
    }
    let said = human::plain(&words.join("; "));
    vec![Problem::of_case(format!(
        "the configuration is refused with other words: {said}; expected {}",
        expected.written()
    ))]
}

fn events(case: &Case, ran: &Ran) -> Vec<Problem> {
    if !case.expect.is_empty() && case.expect.len() != ran.fates.len() {
        let (events, expected) = (ran.fates.len(), case.expect.len());
        return vec![Problem::of_case(format!("there are {events} events, and {expected} are expected"))];
    }
    let mut problems = Vec::new();
    for (at, ((expect, fate), event)) in case.expect.iter().zip(&ran.fates).zip(&ran.events).enumerate() {
        let found = one(expect, fate, &event_text::value(event));
        problems.extend(found.into_iter().map(|problem| Problem {
            event: Some(at + 1),
            id: Some(event.id().to_owned()),
            ..problem
        }));
    }
    problems
}

fn one(expect: &Expect, fate: &Fate, event: &Value) -> Vec<Problem> {
    let mut problems = Vec::new();
    let because = if fate.reason.is_empty() { String::new() } else { format!(" ({})", human::plain(&fate.reason)) };
    if let Some(wanted) = expect.verdict.filter(|wanted| *wanted != fate.verdict) {
        let message = format!("the verdict is {}{because}, expected {}", fate.verdict.word(), wanted.word());
        problems.push(Problem::of_case(message));
    }
    let reason = (!fate.reason.is_empty()).then(|| json!(fate.reason));
    if let Some(wanted) = expect.reason.as_ref().filter(|wanted| !wanted.fits(reason.as_ref())) {
        let found = reason.map_or_else(|| "there is no reason".to_owned(), |reason| format!("the reason is {reason}"));
        problems.push(Problem::of_case(format!("{found}, expected {}", wanted.written())));
    }
    if let Some(out) = &expect.out {
        let same = [Expected::Exactly(event.clone())];
        let wanted: &[Expected] = match out {
            OutOf::Same => &same,
            OutOf::Events(events) => events,
        };
        problems.extend(list(wanted, &fate.out.iter().map(event_text::value).collect::<Vec<_>>()));
    }
    if let Some(names) = &expect.names {
        let mut wanted = names.clone();
        wanted.sort_unstable();
        if wanted != fate.names {
            let message = format!("the names are [{}], expected [{}]", fate.names.join(", "), wanted.join(", "));
            problems.push(Problem::of_case(message));
        }
    }
    problems
}

/// Events against what is expected of them, in order.
fn list(wanted: &[Expected], found: &[Value]) -> Option<Problem> {
    let fits = wanted.len() == found.len() && wanted.iter().zip(found).all(|(wanted, found)| wanted.fits(Some(found)));
    if fits {
        return None;
    }
    let beside = |(at, wanted): (usize, &Expected)| wanted.beside(found.get(at));
    let expected: String =
        wanted.iter().enumerate().filter_map(beside).map(|value| event_text::pretty(&value)).collect();
    let message = match (wanted.len(), found.len()) {
        (wanted, found) if wanted != found => {
            format!("{} out, expected {wanted}", human::counted(found, "event"))
        }
        (1, 1) => "another event comes out".to_owned(),
        _ => "other events come out".to_owned(),
    };
    Some(Problem::with_diff(message, expected, found.iter().map(event_text::pretty).collect()))
}

fn whole_out(planned: &Planned, out: &Out, ran: &Ran, subject: Subject<'_>) -> Option<Problem> {
    let found = found_out(ran, subject);
    match out {
        Out::Events(wanted) => list(wanted, &found),
        Out::File(path) => match golden(&planned.folder.join(path)) {
            Err(why) => Some(Problem::of_case(why)),
            Ok(wanted) => {
                let wanted: Vec<Expected> = wanted.into_iter().map(Expected::Exactly).collect();
                list(&wanted, &found)
                    .map(|problem| Problem { message: format!("{} ({path})", problem.message), ..problem })
            }
        },
    }
}

/// All that goes on; of a module that only names, the names of each event.
pub(super) fn found_out(ran: &Ran, subject: Subject<'_>) -> Vec<Value> {
    if subject.only_names() {
        let named = |(event, fate): (&tidegate_event::Event, &Fate)| json!({"id": event.id(), "names": fate.names});
        ran.events.iter().zip(&ran.fates).map(named).collect()
    } else {
        ran.fates.iter().flat_map(|fate| &fate.out).map(event_text::value).collect()
    }
}

/// JSON values, one a line or not.
fn golden(path: &Path) -> Result<Vec<Value>, String> {
    let text = fs::read_to_string(path).map_err(|error| format!("{} cannot be read: {error}", path.display()))?;
    let values = serde_json::Deserializer::from_str(&text).into_iter::<Value>();
    values.collect::<Result<_, _>>().map_err(|error| format!("{} is not JSON: {error}", path.display()))
}

fn lines(wanted: &[Line], ran: &Ran) -> Option<Problem> {
    if ran.suppressed > 0 {
        let more = human::counted(usize::try_from(ran.suppressed).unwrap_or(usize::MAX), "line");
        return Some(Problem::of_case(format!("{more} more than a policy may log at once")));
    }
    let fits = |(wanted, found): (&Line, &GuestLine)| {
        wanted.level.is_none_or(|level| level == found.level) && wanted.message.fits(Some(&json!(found.message)))
    };
    if wanted.len() == ran.lines.len() && wanted.iter().zip(&ran.lines).all(fits) {
        return None;
    }
    let expected = |(at, line): (usize, &Line)| {
        let found = ran.lines.get(at);
        let level = line.level.or(found.map(|found| found.level)).unwrap_or("any");
        let message = line.message.beside(found.map(|found| json!(found.message)).as_ref()).unwrap_or_default();
        format!("{level}: {}\n", message.as_str().map_or_else(|| message.to_string(), str::to_owned))
    };
    let expected = wanted.iter().enumerate().map(expected).collect();
    let found = ran.lines.iter().map(|line| format!("{}: {}\n", line.level, human::plain(&line.message))).collect();
    Some(Problem::with_diff("other lines are logged", expected, found))
}

fn counters(wanted: &[(String, u64)], ran: &Ran) -> Option<Problem> {
    let mut wanted: Vec<(String, u64)> = wanted.iter().filter(|(_, value)| *value > 0).cloned().collect();
    wanted.sort();
    if wanted == ran.metrics {
        return None;
    }
    let text = |counters: &[(String, u64)]| counters.iter().map(|(name, value)| format!("{name}: {value}\n")).collect();
    Some(Problem::with_diff("the counters differ", text(&wanted), text(&ran.metrics)))
}
