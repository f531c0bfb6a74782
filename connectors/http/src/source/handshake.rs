//! `OPTIONS`: whether a sender may send here (HTTP 1.1 Web Hooks for Event Delivery 1.0.2, section 4), and what else is.

use http::{HeaderMap, HeaderValue, StatusCode};

use super::answer::{Answer, Refusal, empty};
use super::config::SourceConfig;

const ALLOWED: HeaderValue = HeaderValue::from_static("POST, OPTIONS");

/// Refuses a method that is neither POST nor OPTIONS.
pub(super) fn wrong_method() -> Refusal {
    let detail = "events are sent with POST";
    Refusal::new(StatusCode::METHOD_NOT_ALLOWED, detail).header(http::header::ALLOW, ALLOWED)
}

/// Grants or denies an origin. Origins are compared whole, letter case aside: they are DNS names.
pub(super) fn answer(config: &SourceConfig, headers: &HeaderMap) -> Result<Answer, Refusal> {
    let mut answer = empty(StatusCode::OK);
    answer.headers_mut().insert(http::header::ALLOW, ALLOWED);
    let Some(origin) = headers.get("webhook-request-origin") else { return Ok(answer) };
    let granted = config
        .allow_origins
        .iter()
        .any(|allowed| allowed == "*" || allowed.as_bytes().eq_ignore_ascii_case(origin.as_bytes()));
    if !granted {
        return Err(Refusal::new(StatusCode::FORBIDDEN, "this origin may not send here (allowOrigins)"));
    }
    answer.headers_mut().insert("webhook-allowed-origin", origin.clone());
    let rate = config.rate.as_ref().map(|rate| HeaderValue::from(rate.per_minute()));
    let asked = headers.contains_key("webhook-request-rate");
    if let Some(rate) = rate.or(asked.then_some(HeaderValue::from_static("*"))) {
        answer.headers_mut().insert("webhook-allowed-rate", rate);
    }
    Ok(answer)
}
