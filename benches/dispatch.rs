//! What 1,000 loaded modules cost the 20 that are in use: documents, control path and data path as in a host.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a benchmark that cannot be set up stops")]

use std::{fmt::Write as _, fs, process::ExitCode, sync::Arc, time::Duration};

use tempfile::TempDir;
use tidegate_benches::{
    guests::{self, Component},
    measure::{Clock, ROUNDS, alternate},
    orders, process,
    report::Report,
};
use tidegate_connector::Registry;
use tidegate_connector_memory::Memory;
use tidegate_control::{Control, ControlOptions, DocumentSet};
use tidegate_engine::{Engine, EngineOptions};
use tidegate_event::Event;
use tidegate_pipeline::WindowOptions;
use tidegate_policy::File;
use tokio::runtime::{Builder, Runtime};

/// Routes, each with a source of its own and one policy that is asked about every event.
const ROUTES: usize = 20;
/// Modules of the large hosts.
const MODULES: usize = 1000;
const IDLE: usize = MODULES - ROUTES;
/// Events that each route gets in a run.
const EVENTS: usize = 4096;
const PAYLOAD: usize = 1024;
/// A host reads files of so many values at most.
const POLICIES_A_FILE: usize = 100;

fn main() -> ExitCode {
    process::settle();
    let mut report = Report::from_args();
    let runtime = Builder::new_current_thread().enable_all().build().unwrap();
    let module = guests::type_filter();
    let few = Host::start(&runtime, &module, Idle::None);
    let elsewhere = Host::start(&runtime, &module, Idle::Elsewhere);
    let beside = Host::start(&runtime, &module, Idle::Beside);

    report.section("20 routes with one filter on `type` each, from memory to nowhere; ns of CPU time an event");
    let rounds = alternate(ROUNDS, [&mut || few.run(), &mut || elsewhere.run(), &mut || beside.run()]);
    report.figure("modules_20", rounds.ns(0), "ns/event");
    report.figure("modules_1000_elsewhere", rounds.ns(1), "ns/event");
    report.figure("modules_1000_beside", rounds.ns(2), "ns/event");
    report.ratio("dispatch_1000_modules_elsewhere_by_20", rounds.quotient(1, 0), 1.25);
    report.ratio("dispatch_1000_modules_beside_by_20", rounds.quotient(2, 0), 1.25);
    report.finish()
}

/// Where the modules are that nothing asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Idle {
    /// There are none.
    None,
    /// On routes to which nothing comes.
    Elsewhere,
    /// On the same routes, for events of types that do not come.
    Beside,
}

struct Host<'r> {
    runtime: &'r Runtime,
    memory: Memory,
    events: Vec<Event>,
    _control: Control,
    _folder: TempDir,
}

impl<'r> Host<'r> {
    fn start(runtime: &'r Runtime, module: &Component, idle: Idle) -> Host<'r> {
        let folder = tempfile::tempdir().unwrap();
        let idle_modules = if idle == Idle::None { 0 } else { IDLE };
        for number in 0..ROUTES + idle_modules {
            let module = guests::variant(module, number as u32);
            fs::write(folder.path().join(format!("{number}.wasm")), module.wasm).unwrap();
        }
        let texts = documents(module, idle);
        let files = texts.into_iter().enumerate().map(|(number, text)| {
            let path = folder.path().join(format!("{number}.yaml")).display().to_string();
            File { path, text }
        });
        let set = DocumentSet { files: files.collect() };
        let memory = Memory::new();
        let mut registry = Registry::default();
        registry.insert(Arc::new(memory.clone()));
        let options = ControlOptions {
            state_dir: folder.path().join("state"),
            development: true,
            window: WindowOptions::default(),
            grace: Duration::from_secs(30),
            unindexed_max: ControlOptions::UNINDEXED_MAX,
        };
        let control = runtime.block_on(async {
            let engine = Engine::new(EngineOptions::default()).unwrap();
            let mut control = Control::new(engine, Arc::new(registry), options);
            control.apply(&set).await.unwrap_or_else(|report| panic!("{report}"));
            control
        });
        let events = orders::events(0, EVENTS, PAYLOAD);
        Host { runtime, memory, events, _control: control, _folder: folder }
    }

    /// Nanoseconds of CPU time an event, from the queue to settled.
    fn run(&self) -> f64 {
        let queues: Vec<_> = (0..ROUTES).map(|route| self.memory.queue(&format!("in-{route}"))).collect();
        let settled: Vec<u64> = queues.iter().map(|queue| queue.counts().settled).collect();
        let before = Clock::Process.now();
        self.runtime.block_on(async {
            for queue in &queues {
                queue.push(self.events.iter().cloned()).unwrap();
            }
            for (queue, settled) in queues.iter().zip(settled) {
                queue.wait_for(|counts| counts.settled >= settled + EVENTS as u64).await;
            }
        });
        let time = Clock::Process.now() - before;
        time.as_nanos() as f64 / (ROUTES * EVENTS) as f64
    }
}

/// The texts of the files: lines and their policies first, then what is idle.
fn documents(module: &Component, idle: Idle) -> Vec<String> {
    let mut first = String::new();
    document(&mut first, "Sink", "nowhere", "{memory: {name: nowhere, mode: discard}}");
    for route in 0..ROUTES {
        line(&mut first, &format!("in-{route}"));
        policy(&mut first, route, &format!("in-{route}"), "", module);
    }
    let mut texts = vec![first];
    if idle == Idle::Elsewhere {
        let text = texts.last_mut().unwrap();
        (0..ROUTES).for_each(|route| line(text, &format!("idle-{route}")));
    }
    let numbers = if idle == Idle::None { 0..0 } else { ROUTES..MODULES };
    for number in numbers {
        if number % POLICIES_A_FILE == 0 || texts.len() == 1 {
            texts.push(String::new());
        }
        let text = texts.last_mut().unwrap();
        let other = format!("match: [{{filters: [{{exact: {{type: com.acme.other.{number}}}}}]}}], ");
        match idle {
            Idle::None => {}
            Idle::Elsewhere => policy(text, number, &format!("idle-{}", number % ROUTES), "", module),
            Idle::Beside => policy(text, number, &format!("in-{}", number % ROUTES), &other, module),
        }
    }
    texts
}

/// A source and its route to nowhere.
fn line(text: &mut String, name: &str) {
    document(text, "Source", name, &format!("{{memory: {{name: {name}}}}}"));
    document(text, "Route", name, &format!("{{from: [{{name: {name}}}], to: [{{sink: nowhere}}]}}"));
}

fn policy(text: &mut String, number: usize, route: &str, matches: &str, module: &Component) {
    let config = &module.config;
    let spec = format!(
        "{{targetRefs: [{{kind: Route, name: {route}}}], {matches}phase: Validate, wasm: {{module: \"file:{number}.wasm\", config: {config}}}}}"
    );
    document(text, "FilterPolicy", &format!("policy-{number}"), &spec);
}

fn document(text: &mut String, kind: &str, name: &str, spec: &str) {
    writeln!(text, "---\napiVersion: tidegate.dev/v1alpha1\nkind: {kind}\nmetadata: {{name: {name}}}\nspec: {spec}")
        .unwrap();
}
