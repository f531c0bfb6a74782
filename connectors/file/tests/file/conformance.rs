//! The file connector passes the kit: reading to the end, following, writing, writing with rotation.

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::PathBuf;

use async_trait::async_trait;
use bytes::Bytes;
use serde_json::{Value, json};
use tempfile::TempDir;
use tidegate_connector::conformance::{self, AtEnd, SinkHarness, SourceHarness};
use tidegate_connector::{Connector, Place, Source, Writer};
use tidegate_connector_file::File;
use tidegate_event::{Event, json as format};

struct Harness {
    folder: TempDir,
    config: Value,
    at_end: AtEnd,
}

impl Harness {
    fn new(config: Value, at_end: AtEnd) -> Self {
        Self { folder: tempfile::tempdir().unwrap(), config, at_end }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn place(&self) -> Place<'_> {
        Place { base_dir: self.folder.path(), state_dir: self.folder.path() }
    }

    fn append_bytes(&self, bytes: &[u8]) {
        let mut file = OpenOptions::new().create(true).append(true).open(self.path("events.jsonl")).unwrap();
        file.write_all(bytes).unwrap();
    }
}

#[async_trait]
impl SourceHarness for Harness {
    async fn fill(&mut self, events: &[Event]) {
        self.folder = tempfile::tempdir().unwrap();
        self.append(events).await;
    }

    async fn append(&mut self, events: &[Event]) {
        let mut lines = Vec::new();
        for event in events {
            format::encode(event, &mut lines);
            lines.push(b'\n');
        }
        self.append_bytes(&lines);
    }

    async fn append_malformed(&mut self) -> bool {
        self.append_bytes(b"{\"specversion\": \"1.0\", \n");
        true
    }

    async fn open(&mut self) -> Box<dyn Source> {
        File.open_source("ns/events", &self.config, &self.place()).unwrap()
    }

    fn at_end(&self) -> AtEnd {
        self.at_end
    }
}

#[async_trait]
impl SinkHarness for Harness {
    async fn fresh(&mut self) {
        self.folder = tempfile::tempdir().unwrap();
    }

    async fn open(&mut self) -> Box<dyn Writer> {
        File.open_sink("ns/events", &self.config, &self.place()).unwrap()
    }

    async fn durable(&mut self) -> Vec<Event> {
        let mut paths: Vec<PathBuf> = (1..=1000).rev().map(|n| self.path(&format!("events.jsonl.{n}"))).collect();
        paths.push(self.path("events.jsonl"));
        let mut events = Vec::new();
        for path in paths.iter().filter(|path| path.exists()) {
            let text = fs::read_to_string(path).unwrap();
            assert!(text.is_empty() || text.ends_with('\n'), "{} ends in half a line", path.display());
            let decode = |line: &str| format::decode(&Bytes::copy_from_slice(line.as_bytes()), format::Validate::Full);
            events.extend(text.lines().map(|line| decode(line).unwrap()));
        }
        events
    }

    async fn refused(&mut self) -> Option<Event> {
        None
    }
}

#[tokio::test]
async fn source_to_the_end() {
    let config = json!({"path": "events.jsonl"});
    conformance::source_conforms(&mut Harness::new(config, AtEnd::Ends)).await;
}

#[tokio::test]
async fn source_following() {
    let config = json!({"path": "events.jsonl", "follow": true, "validate": "full"});
    conformance::source_conforms(&mut Harness::new(config, AtEnd::Waits)).await;
}

#[tokio::test]
async fn sink() {
    conformance::sink_conforms(&mut Harness::new(json!({"path": "events.jsonl"}), AtEnd::Ends)).await;
}

#[tokio::test]
async fn sink_with_rotation() {
    let config = json!({"path": "events.jsonl", "maxBytes": "4Ki", "keep": 1000});
    conformance::sink_conforms(&mut Harness::new(config, AtEnd::Ends)).await;
}
