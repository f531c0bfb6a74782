//! The memory connector passes the kit.
#![allow(clippy::unwrap_used, reason = "tests")]

use std::path::Path;

use async_trait::async_trait;
use bytes::Bytes;
use serde_json::json;
use tidegate_connector::conformance::{self, AtEnd, SinkHarness, SourceHarness};
use tidegate_connector::{Connector, Malformed, Place, Source, Writer};
use tidegate_connector_memory::Memory;
use tidegate_event::Event;

const NOWHERE: &str = "";

fn place() -> Place<'static> {
    Place { base_dir: Path::new(NOWHERE), state_dir: Path::new(NOWHERE) }
}

struct Harness {
    memory: Memory,
    at_end: AtEnd,
}

#[async_trait]
impl SourceHarness for Harness {
    async fn fill(&mut self, events: &[Event]) {
        self.memory = Memory::new();
        self.append(events).await;
    }

    async fn append(&mut self, events: &[Event]) {
        self.memory.queue("q").push(events.iter().cloned()).unwrap();
    }

    async fn append_malformed(&mut self) -> bool {
        let message = Bytes::from_static(b"{");
        let malformed = Malformed { before: 0, place: "q".into(), problem: "half".into(), message };
        self.memory.queue("q").push_malformed(malformed).unwrap();
        true
    }

    async fn open(&mut self) -> Box<dyn Source> {
        if self.at_end == AtEnd::Ends {
            self.memory.queue("q").finish();
        }
        self.memory.open_source("ns/q", &json!({"name": "q"}), &place()).unwrap()
    }

    fn at_end(&self) -> AtEnd {
        self.at_end
    }
}

#[async_trait]
impl SinkHarness for Harness {
    async fn fresh(&mut self) {
        self.memory = Memory::new();
    }

    async fn open(&mut self) -> Box<dyn Writer> {
        self.memory.open_sink("ns/q", &json!({"name": "q"}), &place()).unwrap()
    }

    async fn durable(&mut self) -> Vec<Event> {
        self.memory.queue("q").events()
    }

    async fn refused(&mut self) -> Option<Event> {
        self.memory.queue("q").refuse("no");
        Some(conformance::event("no", "0"))
    }
}

#[tokio::test]
async fn source() {
    for at_end in [AtEnd::Waits, AtEnd::Ends] {
        conformance::source_conforms(&mut Harness { memory: Memory::new(), at_end }).await;
    }
}

#[tokio::test]
async fn sink() {
    conformance::sink_conforms(&mut Harness { memory: Memory::new(), at_end: AtEnd::Waits }).await;
}
