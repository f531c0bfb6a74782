//! Results per event in the answer to a batch, as our own source gives them.
//!
//! The body is a JSON object with `results`, an array that has an object for every event of the batch: `status` as if the event
//! had come alone, `index` its position from 0 (the position in the array, where it is missing), and perhaps `detail`. Anything
//! else is no such answer.

use std::time::SystemTime;

use serde::Deserialize;

use super::client::{End, Response};
use super::outcome::{self, Outcome};

#[derive(Deserialize)]
struct Answer {
    results: Vec<OneResult>,
}

#[derive(Deserialize)]
struct OneResult {
    index: Option<usize>,
    status: u16,
    #[serde(default)]
    detail: String,
}

/// The outcome of each of `count` events, if the response tells.
pub(super) fn read(response: &Response, count: usize, now: SystemTime) -> Option<Vec<Outcome>> {
    if response.end != End::Whole || !response.body.starts_with(b"{") {
        return None;
    }
    let Answer { results } = serde_json::from_slice(&response.body).ok()?;
    if results.len() != count {
        return None;
    }
    let mut outcomes = vec![None; count];
    for (position, result) in results.into_iter().enumerate() {
        let status = http::StatusCode::from_u16(result.status).ok()?;
        let outcome = outcome::of_status(status, &response.headers, &result.detail, now);
        *outcomes.get_mut(result.index.unwrap_or(position))? = Some(outcome);
    }
    outcomes.into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(body: &'static str, expected: Option<&[&str]>) {
        let response = Response {
            status: http::StatusCode::UNPROCESSABLE_ENTITY,
            headers: http::HeaderMap::new(),
            body: body.into(),
            end: End::Whole,
        };
        let found = read(&response, 3, SystemTime::now()).map(|outcomes| {
            let word = |outcome: &Outcome| match outcome {
                Outcome::Delivered => "delivered",
                Outcome::Retry(_) => "retry",
                Outcome::Refused(_) => "refused",
                Outcome::Closed(_) => "closed",
            };
            outcomes.iter().map(word).collect::<Vec<_>>()
        });
        assert_eq!(found.as_deref(), expected, "{body}");
    }

    #[test]
    fn each_event_has_its_own_result_or_none_has() {
        let all = Some(&["delivered", "refused", "retry"][..]);
        check(r#"{"status":503,"results":[{"status":204},{"status":422,"detail":"no"},{"status":503}]}"#, all);
        check(r#"{"results":[{"index":2,"status":503},{"index":0,"status":202},{"index":1,"status":400}]}"#, all);
        check(r#"{"results":[{"status":204},{"status":422}]}"#, None);
        check(r#"{"results":[{"index":0,"status":204},{"index":0,"status":204},{"index":1,"status":204}]}"#, None);
        check(r#"{"results":[{"index":3,"status":204},{"index":0,"status":204},{"index":1,"status":204}]}"#, None);
        check(r#"{"results":[{"status":1},{"status":204},{"status":204}]}"#, None);
        check(r#"{"title":"no"}"#, None);
        check(r#"[{"status":204},{"status":204},{"status":204}]"#, None);
        check("", None);
    }
}
