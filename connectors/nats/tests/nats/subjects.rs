//! Plain subjects: what is published while somebody listens.

use std::time::Duration;

use serde_json::json;
use tidegate_brokers::nats::NatsServer;
use tidegate_connector::{DESTINATION, Lane, Settled, SourceError, WriteError};

use crate::rig::{Client, ack, drain, event, events, expected, ids, next, next_despite, open_lane, open_sink, text};

async fn publish(outside: &Client, subject: &str, range: std::ops::Range<usize>) {
    for event in events(range) {
        outside.client.publish(subject.to_owned(), text(&event).into()).await.unwrap();
    }
    outside.client.flush().await.unwrap();
}

/// Polled until it waits for messages: the subscription stands.
async fn listening(config: &serde_json::Value) -> Box<dyn Lane> {
    let mut lane = open_lane(config).await;
    let servers = config["servers"][0].as_str().unwrap();
    let outside = Client::to(servers).await;
    let subject = config["subjects"][0].as_str().unwrap().replace(['>', '*'], "probe");
    loop {
        outside.client.publish(subject.clone(), text(&event("probe")).into()).await.unwrap();
        if let Ok(delivery) = tokio::time::timeout(Duration::from_millis(100), lane.next()).await {
            ack(delivery.unwrap().unwrap()).await;
            return lane;
        }
    }
}

/// Without what was published to find out that somebody listens.
fn without_probes(ids: Vec<String>) -> Vec<String> {
    ids.into_iter().filter(|id| id != "probe").collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_comes_is_delivered_in_order_and_again_after_a_nack() {
    let server = NatsServer::start().unwrap();
    let outside = Client::to(&server.url()).await;
    let mut lane = listening(&json!({"servers": [server.url()], "subjects": ["orders.>"]})).await;
    publish(&outside, "orders.eu.1", 0..3000).await;
    let mut got = Vec::new();
    let mut nacks = 0;
    while got.len() < 3000 {
        let delivery = next(&mut lane).await;
        let batch = ids(&delivery);
        assert_eq!(
            delivery.events.last().unwrap().context("subject"),
            Some(if batch.last().unwrap() == "probe" { "orders.probe" } else { "orders.eu.1" })
        );
        if nacks < 3 && batch.len() > 1 {
            nacks += 1;
            let delay = Duration::from_millis(1);
            delivery.settlement.settle(Settled::Nack { events: 1, delay }).await.unwrap();
            got.extend(without_probes(batch[..1].to_vec()));
        } else {
            got.extend(without_probes(batch));
            ack(delivery).await;
        }
    }
    assert_eq!(got, expected(0..3000));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_queue_shares_what_comes() {
    let server = NatsServer::start().unwrap();
    let outside = Client::to(&server.url()).await;
    let config = json!({"servers": [server.url()], "subjects": ["jobs"], "queue": "workers"});
    let mut one = listening(&config).await;
    let mut other = open_lane(&config).await;
    // The other listens as soon as it gets a share.
    let mut got = [Vec::new(), Vec::new()];
    let mut sent = 0;
    while got.iter().any(Vec::is_empty) {
        publish(&outside, "jobs", sent..sent + 100).await;
        sent += 100;
        for (lane, got) in [&mut one, &mut other].into_iter().zip(&mut got) {
            while let Ok(delivery) = tokio::time::timeout(Duration::from_millis(50), lane.next()).await {
                let delivery = delivery.unwrap().unwrap();
                got.extend(without_probes(ids(&delivery)));
                ack(delivery).await;
            }
        }
    }
    let mut all: Vec<String> = got.concat();
    all.sort_by_key(|id| id[1..].parse::<usize>().unwrap());
    assert_eq!(all, expected(0..sent), "each message went to one of them");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_comes_back_is_listened_to_again_and_the_host_is_told() {
    let mut server = NatsServer::start().unwrap();
    let url = server.url();
    let mut lane = listening(&json!({"servers": [url], "subjects": ["orders"]})).await;
    server.kill();
    let error = loop {
        match lane.next().await {
            Err(error) => break error,
            // A probe that was under way.
            Ok(delivery) => ack(delivery.unwrap()).await,
        }
    };
    assert!(
        matches!(&error, SourceError::Transient { place, cause } if *place == url && cause.contains("lost")),
        "{error}"
    );
    server.restart().unwrap();
    let outside = Client::to(&url).await;
    let mut sent = 0;
    let delivery = loop {
        publish(&outside, "orders", sent..sent + 1).await;
        sent += 1;
        let mut trouble = Vec::new();
        let next = next_despite(&mut lane, &mut trouble);
        if let Ok(delivery) = tokio::time::timeout(Duration::from_millis(200), next).await {
            break delivery;
        }
    };
    assert!(!delivery.events.is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_sink_publishes_where_an_event_is_sent_to() {
    let server = NatsServer::start().unwrap();
    let mut lane = listening(&json!({"servers": [server.url()], "subjects": [">"]})).await;
    let mut sink = open_sink(&json!({"servers": [server.url()], "subject": "own", "jetstream": false}));
    let sent = [event("e0"), event("e1").with_context(&[(DESTINATION, "orders.eu")])];
    sink.write(&sent).await.unwrap();
    let mut got = Vec::new();
    while got.len() < 2 {
        let delivery = next(&mut lane).await;
        let at = |event: &tidegate_event::Event| (event.id().to_owned(), event.context("subject").unwrap().to_owned());
        got.extend(
            delivery.events.iter().map(at).filter(|(id, subject)| id != "probe" && !subject.starts_with("_INBOX")),
        );
        ack(delivery).await;
    }
    assert_eq!(got, [("e0".into(), "own".into()), ("e1".into(), "orders.eu".into())]);
    for subject in ["a b", "a.*", "", "$SYS.x", "a..b"] {
        let bad = event("e2").with_context(&[(DESTINATION, subject)]);
        let error = sink.write(&[event("e1"), bad, event("e3")]).await.unwrap_err();
        assert!(matches!(error, WriteError::Permanent { index: 1, .. }), "{subject}: {error:?}");
    }
    drop(drain(&mut lane, 1).await);
}
