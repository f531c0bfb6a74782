//! What the host holds in memory: the released program as a process of its own, with documents, and what 1,000 modules add.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a benchmark that cannot be set up stops")]

use std::{
    fmt::Write as _,
    fs::{self, File},
    ops::Range,
    path::{Path, PathBuf},
    process::{Child, Command, ExitCode, Stdio},
    thread,
    time::{Duration, Instant},
};

use tempfile::TempDir;
use tidegate_benches::{
    guests::{self, Component},
    orders, process,
    report::Report,
};

/// Orders that go through before anything is measured: buffers have been used.
const LINES: usize = 20_000;

/// Distinct modules that are loaded and verified, and whose policies match nothing that comes.
const IDLE: usize = 1000;

/// A host reads files of so many values at most.
const POLICIES_A_FILE: usize = 100;

/// A host that has not gone through its input by then is stuck. Compiling 1,000 modules takes most of it.
const PATIENCE: Duration = Duration::from_secs(600);

const MIB: f64 = 1024.0 * 1024.0;

fn main() -> ExitCode {
    let mut report = Report::from_args();
    let program = process::tidegate();
    let modules = [guests::type_filter(), guests::patch(), guests::region()];

    report.section("the host with one route of a filter, a transform and a matcher, after 20,000 events");
    let small = Host::start(&program, &modules, 0);
    let small_share = process::proportional(small.child.id());
    report.figure("memory_host_pss", small_share as f64 / MIB, "MiB");
    report.ratio("memory_host_resident_mb", process::resident(small.child.id()) as f64 / 1e6, 40.0);
    drop(small);

    report.section("the same with 1,000 distinct modules more, loaded, verified and idle");
    let large = Host::start(&program, &modules, IDLE);
    let added = process::proportional(large.child.id()).saturating_sub(small_share);
    let kib: usize = modules.iter().map(|module| module.wasm.len()).sum::<usize>() / modules.len() / 1024;
    report.figure("memory_idle_module_size", kib as f64, "KiB of Wasm, on average");
    report.ratio("memory_idle_module_kib", added as f64 / 1024.0 / IDLE as f64, 128.0);
    report.finish()
}

/// A host at work in a folder of its own; killed at the end.
struct Host {
    child: Child,
    folder: TempDir,
}

impl Host {
    /// Starts it, and waits until it has written everything that comes through.
    fn start(program: &Path, modules: &[Component; 3], idle: usize) -> Host {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        fs::create_dir(at("documents")).unwrap();
        orders::write_lines(&at("documents/orders.jsonl"), LINES);
        for (number, module) in modules.iter().enumerate() {
            fs::write(at(&format!("documents/{number}.wasm")), &module.wasm).unwrap();
        }
        for number in 0..idle {
            let module = guests::variant(&modules[number % modules.len()], number as u32);
            fs::write(at(&format!("documents/idle-{number}.wasm")), module.wasm).unwrap();
        }
        fs::write(at("documents/documents.yaml"), documents(modules)).unwrap();
        for from in (0..idle).step_by(POLICIES_A_FILE) {
            let upto = idle.min(from + POLICIES_A_FILE);
            fs::write(at(&format!("documents/idle-{from}.yaml")), idle_policies(modules, from..upto)).unwrap();
        }
        let log = File::create(at("log")).unwrap();
        let child = Command::new(program)
            .args(["run", "--dev", "--state-dir"])
            .args([at("state"), at("documents")])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .unwrap();
        let mut host = Host { child, folder };
        host.wait();
        host
    }

    fn wait(&mut self) {
        let expected = (0..LINES).filter(|&n| orders::line(n).contains(orders::KEPT_PREFIX)).count();
        let out: PathBuf = self.folder.path().join("documents/out.jsonl");
        let start = Instant::now();
        loop {
            let written = fs::read(&out).map_or(0, |text| text.iter().filter(|&&byte| byte == b'\n').count());
            if written >= expected {
                return;
            }
            let ended = self.child.try_wait().unwrap();
            if ended.is_some() || start.elapsed() > PATIENCE {
                let log = fs::read_to_string(self.folder.path().join("log")).unwrap();
                panic!("{written} of {expected} lines are written; the host has ended: {ended:?}; its log:\n{log}");
            }
            thread::sleep(Duration::from_millis(50));
        }
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn documents(modules: &[Component; 3]) -> String {
    let mut text = String::from(
        r#"apiVersion: tidegate.dev/v1alpha1
kind: Source
metadata: {name: orders}
spec: {file: {path: orders.jsonl, follow: true}}
---
apiVersion: tidegate.dev/v1alpha1
kind: Sink
metadata: {name: out}
spec: {file: {path: out.jsonl}}
---
apiVersion: tidegate.dev/v1alpha1
kind: Route
metadata: {name: orders-to-out}
spec: {from: [{name: orders}], to: [{sink: out}]}
"#,
    );
    for (number, module) in modules.iter().enumerate() {
        policy(&mut text, &number.to_string(), number, module, "");
    }
    text
}

fn idle_policies(modules: &[Component; 3], numbers: Range<usize>) -> String {
    let mut text = String::new();
    for number in numbers {
        let module = number % modules.len();
        let never = "match: [{filters: [{exact: {type: com.acme.never}}]}], ";
        policy(&mut text, &format!("idle-{number}"), module, &modules[module], never);
    }
    text
}

/// The policy NAME with the module `NAME.wasm`, which is of the given kind: filter, transform, matcher.
fn policy(text: &mut String, name: &str, kind: usize, module: &Component, matches: &str) {
    let phase = ["Validate", "Transform", "Route"][kind];
    let rights = ["", ", mayWrite: {attributes: [\"x*\"]}", ""][kind];
    let config = &module.config;
    let written = write!(
        text,
        r#"---
apiVersion: tidegate.dev/v1alpha1
kind: FilterPolicy
metadata: {{name: policy-{name}}}
spec: {{phase: {phase}, {matches}wasm: {{module: "file:{name}.wasm", config: {config}{rights}}}, failure: {{onTrap: Pause, onTimeout: Pause, onReject: Pause}}}}
"#
    );
    written.unwrap();
}
