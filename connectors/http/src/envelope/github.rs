//! `envelope: github`: GitHub's webhooks, by the CloudEvents adapter for GitHub (cloudevents/spec, `adapters/github.md`).
//!
//! | attribute | from |
//! |---|---|
//! | `id` | header `X-GitHub-Delivery`: the same when GitHub delivers again |
//! | `type` | `com.github.`, header `X-GitHub-Event` (named as the adapter does: `issues` is `issue`), and the body's `action`, or what the adapter has in its place |
//! | `source` | mostly `repository.url`, the event's own where the adapter says so; else `organization.url`, `sender.url`, `https://github.com` |
//! | `subject`, `time` | the fields the adapter names. It says "current time" where there is none: there is no clock here, and no `time` |
//! | `datacontenttype` | `application/json`: the webhook's content type must be that, not a form |
//! | data | the body |
//!
//! An event that the adapter does not know (`ping`, `workflow_run`…) is made by the same rule: its name, `action` if there is
//! one, `repository.url`, and neither subject nor time.

mod adapter;
mod payload;

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::request::Parts;
use tidegate_event::{Event, Form, InvalidEvent, json};

use self::adapter::{Adapter, Source};
use self::payload::Payload;
use super::request;

/// Where an event comes from if its own field is not there: events of an organization or an app have no repository.
const SOURCES: [&str; 3] = ["repository.url", "organization.url", "sender.url"];
const SOURCE_DEFAULT: &str = "https://github.com";

pub(super) fn wrap(request: &Parts, body: Bytes) -> Result<Event, String> {
    let id = request::header(request, "x-github-delivery")?;
    let name = request::header(request, "x-github-event")?;
    if name.is_empty() || !name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_') {
        return Err("header `x-github-event` is no name of an event".into());
    }
    let content_type = request::header(request, CONTENT_TYPE.as_str())?;
    if Form::of(content_type) != Form::Json {
        return Err(format!("`{content_type}` is not JSON: let the webhook's content type be `application/json`"));
    }
    json::check(&body).map_err(|error| format!("the body is no JSON: {error}"))?;
    let payload = Payload::read(&body)?;
    let adapter = adapter::of(name);
    let event = Event::builder()
        .id(id)
        .ty(&ty(adapter, name, &payload))
        .source(&source(adapter, &payload))
        .datacontenttype("application/json");
    let event = match adapter.subject.and_then(|path| payload.text(path)).filter(|text| !text.is_empty()) {
        Some(subject) => event.subject(&subject),
        None => event,
    };
    let event = event.data(Form::Json, body.clone());
    // Some of these fields are timestamps at one time and numbers at another.
    let time = adapter.time.iter().find_map(|path| payload.text(path));
    let timed = time.map(|time| event.clone().time(&time).build());
    let built = match timed {
        None => event.build(),
        Some(Err(InvalidEvent::Attribute { name, .. })) if name == "time" => event.build(),
        Some(built) => built,
    };
    built.map_err(|error| format!("the envelope does not fit: {error}"))
}

fn ty(adapter: &Adapter, name: &str, payload: &Payload<'_>) -> String {
    let mut ty = format!("com.github.{}", adapter.name.unwrap_or(name));
    for suffix in adapter.suffix.iter().filter_map(|path| payload.text(path)) {
        ty.push('.');
        ty.push_str(&suffix);
    }
    ty
}

fn source(adapter: &Adapter, payload: &Payload<'_>) -> String {
    let own = match adapter.source {
        Source::Field(path) => payload.text(path),
        Source::Pair(first, second) => payload.text(first).zip(payload.text(second)).map(|(a, b)| format!("{a}/{b}")),
        Source::Parent(path) => payload.text(path).and_then(|text| Some(text.rsplit_once('/')?.0.to_owned())),
        Source::Literal(text) => Some(text.to_owned()),
    };
    own.or_else(|| SOURCES.iter().find_map(|path| payload.text(path))).unwrap_or_else(|| SOURCE_DEFAULT.to_owned())
}
