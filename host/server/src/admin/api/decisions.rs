//! What became of an event, as the decision log has it: told in the form of an explanation.

use axum::{http::StatusCode, response::Response};
use serde_json::{Value, json};
use tidegate_pipeline::decisions::Decided;

use super::{
    Call,
    answer::{Problem, json as answered, time},
};

pub(super) async fn find(call: Call) -> Result<Response, Problem> {
    let id = call.query.get("id").filter(|id| !id.is_empty());
    let id = id.ok_or_else(|| Problem::new(StatusCode::BAD_REQUEST, "an event is asked for by its `id`"))?;
    let log = call.picture().await.deployed.decisions.clone();
    let found = log.find(id, call.query.get("source").map(String::as_str));
    let list: Vec<Value> = found.iter().map(|found| shown(found, &end(found))).collect();
    Ok(answered(&json!({"since": log.since_ms().map(time), "decisions": list})))
}

fn end(found: &Decided) -> Value {
    let sinks: Vec<&str> = (found.word == "delivered").then_some(&*found.by).into_iter().collect();
    let by = (found.word != "delivered").then_some(&*found.by);
    json!({"fate": found.word, "by": by, "reason": found.reason.as_deref(), "sinks": sinks})
}

fn shown(found: &Decided, end: &Value) -> Value {
    let trail = &found.trail;
    let ended = found.stage.map(|(at, _)| at);
    let last = ended.unwrap_or(trail.steps.len());
    let step = |(at, (policy, digest, kind)): (usize, &(std::sync::Arc<str>, String, &'static str))| {
        let matched = found.matched.filter(|_| at < 64).map(|bits| bits & (1 << at) != 0);
        let (decision, reason) = match matched {
            _ if ended == Some(at) => found.said().map_or((None, None), |(verdict, reason)| (Some(verdict), reason)),
            Some(true) => (Some("keep"), None),
            Some(false) | None => (None, None),
        };
        json!({
            "policy": **policy, "digest": digest, "kind": kind, "matched": matched, "decision": decision, "reason": reason,
        })
    };
    let mut route = end.clone();
    route["route"] = Value::from(&*trail.route);
    route["steps"] = trail.steps.iter().enumerate().take_while(|(at, _)| *at <= last).map(step).collect();
    json!({
        "id": found.id,
        "source": found.source,
        "at": time(found.at_ms),
        "generation": *trail.generation,
        "routes": [route],
    })
}
