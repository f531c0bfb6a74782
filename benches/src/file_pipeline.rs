//! The data path from a file of orders to a sink, on one core, without documents: what is measured is one run to the end.

use std::{path::PathBuf, time::Duration};

use serde_json::{Value, json};
use tempfile::TempDir;
use tidegate_connector::{Connector, Place, Sink, SinkOptions};
use tidegate_connector_file::File;
use tidegate_connector_memory::Memory;
use tidegate_engine::{Engine, EngineOptions, Guest};
use tidegate_pipeline::{Live, Pipeline, RouteTally, WindowOptions, plan::Stage};
use tokio::runtime::{Builder, Runtime};

use crate::{
    guests::{self, Component},
    measure::Clock,
    orders,
    plans::{self, ROUTE, SOURCE},
};

/// Where events go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum To {
    /// To a sink that counts and forgets.
    Nowhere,
    /// To a file, as JSON lines, durable.
    File,
}

/// A file of orders, and what runs it through policies.
#[derive(Debug)]
pub struct FilePipeline {
    folder: TempDir,
    lines: usize,
    runtime: Runtime,
    engine: Engine,
}

impl FilePipeline {
    /// Writes the file.
    pub fn new(lines: usize) -> FilePipeline {
        let folder = tempfile::tempdir().unwrap();
        orders::write_lines(&folder.path().join("orders.jsonl"), lines);
        // One thread, as on one core; the engine's clock is the only other that runs.
        let runtime = Builder::new_current_thread().enable_all().build().unwrap();
        let engine = runtime.block_on(async { Engine::new(EngineOptions::default()).unwrap() });
        FilePipeline { folder, lines, runtime, engine }
    }

    /// Verifies a component.
    pub fn guest(&self, component: &Component, policy: &str) -> Guest {
        self.runtime.block_on(guests::verified(&self.engine, component, policy))
    }

    /// Runs the file from its first line to its last through the stages; nanoseconds of CPU time per event, of the whole
    /// process: reading, decoding, deciding, writing and settling, the engine's clock, and whatever the runtime does aside.
    pub fn run(&self, stages: Vec<Stage>, to: To) -> f64 {
        // A cursor of its own each time: nothing is resumed.
        let state = tempfile::tempdir_in(self.folder.path()).unwrap();
        let (time, tally) = self.runtime.block_on(self.run_from(state.path().to_owned(), stages, to));
        let dropped: u64 = tally.dropped.values().sum();
        let delivered: u64 = tally.delivered.values().sum();
        assert_eq!(tally.received, self.lines as u64, "every line is an event");
        assert_eq!(dropped + delivered, tally.received, "and each ends somewhere");
        time.as_nanos() as f64 / self.lines as f64
    }

    async fn run_from(&self, state_dir: PathBuf, stages: Vec<Stage>, to: To) -> (Duration, RouteTally) {
        let place = Place { base_dir: self.folder.path(), state_dir: &state_dir };
        let before = Clock::Process.now();
        let writer = match to {
            To::Nowhere => open_sink(&Memory::new(), &json!({"name": "nowhere", "mode": "discard"}), &place),
            To::File => open_sink(&File, &json!({"path": state_dir.join("out.jsonl")}), &place),
        };
        let sink = Sink::start("bench/sink", writer, SinkOptions::default());
        let plan = plans::plan("bench", stages, &sink);
        let tally = plan.tally.clone();
        let source = File.open_source(SOURCE, &json!({"path": "orders.jsonl"}), &place).unwrap();
        let mut pipeline = Pipeline::new(Live::new(plan), WindowOptions::default());
        pipeline.open(SOURCE.into(), source);
        pipeline.ended().await;
        drop(pipeline);
        sink.close().await;
        let time = Clock::Process.now() - before;
        (time, tally.snapshot().remove(ROUTE).unwrap_or_default())
    }
}

fn open_sink(connector: &dyn Connector, config: &Value, place: &Place<'_>) -> Box<dyn tidegate_connector::Writer> {
    connector.open_sink("bench/sink", config, place).unwrap()
}
