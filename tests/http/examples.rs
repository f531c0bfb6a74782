//! The examples, as their README says: the program, Python and requests; nothing is replaced but the ports.

use std::fs::{self, File};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;

use tempfile::TempDir;

use crate::rig::host::{Host, Start};
use crate::rig::request::{Answer, get, post};
use crate::support::{example, root};

/// One of the folders in `examples/`, copied, with its modules and with ports that are free.
struct Example {
    dir: TempDir,
    /// What an address in the documents is here.
    addresses: Vec<(&'static str, String)>,
}

impl Example {
    fn new(name: &str, modules: &[&str], addresses: &[&'static str]) -> Example {
        let dir = tempfile::tempdir().expect("a folder");
        let from = root().join("examples").join(name);
        for entry in fs::read_dir(&from).expect("the example") {
            let path = entry.expect("a file").path();
            // What a person has built there is theirs.
            if path.extension().is_some_and(|end| end == "py" || end == "yaml") {
                fs::copy(&path, dir.path().join(path.file_name().expect("a name"))).expect("copy");
            }
        }
        for module in modules {
            fs::copy(example(module), dir.path().join(format!("{module}.wasm"))).expect("copy");
        }
        let addresses: Vec<_> = addresses.iter().copied().zip(free(addresses.len())).collect();
        let documents = dir.path().join("documents.yaml");
        let text = fs::read_to_string(&documents).expect("the documents");
        let text = addresses.iter().fold(text, |text, (from, to)| {
            assert!(text.contains(from), "{from} in {name}");
            text.replace(from, to)
        });
        fs::write(documents, text).expect("write");
        Example { dir, addresses }
    }

    /// What stands for an address of the documents.
    fn at(&self, address: &str) -> &str {
        &self.addresses.iter().find(|(known, _)| *known == address).expect("an address of the example").1
    }

    fn start(&self, preset: &str) -> Host {
        let args = ["--dev", preset, "--admin", "127.0.0.1:0"];
        let mut host = Start { documents: "documents.yaml", args: &args, ..Start::new(self.dir.path()) }.spawn();
        let admin = host.admin();
        host.until("the host is ready", || get(&admin, "/readyz").ok().filter(|answer| answer.status == 200));
        host
    }

    /// Starts a Python program of the example; what it prints goes to a file.
    fn python(&self, program: &str, address: &str, args: &[&str]) -> Python {
        let port = self.at(address).rsplit(':').next().expect("a port");
        Python::start(self.dir.path(), program, port, args)
    }
}

/// Addresses nobody listens at. They are let go again: whoever takes one meanwhile fails the test, loudly.
fn free(count: usize) -> Vec<String> {
    let held: Vec<_> = (0..count).map(|_| TcpListener::bind("127.0.0.1:0").expect("a port")).collect();
    held.iter().map(|listener| listener.local_addr().expect("its address").to_string()).collect()
}

struct Python {
    child: Child,
    output: PathBuf,
}

impl Python {
    fn start(dir: &Path, program: &str, port: &str, args: &[&str]) -> Python {
        let output = dir.join(format!("{program}.{port}.out"));
        let file = File::create(&output).expect("a file");
        let errors = File::create(dir.join(format!("{program}.{port}.err"))).expect("a file");
        let mut command = Command::new("python3");
        command.arg(program).arg(port).args(args).current_dir(dir).stdin(Stdio::null()).stdout(file).stderr(errors);
        Python { child: command.spawn().expect("python3, which the examples are written in"), output }
    }

