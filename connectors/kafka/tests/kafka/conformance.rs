//! The Kafka connector passes the kit.

use async_trait::async_trait;
use serde_json::{Value, json};
use tidegate_brokers::kafka::clients::Record;
use tidegate_connector::conformance::{self, AtEnd, SinkHarness, SourceHarness};
use tidegate_connector::{Source, Writer};
use tidegate_event::Event;

use crate::rig::{self, broker};

struct Harness {
    topic: String,
    more: Value,
}

impl Harness {
    fn new(more: Value) -> Self {
        Self { topic: String::new(), more }
    }
}

#[async_trait]
impl SourceHarness for Harness {
    async fn fill(&mut self, events: &[Event]) {
        self.topic = rig::topic("conformance", 1);
        self.append(events).await;
    }

    async fn append(&mut self, events: &[Event]) {
        broker().write(&self.topic, events.iter().map(rig::structured));
    }

    async fn append_malformed(&mut self) -> bool {
        broker().write(&self.topic, [Record::new("no event")]);
        true
    }

    async fn open(&mut self) -> Box<dyn Source> {
        rig::source(&self.topic, &self.topic, &self.more)
    }

    fn at_end(&self) -> AtEnd {
        AtEnd::Waits
    }
}

#[async_trait]
impl SinkHarness for Harness {
    async fn fresh(&mut self) {
        self.topic = rig::topic("conformance", 1);
    }

    async fn open(&mut self) -> Box<dyn Writer> {
        rig::writer(&self.topic, &self.more)
    }

    async fn durable(&mut self) -> Vec<Event> {
        broker().read(&self.topic).iter().map(rig::event).collect()
    }

    async fn refused(&mut self) -> Option<Event> {
        let data = format!("\"{}\"", "x".repeat(1_500_000));
        Some(conformance::event("no", &data))
    }
}

#[tokio::test]
async fn source_cooperative() {
    conformance::source_conforms(&mut Harness::new(json!({}))).await;
}

#[tokio::test]
async fn source_classic() {
    conformance::source_conforms(&mut Harness::new(json!({"rebalance": "classic"}))).await;
}

#[tokio::test]
async fn sink_binary() {
    conformance::sink_conforms(&mut Harness::new(json!({}))).await;
}

#[tokio::test]
async fn sink_structured() {
    conformance::sink_conforms(&mut Harness::new(json!({"mode": "structured", "compression": "zstd"}))).await;
}
