//! What the host gets: everything once it is there, in order within a key, with what only the listener knows.

use std::collections::BTreeMap;
use std::io::Write;
use std::time::Duration;

use bytes::Bytes;
use flate2::{Compression, write::GzEncoder};
use futures_util::FutureExt;
use futures_util::future::join_all;
use http_body_util::{BodyExt, Full};
use hyper_util::rt::{TokioExecutor, TokioIo};
use serde_json::json;
use tidegate_connector::{LANE_BATCH_BYTES, LANE_BATCH_EVENTS, Settled};
use tokio::net::TcpStream;

use super::raw::{Client, batch, event, request};
use super::rig::{self, host, ids, next, open, open_one, soon};

#[tokio::test]
async fn a_client_that_goes_away_does_not_undo_its_event() {
    let mut rig = open_one(json!({})).await;
    let mut client = Client::connect(rig.address).await;
    client.send(event("1", "t", &[])).await;
    drop(client);
    let delivery = next(&mut rig.lanes[0]).await;
    assert_eq!(delivery.events[0].id(), "1");
    delivery.settlement.settle(Settled::Ack).await.unwrap();
}

#[tokio::test]
async fn a_client_that_has_sent_everything_may_say_so() {
    let host = host(json!({})).await;
    let mut client = Client::connect(host.address).await;
    client.send(event("1", "t", &[])).await;
    client.finish_sending().await;
    assert_eq!(client.answer().await.unwrap().status, 204);
}

#[tokio::test]
async fn an_answer_comes_only_once_the_event_is_settled() {
    let mut rig = open_one(json!({})).await;
    let mut client = Client::connect(rig.address).await;
    client.send(event("1", "t", &[])).await;
    let delivery = next(&mut rig.lanes[0]).await;
    assert!(client.is_silent().await);
    delivery.settlement.settle(Settled::Ack).await.unwrap();
    assert_eq!(client.answer().await.unwrap().status, 204);
}

#[tokio::test]
async fn requests_of_a_key_stay_in_order_on_one_connection() {
    let host = host(json!({})).await;
    let mut client = Client::connect(host.address).await;
    // Pipelined: all of it is there before the first is answered.
    let keys = ["a", "b", "c"];
    let mut all = Vec::new();
    for n in 0..300 {
        all.extend(event(&format!("{n}"), "t", &[("ce-partitionkey", keys[n % 3])]));
    }
    client.send(all).await;
    for n in 0..300 {
        assert_eq!(client.answer().await.unwrap().status, 204, "{n}");
    }
    assert_ordered(&host.seen, 300);
}

#[tokio::test]
async fn a_batch_is_split_by_key_and_stays_in_order() {
    let host = host(json!({"lanes": 4})).await;
    let mut client = Client::connect(host.address).await;
    let names: Vec<String> = (0..900).map(|n| n.to_string()).collect();
    let keys: Vec<String> = (0..900).map(|n| format!("key-{}", n % 7)).collect();
    let events: Vec<(&str, &str, &str)> = names.iter().zip(&keys).map(|(n, k)| (n.as_str(), "t", k.as_str())).collect();
    assert_eq!(client.ask(batch(&events)).await.status, 204);
    assert_ordered(&host.seen, 900);
}

/// Ids are numbers that rise within each key.
fn assert_ordered(seen: &rig::Seen, count: usize) {
    let mut by_key: BTreeMap<String, Vec<u32>> = BTreeMap::new();
    for event in seen.lock().unwrap().iter() {
        by_key.entry(event.ordering_key().unwrap().to_owned()).or_default().push(event.id().parse().unwrap());
    }
    assert_eq!(by_key.values().map(Vec::len).sum::<usize>(), count);
    for (key, ids) in by_key {
        assert!(ids.is_sorted(), "{key}: {ids:?}");
    }
}

