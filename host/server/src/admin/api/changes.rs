//! What changes the host, or has it try something: orders for its loop.

use axum::{
    http::{StatusCode, header},
    response::{IntoResponse as _, Response},
};
use serde_json::{Map, Value, json};
use tidegate_control::{
    Order, StoreError,
    history::Author,
    orders::{Changed, DocumentName, Edit, Expect, Pausing, Promote},
};
use tidegate_event::Event;
use tidegate_policy::amend::Promotion;

use super::{
    Call,
    answer::{Problem, json as answered},
    look::policy,
};
use crate::admin::effect::{Effect, traces};

/// Events of one sample.
const SAMPLE_MAX: usize = 10_000;

fn wrong(text: impl Into<String>) -> Problem {
    Problem::new(StatusCode::BAD_REQUEST, text)
}

/// The document that a path names.
pub(super) fn name(call: &Call) -> Result<DocumentName, Problem> {
    let part = |name: &str| call.part(name).to_owned();
    let name = DocumentName { kind: part("kind"), namespace: part("namespace"), name: part("name") };
    name.check()?;
    Ok(name)
}

fn author(call: &Call, reason: Option<String>) -> Author {
    Author { who: call.caller.name.clone(), reason: reason.or_else(|| call.query.get("reason").cloned()) }
}

fn tags(call: &Call, name: header::HeaderName) -> Result<Option<Vec<String>>, Problem> {
    let Some(value) = call.headers.get(&name) else { return Ok(None) };
    let text = value.to_str().map_err(|_| wrong(format!("`{name}` is no text")))?;
    Ok(Some(text.split(',').map(|tag| tag.trim().trim_start_matches("W/").trim_matches('"').to_owned()).collect()))
}

/// `If-Match` and `If-None-Match` of one document.
fn expect(call: &Call, name: &DocumentName) -> Result<Vec<Expect>, Problem> {
    let mut all = Vec::new();
    if let Some(tags) = tags(call, header::IF_MATCH)? {
        let tags = if tags.iter().any(|tag| tag == "*") { Vec::new() } else { tags };
        all.push(Expect::Document(name.clone(), tags));
    }
    match tags(call, header::IF_NONE_MATCH)? {
        None => {}
        Some(tags) if tags == ["*"] => all.push(Expect::Absent(name.clone())),
        Some(_) => return Err(wrong("of `If-None-Match` only `*` is understood")),
    }
    Ok(all)
}

pub(super) async fn put(call: Call) -> Result<Response, Problem> {
    let name = name(&call)?;
    let text = std::str::from_utf8(&call.body).map_err(|_| wrong("the document is no UTF-8 text"))?;
    let file = tidegate_policy::File { path: "request".into(), text: text.to_owned() };
    let said = |piece: &tidegate_policy::names::Piece| {
        let (kind, namespace, name) = piece.name.clone()?;
        Some(DocumentName { kind, namespace, name })
    };
    match &tidegate_policy::names::pieces(&file)[..] {
        [piece] if said(piece).as_ref() == Some(&name) => {}
        [piece] => {
            let found = said(piece).map_or("a document without a name".to_owned(), |found| format!("the {found}"));
            return Err(wrong(format!("the path names the {name}, the body is {found}")));
        }
        pieces => return Err(wrong(format!("one document is put here, the body has {}", pieces.len()))),
    }
    edit(&call, vec![text.to_owned()], Vec::new(), false, expect(&call, &name)?, Vec::new(), None).await
}

pub(super) async fn delete(call: Call) -> Result<Response, Problem> {
    let name = name(&call)?;
    let expect = expect(&call, &name)?;
    edit(&call, Vec::new(), vec![name], false, expect, Vec::new(), None).await
}

