//! `/openapi.json`: the list of operations in the form of OpenAPI 3.1, with what is sent and answered.

use axum::{
    http::header,
    response::{IntoResponse as _, Response},
};
use serde_json::{Map, Value, json};

use super::operations::{Body, OPERATIONS, Operation};

/// For anybody: it says nothing about this host.
pub(super) async fn serve() -> Response {
    ([(header::CONTENT_TYPE, "application/json")], document().to_string()).into_response()
}

fn document() -> Value {
    let mut paths = Map::new();
    for operation in OPERATIONS {
        let methods = paths.entry(operation.path).or_insert_with(|| json!({}));
        methods[operation.method.to_lowercase()] = described(operation);
    }
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Tidegate admin API",
            "version": "v1",
            "description": "Served on loopback, or with TLS. Every request needs a token or a client certificate with the role that \
                            the operation names; `deploy` includes `read`. Problems are application/problem+json (RFC 9457).",
        },
        "paths": paths,
        "security": [{"token": []}],
        "components": {
            "securitySchemes": {
                "token": {"type": "http", "scheme": "bearer"},
                "certificate": {"type": "mutualTLS"},
            },
            "schemas": schemas(),
        },
    })
}

fn described(operation: &Operation) -> Value {
    let text = json!({"type": "string"});
    let parameter = |place: &str, name: &str, description: &str| json!({"in": place, "name": name, "required": place == "path", "description": description, "schema": text});
    let parts = operation.path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'));
    let mut parameters: Vec<Value> = parts.map(|name| parameter("path", name, "")).collect();
    parameters.extend(operation.query.iter().map(|(name, what)| parameter("query", name, what)));
    parameters.extend(operation.headers.iter().map(|name| parameter("header", name, "entity tags")));
    let problem = json!({"$ref": "#/components/schemas/Problem"});
    let problem = |status: &u16| {
        let content = json!({"application/problem+json": {"schema": problem}});
        (status.to_string(), json!({"description": meaning(*status), "content": content}))
    };
    let mut responses: Map<String, Value> =
        [400, 401, 403, 503].iter().chain(operation.problems).map(problem).collect();
    let content = match operation.answer {
        media if media.contains('/') => json!({media: {"schema": text}}),
        schema => json!({"application/json": {"schema": {"$ref": format!("#/components/schemas/{schema}")}}}),
    };
    let fine = if operation.body == Body::Module { "201" } else { "200" };
    responses.insert(fine.into(), json!({"description": "done", "content": content}));
    let mut described = json!({
        "operationId": operation.id,
        "summary": operation.summary,
        "x-role": operation.role.word(),
        "parameters": parameters,
        "responses": responses,
    });
    if let Some(content) = body(operation.body) {
        described["requestBody"] =
            json!({"description": format!("at most {} bytes", operation.body_bytes_max()), "content": content});
    }
    described
}

fn body(body: Body) -> Option<Value> {
    Some(match body {
        Body::None => return None,
        Body::Json(schema, _) => {
            json!({"application/json": {"schema": {"$ref": format!("#/components/schemas/{schema}")}}})
        }
        Body::Document => json!({"application/yaml": {"schema": {"type": "string"}}}),
        Body::Module => json!({"application/wasm": {"schema": {"type": "string", "format": "binary"}}}),
    })
}

fn meaning(status: u16) -> &'static str {
    match status {
        400 => "the request cannot be understood",
        401 => "no token, or one that is not known",
        403 => "the role is missing",
        404 => "there is no such thing",
        409 => "somebody else owns the documents: the problem names who, or what is to be changed there",
        412 => "an entity tag does not fit any more",
        413 => "the body is too large",
        422 => "refused: the problem lists what is wrong, and nothing was changed",
        503 => "too many changes wait: try again",
        507 => "the state directory has no room",
        _ => "a problem",
    }
}

