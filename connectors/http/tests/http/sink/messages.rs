//! What goes over the wire: events in every mode, headers, credentials.

use std::fs;

use serde_json::json;
use tidegate_connector::{TRACEPARENT, TRACESTATE};
use tidegate_connector_http::Http;
use tidegate_event::{Event, Form, Value};

use super::upstream::{Upstream, decoded, status};
use super::{event, events, open, open_with, with};

fn rich() -> Event {
    let event = Event::builder().id("1 ü\"%").source("/s%20ource").ty("t").subject("a b").time("2026-01-02T03:04:05Z");
    let event = event.extension("partitionkey", Value::String("k€y".into())).extension("count", Value::Integer(-7));
    event.datacontenttype("application/octet-stream").data(Form::Binary, vec![0, 159, 146, 150]).build().unwrap()
}

#[tokio::test]
async fn events_arrive_attribute_for_attribute_in_every_mode() {
    for mode in ["binary", "structured", "batched"] {
        let upstream = Upstream::start(|_| status(204)).await;
        let mut sink = open(&with(upstream.config(), json!({"mode": mode})));
        let sent = [rich(), event("2")];
        sink.write(&sent).await.unwrap();
        assert_eq!(upstream.events(), sent, "{mode}");
        let requests = upstream.requests();
        assert_eq!(requests.len(), if mode == "batched" { 1 } else { 2 }, "{mode}");
        for request in &requests {
            assert_eq!((request.method().as_str(), request.uri().to_string()), ("POST", "/events?tenant=7".into()));
            assert_eq!(request.headers()["host"], upstream.address.to_string());
            assert_eq!(request.headers()["content-length"], request.body().len().to_string());
        }
    }
}

#[tokio::test]
async fn a_batch_of_one_is_a_batch() {
    let upstream = Upstream::start(|_| status(204)).await;
    open(&with(upstream.config(), json!({"mode": "batched"}))).write(&events(0..1)).await.unwrap();
    assert!(upstream.requests()[0].body().starts_with(b"["));
}

#[tokio::test]
async fn headers_of_the_document_of_the_request_and_of_secrets_are_sent() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("key"), "s3cret\n").unwrap();
    fs::write(folder.path().join("token"), "abc.def").unwrap();
    let upstream = Upstream::start(|_| status(204)).await;
    let config = json!({
        "headers": {"x-team": "shop", "x-api-key": {"secret": {"file": "key"}}},
        "passHeaders": ["traceparent", "x-absent"],
        "auth": {"bearer": {"secret": {"file": "token"}}},
    });
    let mut sink = open_with(&Http::default(), &with(upstream.config(), config), folder.path());
    let trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    let traced = event("1").with_context(&[("header.traceparent", trace), ("header.cookie", "c=1")]);
    sink.write(&[traced]).await.unwrap();
    let requests = upstream.requests();
    let headers = requests[0].headers();
    assert_eq!(headers["x-team"], "shop");
    assert_eq!(headers["x-api-key"], "s3cret");
    assert_eq!(headers["traceparent"], trace);
    assert_eq!(headers["authorization"], "Bearer abc.def");
    assert!(headers["user-agent"].to_str().unwrap().starts_with("tidegate/"));
    assert!(!headers.contains_key("cookie") && !headers.contains_key("x-absent"), "{headers:?}");
    assert_eq!(decoded(&requests[0])[0].id(), "1");
}

#[tokio::test]
async fn the_hop_of_an_event_with_a_span_is_that_span_and_its_own_trace_stays() {
    let upstream = Upstream::start(|_| status(204)).await;
    let passes = json!({"passHeaders": ["traceparent", "tracestate"]});
    let place = tempfile::tempdir().unwrap();
    let mut sink = open_with(&Http::default(), &with(upstream.config(), passes), place.path());
    let [own, came, span] = ["1", "2", "3"].map(|digit| format!("00-{}-{}-01", digit.repeat(32), digit.repeat(16)));
    let event = event("1").with_extensions(&[("traceparent", &own), ("tracestate", "own=1")]).unwrap();
    let event = event.with_context(&[("header.traceparent", &came), ("header.tracestate", "came=1")]);
    let stateless = event.clone().with_context(&[(TRACEPARENT, &span)]);
    let whole = stateless.clone().with_context(&[(TRACESTATE, "span=1")]);
    for event in [event, stateless, whole] {
        sink.write(&[event]).await.unwrap();
    }
    let expected = [(&came, Some("came=1")), (&span, None), (&span, Some("span=1"))];
    for (request, (parent, state)) in upstream.requests().iter().zip(expected) {
        let header = |name: &str| request.headers().get(name).map(|value| value.to_str().unwrap());
        assert_eq!((header("traceparent"), header("tracestate")), (Some(parent.as_str()), state));
        assert_eq!((header("ce-traceparent"), header("ce-tracestate")), (Some(own.as_str()), Some("own=1")));
    }
}

#[tokio::test]
async fn a_user_and_a_password_are_sent_as_basic_credentials() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("password"), "open sesame").unwrap();
    let upstream = Upstream::start(|_| status(204)).await;
    let auth = json!({"auth": {"basic": {"username": "Aladdin", "password": {"secret": {"file": "password"}}}}});
    let mut sink = open_with(&Http::default(), &with(upstream.config(), auth), folder.path());
    sink.write(&events(0..1)).await.unwrap();
    // RFC 7617, section 2.
    assert_eq!(upstream.requests()[0].headers()["authorization"], "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==");
}

#[tokio::test]
async fn without_its_secret_nothing_is_sent_and_the_trouble_names_it() {
    let folder = tempfile::tempdir().unwrap();
    let upstream = Upstream::start(|_| status(204)).await;
    let auth = json!({"auth": {"bearer": {"secret": {"file": "token"}}}});
    let mut sink = open_with(&Http::default(), &with(upstream.config(), auth), folder.path());
    let (kind, cause) = super::told(sink.write(&events(0..1)).await);
    assert!(kind == "again" && cause.contains("token"), "{kind}: {cause}");
    assert!(upstream.requests().is_empty());
}
