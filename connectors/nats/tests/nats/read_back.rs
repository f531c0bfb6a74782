//! Looking at what a sink has written.

use serde_json::{Value, json};
use tidegate_brokers::nats::NatsServer;
use tidegate_connector::Connector as _;
use tidegate_connector::connector::ReadBackError;
use tidegate_connector_nats::Nats;

use crate::rig::{Client, events, expected, here, open_sink};

async fn look(config: &Value) -> Vec<(String, u64, String)> {
    let mut look = Nats.read_back("shop/out", config, &here()).unwrap();
    let mut found = Vec::new();
    while let Some(records) = look.next().await.unwrap() {
        assert!(!records.is_empty());
        found.extend(records.into_iter().map(|record| {
            let said = record.message.map_or_else(|bad| bad.problem, |event| event.id().to_owned());
            (record.lane.to_string(), record.position, said)
        }));
    }
    found
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn all_of_its_subject_is_found_as_often_as_one_looks() {
    let server = NatsServer::start().unwrap();
    let outside = Client::to(&server.url()).await;
    outside.stream("S").await;
    let config = json!({"servers": [server.url()], "subject": "S.dead"});
    assert_eq!(look(&config).await, []);
    outside.publish("S.other", &events(0..3)).await;
    open_sink(&config).write(&events(0..3000)).await.unwrap();
    outside.publish_raw("S.dead", &[], "no event").await;
    outside.publish("S.other", &events(3..5)).await;
    for _ in 0..2 {
        let found = look(&config).await;
        let ids: Vec<String> = found[..3000].iter().map(|(_, _, id)| id.clone()).collect();
        assert_eq!(ids, expected(0..3000));
        assert!(found.iter().zip(4..).all(|((lane, position, _), expected)| lane == "S" && *position == expected));
        assert_eq!(found.len(), 3001, "and what is no event");
        assert!(found[3000].2.contains("byte 0"), "{:?}", found[3000]);
    }
}

#[tokio::test]
async fn what_is_kept_nowhere_cannot_be_looked_at() {
    for config in [
        json!({"servers": ["nats://localhost"], "subject": "a", "jetstream": false}),
        json!({"servers": ["nats://localhost"]}),
    ] {
        let refused = Nats.read_back("shop/out", &config, &here()).err();
        assert!(matches!(refused, Some(ReadBackError::Cannot { .. })), "{refused:?}");
    }
}
