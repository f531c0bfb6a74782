//! The webhook handshake, before the first delivery.

use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::json;

use super::upstream::{Upstream, status, with_header};
use super::{events, open, told, with};

#[tokio::test]
async fn a_service_that_agrees_is_asked_once_and_sent_events() {
    let upstream = Upstream::start(|request| match request.method().as_str() {
        "OPTIONS" => with_header(
            with_header(status(200), "webhook-allowed-origin", "events.example.com"),
            "webhook-allowed-rate",
            "60000",
        ),
        _ => status(204),
    })
    .await;
    let handshake = json!({"handshake": {"origin": "events.example.com", "rate": 600}, "mode": "structured"});
    let mut sink = open(&with(upstream.config(), handshake));
    sink.write(&events(0..2)).await.unwrap();
    sink.write(&events(2..3)).await.unwrap();
    let requests = upstream.requests();
    let methods: Vec<&str> = requests.iter().map(|request| request.method().as_str()).collect();
    assert_eq!(methods, ["OPTIONS", "POST", "POST", "POST"]);
    assert_eq!(requests[0].headers()["webhook-request-origin"], "events.example.com");
    assert_eq!(requests[0].headers()["webhook-request-rate"], "600");
    assert_eq!(requests[0].uri().to_string(), "/events?tenant=7");
}

#[tokio::test]
async fn a_service_that_does_not_agree_is_sent_nothing() {
    let origins = [None, Some("events.example.com.evil.org"), Some("example.com"), Some("other.example.com")];
    for origin in origins {
        let upstream = Upstream::start(move |_| match origin {
            Some(origin) => with_header(status(200), "webhook-allowed-origin", origin),
            None => status(200),
        })
        .await;
        let mut sink = open(&with(upstream.config(), json!({"handshake": {"origin": "events.example.com"}})));
        for _ in 0..2 {
            let (kind, cause) = told(sink.write(&events(0..1)).await);
            assert!(kind == "again" && cause.contains("agree"), "{origin:?}: {kind}: {cause}");
        }
        assert!(upstream.requests().iter().all(|request| request.method() == "OPTIONS"));
    }
}

#[tokio::test]
async fn a_handshake_that_fails_is_tried_again_until_it_does_not() {
    let ready = std::sync::Arc::new(AtomicBool::new(false));
    let is_ready = ready.clone();
    let upstream = Upstream::start(move |request| match request.method().as_str() {
        "OPTIONS" if is_ready.load(Ordering::SeqCst) => with_header(status(204), "webhook-allowed-origin", "*"),
        "OPTIONS" => status(405),
        _ => status(204),
    })
    .await;
    let mut sink = open(&with(upstream.config(), json!({"handshake": {"origin": "events.example.com"}})));
    let (kind, cause) = told(sink.write(&events(0..1)).await);
    assert!(kind == "again" && cause.contains("405"), "{kind}: {cause}");
    ready.store(true, Ordering::SeqCst);
    sink.write(&events(0..1)).await.unwrap();
    assert_eq!(upstream.ids(), ["e0"]);
}
