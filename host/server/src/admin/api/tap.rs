//! `/v1/tap`: live events, one JSON object a line, as they are decided. What an event carries is hidden unless that is asked for,
//! and then it stands in the history who saw it.
//!
//! The lane that decides an event writes its line into a bounded queue of the tap; where that is full the event is missed, counted
//! and told, and the lane goes on.

use std::{
    convert::Infallible,
    sync::{
        Arc,
        atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed},
    },
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use axum::{
    body::{Body, Bytes},
    http::{StatusCode, header},
    response::{IntoResponse as _, Response},
};
use serde_json::{Value, json};
use tidegate_control::{Order, Picture, edit, history::Author, orders::Refusal};
use tidegate_event::Event;
use tidegate_matching::Matcher;
use tidegate_pipeline::tap::{At, Became, Look, OpenTap, TAPS_MAX, Tap, Tapped};
use tokio::{
    sync::mpsc,
    time::{Instant, sleep_until},
};

use super::{
    Call,
    answer::{Problem, time},
};
use crate::event_text;

/// Lines that wait for whoever looks.
const QUEUE_LINES: usize = 256;
/// Bytes of them, but for one line that is larger by itself.
const QUEUE_BYTES: usize = 8 << 20;
const LIMIT: u64 = 1_000;
const LIMIT_MAX: u64 = 100_000;
const SECONDS: u64 = 60;
/// Below what a connection of the admin port may last.
const SECONDS_MAX: u64 = 240;

/// What was asked for.
#[derive(Debug)]
struct Wanted {
    route: Option<Arc<str>>,
    at: At,
    matcher: Matcher,
    condition: Option<String>,
    limit: u64,
    seconds: u64,
    payload: Payload,
}

/// Whether what an event carries is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Payload {
    Hidden,
    Shown,
}

pub(super) async fn stream(call: Call) -> Result<Response, Problem> {
    let picture = call.picture().await;
    let wanted = Wanted::of(&call, &picture)?;
    if wanted.payload == Payload::Shown {
        let who = call.caller.name.clone();
        tracing::warn!(who, what = wanted.said(), "live events are shown with what they carry");
        let author = Author { who, reason: Some(wanted.said()) };
        call.api.desk.ask(|answer| Order::NoteTap(author, answer)).await?;
    }
    let (lines, queue) = mpsc::channel(QUEUE_LINES);
    let shared = Arc::new(Shared::default());
    let head = wanted.head(&picture);
    let Wanted { route, at, matcher, limit, seconds, payload, .. } = wanted;
    let look = look(lines, shared.clone(), limit, payload);
    let tap = picture.deployed.taps.open(Tap { route, at, matcher, look });
    let too_many = format!("{TAPS_MAX} taps are open already: close one, or wait");
    let tap = tap.ok_or_else(|| Problem::from(Refusal::Busy("too many taps")).saying(too_many))?;
    let end = Instant::now() + Duration::from_secs(seconds);
    let stream = Stream { _tap: tap, queue, shared, limit, end, shown: 0, missed: 0, next: Some(line(&head)) };
    let body = Body::from_stream(futures_util::stream::unfold(Some(stream), Stream::step));
    Ok(([(header::CONTENT_TYPE, "application/x-ndjson")], body).into_response())
}

impl Wanted {
    fn of(call: &Call, picture: &Picture) -> Result<Wanted, Problem> {
        let wrong = |text: String| Problem::new(StatusCode::BAD_REQUEST, text);
        let given = |name: &str| call.query.get(name).map(String::as_str).filter(|text| !text.is_empty());
        let number = |name: &str, default: u64, max: u64| match given(name).map(str::parse::<u64>) {
            None => Ok(default),
            Some(Ok(number)) if (1..=max).contains(&number) => Ok(number),
            Some(_) => Err(wrong(format!("`{name}` is a number from 1 to {max}"))),
        };
        let Some(live) = &picture.generation else {
            return Err(Problem::from(Refusal::Busy("nothing runs yet: try again")));
        };
        let route = given("route").map(|name| {
            let known = live.routes.iter().find(|known| ***known == *name);
            let all = || live.routes.iter().map(|known| &**known);
            known.cloned().ok_or_else(|| Problem::from(Refusal::unknown("route", name, all())))
        });
        let policy = given("policy").map(|name| {
            let known = live.policies.iter().find(|known| *known.policy == *name);
            let all = || live.policies.iter().map(|known| &*known.policy);
            let known = known.map(|known| known.policy.clone());
            known.ok_or_else(|| Problem::from(Refusal::unknown("policy", name, all())))
        });
        let at = match (given("at"), policy.transpose()?) {
            (None | Some("policy"), Some(policy)) => At::Policy(policy),
            (None | Some("received"), None) => At::Received,
            (Some("sent"), None) => At::Sent,
            (Some("policy"), None) => return Err(wrong("`at=policy` needs a `policy`".into())),
            (Some("received" | "sent"), Some(_)) => return Err(wrong("`policy` is for `at=policy`".into())),
            (Some(other), _) => return Err(wrong(format!("`at` is received, policy or sent, not `{other}`"))),
        };
        let condition = given("where").map(|text| tidegate_policy::condition("where", text).map_err(Refusal::Report));
        let matcher = Matcher::condition(condition.transpose()?.as_ref());
        let payload = match call.query.get("redact").map(String::as_str) {
            None | Some("true" | "") => Payload::Hidden,
            Some("false") => Payload::Shown,
            Some(other) => return Err(wrong(format!("`redact` is true or false, not `{other}`"))),
        };
        Ok(Wanted {
            route: route.transpose()?,
            at,
            matcher,
            condition: given("where").map(str::to_owned),
            limit: number("limit", LIMIT, LIMIT_MAX)?,
            seconds: number("seconds", SECONDS, SECONDS_MAX)?,
            payload,
        })
    }