#[tokio::test]
async fn what_is_nacked_is_sent_back_with_everything_behind_it() {
    let mut rig = open_one(json!({})).await;
    let mut clients = Vec::new();
    for _ in 0..5 {
        clients.push(Client::connect(rig.address).await);
    }
    clients[0].send(batch(&[("a", "t", "k"), ("b", "t", "k"), ("c", "t", "k")])).await;
    let first = next(&mut rig.lanes[0]).await;
    clients[1].send(event("d", "t", &[])).await;
    let second = next(&mut rig.lanes[0]).await;
    clients[2].send(event("e", "t", &[])).await;
    assert!(clients[2].is_silent().await, "it is queued");

    first.settlement.settle(Settled::Nack { events: 1, delay: Duration::from_secs(7) }).await.unwrap();
    let answer = clients[0].answer().await.unwrap();
    let statuses: Vec<u64> = answer.problem()["results"]
        .as_array()
        .unwrap()
        .iter()
        .map(|result| result["status"].as_u64().unwrap())
        .collect();
    assert_eq!(statuses, [204, 503, 503]);
    assert_eq!(answer.header("retry-after"), Some("7"));
    assert_eq!(clients[2].answer().await.unwrap().status, 503, "what waited would overtake");
    second.settlement.settle(Settled::Ack).await.unwrap();
    assert_eq!(clients[1].answer().await.unwrap().status, 503, "it is void");

    let held = clients[3].ask(event("f", "t", &[])).await;
    assert_eq!((held.status, held.header("retry-after")), (503, Some("7")), "the lane is held: {held:?}");
    assert_eq!(held.header("connection"), None, "the same host will take it");
    // Asked for more, the lane takes again.
    let taken = tokio::spawn(async move {
        let delivery = next(&mut rig.lanes[0]).await;
        let ids: Vec<String> = delivery.events.iter().map(|event| event.id().to_owned()).collect();
        delivery.settlement.settle(Settled::Ack).await.unwrap();
        (ids, rig)
    });
    loop {
        let answer = clients[4].ask(event("g", "t", &[])).await;
        if answer.status == 204 {
            break;
        }
        assert_eq!(answer.status, 503);
        tokio::task::yield_now().await;
    }
    assert_eq!(taken.await.unwrap().0, ["g"], "what was sent back is forgotten");
}

#[tokio::test]
async fn a_delivery_that_is_dropped_is_sent_back() {
    let mut rig = open_one(json!({})).await;
    let mut client = Client::connect(rig.address).await;
    client.send(event("1", "t", &[])).await;
    drop(next(&mut rig.lanes[0]).await);
    let answer = client.answer().await.unwrap();
    assert_eq!((answer.status, answer.header("connection")), (503, Some("close")), "the host stops: go elsewhere");
    assert!(client.closed().await);
}

#[tokio::test]
async fn taking_is_cancel_safe_and_bounded_by_count() {
    let options = json!({"maxBatch": 5000, "queue": {"events": 5000}});
    let mut rig = open_one(options).await;
    let mut client = Client::connect(rig.address).await;
    let names: Vec<String> = (0..2500).map(|n| n.to_string()).collect();
    let events: Vec<(&str, &str, &str)> = names.iter().map(|name| (name.as_str(), "t", "k")).collect();
    client.send(batch(&events)).await;
    let (mut got, mut deliveries) = (Vec::new(), 0);
    while got.len() < 2500 {
        // Polled once and dropped.
        let Some(delivery) = rig.lanes[0].next().now_or_never() else {
            tokio::task::yield_now().await;
            continue;
        };
        let delivery = delivery.unwrap().unwrap();
        assert!(delivery.events.len() <= LANE_BATCH_EVENTS);
        deliveries += 1;
        got.extend(delivery.events.iter().map(|event| event.id().to_owned()));
        delivery.settlement.settle(Settled::Ack).await.unwrap();
    }
    assert_eq!(got, names);
    assert_eq!(deliveries, 3);
    assert_eq!(client.answer().await.unwrap().status, 204);
}

#[tokio::test]
async fn what_is_taken_at_once_is_bounded_by_bytes() {
    let mut rig = open_one(json!({"maxBody": "3Mi", "queue": {"bytes": "64Mi"}})).await;
    let headers = [("ce-specversion", "1.0"), ("ce-id", "1"), ("ce-type", "t"), ("ce-source", "/s")];
    let large = request("POST /", &headers, vec![b'x'; 3 << 20]);
    let mut clients = Vec::new();
    for _ in 0..3 {
        let mut client = Client::connect(rig.address).await;
        client.send(&large).await;
        assert!(client.is_silent().await);
        clients.push(client);
    }
    for _ in 0..3 {
        let delivery = next(&mut rig.lanes[0]).await;
        assert_eq!(delivery.events.len(), 1, "two would be more than {LANE_BATCH_BYTES} bytes");
        delivery.settlement.settle(Settled::Ack).await.unwrap();
    }
    for mut client in clients {
        assert_eq!(client.answer().await.unwrap().status, 204);
    }
}

