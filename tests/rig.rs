//! What the tests of the data path stand on: documents, events, hand-made guests, and hosts to run them in.
//!
//! [`Rig`] is a control path with memory and file connectors inside the test; [`host::Host`] is the program itself, as a child.
//! Nothing here asserts what a test is about.

pub mod docs;
pub mod events;
pub mod guests;
pub mod host;
pub mod letters;
pub mod random;
pub mod request;

use std::future::Future;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use tempfile::TempDir;
use tidegate_connector::Registry;
use tidegate_connector_memory::{Memory, Queue};
use tidegate_control::{Control, ControlOptions, DocumentSet, Generation};
use tidegate_engine::{Compiler, Engine, EngineOptions};
use tidegate_event::Event;
use tidegate_pipeline::{LaneState, RouteTally, WindowOptions};
use tidegate_policy::{File, Report};

use self::docs::Docs;

/// A test that hangs fails after this; nothing is measured with it.
const HANGS: Duration = Duration::from_secs(300);

/// Waits for what must come, and fails instead of hanging.
pub async fn within<T>(what: &str, future: impl Future<Output = T>) -> T {
    match tokio::time::timeout(HANGS, future).await {
        Ok(value) => value,
        Err(_) => panic!("waited {HANGS:?} in vain: {what}"),
    }
}

/// Polls until `look` finds something.
pub async fn eventually<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    within(what, async {
        loop {
            if let Some(found) = look() {
                return found;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    })
    .await
}

/// The engine of all tests in this process; compiles in a child, as a host does.
pub fn engine() -> Engine {
    static ENGINE: OnceLock<Engine> = OnceLock::new();
    let start = || {
        let compiler = Compiler::Child(PathBuf::from(env!("CARGO_BIN_EXE_tidegate")));
        Engine::new(EngineOptions { cache_dir: None, compiler, instances: 200 }).expect("an engine")
    };
    ENGINE.get_or_init(start).clone()
}

/// A control path with connectors, in a folder of its own.
pub struct Rig {
    dir: TempDir,
    pub memory: Memory,
    pub control: Control,
}

impl Rig {
    pub fn new() -> Rig {
        Rig::with_window(WindowOptions::default())
    }

    /// With so many events in flight a lane, at most.
    pub fn with_window(window: WindowOptions) -> Rig {
        Rig::build(window, true)
    }

    /// As a host in production: documents must name digests.
    pub fn production() -> Rig {
        Rig::build(WindowOptions::default(), false)
    }

    fn build(window: WindowOptions, development: bool) -> Rig {
        let dir = tempfile::tempdir().expect("a temporary folder");
        let memory = Memory::new();
        let mut registry = Registry::default();
        registry.insert(Arc::new(memory.clone()));
        registry.insert(Arc::new(tidegate_connector_file::File));
        let options = ControlOptions {
            state_dir: dir.path().join("state"),
            development,
            window,
            grace: Duration::from_secs(30),
            unindexed_max: ControlOptions::UNINDEXED_MAX,
        };
        let control = Control::new(engine(), Arc::new(registry), options);
        Rig { dir, memory, control }
    }

    pub fn dir(&self) -> &Path {
        self.dir.path()
    }

    /// Puts a file beside the documents.
    pub fn put(&self, name: &str, bytes: &[u8]) {
        std::fs::write(self.dir.path().join(name), bytes).expect("write a file");
    }

    /// Puts a module beside the documents.
    pub fn guest(&self, name: &str, guest: &guests::Guest) {
        self.put(name, &guest.component());
    }

    pub fn queue(&self, name: &str) -> Queue {
        self.memory.queue(name)
    }

    pub fn set(&self, text: &str) -> DocumentSet {
        let path = self.dir.path().join("docs.yaml").display().to_string();
        DocumentSet { files: vec![File { path, text: text.to_owned() }] }
    }

    /// Verifies and swaps; documents that are refused fail the test with their report.
    pub async fn apply(&mut self, docs: &Docs) -> Arc<Generation> {
        let set = self.set(docs.text());
        match within("apply", self.control.apply(&set)).await {
            Ok(generation) => generation,
            Err(report) => panic!("refused:\n{report}\n\n{}", docs.text()),
        }
    }

    /// Verifies documents that must be refused.
    pub async fn refused(&mut self, text: &str) -> Report {
        let set = self.set(text);
        match within("refuse", self.control.apply(&set)).await {
            Ok(_) => panic!("went live:\n{text}"),
            Err(report) => report,
        }
    }

    pub fn push(&self, queue: &str, events: impl IntoIterator<Item = Event>) {
        self.queue(queue).push(events).expect("room in the queue");
    }

    /// Waits until every message pushed to the queue so far is settled.
    pub async fn settled(&self, queue: &str, messages: u64) {
        let what = format!("{messages} messages of {queue} settled; lanes: {:?}", self.control.status());
        within(&what, self.queue(queue).wait_for(|counts| counts.settled >= messages)).await;
    }

    /// Ids of what a sink's queue holds, in order.
    pub fn ids(&self, queue: &str) -> Vec<String> {
        events::ids(&self.queue(queue).events())
    }

    /// Counts of a route over all generations that are remembered.
    pub fn tally(&self, route: &str) -> RouteTally {
        let mut total = RouteTally::default();
        for generation in self.control.history() {
            if let Some(tally) = generation.tally.snapshot().get(format!("default/{route}").as_str()) {
                total.merge(tally);
            }
        }
        total
    }

    /// Waits until the first lane of a source is in a state.
    pub async fn lane(&self, source: &str, wanted: impl Fn(&LaneState) -> bool) -> LaneState {
        let id = format!("default/{source}");
        eventually(&format!("the lane of {source} in the wanted state"), || {
            let status = self.control.status();
            status.into_iter().find(|lane| *lane.source == *id && wanted(&lane.state)).map(|lane| lane.state)
        })
        .await
    }
}