    /// For the history.
    fn said(&self) -> String {
        let at = match &self.at {
            At::Received => "events received".to_owned(),
            At::Policy(policy) => format!("events that policy {policy} meets"),
            At::Sent => "events sent".to_owned(),
        };
        let route = self.route.as_ref().map_or("all routes".to_owned(), |route| format!("route {route}"));
        let condition = self.condition.as_ref().map(|text| format!(" where {text}")).unwrap_or_default();
        format!("{at} on {route}{condition}, at most {} in {} s, not redacted", self.limit, self.seconds)
    }

    /// The first line: what follows, and, where nothing is hidden, the policy that decides.
    fn head(&self, picture: &Picture) -> Value {
        let (at, policy) = match &self.at {
            At::Received => ("received", None),
            At::Policy(policy) => ("policy", Some(policy)),
            At::Sent => ("sent", None),
        };
        let document = match policy {
            Some(policy) if self.payload == Payload::Shown => edit::policy(&picture.deployed.documents, policy),
            Some(_) | None => None,
        };
        let document = document.map(|document| document.text.as_str());
        json!({"tap": {
            "route": self.route.as_deref(),
            "at": at,
            "policy": policy.map(|policy| &**policy),
            "where": self.condition,
            "limit": self.limit,
            "seconds": self.seconds,
            "redacted": self.payload == Payload::Hidden,
            "document": document,
        }})
    }
}

/// What lanes and the one who looks share.
#[derive(Debug, Default)]
struct Shared {
    seen: AtomicU64,
    missed: AtomicU64,
    bytes: AtomicUsize,
}

/// Called by lanes: makes a line of an event where there is room for it, and never waits.
fn look(lines: mpsc::Sender<Bytes>, shared: Arc<Shared>, limit: u64, payload: Payload) -> Look {
    Box::new(move |tapped| {
        if shared.seen.load(Relaxed) >= limit {
            return;
        }
        let room = (shared.bytes.load(Relaxed) < QUEUE_BYTES).then(|| lines.try_reserve());
        match room {
            Some(Ok(place)) => {
                shared.seen.fetch_add(1, Relaxed);
                let line = line(&shown(tapped, payload));
                shared.bytes.fetch_add(line.len(), Relaxed);
                place.send(line);
            }
            Some(Err(mpsc::error::TrySendError::Closed(()))) => {}
            Some(Err(mpsc::error::TrySendError::Full(()))) | None => {
                shared.missed.fetch_add(1, Relaxed);
            }
        }
    })
}

/// What whoever looks is sent, line by line.
struct Stream {
    _tap: OpenTap,
    queue: mpsc::Receiver<Bytes>,
    shared: Arc<Shared>,
    limit: u64,
    end: Instant,
    shown: u64,
    /// Of those that were told.
    missed: u64,
    next: Option<Bytes>,
}

type Step = Option<(Result<Bytes, Infallible>, Option<Stream>)>;

impl Stream {
    async fn step(stream: Option<Stream>) -> Step {
        let mut stream = stream?;
        if let Some(line) = stream.next.take() {
            return Some((Ok(line), Some(stream)));
        }
        if stream.shown == stream.limit {
            return Some((Ok(stream.ended("limit")), None));
        }
        tokio::select! {
            biased;
            Some(line) = stream.queue.recv() => {
                stream.shared.bytes.fetch_sub(line.len(), Relaxed);
                stream.shown += 1;
                Some((Ok([stream.told(), line].concat().into()), Some(stream)))
            }
            () = sleep_until(stream.end) => Some((Ok(stream.ended("time")), None)),
        }
    }

