//! What a listener holds is bounded, and one client's slowness is its own.

use std::io::Write;
use std::time::Duration;

use flate2::{Compression, write::GzEncoder};
use serde_json::json;
use tidegate_connector::Settled;

use super::raw::{Client, ask, batch, event, request};
use super::rig::{host, ids, next, open_one};

#[tokio::test]
async fn a_full_queue_answers_at_once_and_takes_again_when_there_is_room() {
    let mut rig = open_one(json!({"queue": {"events": 3}})).await;
    let mut waiting = Vec::new();
    for n in 0..3 {
        let mut client = Client::connect(rig.address).await;
        client.send(event(&n.to_string(), "t", &[])).await;
        assert!(client.is_silent().await);
        waiting.push(client);
    }
    let mut late = Client::connect(rig.address).await;
    let answer = late.ask(event("late", "t", &[])).await;
    assert_eq!((answer.status, answer.header("retry-after")), (503, Some("1")));
    assert!(answer.detail().contains("wait"), "{}", answer.detail());
    let answer = late.ask(batch(&[("x", "t", "a"), ("y", "t", "b")])).await;
    assert_eq!(answer.status, 503, "all of a batch, or nothing");

    let mut taken = 0;
    while taken < 3 {
        let delivery = next(&mut rig.lanes[0]).await;
        taken += delivery.events.len();
        delivery.settlement.settle(Settled::Ack).await.unwrap();
    }
    for mut client in waiting {
        assert_eq!(client.answer().await.unwrap().status, 204);
    }
    late.send(event("late", "t", &[])).await;
    let delivery = next(&mut rig.lanes[0]).await;
    assert_eq!(delivery.events[0].id(), "late");
}

#[tokio::test]
async fn bytes_count_and_what_is_larger_than_a_queue_goes_alone() {
    let mut rig = open_one(json!({"queue": {"bytes": 500}})).await;
    let mut first = Client::connect(rig.address).await;
    let large = request(
        "POST /",
        &[("ce-specversion", "1.0"), ("ce-id", "1"), ("ce-type", "t"), ("ce-source", "/s")],
        [b'x'; 600],
    );
    first.send(&large).await;
    assert!(first.is_silent().await);
    assert_eq!(ask(rig.address, event("2", "t", &[])).await.status, 503);
    assert_eq!(next(&mut rig.lanes[0]).await.events.len(), 1);
}

#[tokio::test]
async fn what_is_not_settled_in_time_is_told_so_and_goes_on() {
    let mut rig = open_one(json!({"timeout": "50ms"})).await;
    let mut client = Client::connect(rig.address).await;
    client.send(event("1", "t", &[])).await;
    let delivery = next(&mut rig.lanes[0]).await;
    let answer = client.answer().await.unwrap();
    assert_eq!(answer.status, 503);
    assert!(answer.detail().contains("timeout"), "{}", answer.detail());
    assert!(answer.header("retry-after").is_some());
    delivery.settlement.settle(Settled::Ack).await.unwrap();
    // The connection is as good as before.
    client.send(event("2", "t", &[])).await;
    next(&mut rig.lanes[0]).await.settlement.settle(Settled::Ack).await.unwrap();
    assert_eq!(client.answer().await.unwrap().status, 204);
}

#[tokio::test]
async fn a_gzip_bomb_is_not_unfolded() {
    let host = host(json!({"maxBody": "64Ki"})).await;
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    for _ in 0..8 {
        encoder.write_all(&[0; 1 << 20]).unwrap();
    }
    let bomb = encoder.finish().unwrap();
    assert!(bomb.len() < 64 << 10, "as received it is within the limit");
    let headers = [
        ("ce-specversion", "1.0"),
        ("ce-id", "1"),
        ("ce-type", "t"),
        ("ce-source", "/s"),
        ("content-encoding", "gzip"),
    ];
    let answer = ask(host.address, request("POST /", &headers, bomb)).await;
    assert_eq!(answer.status, 413);
    assert!(answer.detail().contains("inflated"), "{}", answer.detail());
    assert!(ids(&host.seen).is_empty());
}

/// Sends until the other end has enough; what it said, if that came through.
async fn send_megabytes(client: &mut Client, piece: &[u8]) {
    let piece = piece.repeat((1 << 20) / piece.len());
    for _ in 0..100 {
        if !client.send(&piece).await {
            return;
        }
    }
    panic!("100 MB were read");
}

