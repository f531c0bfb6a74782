//! What the host is told, by what the service answers.

use std::collections::HashMap;
use std::sync::Mutex;
use std::time::Duration;

use serde_json::json;
use tidegate_connector::{Backoff, Sink, SinkOptions, WriteError};
use tidegate_event::Event;

use super::upstream::{Upstream, decoded, status, with_body, with_header};
use super::{event, events, keyed, open, told, with};

#[tokio::test]
async fn each_status_has_its_outcome() {
    let expected = [
        (200, "delivered"),
        (202, "delivered"),
        (204, "delivered"),
        (400, "refused"),
        (401, "again"),
        (403, "again"),
        (404, "again"),
        (408, "again"),
        (410, "closed"),
        (413, "refused"),
        (415, "refused"),
        (422, "refused"),
        (429, "again"),
        (500, "again"),
        (503, "again"),
    ];
    for (code, kind) in expected {
        let upstream = Upstream::start(move |_| status(code)).await;
        let (found, cause) = told(open(&upstream.config()).write(&events(0..1)).await);
        assert_eq!(found, kind, "{code}: {cause}");
        assert!(kind == "delivered" || cause.contains(&code.to_string()), "{cause}");
    }
}

#[tokio::test]
async fn what_the_service_says_about_a_refusal_is_the_reason() {
    let cases = [
        ("application/problem+json", r#"{"title":"Bad","detail":"no such order"}"#, "no such order"),
        ("application/json", r#"{"title":"Bad order"}"#, "Bad order"),
        ("text/plain; charset=utf-8", "the order\nis bad", "the order is bad"),
    ];
    for (content_type, body, reason) in cases {
        let upstream = Upstream::start(move |_| with_body(422, content_type, body)).await;
        let (kind, cause) = told(open(&upstream.config()).write(&events(0..1)).await);
        assert!(kind == "refused" && cause.contains(reason), "{kind}: {cause}");
    }
    let upstream = Upstream::start(|_| with_body(422, "text/html", "<h1>no</h1>")).await;
    let (_, cause) = told(open(&upstream.config()).write(&events(0..1)).await);
    assert!(!cause.contains("<h1>"), "{cause}");
}

#[tokio::test]
async fn retry_after_reaches_the_framework() {
    let upstream = Upstream::start(|_| with_header(status(503), "retry-after", "7")).await;
    let outcome = open(&upstream.config()).write(&events(0..1)).await;
    let Err(WriteError::Transient { after: Some(after), .. }) = outcome else { panic!("{outcome:?}") };
    assert_eq!(after, Duration::from_secs(7));
}

#[tokio::test]
async fn redirects_are_not_followed() {
    let elsewhere = Upstream::start(|_| status(204)).await;
    let location = elsewhere.url();
    for code in [301, 302, 303, 307, 308] {
        let location = location.clone();
        let upstream = Upstream::start(move |_| with_header(status(code), "location", &location)).await;
        let (kind, cause) = told(open(&upstream.config()).write(&events(0..1)).await);
        assert!(kind == "refused" && cause.contains("redirect"), "{code}: {kind}: {cause}");
    }
    assert!(elsewhere.requests().is_empty());
}

/// Fails every third try, and one event for good.
fn moody() -> impl Fn(&http::Request<bytes::Bytes>) -> super::upstream::Answer + Send + Sync {
    let tries = Mutex::new(0);
    move |request| {
        let events = decoded(request);
        let mut tries = tries.lock().unwrap();
        *tries += 1;
        if *tries % 3 == 0 {
            return status(500);
        }
        status(if events.iter().any(|event| event.id() == "e13") { 422 } else { 204 })
    }
}

#[tokio::test]
async fn order_of_keys_holds_across_retries_and_nothing_is_lost() {
    for mode in ["binary", "structured", "batched"] {
        let taken = std::sync::Arc::new(Mutex::new(Vec::<String>::new()));
        let (moody, ledger) = (moody(), taken.clone());
        let upstream = Upstream::start(move |request| {
            let answer = moody(request);
            if answer.status() == 204 {
                ledger.lock().unwrap().extend(decoded(request).iter().map(|event| event.id().to_owned()));
            }
            answer
        })
        .await;
        let mut config = with(upstream.config(), json!({"mode": mode, "concurrency": 4}));
        if mode == "batched" {
            config = with(config, json!({"batch": {"events": 7}}));
        }
        let backoff = Backoff { first: Duration::from_millis(1), max: Duration::from_millis(5), ..Backoff::default() };
        let sink = Sink::start("app", open(&config), SinkOptions { backoff, ..SinkOptions::default() });
        let sent: Vec<Event> = (0..40).map(|n| keyed(&format!("e{n}"), Some(["a", "b", "c"][n % 3]))).collect();
        let outcome = sink.send(sent).await.wait().await;
        let refused: Vec<usize> = outcome.refused.iter().map(|(index, _)| *index).collect();
        assert_eq!((refused, outcome.closed), (vec![13], None), "{mode}");
        let taken = taken.lock().unwrap().clone();
        let mut by_key: HashMap<usize, Vec<usize>> = HashMap::new();
        for id in &taken {
            let number: usize = id[1..].parse().unwrap();
            by_key.entry(number % 3).or_default().push(number);
        }
        assert_eq!(taken.len(), 39, "{mode}: each once");
        assert!(by_key.values().all(|numbers| numbers.is_sorted()), "{mode}: {by_key:?}");
        sink.close().await;
    }
}

#[tokio::test]
async fn results_of_a_batch_are_taken_event_by_event() {
    let body =
        r#"{"results":[{"index":0,"status":204},{"index":1,"status":422,"detail":"odd"},{"index":2,"status":204}]}"#;
    let upstream = Upstream::start(move |_| with_body(422, "application/problem+json", body)).await;
    let mut sink = open(&with(upstream.config(), json!({"mode": "batched"})));
    let sent = events(0..3);
    let outcome = sink.write(&sent).await;
    let Err(WriteError::Permanent { index: 1, cause, .. }) = outcome else { panic!("{outcome:?}") };
    assert!(cause.contains("odd"), "{cause}");
    sink.write(&sent[2..]).await.unwrap();
    assert_eq!(upstream.requests().len(), 1, "what was done is not sent again");
}

#[tokio::test]
async fn a_service_that_takes_no_batches_is_not_asked_event_by_event() {
    let upstream = Upstream::start(|_| status(415)).await;
    let mut sink = open(&with(upstream.config(), json!({"mode": "batched"})));
    let (kind, _) = told(sink.write(&events(0..64)).await);
    assert_eq!((kind, upstream.requests().len()), ("refused", 1));
}

#[tokio::test]
async fn keys_go_at_the_same_time_within_bounds() {
    let upstream = Upstream::start(|_| status(204)).await;
    let mut sink = open(&with(upstream.config(), json!({"concurrency": 3})));
    let sent: Vec<Event> = (0..30).map(|n| keyed(&format!("e{n}"), Some(&n.to_string()))).collect();
    sink.write(&sent).await.unwrap();
    assert_eq!(upstream.requests().len(), 30);
    assert!(upstream.connections() <= 3, "{} connections", upstream.connections());
    sink.write(&[event("last")]).await.unwrap();
    assert!(upstream.connections() <= 3, "and they are kept");
}
