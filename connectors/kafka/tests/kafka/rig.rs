//! What the tests share: names, lanes, events of messages.

use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use serde_json::{Value, json};
use tidegate_brokers::kafka::Kafka as Broker;
use tidegate_brokers::kafka::clients::Record;
use tidegate_connector::{Connector as _, Delivery, Lane, Place, Settled, Source, Writer};
use tidegate_connector_kafka::Kafka;
use tidegate_event::json::Validate;
use tidegate_event::{Event, binary, json};

const PATIENCE: Duration = Duration::from_secs(300);

pub(crate) fn broker() -> &'static Broker {
    Broker::shared()
}

/// A name nobody else uses: tests share a broker.
pub(crate) fn unique(name: &str) -> String {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    format!("{name}-{}", NEXT.fetch_add(1, Ordering::Relaxed))
}

/// A topic nobody else uses.
pub(crate) fn topic(name: &str, partitions: i32) -> String {
    let topic = unique(name);
    broker().topic(&topic, partitions);
    topic
}

fn place() -> Place<'static> {
    Place { base_dir: Path::new(""), state_dir: Path::new("") }
}

/// `more` is added to the configuration.
pub(crate) fn source(topic: &str, group: &str, more: &Value) -> Box<dyn Source> {
    let mut config = json!({"brokers": [broker().plain()], "topics": [topic], "group": group});
    extend(&mut config, more);
    Kafka.open_source("ns/in", &config, &place()).unwrap()
}

pub(crate) fn writer(topic: &str, more: &Value) -> Box<dyn Writer> {
    let mut config = json!({"brokers": [broker().plain()], "topic": topic});
    extend(&mut config, more);
    Kafka.open_sink("ns/out", &config, &place()).unwrap()
}

pub(crate) fn extend(config: &mut Value, more: &Value) {
    for (name, value) in more.as_object().into_iter().flatten() {
        config[name] = value.clone();
    }
}

/// Fails where it would hang.
pub(crate) async fn soon<T>(what: &str, future: impl Future<Output = T>) -> T {
    match tokio::time::timeout(PATIENCE, future).await {
        Ok(value) => value,
        Err(_) => panic!("waited in vain: {what}"),
    }
}

pub(crate) async fn lane(source: &mut Box<dyn Source>) -> Box<dyn Lane> {
    soon("a lane", async {
        loop {
            match source.lane().await {
                Ok(lane) => return lane.unwrap(),
                Err(error) => println!("{error}"),
            }
        }
    })
    .await
}

pub(crate) async fn delivery(lane: &mut Box<dyn Lane>) -> Delivery {
    soon("a delivery", lane.next()).await.unwrap().unwrap()
}

/// Takes and acks until there were so many events.
pub(crate) async fn take(lane: &mut Box<dyn Lane>, count: usize) -> Vec<Event> {
    let mut events = Vec::new();
    while events.len() < count {
        let delivery = delivery(lane).await;
        events.extend(delivery.events);
        delivery.settlement.settle(Settled::Ack).await.unwrap();
    }
    events
}

pub(crate) fn ids(events: &[Event]) -> Vec<&str> {
    events.iter().map(Event::id).collect()
}

/// A structured event as a message.
pub(crate) fn structured(event: &Event) -> Record {
    let mut value = Vec::new();
    json::encode(event, &mut value);
    Record::new(value).header("content-type", "application/cloudevents+json")
}

/// The event of a message, in either mode; read without the connector.
pub(crate) fn event(record: &Record) -> Event {
    let header = |record: &Record, name: &str| {
        let found = record.headers.iter().find(|(key, _)| key == name);
        found.map(|(_, value)| String::from_utf8(value.clone().unwrap()).unwrap())
    };
    let content_type = header(record, "content-type");
    let value = record.value.clone().map(Bytes::from);
    if content_type.as_deref() == Some("application/cloudevents+json") {
        return json::decode(&value.unwrap(), Validate::Full).unwrap();
    }
    let attributes: Vec<(String, String)> = record
        .headers
        .iter()
        .filter_map(|(key, value)| {
            let value = String::from_utf8(value.clone()?).ok()?;
            match key.strip_prefix("ce_") {
                Some(name) => Some((name.to_owned(), value)),
                None if key == "content-type" => Some(("datacontenttype".to_owned(), value)),
                None => None,
            }
        })
        .collect();
    binary::decode(attributes.iter().map(|(name, value)| (name.as_str(), value.as_str())), value).unwrap()
}
