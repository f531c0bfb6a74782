//! What only looks: status, documents, generations, history, modules.

use std::time::{Duration, UNIX_EPOCH};

use axum::{
    http::{StatusCode, header},
    response::{IntoResponse as _, Response},
};
use serde_json::{Value, json};
use tidegate_control::{
    KeptGeneration, KeptPolicy, Owner, Picture, Unindexed,
    book::Paused,
    conditions::conditions,
    edit::Document,
    history::{Action, Entry, Outcome},
    kept,
    rollouts::{RolloutStatus, StepsStatus},
    shadows::ShadowStatus,
};
use tidegate_pipeline::{CircuitState, rollout::Decided, shadow::Example};
use tidegate_policy::amend::Promotion;

use super::{
    Call,
    answer::{Problem, json as answered, tagged, time},
};
use crate::admin::{health::phase, metrics::circuit, status as plain};

pub(super) async fn status(call: Call) -> Result<Response, Problem> {
    let picture = call.picture().await;
    Ok(answered(&shown(&picture)))
}

fn shown(picture: &Picture) -> Value {
    let mut all = plain::shown(picture);
    let deployed = &picture.deployed;
    let paused: Vec<Value> = deployed.paused.iter().map(|(route, paused)| self::paused(route, paused)).collect();
    let conditions: Vec<Value> = conditions(picture)
        .into_iter()
        .map(|found| {
            let status = match found.holds {
                Some(true) => "True",
                Some(false) => "False",
                None => "Unknown",
            };
            let since = found.since_ms.map(time);
            json!({"type": found.name, "status": status, "reason": found.reason, "message": found.message, "since": since})
        })
        .collect();
    let generation = picture.generation.as_ref();
    let policies: Vec<Value> = generation
        .map(|live| live.policies.iter().map(KeptPolicy::from).map(|found| with_breaker(&found, picture)).collect())
        .unwrap_or_default();
    let unindexed: Vec<Value> =
        generation.map(|live| live.unindexed.iter().map(unindexed).collect()).unwrap_or_default();
    let more = json!({
        "phase": phase(picture.phase),
        "owner": owner(deployed.owner),
        "pin": deployed.pin.as_ref().map(|pin| json!({"generation": pin.generation, "who": pin.who})),
        "conditions": conditions,
        "policies": policies,
        "unindexed": unindexed,
        "rollouts": picture.rollouts.iter().map(rollout).collect::<Vec<_>>(),
        "shadows": picture.shadows.iter().map(shadow).collect::<Vec<_>>(),
        "paused": paused,
        "swaps": picture.swaps,
        "refusals": picture.refusals,
    });
    if let (Some(all), Value::Object(more)) = (all.as_object_mut(), more) {
        all.extend(more);
    }
    all
}

pub(super) fn owner(owner: Owner) -> &'static str {
    match owner {
        Owner::Directory => "directory",
        Owner::Api => "api",
    }
}

fn paused(route: &str, paused: &Paused) -> Value {
    json!({"route": route, "who": paused.who, "reason": paused.reason, "since": time(paused.at_ms)})
}

/// A condition that every event is held against.
fn unindexed(found: &Unindexed) -> Value {
    json!({"kind": found.kind, "name": *found.name, "pointer": found.pointer})
}

pub(super) fn policy(policy: &KeptPolicy) -> Value {
    let rollout = policy.rollout.as_ref();
    json!({
        "policy": policy.policy, "module": policy.module, "version": policy.version, "digest": policy.digest,
        "rollout": rollout.map(|rollout| json!({
            "percent": rollout.percent, "baseline": rollout.baseline, "steps": rollout.steps,
            "afterSeconds": rollout.after_ms.map(seconds),
        })),
        "shadow": policy.shadow,
    })
}

fn shadow(found: &ShadowStatus) -> Value {
    let outcomes =
        found.report.outcomes.iter().map(|(outcome, count)| (outcome.word().to_owned(), Value::from(*count)));
    let example = |example: &Example| {
        json!({
            "outcome": example.outcome.word(), "id": example.id, "source": example.source, "route": *example.route,
            "at": time(example.at_ms), "reason": example.reason,
        })
    };
    json!({
        "policy": *found.policy,
        "digest": found.digest,
        "against": found.against,
        "outcomes": outcomes.collect::<serde_json::Map<_, _>>(),
        "skipped": found.report.skipped,
        "examples": found.report.examples.iter().map(example).collect::<Vec<_>>(),
    })
}

