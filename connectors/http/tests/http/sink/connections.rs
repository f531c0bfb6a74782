//! Connections are kept, and their end is not an event's.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::time::Duration;

use serde_json::json;
use tidegate_connector::{Backoff, BreakerOptions, Sink, SinkOptions};
use tidegate_event::Event;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use super::upstream::{Act, Script, Upstream, status, with_body, with_header, write};
use super::{events, keyed, open, short, told, with};

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

#[tokio::test]
async fn each_exchange_over_a_kept_connection_has_its_own_time() {
    let late = [Act::Read, Act::Wait(Duration::from_millis(1200)), write("HTTP/1.1 204 No Content\r\n\r\n")];
    // Only together do the first two take longer than one may.
    let service = Script::start([[&late[..], &late, &[Act::Read, Act::Hang]].concat()]).await;
    let mut sink = open(&with(service.config(), json!({"timeouts": {"response": "2s"}})));
    for event in events(0..2) {
        sink.write(&[event]).await.unwrap();
    }
    let (kind, cause) = told(sink.write(&events(2..3)).await);
    assert_eq!((kind, &*cause), ("again", "no response within 2s"));
    assert_eq!(service.connections(), 1);
}

/// Passes on so many bytes in both directions together, then resets both ends.
async fn relay_until(mut client: TcpStream, service: SocketAddr, mut left: usize) {
    let mut service = TcpStream::connect(service).await.unwrap();
    let (mut request, mut response) = ([0; 256], [0; 256]);
    while left > 0 {
        let passed = tokio::select! {
            read = client.read(&mut request) => match read {
                Ok(count) if count > 0 => service.write_all(&request[..count.min(left)]).await.map(|()| count),
                Ok(_) | Err(_) => return,
            },
            read = service.read(&mut response) => match read {
                Ok(count) if count > 0 => client.write_all(&response[..count.min(left)]).await.map(|()| count),
                Ok(_) | Err(_) => return,
            },
        };
        let Ok(count) = passed else { return };
        left = left.saturating_sub(count);
    }
    client.set_zero_linger().unwrap();
    service.set_zero_linger().unwrap();
}

#[tokio::test]
async fn connections_that_break_anywhere_lose_nothing_and_keep_order() {
    for mode in ["binary", "batched"] {
        let upstream = Upstream::start(|_| with_body(200, "text/plain", "thank you")).await;
        let (listener, service) = (TcpListener::bind("127.0.0.1:0").await.unwrap(), upstream.address);
        let address = listener.local_addr().unwrap();
        let relay = tokio::spawn(async move {
            let mut relaying = tokio::task::JoinSet::new();
            // Every place in an exchange comes up: an exchange is about 500 bytes.
            for left in (1..).map(|n: usize| 1 + n * 137 % 2000) {
                let (client, _) = listener.accept().await.unwrap();
                relaying.spawn(relay_until(client, service, left));
            }
        });
        let config = json!({"url": format!("http://{address}/"), "mode": mode});
        let config = if mode == "batched" { with(config, json!({"batch": {"events": 3}})) } else { config };
        let backoff = Backoff { first: Duration::from_millis(1), max: Duration::from_millis(2), ..Backoff::default() };
        let breaker = BreakerOptions { failures: 1000, ..BreakerOptions::default() };
        let sink = Sink::start("app", open(&config), SinkOptions { backoff, breaker, ..SinkOptions::default() });
        let keys = ["a", "b", "c", "d", "e"];
        let sent: Vec<Event> = (0..200).map(|n| keyed(&format!("e{n}"), Some(keys[n % 5]))).collect();
        assert!(sink.send(sent).await.wait().await.all_durable());
        let mut by_key: HashMap<usize, Vec<usize>> = HashMap::new();
        for id in upstream.ids() {
            let number: usize = id[1..].parse().unwrap();
            by_key.entry(number % 5).or_default().push(number);
        }
        for (key, numbers) in &mut by_key {
            if mode == "binary" {
                assert!(numbers.is_sorted(), "key {key}: {numbers:?}");
            }
            numbers.sort_unstable();
            numbers.dedup();
            assert_eq!(numbers.len(), 40, "key {key}");
        }
        sink.close().await;
        relay.abort();
    }
}
