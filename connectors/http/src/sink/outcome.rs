//! What a response, or its absence, means for an event.
//!
//! | what happens | outcome |
//! |---|---|
//! | 2xx | delivered |
//! | 2xx, then the body hangs, breaks off or is larger than `maxResponse` | delivered, and the connection is dropped; with `replies`: hanging or broken off is tried again (the reply would be lost), too large is refused |
//! | 2xx with `replies`, and a body that claims to be a CloudEvent and is none | refused |
//! | 3xx | refused: redirects are not followed, so that nobody but the document says where events go |
//! | 401, 403, 404, 405, 407, 421 | tried again: the document, a credential or the service's routes are wrong, not the event; nothing is lost while a person mends it |
//! | 408, 425, 429, 5xx | tried again, not before `Retry-After` has passed (seconds or HTTP-date; at most a minute is waited at once) |
//! | 410 | the sink is closed: nothing more is sent (webhook specification, section 2.2) |
//! | other 4xx: 400, 406, 409, 411–418, 422, 431, … | refused: it is about this event |
//! | 1xx as the last word, or a status beyond 599 | refused |
//! | no address, none that may be reached, no connection, TLS refused | tried again |
//! | no head within `timeouts.response`, or the connection breaks before it | tried again: the event may arrive twice |
//! | a head that is no HTTP | tried again |
//! | a kept connection breaks before any answer | sent once more at once, on a fresh connection |
//!
//! *Tried again* is the framework's retry, in order, with its backoff and jitter; `retry.max` of the sink bounds it. *Refused* goes to
//! the dead letter where there is one.
//!
//! 429, and 503 with `Retry-After`, speak for the whole service: nothing else is begun until the time has passed.

use std::time::{Duration, SystemTime};

use http::header::RETRY_AFTER;
use http::{HeaderMap, StatusCode};

/// `Retry-After` counts up to here; the framework waits no longer at once anyway.
const RETRY_AFTER_MAX: Duration = Duration::from_secs(60);

/// What is to be done about an event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    Delivered,
    Retry(Retry),
    /// Never; with the reason.
    Refused(String),
    /// Nor anything else.
    Closed(String),
}

/// Why an event is tried again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Retry {
    pub(super) cause: String,
    pub(super) after: Option<Duration>,
    pub(super) scope: Scope,
}

/// How much of the service is in trouble.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Scope {
    /// It may be only this event or request.
    Event,
    /// It asked to be left alone.
    Service,
}

impl Retry {
    pub(super) fn new(cause: impl Into<String>) -> Retry {
        Retry { cause: cause.into(), after: None, scope: Scope::Event }
    }
}

/// What a status means. `detail` is what the service said about it.
pub(super) fn of_status(status: StatusCode, headers: &HeaderMap, detail: &str, now: SystemTime) -> Outcome {
    if status.is_success() {
        return Outcome::Delivered;
    }
    let said = if detail.is_empty() { String::new() } else { format!(": {detail}") };
    let answered = format!("answered {status}{said}");
    match status.as_u16() {
        408 | 425 | 429 | 500..=599 => {
            let after = retry_after(headers, now);
            let whole = status == StatusCode::TOO_MANY_REQUESTS
                || (status == StatusCode::SERVICE_UNAVAILABLE && after.is_some());
            let scope = if whole { Scope::Service } else { Scope::Event };
            Outcome::Retry(Retry { cause: answered, after, scope })
        }
        401 | 403 | 407 => Outcome::Retry(Retry::new(format!("{answered} (is `auth` of the sink right?)"))),
        404 | 405 | 421 => Outcome::Retry(Retry::new(format!("{answered} (is `url` of the sink right?)"))),
        410 => Outcome::Closed(answered),
        300..=399 => Outcome::Refused(format!("{answered}; redirects are not followed")),
        _ => Outcome::Refused(answered),
    }
}

/// RFC 9110, section 10.2.3: seconds, or a date.
fn retry_after(headers: &HeaderMap, now: SystemTime) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    let digits = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    let after = if digits {
        // More digits than fit mean a long time.
        text.parse().map_or(RETRY_AFTER_MAX, Duration::from_secs)
    } else {
        // A date that has passed asks for no wait.
        httpdate::parse_http_date(text).ok()?.duration_since(now).unwrap_or_default()
    };
    Some(after.min(RETRY_AFTER_MAX))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    fn check(status: u16, expected: &str) {
        let outcome = of_status(StatusCode::from_u16(status).unwrap(), &HeaderMap::new(), "", SystemTime::now());
        let found = match outcome {
            Outcome::Delivered => "delivered",
            Outcome::Retry(Retry { scope: Scope::Event, .. }) => "retry",
            Outcome::Retry(Retry { scope: Scope::Service, .. }) => "retry all",
            Outcome::Refused(_) => "refused",
            Outcome::Closed(_) => "closed",
        };
        assert_eq!(found, expected, "{status}");
    }

    #[test]
    fn every_status_has_its_outcome() {
        let groups: [(&str, &[u16]); 6] = [
            ("delivered", &[200, 201, 202, 203, 204, 205, 206, 226, 299]),
            ("refused", &[100, 101, 300, 301, 302, 303, 304, 307, 308, 399]),
            ("retry", &[401, 403, 404, 405, 407, 408, 421, 425, 500, 501, 502, 503, 504, 507, 599]),
            ("retry all", &[429]),
            ("closed", &[410]),
            (
                "refused",
                &[
                    400, 402, 406, 409, 411, 412, 413, 414, 415, 416, 417, 418, 422, 423, 424, 426, 428, 431, 451, 499,
                    600,
                ],
            ),
        ];
        for (expected, statuses) in groups {
            for status in statuses {
                check(*status, expected);
            }
        }
    }

    #[test]
    fn retry_after_is_seconds_or_a_date_within_bounds() {
        let now = httpdate::parse_http_date("Sun, 06 Nov 1994 08:49:37 GMT").unwrap();
        let check = |text: &'static str, expected_s: Option<u64>| {
            let headers = HeaderMap::from_iter([(RETRY_AFTER, http::HeaderValue::from_static(text))]);
            assert_eq!(retry_after(&headers, now), expected_s.map(Duration::from_secs), "{text}");
        };
        check("0", Some(0));
        check("7", Some(7));
        check(" 7 ", Some(7));
        check("86400", Some(60));
        check("99999999999999999999999", Some(60));
        check("Sun, 06 Nov 1994 08:49:47 GMT", Some(10));
        check("Sun, 06 Nov 1994 08:49:07 GMT", Some(0));
        check("Mon, 06 Nov 1995 08:49:37 GMT", Some(60));
        check("soon", None);
        check("-1", None);
        check("1.5", None);
        check("", None);
    }

    #[test]
    fn unavailable_for_a_time_speaks_for_the_whole_service() {
        let headers = HeaderMap::from_iter([(RETRY_AFTER, http::HeaderValue::from_static("2"))]);
        let outcome = of_status(StatusCode::SERVICE_UNAVAILABLE, &headers, "", SystemTime::now());
        let Outcome::Retry(Retry { after, scope, .. }) = outcome else { panic!("{outcome:?}") };
        assert_eq!((after, scope), (Some(Duration::from_secs(2)), Scope::Service));
    }
}
