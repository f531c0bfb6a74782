//! What a client is told: a status, and for everything but success a problem (RFC 9457) that says what is wrong.

use std::borrow::Cow;
use std::time::Duration;

use bytes::Bytes;
use http::header::{CONNECTION, CONTENT_TYPE, HeaderName, HeaderValue, RETRY_AFTER};
use http::{Response, StatusCode};
use http_body_util::Full;
use serde::Serialize;
use tidegate_connector::Fate;
use tidegate_event::Event;

use super::waiter::{Outcome, Why};

/// A response as the listener sends it.
pub(super) type Answer = Response<Full<Bytes>>;

const PROBLEM: HeaderValue = HeaderValue::from_static("application/problem+json");
const JSON: HeaderValue = HeaderValue::from_static("application/json");

/// A request that is not done what it asks for. Boxed: it travels in results that are mostly good.
#[derive(Debug)]
pub(super) struct Refusal(Box<Refused>);

#[derive(Debug)]
struct Refused {
    status: StatusCode,
    detail: Cow<'static, str>,
    retry_after: Option<Duration>,
    header: Option<(HeaderName, HeaderValue)>,
    closes: bool,
}

impl Refusal {
    pub(super) fn new(status: StatusCode, detail: impl Into<Cow<'static, str>>) -> Refusal {
        let detail = detail.into();
        Refusal(Box::new(Refused { status, detail, retry_after: None, header: None, closes: false }))
    }

    /// To be sent again, not before so long.
    pub(super) fn again(status: StatusCode, detail: impl Into<Cow<'static, str>>, after: Duration) -> Refusal {
        let mut refusal = Refusal::new(status, detail);
        refusal.0.retry_after = Some(after);
        refusal
    }

    pub(super) fn header(mut self, name: HeaderName, value: HeaderValue) -> Refusal {
        self.0.header = Some((name, value));
        self
    }

    /// The connection ends with this answer: what follows on it cannot be believed, or is not worth reading.
    pub(super) fn close(mut self) -> Refusal {
        self.0.closes = true;
        self
    }

    pub(super) fn closes(&self) -> bool {
        self.0.closes
    }

    pub(super) fn answer(self) -> Answer {
        let mut answer = problem(self.0.status, &self.0.detail, self.0.retry_after, &[]);
        if let Some((name, value)) = self.0.header {
            answer.headers_mut().insert(name, value);
        }
        if self.0.closes { ending(answer) } else { answer }
    }
}

/// The connection ends with this answer.
fn ending(mut answer: Answer) -> Answer {
    answer.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    answer
}

/// An answer without a body.
pub(super) fn empty(status: StatusCode) -> Answer {
    let mut answer = Response::new(Full::default());
    *answer.status_mut() = status;
    answer
}

#[derive(Serialize)]
struct Problem<'a> {
    title: &'a str,
    status: u16,
    detail: &'a str,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    results: &'a [EventResult<'a>],
}

#[derive(Serialize)]
struct Results<'a> {
    results: &'a [EventResult<'a>],
}

/// How one event of a batch ended.
#[derive(Serialize)]
struct EventResult<'a> {
    index: usize,
    id: &'a str,
    status: u16,
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<Cow<'static, str>>,
}

fn problem(status: StatusCode, detail: &str, retry_after: Option<Duration>, results: &[EventResult<'_>]) -> Answer {
    let title = status.canonical_reason().unwrap_or_default();
    let problem = Problem { title, status: status.as_u16(), detail, results };
    let mut answer = json(status, &problem, PROBLEM);
    if let Some(after) = retry_after {
        answer.headers_mut().insert(RETRY_AFTER, seconds(after));
    }
    answer
}

fn json(status: StatusCode, body: &impl Serialize, content_type: HeaderValue) -> Answer {
    // Strings and numbers: there is nothing in it that cannot be written.
    let body = serde_json::to_vec(body).unwrap_or_default();
    let mut answer = Response::new(Full::new(Bytes::from(body)));
    *answer.status_mut() = status;
    answer.headers_mut().insert(CONTENT_TYPE, content_type);
    answer
}

/// Whole seconds, at least one (RFC 9110, section 10.2.3).
fn seconds(after: Duration) -> HeaderValue {
    match after.as_secs() + u64::from(after.subsec_nanos() > 0) {
        0 | 1 => HeaderValue::from_static("1"),
        seconds => HeaderValue::from(seconds),
    }
}

/// How an event ended, worst last.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Severity {
    Done,
    DeadLettered,
    Rejected,
    Again,
}

impl Severity {
    fn of(outcome: &Outcome) -> Severity {
        match outcome {
            Outcome::Fate(Fate::Dropped { .. }) => Severity::Done,
            Outcome::Fate(Fate::DeadLettered { .. }) => Severity::DeadLettered,
            Outcome::Fate(Fate::Rejected { .. }) => Severity::Rejected,
            Outcome::Fate(Fate::Held { .. }) | Outcome::Again { .. } => Severity::Again,
        }
    }

