//! What is answered: JSON, and problems (RFC 9457).

use axum::{
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde_json::{Value, json};
use tidegate_control::orders::Refusal;
use tidegate_policy::Diagnostic;

/// Why a request was not done.
#[derive(Debug)]
pub(super) struct Problem {
    status: StatusCode,
    detail: String,
    /// Further members.
    more: Value,
}

impl Problem {
    pub(super) fn new(status: StatusCode, detail: impl Into<String>) -> Problem {
        Problem { status, detail: detail.into(), more: Value::Null }
    }

    /// The same in other words.
    pub(super) fn saying(self, detail: impl Into<String>) -> Problem {
        Problem { detail: detail.into(), ..self }
    }

    fn with(self, name: &str, value: Value) -> Problem {
        Problem { more: json!({ name: value }), ..self }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut body = json!({
            "type": "about:blank",
            "title": self.status.canonical_reason().unwrap_or("problem"),
            "status": self.status.as_u16(),
            "detail": self.detail,
        });
        if let (Some(body), Value::Object(more)) = (body.as_object_mut(), self.more) {
            body.extend(more);
        }
        let kind = [(header::CONTENT_TYPE, "application/problem+json")];
        let mut response = (self.status, kind, body.to_string()).into_response();
        if self.status == StatusCode::UNAUTHORIZED {
            response.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        if self.status == StatusCode::SERVICE_UNAVAILABLE {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
        }
        response
    }
}

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Problem {
        let text = refusal.to_string();
        match refusal {
            Refusal::NotOwner(owner) => Problem::new(StatusCode::CONFLICT, text).with("owner", owner.into()),
            Refusal::Elsewhere(change) => Problem::new(StatusCode::CONFLICT, text).with("change", change.into()),
            Refusal::Stale(_) => Problem::new(StatusCode::PRECONDITION_FAILED, text),
            Refusal::Unknown(_) => Problem::new(StatusCode::NOT_FOUND, text),
            Refusal::Wrong(_) => Problem::new(StatusCode::BAD_REQUEST, text),
            Refusal::Report(report) => {
                let diagnostics = report.diagnostics.iter().map(diagnostic).collect();
                Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "the documents have mistakes")
                    .with("diagnostics", diagnostics)
            }
            Refusal::Storage(_) => Problem::new(StatusCode::INSUFFICIENT_STORAGE, text),
            Refusal::Busy(_) => Problem::new(StatusCode::SERVICE_UNAVAILABLE, text),
        }
    }
}

fn diagnostic(found: &Diagnostic) -> Value {
    let place = found.place.as_ref();
    json!({
        "code": found.code,
        "message": found.message,
        "hint": found.hint,
        "file": place.map(|place| &place.file),
        "line": place.map(|place| place.line),
        "column": place.map(|place| place.column),
        "text": found.to_string(),
    })
}

/// 200 with JSON.
pub(super) fn json(value: &Value) -> Response {
    ([(header::CONTENT_TYPE, "application/json")], value.to_string()).into_response()
}

/// The same with an entity tag.
pub(super) fn tagged(mut response: Response, tag: &str) -> Response {
    if let Ok(value) = HeaderValue::from_str(&format!("\"{tag}\"")) {
        response.headers_mut().insert(header::ETAG, value);
    }
    response
}

/// Seconds since 1970 as people and programs read them.
pub(super) fn time(ms: u64) -> String {
    let at = time::OffsetDateTime::from_unix_timestamp_nanos(i128::from(ms) * 1_000_000);
    let shown = at.ok().and_then(|at| at.format(&time::format_description::well_known::Rfc3339).ok());
    shown.unwrap_or_default()
}
