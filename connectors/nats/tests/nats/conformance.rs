//! The kit that every connector passes: streams, in both directions.

use async_trait::async_trait;
use serde_json::{Value, json};
use tidegate_brokers::nats::NatsServer;
use tidegate_connector::conformance::{AtEnd, SinkHarness, SourceHarness, sink_conforms, source_conforms};
use tidegate_connector::{Source, Writer};
use tidegate_event::Event;

use crate::rig::{Client, event, open_sink, open_source, stream_source};

struct Streams {
    _server: NatsServer,
    url: String,
    outside: Client,
    round: usize,
    sink: Value,
}

impl Streams {
    async fn start(sink: Value) -> Streams {
        let server = NatsServer::start().unwrap();
        let url = server.url();
        let outside = Client::to(&url).await;
        Streams { _server: server, url, outside, round: 0, sink }
    }

    fn name(&self) -> String {
        format!("S{}", self.round)
    }
}

#[async_trait]
impl SourceHarness for Streams {
    async fn fill(&mut self, events: &[Event]) {
        self.round += 1;
        self.outside.stream(&self.name()).await;
        self.append(events).await;
    }

    async fn append(&mut self, events: &[Event]) {
        self.outside.publish(&self.name(), events).await;
    }

    async fn append_malformed(&mut self) -> bool {
        self.outside.publish_raw(&self.name(), &[], "no event").await;
        true
    }

    async fn open(&mut self) -> Box<dyn Source> {
        open_source(&stream_source(&self.url, &self.name()))
    }

    fn at_end(&self) -> AtEnd {
        AtEnd::Waits
    }
}

#[async_trait]
impl SinkHarness for Streams {
    async fn fresh(&mut self) {
        self.round += 1;
        self.outside.stream(&self.name()).await;
    }

    async fn open(&mut self) -> Box<dyn Writer> {
        let mut config = json!({"servers": [self.url], "subject": format!("{}.x", self.name())});
        config.as_object_mut().unwrap().extend(self.sink.as_object().unwrap().clone());
        open_sink(&config)
    }

    async fn durable(&mut self) -> Vec<Event> {
        // A stream takes what is plainly published in its own time, in order: what it confirms comes behind it.
        let marker = format!("{}.marker", self.name());
        self.outside.publish(&marker, &[event("marker")]).await;
        let events = self.outside.stored(&self.name()).await;
        events.into_iter().map(|(_, event)| event).filter(|event| event.id() != "marker").collect()
    }

    async fn refused(&mut self) -> Option<Event> {
        Some(tidegate_connector::conformance::event("large", &format!("\"{}\"", "x".repeat(2 << 20))))
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_source_over_a_stream_conforms() {
    source_conforms(&mut Streams::start(json!({})).await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_sink_over_a_stream_conforms() {
    sink_conforms(&mut Streams::start(json!({})).await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_sink_with_one_message_in_flight_conforms() {
    sink_conforms(&mut Streams::start(json!({"inFlight": 1})).await).await;
}

/// Streams listen to plain publishing, too.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_sink_over_plain_subjects_conforms() {
    sink_conforms(&mut Streams::start(json!({"jetstream": false})).await).await;
}
