//! What a server is told of messages that are not simply done: given up, given back, still at work.

use std::time::Duration;

use async_nats::jetstream::consumer::PullConsumer;
use futures_util::StreamExt;
use tidegate_brokers::nats::NatsServer;
use tidegate_connector::Settled;

use crate::rig::{Client, PATIENCE, ack, event, events, expected, ids, next, open_lane, stream_source};

/// Waits for another reader of the consumer to get so many; or looks what there is now, where it is to be none.
async fn given_to_others(outside: &Client, expected: usize) -> usize {
    let stream = outside.jetstream.get_stream("S").await.unwrap();
    let consumer: PullConsumer = stream.get_consumer("c").await.unwrap();
    let batch = match expected {
        0 => consumer.fetch().max_messages(10).messages().await.unwrap(),
        some => consumer.batch().max_messages(some).expires(PATIENCE).messages().await.unwrap(),
    };
    batch.map(|message| message.unwrap()).collect::<Vec<_>>().await.len()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_no_event_is_given_up_and_whoever_watches_is_told() {
    let server = NatsServer::start().unwrap();
    let outside = Client::to(&server.url()).await;
    outside.stream("S").await;
    let mut told = outside.client.subscribe("$JS.EVENT.ADVISORY.CONSUMER.MSG_TERMINATED.S.c").await.unwrap();
    outside.publish("S.x", &[event("e0")]).await;
    outside.publish_raw("S.x", &[], "no event").await;
    outside.publish("S.x", &[event("e1")]).await;
    let mut lane = open_lane(&stream_source(&server.url(), "S")).await;
    let (mut got, mut malformed) = (Vec::new(), 0);
    while got.len() < 2 {
        let delivery = next(&mut lane).await;
        got.extend(ids(&delivery));
        malformed += delivery.malformed.len();
        ack(delivery).await;
    }
    assert_eq!((got, malformed), (expected(0..2), 1));
    let advisory = tokio::time::timeout(PATIENCE, told.next()).await.unwrap().unwrap();
    let advisory: serde_json::Value = serde_json::from_slice(&advisory.payload).unwrap();
    assert_eq!(advisory["stream_seq"], 2, "{advisory}");
    lane.close().await.unwrap();
    let info = outside.jetstream.get_stream("S").await.unwrap().consumer_info("c").await.unwrap();
    assert_eq!((info.num_ack_pending, info.ack_floor.stream_sequence), (0, 3), "it is done like the others");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_waits_to_be_tried_again_is_given_back_for_later() {
    for (delay, expected) in [(Duration::ZERO, 10), (Duration::from_secs(500), 0)] {
        let server = NatsServer::start().unwrap();
        let outside = Client::to(&server.url()).await;
        outside.stream("S").await;
        outside.publish("S.x", &events(0..10)).await;
        let config = serde_json::json!({"servers": [server.url()], "stream": "S", "consumer": "c", "ackWait": "10m"});
        let mut lane = open_lane(&config).await;
        let mut taken = 0;
        let mut held = Vec::new();
        while taken < 10 {
            let delivery = next(&mut lane).await;
            taken += delivery.events.len();
            held.push(delivery.settlement);
        }
        held.remove(0).settle(Settled::Nack { events: 0, delay }).await.unwrap();
        drop(held);
        lane.close().await.unwrap();
        assert_eq!(given_to_others(&outside, expected).await, expected, "{delay:?}");
    }
}
