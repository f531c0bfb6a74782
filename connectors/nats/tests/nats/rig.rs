//! What tests do to a server from outside, and how they open the connector.

use std::path::Path;
use std::time::Duration;

use async_nats::HeaderMap;
use async_nats::jetstream::{self, stream};
use futures_util::StreamExt;
use serde_json::{Value, json};
use tidegate_connector::{Connector as _, Delivery, Lane, Place, Settled, Source, SourceError, Writer};
use tidegate_connector_nats::Nats;
use tidegate_event::json::{Validate, decode, encode};
use tidegate_event::{Event, Form};

/// After which a wait counts as hanging.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

pub(crate) fn place(dir: &Path) -> Place<'_> {
    Place { base_dir: dir, state_dir: dir }
}

pub(crate) fn here() -> Place<'static> {
    place(Path::new("."))
}

pub(crate) fn open_source(config: &Value) -> Box<dyn Source> {
    Nats.open_source("shop/orders", config, &here()).unwrap()
}

pub(crate) async fn open_lane(config: &Value) -> Box<dyn Lane> {
    open_source(config).lane().await.unwrap().unwrap()
}

pub(crate) fn open_sink(config: &Value) -> Box<dyn Writer> {
    Nats.open_sink("shop/out", config, &here()).unwrap()
}

pub(crate) fn stream_source(url: &str, stream: &str) -> Value {
    json!({"servers": [url], "stream": stream, "consumer": "c", "ackWait": "2s"})
}

pub(crate) fn text(event: &Event) -> Vec<u8> {
    let mut text = Vec::new();
    encode(event, &mut text);
    text
}

pub(crate) fn event(id: &str) -> Event {
    let event = Event::builder().id(id).source("/test").ty("t").datacontenttype("application/json");
    event.data(Form::Json, b"{\"n\":1}".to_vec()).build().unwrap()
}

pub(crate) fn events(range: std::ops::Range<usize>) -> Vec<Event> {
    range.map(|number| event(&format!("e{number}"))).collect()
}

/// Another program at the server.
pub(crate) struct Client {
    pub(crate) client: async_nats::Client,
    pub(crate) jetstream: jetstream::Context,
}

impl Client {
    pub(crate) async fn to(url: &str) -> Client {
        let client = async_nats::connect(url).await.unwrap();
        Client { jetstream: jetstream::new(client.clone()), client }
    }

    /// A stream over `NAME` and all below.
    pub(crate) async fn stream(&self, name: &str) {
        self.stream_with(stream::Config { name: name.to_owned(), ..stream::Config::default() }).await;
    }

    pub(crate) async fn stream_with(&self, config: stream::Config) {
        let subjects = vec![config.name.clone(), format!("{}.>", config.name)];
        self.jetstream.create_stream(stream::Config { subjects, ..config }).await.unwrap();
    }

    pub(crate) async fn publish(&self, subject: &str, events: &[Event]) {
        let mut acks = Vec::new();
        for event in events {
            acks.push(self.jetstream.publish(subject.to_owned(), text(event).into()).await.unwrap());
        }
        for ack in acks {
            ack.await.unwrap();
        }
    }

    pub(crate) async fn publish_raw(&self, subject: &str, headers: &[(&str, &str)], payload: &'static str) {
        let mut map = HeaderMap::new();
        headers.iter().for_each(|(name, value)| map.append(*name, *value));
        let sent = self.jetstream.publish_with_headers(subject.to_owned(), map, payload.into()).await;
        sent.unwrap().await.unwrap();
    }

    /// Everything a stream holds, in order.
    pub(crate) async fn stored(&self, name: &str) -> Vec<(async_nats::Message, Event)> {
        let stream = self.jetstream.get_stream(name).await.unwrap();
        let count = stream.cached_info().state.messages as usize;
        if count == 0 {
            return Vec::new();
        }
        let config = jetstream::consumer::pull::OrderedConfig::default();
        let consumer = stream.create_consumer(config).await.unwrap();
        let messages = consumer.messages().await.unwrap().take(count).map(|message| message.unwrap().message);
        let messages: Vec<_> = messages.collect().await;
        let read = |message: async_nats::Message| {
            let event = decode(&message.payload, Validate::Envelope).unwrap();
            (message, event)
        };
        messages.into_iter().map(read).collect()
    }

    pub(crate) async fn stored_ids(&self, name: &str) -> Vec<String> {
        self.stored(name).await.iter().map(|(_, event)| event.id().to_owned()).collect()
    }
}

pub(crate) fn ids(delivery: &Delivery) -> Vec<String> {
    delivery.events.iter().map(|event| event.id().to_owned()).collect()
}

pub(crate) fn expected(range: std::ops::Range<usize>) -> Vec<String> {
    range.map(|number| format!("e{number}")).collect()
}

/// The next delivery; transient troubles on the way are passed to `trouble`.
pub(crate) async fn next_despite(lane: &mut Box<dyn Lane>, trouble: &mut Vec<String>) -> Delivery {
    let next = async {
        loop {
            match lane.next().await {
                Ok(Some(delivery)) => return delivery,
                Ok(None) => panic!("the lane ended"),
                Err(error @ SourceError::Transient { .. }) => {
                    trouble.push(error.to_string());
                    // The host's backoff.
                    tokio::time::sleep(Duration::from_millis(100)).await;
                }
                Err(error) => panic!("{error}"),
            }
        }
    };
    tokio::time::timeout(PATIENCE, next).await.expect("a delivery in time")
}

pub(crate) async fn next(lane: &mut Box<dyn Lane>) -> Delivery {
    next_despite(lane, &mut Vec::new()).await
}

pub(crate) async fn ack(delivery: Delivery) {
    delivery.settlement.settle(Settled::Ack).await.unwrap();
}

/// Reads and acknowledges so many events.
pub(crate) async fn drain(lane: &mut Box<dyn Lane>, count: usize) -> Vec<String> {
    let mut got = Vec::new();
    while got.len() < count {
        let delivery = next(lane).await;
        got.extend(ids(&delivery));
        ack(delivery).await;
    }
    got
}