pub(super) async fn apply(call: Call) -> Result<Response, Problem> {
    let mut body = object(&call)?;
    let put = match body.remove("put") {
        None => Vec::new(),
        Some(Value::Array(texts)) => {
            let text = |text: Value| text.as_str().map(str::to_owned);
            texts.into_iter().map(text).collect::<Option<_>>().ok_or_else(|| wrong("`put` is a list of texts"))?
        }
        Some(_) => return Err(wrong("`put` is a list of texts")),
    };
    let mut delete = Vec::new();
    for item in list(&mut body, "delete")? {
        delete.push(named(&item).ok_or_else(|| wrong("`delete` is a list of objects with kind, namespace and name"))?);
    }
    let replace = match body.remove("replace") {
        None => false,
        Some(Value::Bool(replace)) => replace,
        Some(_) => return Err(wrong("`replace` is true or false")),
    };
    let sample = list(&mut body, "sample")?;
    if !sample.is_empty() && !call.flag("dryRun")? {
        return Err(wrong("a `sample` goes with `dryRun=true`"));
    }
    if sample.len() > SAMPLE_MAX {
        return Err(wrong(format!("a sample has at most {SAMPLE_MAX} events")));
    }
    let sample = sample.iter().map(event).collect::<Result<_, _>>()?;
    let reason = reason(&mut body)?;
    nothing_else(&body)?;
    let expect = tags(&call, header::IF_MATCH)?.map(Expect::Set).into_iter().collect();
    edit(&call, put, delete, replace, expect, sample, reason).await
}

async fn edit(
    call: &Call,
    put: Vec<String>,
    delete: Vec<DocumentName>,
    replace: bool,
    expect: Vec<Expect>,
    sample: Vec<Event>,
    reason: Option<String>,
) -> Result<Response, Problem> {
    let (dry_run, asked) = (call.flag("dryRun")?, sample.len());
    let edit = Edit { put, delete, replace, expect, dry_run, sample, author: author(call, reason) };
    let changed = call.api.desk.ask(|answer| Order::Edit(Box::new(edit), answer)).await?;
    Ok(answered(&shown(&changed, asked)))
}

fn shown(changed: &Changed, asked: usize) -> Value {
    let Changed { generation, documents, policies, sample, live } = changed;
    let mut shown = json!({
        "generation": **generation,
        "live": live,
        "documents": {"added": documents.added, "changed": documents.changed, "removed": documents.removed},
        "policies": policies.iter().map(policy).collect::<Vec<_>>(),
    });
    if asked > 0 {
        shown["sample"] = Effect::of(sample, asked).json();
    }
    shown
}

pub(super) async fn rollback(call: Call) -> Result<Response, Problem> {
    let mut body = object(&call)?;
    let to = match body.remove("generation") {
        None | Some(Value::Null) => None,
        Some(Value::String(to)) => Some(to),
        Some(_) => return Err(wrong("`generation` is an id, or the beginning of one")),
    };
    let reason = reason(&mut body)?;
    nothing_else(&body)?;
    let author = author(&call, reason);
    let changed = call.api.desk.ask(|answer| Order::Rollback(to, author, answer)).await?;
    Ok(answered(&shown(&changed, 0)))
}

pub(super) async fn promote(call: Call) -> Result<Response, Problem> {
    let mut body = object(&call)?;
    let percent = |number: &Value| number.as_u64().filter(|percent| *percent <= 100).and_then(|n| u8::try_from(n).ok());
    let to = match body.remove("percent") {
        None | Some(Value::Null) => Promotion::Done,
        Some(number) => {
            Promotion::Percent(percent(&number).ok_or_else(|| wrong("`percent` is a whole number from 0 to 100"))?)
        }
    };
    let reason = reason(&mut body)?;
    nothing_else(&body)?;
    let policy = format!("{}/{}", call.part("namespace"), call.part("name"));
    let promote = Promote { policy, to, dry_run: call.flag("dryRun")?, author: author(&call, reason) };
    let changed = call.api.desk.ask(|answer| Order::Promote(promote, answer)).await?;
    Ok(answered(&shown(&changed, 0)))
}

pub(super) async fn pause(call: Call) -> Result<Response, Problem> {
    pausing(call, true).await
}

pub(super) async fn resume(call: Call) -> Result<Response, Problem> {
    pausing(call, false).await
}

