//! A folder with a file `f` to read, and a lane that reads it.

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::PathBuf;
use std::time::Duration;

use serde_json::Value;
use tempfile::TempDir;
use tidegate_connector::{Connector, Delivery, Lane, Malformed, Place, Settled, Source};
use tidegate_connector_file::File;

pub(crate) struct Folder(TempDir);

impl Folder {
    pub(crate) fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    pub(crate) fn append(&self, text: &str) {
        self.append_bytes(text.as_bytes());
    }

    pub(crate) fn append_bytes(&self, bytes: &[u8]) {
        self.append_to("f", bytes);
    }

    fn append_to(&self, name: &str, bytes: &[u8]) {
        let mut file = OpenOptions::new().create(true).append(true).open(self.path(name)).unwrap();
        file.write_all(bytes).unwrap();
    }

    pub(crate) fn event_line(&self, id: &str) -> String {
        format!("{{\"specversion\":\"1.0\",\"id\":\"{id}\",\"source\":\"/s\",\"type\":\"t\"}}\n")
    }

    pub(crate) fn event(&self, id: &str) {
        self.event_to("f", id);
    }

    pub(crate) fn event_to(&self, name: &str, id: &str) {
        self.append_to(name, self.event_line(id).as_bytes());
    }

    pub(crate) fn rename(&self, from: &str, to: &str) {
        fs::rename(self.path(from), self.path(to)).unwrap();
    }

    pub(crate) fn remove(&self, name: &str) {
        fs::remove_file(self.path(name)).unwrap();
    }

    pub(crate) fn source(&self, id: &str, config: Value) -> Box<dyn Source> {
        let state = self.path("state");
        File.open_source(id, &config, &Place { base_dir: self.0.path(), state_dir: &state }).unwrap()
    }

    pub(crate) async fn lane_of(&self, id: &str, config: Value) -> Reading {
        Reading { lane: self.source(id, config).lane().await.unwrap().unwrap() }
    }

    pub(crate) async fn lane(&self, config: Value) -> Reading {
        self.lane_of("ns/f", config).await
    }
}

pub(crate) struct Reading {
    pub(crate) lane: Box<dyn Lane>,
}

impl Reading {
    pub(crate) async fn next(&mut self) -> Delivery {
        let next = tokio::time::timeout(Duration::from_secs(60), self.lane.next()).await;
        next.expect("the lane hangs").unwrap().expect("the lane ended early")
    }

    /// The ids of so many events, each acked.
    pub(crate) async fn read(&mut self, count: usize) -> Vec<String> {
        let mut ids = Vec::new();
        while ids.len() < count {
            let delivery = self.next().await;
            ids.extend(delivery.events.iter().map(|event| event.id().to_owned()));
            delivery.settlement.settle(Settled::Ack).await.unwrap();
        }
        ids
    }

    /// Everything to the end of the lane, acked.
    pub(crate) async fn read_all(&mut self) -> (Vec<String>, Vec<Malformed>) {
        let (mut ids, mut malformed) = (Vec::new(), Vec::new());
        while let Some(delivery) = self.lane.next().await.unwrap() {
            ids.extend(delivery.events.iter().map(|event| event.id().to_owned()));
            malformed.extend(delivery.malformed);
            delivery.settlement.settle(Settled::Ack).await.unwrap();
        }
        (ids, malformed)
    }

    /// Whether there is nothing to deliver now. (A look that comes too early says yes as well; what follows must hold either way.)
    pub(crate) async fn waits(&mut self) -> bool {
        tokio::time::timeout(Duration::from_millis(20), self.lane.next()).await.is_err()
    }

    pub(crate) async fn close(self) {
        self.lane.close().await.unwrap();
    }
}