fn schemas() -> Value {
    let (text, number, flag) = (json!({"type": "string"}), json!({"type": "integer"}), json!({"type": "boolean"}));
    let maybe = json!({"type": ["string", "null"]});
    let list = |items: &Value| json!({"type": "array", "items": items});
    let of = |name: &str| json!({"$ref": format!("#/components/schemas/{name}")});
    let object = |properties: Value| json!({"type": "object", "properties": properties});
    let event = json!({"type": "object", "description": "a CloudEvent in the JSON format"});
    let names = list(&text);
    let beside = json!({
        "Breaker": {
            "type": ["object", "null"],
            "description": "of a policy's status: closed, open (its module is not asked) or half_open (one event is tried)",
            "properties": {"state": text, "since": maybe, "cause": maybe},
        },
        "Promote": object(json!({"percent": {"type": ["integer", "null"]}, "reason": maybe})),
        "Version": object(json!({
            "events": number, "failed": number, "refused": number, "held": number, "paused": number, "calls": number, "seconds": {"type": "number"},
        })),
        "Rollout": object(json!({
            "policy": text, "percent": number, "wanted": number, "key": maybe, "baseline": text,
            "decided": object(json!({"candidate": of("Version"), "baseline": of("Version")})),
            "takenBack": {"type": ["object", "null"], "properties": {"at": text, "percent": number, "why": text}},
            "promote": of("Steps"),
        })),
        "Steps": {
            "type": ["object", "null"],
            "description": "of a rollout that promotes itself: its step has had so many events; what is next by itself, and not before when",
            "properties": {
                "steps": list(&number), "afterSeconds": {"type": "number"}, "minEvents": number, "events": number,
                "next": {"type": ["object", "null"], "properties": {"percent": number, "done": flag, "notBefore": text}},
                "done": flag, "heldBy": maybe,
            },
        },
        "Shadow": object(json!({
            "policy": text, "digest": text, "against": maybe, "outcomes": {"type": "object", "additionalProperties": number},
            "skipped": number,
            "examples": list(&object(json!({
                "outcome": text, "id": text, "source": text, "route": text, "at": text, "reason": maybe,
            }))),
        })),
    });
    let mut all = json!({
        "Problem": object(json!({
            "type": text, "title": text, "status": number, "detail": text, "owner": text, "change": text, "diagnostics": list(&of("Diagnostic")),
        })),
        "Diagnostic": object(json!({
            "code": text, "message": text, "hint": maybe, "file": maybe, "line": number, "column": number, "text": text,
        })),
        "Name": object(json!({"kind": text, "namespace": text, "name": text})),
        "Document": object(json!({"kind": text, "namespace": text, "name": text, "etag": text, "text": text})),
        "Documents": object(json!({"owner": text, "etag": text, "documents": list(&of("Document"))})),
        "Edit": object(json!({
            "put": names, "delete": list(&of("Name")), "replace": flag, "reason": text, "sample": list(&event),
        })),
        "Difference": object(json!({"added": names, "changed": names, "removed": names})),
        "Policy": object(json!({
            "policy": text, "module": text, "version": text, "digest": text, "breaker": of("Breaker"),
            "rollout": {"type": ["object", "null"], "properties": {
                "percent": number, "baseline": text, "steps": list(&number), "afterSeconds": {"type": ["number", "null"]},
            }},
            "shadow": flag,
        })),
        "Changed": object(json!({
            "generation": text, "live": flag, "documents": of("Difference"), "policies": list(&of("Policy")), "sample": of("Effect"),
        })),
        "Effect": object(json!({
            "events": number, "tried": number, "unchanged": number, "dropped": number, "deadLettered": number, "rejected": number,
            "held": number, "delivered": number, "rerouted": number, "changed": number, "newRoutes": number,
            "goneRoutes": number, "examples": list(&json!({"type": "object"})),
        })),
        "Module": object(json!({"digest": text, "bytes": number})),
        "Modules": object(json!({"modules": list(&of("Module"))})),
        "Generation": object(json!({
            "id": text, "change": number, "since": text, "live": flag, "routes": names, "policies": list(&of("Policy")),
            "files": list(&object(json!({"path": text, "text": text}))),
        })),
        "Generations": object(json!({"live": maybe, "generations": list(&of("Generation"))})),
        "Change": object(json!({
            "number": number, "at": text, "who": text, "reason": maybe, "action": text, "generation": maybe, "before": maybe,
            "documents": of("Difference"), "policies": list(&of("Policy")), "outcome": text,
            "reasons": {"type": ["array", "null"], "items": text}, "rolledBackBy": {"type": ["integer", "null"]},
        })),
        "History": object(json!({"changes": list(&of("Change"))})),
        "Rollback": object(json!({"generation": maybe, "reason": maybe})),
        "Reason": object(json!({"reason": maybe})),
        "Paused": object(json!({"route": text, "paused": flag})),
        "Condition": object(json!({"type": text, "status": text, "reason": text, "message": text, "since": maybe})),
        "Status": object(json!({
            "phase": text, "generation": maybe, "owner": text, "pin": {"type": ["object", "null"]},
            "conditions": list(&of("Condition")), "policies": list(&of("Policy")), "routes": list(&json!({"type": "object"})),
            "lanes": list(&json!({"type": "object"})), "sinks": list(&json!({"type": "object"})),
            "rollouts": list(&of("Rollout")), "shadows": list(&of("Shadow")),
            "paused": list(&json!({"type": "object"})), "swaps": number, "refusals": number,
            "unindexed": list(&object(json!({"kind": text, "name": text, "pointer": text}))),
        })),
        "Explain": object(json!({ "event": event })),
        "Step": object(json!({
            "policy": text, "digest": text, "kind": text, "matched": flag, "decision": maybe, "reason": maybe, "changed": flag,
            "left": number, "names": names,
        })),
        "Decisions": object(json!({"since": maybe, "decisions": list(&of("Explained"))})),
        "Explained": object(json!({
            "id": text, "generation": maybe,
            "routes": list(&object(json!({
                "route": text, "fate": text, "by": maybe, "reason": maybe, "sinks": names, "outputs": number, "steps": list(&of("Step")),
            }))),
        })),
    });
    if let (Some(all), Value::Object(beside)) = (all.as_object_mut(), beside) {
        all.extend(beside);
    }
    all
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use std::collections::BTreeSet;

    use super::*;

    /// Every `$ref` of it.
    fn references(value: &Value, found: &mut BTreeSet<String>) {
        match value {
            Value::Object(object) => {
                found.extend(object.get("$ref").and_then(Value::as_str).map(str::to_owned));
                object.values().for_each(|value| references(value, found));
            }
            Value::Array(list) => list.iter().for_each(|value| references(value, found)),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
    }

    #[test]
    fn every_operation_is_described_and_every_reference_leads_somewhere() {
        let document = document();
        let mut found = BTreeSet::new();
        references(&document, &mut found);
        assert!(!found.is_empty());
        for reference in found {
            assert!(document.pointer(reference.strip_prefix('#').unwrap()).is_some(), "{reference}");
        }
        let mut ids = BTreeSet::new();
        for operation in OPERATIONS {
            let described = &document["paths"][operation.path][operation.method.to_lowercase()];
            assert_eq!(described["x-role"], operation.role.word(), "{}", operation.id);
            assert!(!operation.summary.is_empty() && ids.insert(operation.id), "{}", operation.id);
        }
    }
}
