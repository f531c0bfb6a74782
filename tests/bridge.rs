//! Kafka → NATS → Kafka, with real brokers: what an event says, and the headers that may travel, are the same at the end.

use std::collections::BTreeMap;

use async_nats::jetstream::{self, consumer::pull, stream};
use futures_util::StreamExt;
use tidegate_brokers::{
    kafka::{Kafka, clients::Record},
    nats::NatsServer,
};

use crate::rig::{
    docs::Docs,
    guests::Guest,
    host::{Host, Start},
};

const EVENTS: usize = 300;

/// Regions are levels of a topic: `eu` comes back, `us` stays, and what is no topic at all rests in the dead letter.
const REGIONS: [&str; 3] = ["eu.berlin", "us.austin", "no topic"];

fn record(n: usize) -> Record {
    let data: Vec<u8> = format!("{{\"n\": {n},  \"name\":\"Zoë\"}}").into_bytes();
    Record::new(data)
        .key(format!("customer-{}", n % 7))
        .header("ce_specversion", "1.0")
        .header("ce_id", n.to_string())
        .header("ce_source", "/shops/%C3%BC")
        .header("ce_type", "com.acme.order")
        .header("ce_subject", REGIONS[n % 3])
        .header("ce_time", "2026-03-01T12:00:00.125Z")
        .header("ce_partitionkey", format!("customer-{}", n % 7))
        .header("ce_region", "ä b%")
        .header("content-type", "application/json")
        .header("x-tenant", format!("tenant-{n}"))
        .header("x-private", "stays")
}

fn documents(kafka: &Kafka, nats: &NatsServer) -> Docs {
    let (kafka, nats) = (kafka.plain(), nats.url());
    let kafka_sink =
        |topic: &str| format!("{{kafka: {{brokers: ['{kafka}'], topic: {topic}, passHeaders: [x-tenant]}}}}");
    Docs::new()
        .doc("Source", "in", &format!("{{kafka: {{brokers: ['{kafka}'], topics: ['bridge.in.*'], group: bridge, acceptHeaders: [X-Tenant]}}}}"))
        .doc("Sink", "middle", &format!("{{nats: {{servers: ['{nats}'], mode: binary, passHeaders: [x-tenant]}}}}"))
        .doc("Source", "middle", &format!("{{nats: {{servers: ['{nats}'], stream: ORDERS, subjects: ['ORDERS.eu.>'], acceptHeaders: [x-tenant]}}}}"))
        .doc("Sink", "back", &kafka_sink("bridge.back"))
        .doc("Sink", "dlq", &kafka_sink("bridge.dlq"))
        .doc("Route", "there", "{from: [{name: in}], to: [{sink: middle, topic: 'ORDERS.${subject}'}], deadLetter: {sink: dlq}}")
        .route("back", "middle", "back")
        .policy("guard", "keep.wasm", "failure: {onTrap: DeadLetter}")
}

/// What an event is, whatever it came in.
fn said(record: &Record) -> BTreeMap<String, String> {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    let headers = record.headers.iter().map(|(name, value)| (name.clone(), text(value.as_deref().unwrap())));
    let key = record.key.as_deref().map(|key| ("key".to_owned(), text(key)));
    let data = record.value.as_deref().map(|data| ("data".to_owned(), text(data)));
    headers.chain(key).chain(data).filter(|(name, _)| !name.starts_with("ce_tidegate")).collect()
}

#[test]
fn events_cross_from_broker_to_broker_and_back() {
    let kafka = Kafka::shared();
    let nats = NatsServer::start().unwrap();
    for topic in ["bridge.in.a", "bridge.in.b", "bridge.back", "bridge.dlq"] {
        kafka.topic(topic, 1);
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let config =
        stream::Config { name: "ORDERS".into(), subjects: vec!["ORDERS.>".into()], ..stream::Config::default() };
    let context = runtime.block_on(async {
        let context = jetstream::new(async_nats::connect(nats.url()).await.unwrap());
        context.create_stream(config).await.unwrap();
        context
    });
    let dir = tempfile::tempdir().unwrap();
    std::fs::create_dir_all(dir.path().join("docs")).unwrap();
    std::fs::write(dir.path().join("docs/keep.wasm"), Guest::filter().component()).unwrap();
    std::fs::write(dir.path().join("docs/all.yaml"), documents(kafka, &nats).text()).unwrap();
    for (topic, half) in [("bridge.in.a", 0), ("bridge.in.b", 1)] {
        kafka.write(topic, (0..EVENTS).filter(|n| n % 2 == half).map(record));
    }
    let mut host: Host = Start { args: &["--dev"], ..Start::new(dir.path()) }.spawn();
    let third = EVENTS / 3;
    host.until("all have come through", || {
        (kafka.count("bridge.back") == third && kafka.count("bridge.dlq") == third).then_some(())
    });
    assert!(host.stop().success());

    let came = kafka.read("bridge.back");
    assert_eq!(came.len(), third);
    for found in &came {
        let id = said(found)["ce_id"].parse().unwrap();
        let mut sent = said(&record(id));
        sent.remove("x-private");
        assert_eq!(said(found), sent);
        assert_eq!(REGIONS[id % 3], "eu.berlin");
    }
    for found in kafka.read("bridge.dlq") {
        let found = said(&found);
        assert_eq!((&*found["ce_subject"], &*found["x-tenant"]), ("no topic", &*format!("tenant-{}", found["ce_id"])));
    }
    // What the pattern of the way back does not mean is in the stream, and nowhere else.
    let subjects = runtime.block_on(async {
        let stream = context.get_stream_no_info("ORDERS").await.unwrap();
        let consumer = stream.create_consumer(pull::OrderedConfig::default()).await.unwrap();
        let messages = consumer.messages().await.unwrap().take(2 * third);
        messages.map(|message| message.unwrap().subject.to_string()).collect::<Vec<_>>().await
    });
    for subject in ["ORDERS.eu.berlin", "ORDERS.us.austin"] {
        assert_eq!(subjects.iter().filter(|found| *found == subject).count(), third, "{subject}");
    }
}
