//! `dev`: a save becomes what runs, or changes nothing.

use std::fs::{self, File};
use std::path::Path;
use std::process::Child;
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::support::{root, tidegate};

/// Compiling may take minutes on a loaded machine.
const HANGS: Duration = Duration::from_secs(900);

const FLOW: &str = "\
apiVersion: tidegate.dev/v1alpha1
kind: Source
metadata: {name: in}
spec: {file: {path: in.jsonl, follow: true}}
---
apiVersion: tidegate.dev/v1alpha1
kind: Sink
metadata: {name: out}
spec: {file: {path: out.jsonl}}
---
apiVersion: tidegate.dev/v1alpha1
kind: Route
metadata: {name: orders}
spec: {from: [{name: in}], to: [{sink: out}]}
";

const POLICY: &str = "\
apiVersion: tidegate.dev/v1alpha1
kind: FilterPolicy
metadata: {name: mine}
spec:
  phase: Validate
  wasm: {module: file:target/tidegate/mine.wasm}
";

const CASES: &str = "cases:\n- {name: carts never go on, event: {type: cart}, expect: drop}\n";

const EVENTS: &str = "\
{\"specversion\":\"1.0\",\"id\":\"1\",\"source\":\"/a\",\"type\":\"order\"}
{\"specversion\":\"1.0\",\"id\":\"2\",\"source\":\"/a\",\"type\":\"invoice\"}
";

/// A filter that lets one type through.
fn source(wanted: &str) -> String {
    format!(
        "use tidegate_guest::{{Event, Verdict, filter}};\n\n#[filter]\nfn mine(event: &Event) -> Verdict {{\n    \
         if event.ty() == \"{wanted}\" {{ Verdict::Keep }} else {{ Verdict::drop(\"no {wanted}\") }}\n}}\n"
    )
}

fn folder() -> TempDir {
    let dir = tempfile::tempdir().expect("a folder");
    let sdk = root().join("sdk-guest/rust");
    let manifest = format!(
        "[package]\nname = \"mine\"\nversion = \"0.1.0\"\nedition = \"2024\"\n\n[lib]\ncrate-type = [\"cdylib\"]\n\n\
         [dependencies]\ntidegate-guest = {{ path = \"{}\" }}\n\n[workspace]\n",
        sdk.display()
    );
    fs::create_dir_all(dir.path().join("src")).expect("a folder");
    fs::create_dir_all(dir.path().join("tests")).expect("a folder");
    let write = |name: &str, text: &str| fs::write(dir.path().join(name), text).expect("write");
    write("Cargo.toml", &manifest);
    write("src/lib.rs", &source("order"));
    write("tests/cases.yaml", CASES);
    write("flow.yaml", FLOW);
    write("policy.yaml", POLICY);
    write("events.jsonl", EVENTS);
    write("in.jsonl", EVENTS);
    dir
}

/// A running `tidegate dev`; killed when dropped.
struct Dev {
    child: Child,
    dir: TempDir,
}

impl Dev {
    fn start(dir: TempDir) -> Dev {
        let out = File::create(dir.path().join("said.log")).expect("a log");
        let errors = File::create(dir.path().join("errors.log")).expect("a log");
        let child = tidegate(dir.path(), &["dev", "."]).stdout(out).stderr(errors).spawn().expect("it starts");
        Dev { child, dir }
    }

    fn said(&self, name: &str) -> String {
        fs::read_to_string(self.dir.path().join(name)).unwrap_or_default()
    }

    /// Polls until it has said so many of these words.
    fn until(&mut self, words: &str, count: usize) -> String {
        let start = Instant::now();
        loop {
            let said = self.said("said.log");
            if said.matches(words).count() >= count {
                return said;
            }
            if let Some(status) = self.child.try_wait().expect("wait") {
                panic!("it ended ({status}) before `{words}`:\n{said}\n{}", self.said("errors.log"));
            }
            assert!(start.elapsed() < HANGS, "waited in vain for `{words}`:\n{said}\n{}", self.said("errors.log"));
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    fn save(&self, text: &str) {
        fs::write(self.dir.path().join("src/lib.rs"), text).expect("write");
    }

    fn out(&mut self, lines: usize) -> String {
        let (start, path) = (Instant::now(), self.dir.path().join("out.jsonl"));
        loop {
            let text = fs::read_to_string(&path).unwrap_or_default();
            if text.lines().count() >= lines {
                return text;
            }
            assert!(start.elapsed() < HANGS, "waited in vain for {lines} events: {text}\n{}", self.said("errors.log"));
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

impl Drop for Dev {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn append(path: &Path, text: &str) {
    use std::io::Write as _;
    File::options().append(true).open(path).and_then(|mut file| file.write_all(text.as_bytes())).expect("append");
}

#[test]
fn a_save_is_swapped_in_and_a_mistake_is_not() {
    let mut dev = Dev::start(folder());
    let said = dev.until("host runs", 1);
    assert!(said.contains("1 case, all passed") && said.contains("  1  keep\n  2  drop, no order\n"), "{said}");
    assert!(dev.out(1).contains("\"order\""));

    dev.save(&source("invoice"));
    let said = dev.until("swapped in: generation", 1);
    assert!(said.contains("  1  keep → drop, no invoice\n  2  drop, no order → keep\n"), "{said}");
    append(&dev.dir.path().join("in.jsonl"), &EVENTS.replace("\"id\":\"", "\"id\":\"b"));
    assert!(dev.out(2).lines().nth(1).is_some_and(|line| line.contains("\"b2\"")), "the new filter decides");

    dev.save("this is no Rust");
    let said = dev.until("not swapped: what ran before goes on", 1);
    assert!(said.contains("error:"), "{said}");
    // It builds, and lets through what a case forbids.
    dev.save(&source("cart"));
    let said = dev.until("not swapped: what ran before goes on", 2);
    assert!(said.contains("FAIL  carts never go on"), "{said}");
    assert_eq!(said.matches("swapped in").count(), 1, "{said}");

    let id = i32::try_from(dev.child.id()).ok().and_then(rustix::process::Pid::from_raw).expect("an id");
    rustix::process::kill_process(id, rustix::process::Signal::INT).expect("a signal");
    dev.until_ended();
}

impl Dev {
    fn until_ended(&mut self) {
        let start = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().expect("wait") {
                assert!(status.success(), "{status}\n{}", self.said("errors.log"));
                return;
            }
            assert!(start.elapsed() < HANGS, "it does not end\n{}", self.said("errors.log"));
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}