#[tokio::test]
async fn context_says_who_and_where_and_the_headers_asked_for() {
    let host = host(json!({"acceptHeaders": ["X-Tenant", "traceparent"]})).await;
    let mut client = Client::connect(host.address).await;
    let headers = [("x-tenant", "blå"), ("x-other", "no"), ("ce-principal", "root"), ("authorization", "Bearer x")];
    assert_eq!(client.ask(event("1", "t", &headers)).await.status, 204);
    let seen = host.seen.lock().unwrap();
    let context: BTreeMap<&str, &str> = seen[0].contexts().collect();
    let peer = client.local_address().to_string();
    assert_eq!(context, BTreeMap::from([("header.x-tenant", "blå"), ("path", "/"), ("peer", peer.as_str())]));
    assert!(seen[0].extension("principal").is_some(), "an attribute, which is not who it is");
}

#[tokio::test]
async fn bodies_may_be_gzip_and_come_in_chunks() {
    let host = host(json!({})).await;
    let mut client = Client::connect(host.address).await;
    let event =
        |id: &str| json!({"specversion":"1.0","id":id,"type":"t","source":"/s","data":"x".repeat(2000)}).to_string();
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(event("zipped").as_bytes()).unwrap();
    let headers = [("content-type", "application/cloudevents+json"), ("content-encoding", "gzip")];
    assert_eq!(client.ask(request("POST /", &headers, encoder.finish().unwrap())).await.status, 204);

    let chunked = event("chunked");
    let head = "POST / HTTP/1.1\r\nhost: test\r\ntransfer-encoding: chunked\r\ncontent-type: application/cloudevents+json\r\n\r\n";
    client.send(head).await;
    for piece in chunked.as_bytes().chunks(700) {
        client.send([format!("{:x}\r\n", piece.len()).as_bytes(), piece, b"\r\n"].concat()).await;
    }
    assert_eq!(client.ask("0\r\ntrailer: x\r\n\r\n").await.status, 204);

    let waits =
        "POST / HTTP/1.1\r\nhost: test\r\nexpect: 100-continue\r\ncontent-type: application/cloudevents+json\r\n";
    let body = event("asked");
    let answer = client.ask(format!("{waits}content-length: {}\r\n\r\n", body.len())).await;
    assert_eq!(answer.status, 100);
    assert_eq!(client.ask(body).await.status, 204);
    assert_eq!(ids(&host.seen), ["zipped", "chunked", "asked"]);
}

#[tokio::test]
async fn http2_carries_many_requests_at_once() {
    let mut rig = open(json!({"lanes": 2})).await;
    let stream = TcpStream::connect(rig.address).await.unwrap();
    let (sender, connection) =
        hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await.unwrap();
    tokio::spawn(connection);
    let post = |id: usize| {
        let mut sender = sender.clone();
        let request = hyper::Request::post("http://test/")
            .header("content-type", "application/cloudevents+json")
            .body(Full::new(Bytes::from(
                json!({"specversion":"1.0","id":id.to_string(),"type":if id.is_multiple_of(10) {"reject"} else {"t"},"source":"/s"})
                    .to_string(),
            )))
            .unwrap();
        async move {
            let answer = sender.send_request(request).await.unwrap();
            let status = answer.status().as_u16();
            (id, status, answer.into_body().collect().await.unwrap().to_bytes())
        }
    };
    let answers = tokio::spawn(join_all((0..100).map(post)));
    // All are there before the first is answered.
    let mut deliveries = Vec::new();
    let mut lane = rig.lanes.remove(0);
    while deliveries.iter().map(|delivery: &tidegate_connector::Delivery| delivery.events.len()).sum::<usize>() < 100 {
        deliveries.push(next(&mut lane).await);
    }
    for delivery in deliveries {
        rig::settle(delivery).await;
    }
    for (id, status, body) in soon("answers", answers).await.unwrap() {
        assert_eq!(status, if id.is_multiple_of(10) { 422 } else { 204 }, "{id}: {body:?}");
    }
}
