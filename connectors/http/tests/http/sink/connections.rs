//! Connections are kept, and their end is not an event's.

use super::upstream::{Act, Script, Upstream, status, with_body, with_header, write};
use super::{events, open, short, with};

#[tokio::test]
async fn a_connection_is_kept() {
    for (status_code, body) in [(204, ""), (200, "ok")] {
        let upstream = Upstream::start(move |_| with_body(status_code, "text/plain", body)).await;
        let mut sink = open(&upstream.config());
        for event in events(0..20) {
            sink.write(&[event]).await.unwrap();
        }
        assert_eq!((upstream.requests().len(), upstream.connections()), (20, 1), "{status_code}");
    }
}

#[tokio::test]
async fn a_service_that_closes_after_each_answer_loses_nothing() {
    let upstream = Upstream::start(|_| with_header(status(204), "connection", "close")).await;
    let mut sink = open(&upstream.config());
    for event in events(0..20) {
        sink.write(&[event]).await.unwrap();
    }
    assert_eq!((upstream.requests().len(), upstream.connections()), (20, 20));
}

#[tokio::test]
async fn a_kept_connection_that_ends_under_a_request_is_replaced() {
    let ok = || write("HTTP/1.1 204 No Content\r\n\r\n");
    for end in [Act::Close, Act::Reset] {
        let first = vec![Act::Read, ok(), Act::Read, end.clone()];
        let service = Script::start([first, vec![Act::Read, ok(), Act::Hang]]).await;
        let mut sink = open(&with(service.config(), short()));
        for event in events(0..2) {
            sink.write(&[event]).await.unwrap();
        }
        assert_eq!(service.connections(), 2, "{end:?}");
    }
}

#[tokio::test]
async fn a_kept_connection_that_ended_meanwhile_is_replaced() {
    let ok = || write("HTTP/1.1 204 No Content\r\n\r\n");
    // A service that times idle connections out says so at times, unasked.
    let unasked = write("HTTP/1.1 408 Request Timeout\r\nconnection: close\r\n\r\n");
    for end in [vec![Act::Close], vec![Act::Reset], vec![unasked, Act::Close]] {
        let first = [vec![Act::Read, ok()], end.clone()].concat();
        let service = Script::start([first, vec![Act::Read, ok(), Act::Hang]]).await;
        let mut sink = open(&with(service.config(), short()));
        sink.write(&events(0..1)).await.unwrap();
        sink.write(&events(1..2)).await.unwrap();
        assert_eq!(service.connections(), 2, "{end:?}");
    }
}
