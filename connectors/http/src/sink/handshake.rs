//! The webhook handshake: a service agrees to be sent events before it is sent any (webhook specification 1.0.2, section 4).
//!
//! `OPTIONS` with `WebHook-Request-Origin` (and `WebHook-Request-Rate`, where the document asks for one) must be answered 2xx with
//! `WebHook-Allowed-Origin`: `*`, or the origin itself, compared whole. `WebHook-Allowed-Rate` is held to; where it is missing, the rate
//! asked for is. Until the service agrees, events wait and the sink's trouble says why. It agrees once per opening of the sink.
//! Credentials are not sent along: whether it wants events at all is the question. `WebHook-Request-Callback`, agreeing later by
//! another way, is not offered.

use std::time::SystemTime;

use http::{HeaderMap, HeaderName, HeaderValue, Method, Request};

use super::client::{Body, Client, Response, Wants};
use super::config::HandshakeConfig;
use super::outcome::{self, Outcome, Retry};
use super::target::Target;

const REQUEST_ORIGIN: HeaderName = HeaderName::from_static("webhook-request-origin");
const REQUEST_RATE: HeaderName = HeaderName::from_static("webhook-request-rate");
const ALLOWED_ORIGIN: HeaderName = HeaderName::from_static("webhook-allowed-origin");
const ALLOWED_RATE: HeaderName = HeaderName::from_static("webhook-allowed-rate");

/// Asks. The answer is the rate allowed, in requests a minute; `None`: any.
pub(super) async fn agree(client: &Client, target: &Target, config: &HandshakeConfig) -> Result<Option<u32>, Retry> {
    let build = |protocol| {
        let mut request = Request::new(Body::default());
        *request.method_mut() = Method::OPTIONS;
        request.headers_mut().insert(REQUEST_ORIGIN, config.origin.clone());
        if let Some(rate) = config.rate {
            request.headers_mut().insert(REQUEST_RATE, HeaderValue::from(rate));
        }
        target.address(&mut request, protocol);
        request
    };
    let response = client.exchange(&build, Wants::Status).await;
    let response = response.map_err(|cause| Retry::new(format!("the webhook handshake failed: {cause}")))?;
    refused(&response)?;
    allowed(&response.headers, config)
        .map_err(|problem| Retry::new(format!("the service does not agree to be sent events: {problem}")))
}

/// An answer other than 2xx: no agreement yet, whatever it is.
fn refused(response: &Response) -> Result<(), Retry> {
    match outcome::of_status(response.status, &response.headers, "", SystemTime::now()) {
        Outcome::Delivered => Ok(()),
        Outcome::Retry(Retry { after, scope, .. }) => {
            let cause = format!("the webhook handshake was answered {}", response.status);
            Err(Retry { cause, after, scope })
        }
        Outcome::Refused(_) | Outcome::Closed(_) => {
            Err(Retry::new(format!("the webhook handshake was answered {}", response.status)))
        }
    }
}

fn allowed(headers: &HeaderMap, config: &HandshakeConfig) -> Result<Option<u32>, String> {
    let origin = headers.get(ALLOWED_ORIGIN).ok_or("its answer has no `WebHook-Allowed-Origin`")?;
    // Names in DNS know no case; a part of a name is another name.
    if origin != "*" && !origin.as_bytes().eq_ignore_ascii_case(config.origin.as_bytes()) {
        return Err(format!("`WebHook-Allowed-Origin` is {origin:?}, not {:?}", config.origin));
    }
    match headers.get(ALLOWED_RATE) {
        None => Ok(config.rate),
        Some(rate) if rate == "*" => Ok(None),
        Some(rate) => {
            let number = rate.to_str().ok().and_then(|text| text.parse().ok()).filter(|rate| *rate > 0);
            number.map(Some).ok_or_else(|| format!("`WebHook-Allowed-Rate` is {rate:?}"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(headers: &[(HeaderName, &'static str)], asked: Option<u32>, expected: Option<Option<u32>>) {
        let config = HandshakeConfig { origin: HeaderValue::from_static("events.example.com"), rate: asked };
        let headers: HeaderMap =
            headers.iter().map(|(name, value)| (name.clone(), HeaderValue::from_static(value))).collect();
        assert_eq!(allowed(&headers, &config).ok(), expected, "{headers:?}");
    }

    #[test]
    fn origins_are_compared_whole() {
        check(&[(ALLOWED_ORIGIN, "*")], None, Some(None));
        check(&[(ALLOWED_ORIGIN, "events.example.com")], None, Some(None));
        check(&[(ALLOWED_ORIGIN, "Events.Example.com")], None, Some(None));
        for other in ["events.example.com.evil.org", "events.example.co", "example.com", "*.example.com", "", "null"] {
            check(&[(ALLOWED_ORIGIN, other)], None, None);
        }
        check(&[], None, None);
    }

    #[test]
    fn the_allowed_rate_counts_over_the_one_asked_for() {
        check(&[(ALLOWED_ORIGIN, "*")], Some(60), Some(Some(60)));
        check(&[(ALLOWED_ORIGIN, "*"), (ALLOWED_RATE, "10")], Some(60), Some(Some(10)));
        check(&[(ALLOWED_ORIGIN, "*"), (ALLOWED_RATE, "*")], Some(60), Some(None));
        for bad in ["0", "-1", "many", ""] {
            check(&[(ALLOWED_ORIGIN, "*"), (ALLOWED_RATE, bad)], None, None);
        }
    }
}