async fn pausing(call: Call, paused: bool) -> Result<Response, Problem> {
    let mut body = object(&call)?;
    let reason = reason(&mut body)?;
    nothing_else(&body)?;
    let route = format!("{}/{}", call.part("namespace"), call.part("name"));
    let pausing = Pausing { route: route.clone(), paused, author: author(&call, reason) };
    call.api.desk.ask(|answer| Order::Pause(pausing, answer)).await?;
    Ok(answered(&json!({"route": route, "paused": paused})))
}

pub(super) async fn explain(call: Call) -> Result<Response, Problem> {
    let mut body = object(&call)?;
    let wanted = body.remove("event").ok_or_else(|| wrong("an `event` is explained"))?;
    nothing_else(&body)?;
    let event = event(&wanted)?;
    let explained = call.api.desk.ask(|answer| Order::Explain(vec![event.clone()], answer)).await?;
    let generation = call.picture().await.generation.as_ref().map(|generation| generation.id.to_string());
    let routes: Vec<Value> = explained.first().map(|found| traces(found)).unwrap_or_default();
    Ok(answered(&json!({"id": event.id(), "generation": generation, "routes": routes})))
}

pub(super) async fn upload(call: Call) -> Result<Response, Problem> {
    let (store, digest, body) = (call.api.store.clone(), call.part("digest").to_owned(), call.body.clone());
    let (wanted, length) = (digest.clone(), body.len());
    let kept = tokio::task::spawn_blocking(move || store.upload(&wanted, &body)).await;
    let kept = kept.unwrap_or_else(|error| Err(StoreError::Write(std::io::Error::other(error))));
    match kept {
        Ok(()) => Ok((StatusCode::CREATED, answered(&json!({"digest": digest, "bytes": length}))).into_response()),
        Err(error) => {
            let status = match &error {
                StoreError::NoDigest(_) => StatusCode::BAD_REQUEST,
                StoreError::Mismatch { .. } => StatusCode::UNPROCESSABLE_ENTITY,
                StoreError::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
                StoreError::Full | StoreError::Write(_) => StatusCode::INSUFFICIENT_STORAGE,
            };
            Err(Problem::new(status, error.to_string()))
        }
    }
}

fn named(item: &Value) -> Option<DocumentName> {
    let part = |key: &str| item[key].as_str().map(str::to_owned);
    Some(DocumentName { kind: part("kind")?, namespace: part("namespace")?, name: part("name")? })
}

/// The body. Nothing at all is refused: a request that lost its body on the way would mean something else.
fn object(call: &Call) -> Result<Map<String, Value>, Problem> {
    if call.body.is_empty() {
        return Err(wrong("there is no body: a JSON object is expected, `{}` at least"));
    }
    match serde_json::from_slice(&call.body) {
        Ok(Value::Object(object)) => Ok(object),
        Ok(_) => Err(wrong("the body is a JSON object")),
        Err(error) => Err(wrong(format!("the body is no JSON: {error}"))),
    }
}

fn list(body: &mut Map<String, Value>, key: &str) -> Result<Vec<Value>, Problem> {
    match body.remove(key) {
        None => Ok(Vec::new()),
        Some(Value::Array(list)) => Ok(list),
        Some(_) => Err(wrong(format!("`{key}` is a list"))),
    }
}

fn reason(body: &mut Map<String, Value>) -> Result<Option<String>, Problem> {
    match body.remove("reason") {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(reason)) if reason.len() <= 1_000 => Ok(Some(reason)),
        Some(_) => Err(wrong("`reason` is a text of at most 1,000 bytes")),
    }
}

fn nothing_else(body: &Map<String, Value>) -> Result<(), Problem> {
    match body.keys().next() {
        None => Ok(()),
        Some(key) => Err(wrong(format!("there is no `{}` here", crate::human::plain(key)))),
    }
}

/// A CloudEvent in the JSON format.
fn event(value: &Value) -> Result<Event, Problem> {
    crate::event_text::decode(&value.to_string()).map_err(|error| wrong(format!("not a CloudEvent: {error}")))
}