    fn status(self) -> StatusCode {
        match self {
            Severity::Done => StatusCode::NO_CONTENT,
            Severity::DeadLettered => StatusCode::ACCEPTED,
            Severity::Rejected => StatusCode::UNPROCESSABLE_ENTITY,
            Severity::Again => StatusCode::SERVICE_UNAVAILABLE,
        }
    }
}

fn detail(outcome: &Outcome) -> Cow<'static, str> {
    match outcome {
        Outcome::Fate(Fate::Dropped { by, reason: Some(reason) }) => format!("dropped by {by}: {reason}").into(),
        Outcome::Fate(Fate::Dropped { by, reason: None }) => format!("dropped by {by}").into(),
        Outcome::Fate(Fate::DeadLettered { by, reason }) => format!("dead-lettered by {by}: {reason}").into(),
        Outcome::Fate(Fate::Rejected { by, reason }) => format!("rejected by {by}: {reason}").into(),
        Outcome::Fate(Fate::Held { by, reason }) | Outcome::Again { why: Why::HeldBy(by, reason), .. } => {
            format!("held by {by}: {reason}").into()
        }
        Outcome::Again { why: Why::Held, .. } => "held behind an event that cannot be delivered now".into(),
        Outcome::Again { why: Why::LetGo, .. } => {
            "not settled: the host stops, or its documents changed; send it again (it may arrive twice)".into()
        }
        Outcome::Again { why: Why::Full, .. } => "too many events wait already".into(),
        Outcome::Again { why: Why::Closing, .. } => "the host is about to stop: send it again, to its successor".into(),
    }
}

fn after(outcome: &Outcome) -> Option<Duration> {
    match outcome {
        Outcome::Again { after, .. } => Some(*after),
        Outcome::Fate(_) => None,
    }
}

/// Whether the listener ends: who sends it again shall not find this connection, or this host.
fn ends(outcome: &Outcome) -> bool {
    match outcome {
        Outcome::Again { why: Why::Closing | Why::LetGo, .. } => true,
        Outcome::Again { why: Why::Held | Why::HeldBy(..) | Why::Full, .. } | Outcome::Fate(_) => false,
    }
}

/// The answer to a request of one event.
pub(super) fn one(outcome: Option<&Outcome>) -> Answer {
    let Some(outcome) = outcome else { return empty(StatusCode::NO_CONTENT) };
    let severity = Severity::of(outcome);
    match severity {
        Severity::Done | Severity::DeadLettered => empty(severity.status()),
        Severity::Rejected | Severity::Again => {
            let answer = problem(severity.status(), &detail(outcome), after(outcome), &[]);
            if ends(outcome) { ending(answer) } else { answer }
        }
    }
}

/// The answer to a batch: as bad as its worst event, with a result for each of them unless all are done.
pub(super) fn batch(ids: &Ids, mut outcomes: Vec<(u32, Outcome)>) -> Answer {
    outcomes.sort_unstable_by_key(|(index, _)| *index);
    let worst = outcomes.iter().map(|(_, outcome)| Severity::of(outcome)).max().unwrap_or(Severity::Done);
    if worst == Severity::Done {
        return empty(StatusCode::NO_CONTENT);
    }
    let retry_after = outcomes.iter().filter_map(|(_, outcome)| after(outcome)).max();
    let bad = outcomes.iter().filter(|(_, outcome)| Severity::of(outcome) == worst).count();
    let mut rest = outcomes.iter().peekable();
    let results: Vec<EventResult<'_>> = (0..)
        .zip(ids.iter())
        .map(|(index, id)| {
            let outcome = rest.next_if(|(at, _)| *at as usize == index).map(|(_, outcome)| outcome);
            let severity = outcome.map_or(Severity::Done, Severity::of);
            EventResult { index, id, status: severity.status().as_u16(), detail: outcome.map(detail) }
        })
        .collect();
    if worst == Severity::DeadLettered {
        return json(worst.status(), &Results { results: &results }, JSON);
    }
    let summary = format!("{bad} of {} events: see their results", ids.len());
    let answer = problem(worst.status(), &summary, retry_after, &results);
    if outcomes.iter().any(|(_, outcome)| ends(outcome)) { ending(answer) } else { answer }
}

/// Ids of a batch, kept for its answer while the events travel on.
#[derive(Debug)]
pub(super) struct Ids {
    text: String,
    ends: Vec<usize>,
}

impl Ids {
    pub(super) fn of(events: &[Event]) -> Ids {
        let mut ids = Ids { text: String::new(), ends: Vec::with_capacity(events.len()) };
        for event in events {
            ids.text.push_str(event.id());
            ids.ends.push(ids.text.len());
        }
        ids
    }

    fn len(&self) -> usize {
        self.ends.len()
    }

    fn iter(&self) -> impl Iterator<Item = &str> {
        let starts = std::iter::once(&0).chain(&self.ends);
        starts.zip(&self.ends).map(|(start, end)| &self.text[*start..*end])
    }
}