    /// A line about what was missed since it was told last; empty where nothing was.
    fn told(&mut self) -> Bytes {
        let missed = self.shared.missed.load(Relaxed);
        let more = missed - std::mem::replace(&mut self.missed, missed);
        if more == 0 { Bytes::new() } else { line(&json!({ "missed": more })) }
    }

    fn ended(&self, why: &str) -> Bytes {
        let missed = self.shared.missed.load(Relaxed);
        line(&json!({"end": why, "shown": self.shown, "missed": missed}))
    }
}

fn line(value: &Value) -> Bytes {
    let mut text = value.to_string();
    text.push('\n');
    text.into()
}

fn shown(tapped: &Tapped<'_>, payload: Payload) -> Value {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_millis();
    let mut shown = json!({
        "at": time(u64::try_from(now).unwrap_or(u64::MAX)),
        "route": tapped.route,
        "generation": tapped.generation,
        "event": event(tapped.event, payload),
    });
    let more = match &tapped.became {
        Became::Ended { fate, by, digest, reason, sinks } => {
            let sinks: Vec<&str> = sinks.iter().map(|sink| &**sink).collect();
            json!({"fate": fate, "by": by, "digest": digest, "reason": reason, "sinks": sinks})
        }
        Became::Decided { policy, digest, kind, verdict, reason, out, names } => {
            let out: Vec<Value> = out.iter().map(|made| event(made, payload)).collect();
            let names: Vec<&str> = names.iter().map(|name| &**name).collect();
            json!({
                "by": policy, "digest": digest, "kind": kind, "verdict": verdict, "reason": reason, "out": out, "names": names,
            })
        }
        Became::Sent { sink } => json!({"sink": **sink}),
    };
    if let (Some(all), Value::Object(more)) = (shown.as_object_mut(), more) {
        all.extend(more);
    }
    shown
}

/// An event; redacted, what it is and nothing of what it carries.
fn event(event: &Event, payload: Payload) -> Value {
    if payload == Payload::Shown {
        return event_text::value(event);
    }
    let mut shown = json!({"specversion": "1.0", "id": event.id(), "source": event.source(), "type": event.ty()});
    let optional = [
        ("subject", event.subject()),
        ("time", event.time()),
        ("datacontenttype", event.datacontenttype()),
        ("dataschema", event.dataschema()),
    ];
    for (name, value) in optional {
        if let Some(value) = value {
            shown[name] = value.into();
        }
    }
    let extensions: Vec<&str> = event.extensions().map(|(name, _)| name).collect();
    let bytes = event.data().map(|data| data.bytes.len());
    shown["redacted"] = json!({"extensions": extensions, "dataBytes": bytes});
    shown
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use tidegate_event::{Form, Value as Extension};

    use super::*;

    fn secret() -> Event {
        let event = Event::builder().id("1").source("/s").ty("t").subject("who").datacontenttype("application/json");
        let event = event.extension("tenant", Extension::String("acme-corp".into()));
        event.data(Form::Json, r#"{"card":"4111"}"#).build().unwrap()
    }

    fn tapped(event: &Event) -> Tapped<'_> {
        let out = vec![event];
        let became = Became::Decided {
            policy: "a/p",
            digest: "sha256:1",
            kind: "filter",
            verdict: "keep",
            reason: None,
            out,
            names: &[],
        };
        Tapped { route: "a/r", generation: "abc", event, became }
    }

    #[test]
    fn nothing_of_what_an_event_carries_is_in_a_redacted_line() {
        let event = secret();
        let line = shown(&tapped(&event), Payload::Hidden).to_string();
        assert!(!line.contains("4111") && !line.contains("acme-corp"), "{line}");
        for words in [r#""id":"1""#, r#""extensions":["tenant"]"#, r#""dataBytes":15"#, r#""subject":"who""#] {
            assert!(line.contains(words), "{words}: {line}");
        }
        let line = shown(&tapped(&event), Payload::Shown).to_string();
        assert!(line.contains("4111") && line.contains("acme-corp"), "{line}");
    }

    #[tokio::test]
    async fn a_full_queue_misses_events_counts_them_and_waits_for_nobody() {
        let (lines, mut queue) = mpsc::channel(2);
        let shared = Arc::new(Shared::default());
        let look = look(lines, shared.clone(), 4, Payload::Hidden);
        let event = secret();
        for _ in 0..5 {
            look(&tapped(&event));
        }
        assert_eq!((shared.seen.load(Relaxed), shared.missed.load(Relaxed)), (2, 3));
        queue.recv().await.unwrap();
        queue.recv().await.unwrap();
        for _ in 0..5 {
            look(&tapped(&event));
        }
        // The limit is reached: what comes then is not looked at, and not missed either.
        assert_eq!((shared.seen.load(Relaxed), shared.missed.load(Relaxed)), (4, 3));
    }
}