#[tokio::test]
async fn a_hundred_megabytes_are_not_read() {
    let host = host(json!({})).await;
    let ce = "ce-specversion: 1.0\r\nce-id: 1\r\nce-type: t\r\nce-source: /s\r\n";
    let announced = format!("POST / HTTP/1.1\r\nhost: a\r\n{ce}content-length: 100000000\r\n\r\n");
    let mut client = Client::connect(host.address).await;
    let answer = client.ask(&announced).await;
    assert_eq!(answer.status, 413, "before any of it came");
    send_megabytes(&mut client, b"x").await;

    let chunked = format!("POST / HTTP/1.1\r\nhost: a\r\n{ce}transfer-encoding: chunked\r\n\r\n");
    let mut client = Client::connect(host.address).await;
    client.send(&chunked).await;
    send_megabytes(&mut client, b"10\r\n0123456789abcdef\r\n").await;

    for header in ["x: y\r\n", "x"] {
        let mut client = Client::connect(host.address).await;
        client.send("POST / HTTP/1.1\r\nhost: a\r\n").await;
        send_megabytes(&mut client, header.as_bytes()).await;
    }
    assert!(ids(&host.seen).is_empty());
}

#[tokio::test]
async fn heads_beyond_the_limits_are_named() {
    let host = host(json!({"maxHeaderBytes": "8Ki", "maxHeaders": 20})).await;
    let many: String = (0..21).map(|n| format!("x-{n}: y\r\n")).collect();
    let large = format!("x: {}\r\n", "y".repeat(9000));
    for head in [many, large] {
        let mut client = Client::connect(host.address).await;
        client.send(format!("POST / HTTP/1.1\r\nhost: a\r\n{head}\r\n")).await;
        let answer = client.answer().await.unwrap();
        assert_eq!(answer.status, 431);
        assert!(answer.detail().contains("maxHeader"), "{}", answer.detail());
        assert!(client.closed().await);
    }
}

#[tokio::test]
async fn slow_clients_are_cut_off_and_change_nothing_for_others() {
    let options = json!({
        "headerTimeout": "200ms", "bodyTimeout": "200ms", "minBodyRate": 1000000, "idleTimeout": "200ms",
    });
    let host = host(options).await;
    let head = "POST / HTTP/1.1\r\nhost: a\r\nce-specversion: 1.0\r\nce-id: slow\r\nce-type: t\r\nce-source: /s\r\n";
    let in_body = format!("{head}content-length: 100000\r\n\r\n");
    let mut tasks = tokio::task::JoinSet::new();
    for begin in ["", "P", head, &in_body] {
        for _ in 0..20 {
            let begin = begin.to_owned();
            let address = host.address;
            tasks.spawn(async move {
                let mut client = Client::connect(address).await;
                client.send(&begin).await;
                // A byte now and then, where it has begun to talk at all.
                while !begin.is_empty() && client.is_open_and_silent().await {
                    client.send("x").await;
                    tokio::time::sleep(Duration::from_millis(5)).await;
                }
                let answer =
                    if begin.len() > head.len() { client.answer().await.map(|answer| answer.status) } else { None };
                client.closed().await;
                (begin.len() > head.len(), answer)
            });
        }
    }
    let mut client = Client::connect(host.address).await;
    for n in 0..50 {
        assert_eq!(client.ask(event(&n.to_string(), "t", &[])).await.status, 204);
    }
    while let Some(ended) = tasks.join_next().await {
        let (in_body, answer) = ended.unwrap();
        assert!(answer == in_body.then_some(408) || answer.is_none(), "{answer:?}");
    }
    assert_eq!(ids(&host.seen).len(), 50);
}

#[tokio::test]
async fn beyond_the_limit_connections_are_turned_away() {
    let host = host(json!({"maxConnections": 2})).await;
    let mut first = Client::connect(host.address).await;
    let mut second = Client::connect(host.address).await;
    assert_eq!(first.ask(event("1", "t", &[])).await.status, 204);
    assert_eq!(second.ask(event("2", "t", &[])).await.status, 204);
    let mut third = Client::connect(host.address).await;
    let answer = third.answer().await.unwrap();
    assert_eq!((answer.status, answer.header("retry-after")), (503, Some("1")));
    assert!(third.closed().await);
    drop(first);
    // Its place is free once the listener has seen that it is gone.
    loop {
        let mut client = Client::connect(host.address).await;
        client.send(event("3", "t", &[])).await;
        if client.answer().await.is_some_and(|answer| answer.status == 204) {
            break;
        }
    }
    assert_eq!(second.ask(event("4", "t", &[])).await.status, 204);
}

#[tokio::test]
async fn bodies_being_read_are_bounded_together() {
    let host = host(json!({"maxBody": 100000, "maxBodies": 100000})).await;
    let head = "POST / HTTP/1.1\r\nhost: a\r\nce-specversion: 1.0\r\nce-id: 1\r\nce-type: t\r\nce-source: /s\r\ncontent-length: 100000\r\n\r\n";
    let mut first = Client::connect(host.address).await;
    first.send(head).await;
    first.send(vec![b'x'; 90000]).await;
    let mut second = Client::connect(host.address).await;
    second.send(head).await;
    // Which of them is one too many depends on whose bytes are read first.
    second.send(vec![b'x'; 90000]).await;
    let refused = tokio::select! {
        answer = first.answer() => answer,
        answer = second.answer() => answer,
    };
    let refused = refused.unwrap();
    assert_eq!(refused.status, 503);
    assert!(refused.detail().contains("bodies"));
}