fn rollout(found: &RolloutStatus) -> Value {
    let taken_back = found.taken_back.as_ref();
    let version = |decided: &Decided| {
        json!({
            "events": decided.events, "failed": decided.failed, "refused": decided.refused, "held": decided.held,
            "paused": decided.paused,
            "calls": decided.calls, "seconds": decided.time.as_secs_f64(),
        })
    };
    json!({
        "policy": *found.policy,
        "percent": found.percent,
        "wanted": found.wanted,
        "promote": found.steps.as_ref().map(|steps| promote(steps, found.candidate_decided.events)),
        "key": found.key,
        "baseline": found.baseline,
        "decided": {"candidate": version(&found.candidate_decided), "baseline": version(&found.baseline_decided)},
        "takenBack": taken_back.map(|taken| json!({"at": time(taken.at_ms), "percent": taken.percent, "why": taken.why})),
    })
}

/// How far a rollout that promotes itself has got; its step has had so many events.
fn promote(found: &StepsStatus, events: u64) -> Value {
    let next = found
        .next
        .map(|(to, at_ms)| json!({"percent": to.percent(), "done": to == Promotion::Done, "notBefore": time(at_ms)}));
    json!({
        "steps": found.steps, "afterSeconds": found.after.as_secs_f64(), "minEvents": found.min_events, "events": events,
        "next": next, "done": found.done, "heldBy": found.held,
    })
}

fn seconds(ms: u64) -> f64 {
    Duration::from_millis(ms).as_secs_f64()
}

/// A policy, and what its breaker does; null where it has none.
fn with_breaker(found: &KeptPolicy, picture: &Picture) -> Value {
    let mut shown = policy(found);
    let known = picture.circuits.iter().find(|known| *known.policy == *found.policy && known.digest == found.digest);
    shown["breaker"] = known.map_or(Value::Null, |known| {
        let (since, cause) = match &known.state {
            CircuitState::Closed => (None, None),
            CircuitState::Open { since, cause } | CircuitState::HalfOpen { since, cause } => {
                (Some(*since), Some(cause))
            }
        };
        let since = since.map(|since| {
            let since = since.duration_since(UNIX_EPOCH).unwrap_or_default().as_millis();
            time(u64::try_from(since).unwrap_or(u64::MAX))
        });
        json!({"state": circuit(&known.state), "since": since, "cause": cause.map(|cause| &**cause)})
    });
    shown
}

pub(super) async fn documents(call: Call) -> Result<Response, Problem> {
    let texts = call.flag("texts")?;
    let deployed = call.picture().await.deployed.clone();
    let shown = |document: &Document| {
        let name = &document.name;
        let mut shown =
            json!({"kind": name.kind, "namespace": name.namespace, "name": name.name, "etag": document.etag});
        if texts {
            shown["text"] = document.text.as_str().into();
        }
        shown
    };
    let list: Vec<Value> = deployed.documents.iter().map(shown).collect();
    let all = json!({"owner": owner(deployed.owner), "etag": deployed.tag, "documents": list});
    Ok(tagged(answered(&all), &deployed.tag))
}

pub(super) async fn document(call: Call) -> Result<Response, Problem> {
    let name = super::changes::name(&call)?;
    let deployed = call.picture().await.deployed.clone();
    let found = deployed.documents.iter().find(|document| document.name == name);
    let found = found.ok_or_else(|| Problem::new(StatusCode::NOT_FOUND, format!("there is no {name}")))?;
    let text = ([(header::CONTENT_TYPE, "application/yaml")], found.text.clone()).into_response();
    Ok(tagged(text, &found.etag))
}

pub(super) async fn generations(call: Call) -> Result<Response, Problem> {
    let picture = call.picture().await;
    let live = picture.generation.as_ref().map(|generation| generation.id.to_string());
    let found = picture.deployed.kept.iter().rev().filter_map(|id| kept::load(&call.api.kept, id).ok());
    let list: Vec<Value> = found.map(|found| head(&found, live.as_deref())).collect();
    Ok(answered(&json!({"live": live, "generations": list})))
}