    /// What it has printed so far.
    fn lines(&self) -> Vec<String> {
        let text = fs::read_to_string(&self.output).unwrap_or_default();
        text.lines().map(str::to_owned).collect()
    }
}

impl Drop for Python {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The order of the README.
fn order(address: &str, id: &str, ty: &str, data: &str) -> Answer {
    let headers = [
        ("ce-specversion", "1.0"),
        ("ce-type", ty),
        ("ce-source", "/shop"),
        ("ce-id", id),
        ("content-type", "application/json"),
    ];
    post(address, "/", &headers, data).expect("an answer")
}

const PLACED: &str = "com.acme.order.placed";

#[test]
fn the_gateway_stands_in_front_of_two_services() {
    let ports = ["127.0.0.1:8080", "127.0.0.1:3001", "127.0.0.1:3002"];
    let example = Example::new("gateway", &["order-guard", "redact-fields", "route-by-region"], &ports);
    let host = example.start("--gateway");
    let gateway = example.at("127.0.0.1:8080").to_owned();

    // Nobody is behind it yet: the orders are held, and not answered.
    let first: Vec<_> = [("1", "eu"), ("2", "us")]
        .map(|(id, region)| {
            let gateway = gateway.clone();
            let data = format!(r#"{{"region":"{region}","amount":49.9,"card":"4111"}}"#);
            thread::spawn(move || order(&gateway, id, PLACED, &data))
        })
        .into_iter()
        .collect();
    let mut host = host;
    host.logged("the sink is in trouble", 2);
    let eu = example.python("service.py", "127.0.0.1:3001", &[]);
    let us = example.python("service.py", "127.0.0.1:3002", &[]);
    for answer in first {
        let answer = answer.join().expect("an answer");
        assert_eq!(answer.status, 204, "{answer:?}");
    }

    let test = order(&gateway, "3", "com.acme.order.test", r#"{"region":"eu","amount":1}"#);
    assert_eq!(test.status, 204, "dropped on purpose: {test:?}");
    let nowhere = order(&gateway, "4", PLACED, r#"{"region":"mars","amount":1}"#);
    assert_eq!(nowhere.status, 202, "nobody serves it, and it is kept: {nowhere:?}");
    let broken = order(&gateway, "5", PLACED, "{");
    assert_eq!(broken.status, 202, "the guard refuses it, and it is kept: {broken:?}");

    assert_eq!(eu.lines(), [r#"com.acme.order.placed 1 {"region":"eu","amount":49.9,"card":"***"}"#]);
    assert_eq!(us.lines(), [r#"com.acme.order.placed 2 {"region":"us","amount":49.9,"card":"***"}"#]);
    let failed = fs::read_to_string(example.dir.path().join("failed.jsonl")).expect("the dead letter");
    assert!(failed.contains("mars") && failed.contains("unmatched"), "{failed}");
    assert!(host.stop().success());
}

#[test]
fn the_sidecar_stands_on_both_sides_of_its_application() {
    let ports = ["127.0.0.1:8080", "127.0.0.1:3000", "127.0.0.1:8081", "127.0.0.1:4000"];
    let example = Example::new("sidecar", &["order-guard", "redact-fields"], &ports);
    fs::copy(root().join("examples/gateway/service.py"), example.dir.path().join("service.py")).expect("copy");
    let mut host = example.start("--sidecar");

    // The application is not up yet: the order is held, and not answered.
    let inbound = example.at("127.0.0.1:8080").to_owned();
    let data = r#"{"amount":49.9,"card":"4111"}"#;
    let held = thread::spawn(move || order(&inbound, "1", PLACED, data));
    host.logged("the sink is in trouble", 1);
    let outbound = format!("http://{}", example.at("127.0.0.1:8081"));
    let _app = example.python("app.py", "127.0.0.1:3000", &[&outbound]);
    // Its invoice is held in turn, until whoever it goes to is up.
    host.logged("the sink is in trouble", 2);
    let elsewhere = example.python("service.py", "127.0.0.1:4000", &[]);
    let answer = held.join().expect("an answer");
    assert_eq!(answer.status, 204, "{answer:?}");
    assert_eq!(elsewhere.lines(), [r#"com.acme.invoice invoice-1 {"amount":49.9,"card":"***"}"#]);

    let test = order(example.at("127.0.0.1:8080"), "2", "com.acme.order.test", data);
    assert_eq!(test.status, 204, "dropped on purpose: {test:?}");
    assert_eq!(elsewhere.lines().len(), 1, "the application never saw it");
    assert!(host.stop().success());
}

#[test]
fn a_sidecar_that_stops_still_takes_what_its_application_owes() {
    let ports = ["127.0.0.1:8080", "127.0.0.1:3000", "127.0.0.1:8081", "127.0.0.1:4000"];
    let example = Example::new("sidecar", &["order-guard", "redact-fields"], &ports);
    fs::copy(root().join("examples/gateway/service.py"), example.dir.path().join("service.py")).expect("copy");
    let elsewhere = example.python("service.py", "127.0.0.1:4000", &[]);
    let mut host = example.start("--sidecar");
    let inbound = example.at("127.0.0.1:8080").to_owned();
    let data = r#"{"amount":49.9,"card":"4111"}"#;
    let held = thread::spawn(move || order(&inbound, "1", PLACED, data));
    host.logged("the sink is in trouble", 1);
    host.signal(rustix::process::Signal::TERM);
    host.logged("stopping", 1);
    // It gets the order now, and answers when its invoice is on its way.
    let outbound = format!("http://{}", example.at("127.0.0.1:8081"));
    let _app = example.python("app.py", "127.0.0.1:3000", &[&outbound]);
    let answer = held.join().expect("an answer");
    assert_eq!(answer.status, 204, "{answer:?}");
    assert!(host.ended().success());
    assert_eq!(elsewhere.lines(), [r#"com.acme.invoice invoice-1 {"amount":49.9,"card":"***"}"#]);
}