fn head(found: &KeptGeneration, live: Option<&str>) -> Value {
    json!({
        "id": found.id,
        "change": found.number,
        "since": time(found.since_ms),
        "live": live == Some(found.id.as_str()),
        "routes": found.routes,
        "policies": found.policies.iter().map(policy).collect::<Vec<_>>(),
    })
}

pub(super) async fn generation(call: Call) -> Result<Response, Problem> {
    let picture = call.picture().await;
    let wanted = call.part("id");
    let mut fits = picture.deployed.kept.iter().filter(|id| !wanted.is_empty() && id.starts_with(wanted));
    let unknown = || Problem::new(StatusCode::NOT_FOUND, "no such generation is kept");
    let id = fits.next().filter(|_| fits.next().is_none()).ok_or_else(unknown)?;
    let found = kept::load(&call.api.kept, id).map_err(|_| unknown())?;
    let live = picture.generation.as_ref().map(|generation| generation.id.to_string());
    let mut shown = head(&found, live.as_deref());
    let file = |file: &kept::KeptFile| json!({"path": file.path, "text": file.text});
    shown["files"] = found.files.iter().map(file).collect();
    Ok(answered(&shown))
}

pub(super) async fn history(call: Call) -> Result<Response, Problem> {
    let wrong = |_| Problem::new(StatusCode::BAD_REQUEST, "`limit` is a number");
    let limit = call.query.get("limit").map(|limit| limit.parse::<usize>().map_err(wrong)).transpose()?;
    let deployed = call.picture().await.deployed.clone();
    let list: Vec<Value> = deployed.history.iter().rev().take(limit.unwrap_or(usize::MAX)).map(entry).collect();
    Ok(answered(&json!({"changes": list})))
}

fn entry(entry: &Entry) -> Value {
    let (outcome, reasons, by) = match &entry.outcome {
        Outcome::Live => (went(entry.action), None, None),
        Outcome::Refused { reasons } => ("refused", Some(reasons), None),
        Outcome::RolledBack { by } => ("rolled_back", None, Some(by)),
    };
    let action = match entry.action {
        Action::Apply => "apply",
        Action::Rollback => "rollback",
        Action::Start => "start",
        Action::Tap => "tap",
        Action::Promote => "promote",
        Action::Abort => "abort",
        Action::Pause => "pause",
        Action::Resume => "resume",
    };
    json!({
        "number": entry.number,
        "at": time(entry.at_ms),
        "who": entry.who,
        "reason": entry.reason,
        "action": action,
        "generation": entry.generation,
        "before": entry.before,
        "documents": {
            "added": entry.documents.added, "changed": entry.documents.changed, "removed": entry.documents.removed,
        },
        "policies": entry.policies.iter().map(policy).collect::<Vec<_>>(),
        "outcome": outcome,
        "reasons": reasons,
        "rolledBackBy": by,
    })
}

/// How a change ended that went well.
fn went(action: Action) -> &'static str {
    match action {
        Action::Apply | Action::Rollback | Action::Start | Action::Promote | Action::Abort => "live",
        Action::Tap => "shown",
        Action::Pause => "paused",
        Action::Resume => "running",
    }
}

pub(super) async fn modules(call: Call) -> Result<Response, Problem> {
    let list = call.api.store.list();
    let list: Vec<Value> = list.into_iter().map(|(digest, bytes)| json!({"digest": digest, "bytes": bytes})).collect();
    Ok(answered(&json!({ "modules": list })))
}

pub(super) async fn module(call: Call) -> Result<Response, Problem> {
    let digest = call.part("digest");
    match call.api.store.list().into_iter().find(|(known, _)| known == digest) {
        Some((digest, bytes)) => Ok(answered(&json!({"digest": digest, "bytes": bytes}))),
        None => Err(Problem::new(
            StatusCode::NOT_FOUND,
            "there is no such module; it is known by `sha256:` and 64 hex digits",
        )),
    }
}
