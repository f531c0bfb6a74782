//! The admin API of the program itself: who may use it, what it refuses, and what it changes.

mod access;
mod breaker;
mod commands;
mod conditions;
mod documents;
mod failure;
mod hostile;
mod pause;
mod rollback;
mod tap;

use std::fs;
use std::path::Path;

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::rig::events;
use crate::rig::guests::{Guest, drops_guilty, stamp};
use crate::rig::host::{Host, Start};
use crate::rig::request::{Answer, request};
use crate::support::digest;

/// A host with an admin port, and the folder it works in.
pub struct Running {
    pub host: Host,
    pub dir: TempDir,
    pub address: String,
    pub token: String,
}

/// `in.jsonl` → `out.jsonl`, all of it in `folder`.
pub fn line(folder: &Path) -> String {
    let file = |name: &str| folder.join(name).display().to_string();
    let (input, output) = (file("in.jsonl"), file("out.jsonl"));
    [
        document("Source", "in", &format!("{{file: {{path: '{input}', follow: true}}}}")),
        document("Sink", "out", &format!("{{file: {{path: '{output}'}}}}")),
        document("Route", "main", "{from: [{name: in}], to: [{sink: out}]}"),
    ]
    .concat()
}

pub fn document(kind: &str, name: &str, spec: &str) -> String {
    format!("---\napiVersion: tidegate.dev/v1alpha1\nkind: {kind}\nmetadata: {{name: {name}}}\nspec: {spec}\n")
}

/// A policy that stamps events as `x1` with the code of its module and `config`.
pub fn stamps(module: &str, digest: &str, config: usize) -> String {
    let wasm = format!(
        "{{module: 'file:{module}', digest: '{digest}', config: 'x1={config}', mayWrite: {{attributes: ['x*']}}}}"
    );
    document("FilterPolicy", "stamp", &format!("{{phase: Transform, wasm: {wasm}}}"))
}

/// A policy that drops what has a subject.
pub fn drops(digest: &str) -> String {
    document(
        "FilterPolicy",
        "guard",
        &format!("{{phase: Validate, wasm: {{module: 'file:guard.wasm', digest: '{digest}'}}}}"),
    )
}

impl Running {
    /// The API owns the documents.
    pub fn api() -> Running {
        let dir = tempfile::tempdir().expect("a folder");
        fs::write(dir.path().join("in.jsonl"), "").expect("write");
        fs::write(dir.path().join("out.jsonl"), "").expect("write");
        Running::again(dir, "", &["--documents-from-api"])
    }

    /// A folder owns them: the line and a stamp.
    pub fn folder() -> Running {
        let dir = tempfile::tempdir().expect("a folder");
        fs::write(dir.path().join("in.jsonl"), "").expect("write");
        fs::write(dir.path().join("out.jsonl"), "").expect("write");
        fs::create_dir(dir.path().join("docs")).expect("a folder");
        deploy(dir.path(), 1, 0);
        Running::again(dir, "docs", &[])
    }

    /// In a folder that is there already.
    pub fn again(dir: TempDir, documents: &str, args: &[&str]) -> Running {
        let own: &[&str] = if args.contains(&"--admin") { &[] } else { &["--admin", "127.0.0.1:0"] };
        let args = [own, args].concat();
        // Its address is the last one in the log: there may be one of a host before.
        let _ = fs::remove_file(dir.path().join("host.log"));
        let mut host = Start { args: &args, documents, ..Start::new(dir.path()) }.spawn();
        let address = host.admin();
        host.logged("host is ready", 1);
        let token = fs::read_to_string(dir.path().join("state/admin-token")).unwrap_or_default().trim().to_owned();
        Running { host, dir, address, token }
    }

    /// Stops it and starts it again.
    pub fn restart(self, documents: &str, args: &[&str]) -> Running {
        let Running { host, dir, .. } = self;
        assert!(host.stop().success());
        Running::again(dir, documents, args)
    }

    pub fn call(&self, method: &str, path: &str, headers: &[(&str, &str)], body: impl AsRef<[u8]>) -> Answer {
        let bearer = format!("Bearer {}", self.token);
        let headers: Vec<(&str, &str)> =
            [("authorization", bearer.as_str())].into_iter().chain(headers.iter().copied()).collect();
        let answer = request(&self.address, method, path, &headers, body);
        answer.unwrap_or_else(|error| panic!("{method} {path}: {error}\n{}", self.host.log()))
    }

    #[track_caller]
    pub fn get(&self, path: &str) -> Value {
        json_of(&self.call("GET", path, &[], ""), 200)
    }

    #[track_caller]
    pub fn post(&self, path: &str, body: &Value, status: u16) -> Value {
        json_of(&self.call("POST", path, &[], body.to_string()), status)
    }

    /// Puts documents as a set.
    #[track_caller]
    pub fn apply(&self, texts: &[String]) -> Value {
        self.post("/v1/documents", &json!({ "put": texts }), 200)
    }

    #[track_caller]
    pub fn upload(&self, guest: &Guest) -> String {
        let bytes = guest.component();
        let digest = digest(&bytes);
        json_of(&self.call("PUT", &format!("/v1/modules/{digest}"), &[], &bytes), 201);
        digest
    }

    pub fn generation(&self) -> String {
        self.get("/v1/status")["generation"].as_str().expect("a generation").to_owned()
    }

    pub fn feed(&self, lines: &str) {
        use std::io::Write as _;
        let path = self.dir.path().join("in.jsonl");
        let mut file = fs::File::options().append(true).open(path).expect("the input");
        file.write_all(lines.as_bytes()).expect("write");
    }

    /// Lines that came out.
    pub fn out(&self) -> Vec<Value> {
        let text = fs::read_to_string(self.dir.path().join("out.jsonl")).unwrap_or_default();
        text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
    }

    /// Waits for so many lines.
    pub fn delivered(&mut self, count: usize) -> Vec<Value> {
        let path = self.dir.path().join("out.jsonl");
        self.host
            .until(&format!("{count} events delivered"), || (crate::rig::host::lines(&path) >= count).then_some(()));
        self.out()
    }

    #[track_caller]
    pub fn run(&self, args: &[&str]) -> crate::support::Ran {
        let state = self.dir.path().join("state").display().to_string();
        let host = ["--admin", self.address.as_str(), "--state-dir", state.as_str()];
        crate::support::run(self.dir.path(), &args.iter().copied().chain(host).collect::<Vec<_>>())
    }
}

/// Writes the folder's documents: the line, and a stamp of this code and config.
pub fn deploy(dir: &Path, code: usize, config: usize) {
    let module = stamp(code).component();
    let name = format!("stamp-{code}.wasm");
    fs::write(dir.join("docs").join(&name), &module).expect("write");
    let text = line(dir) + &stamps(&name, &digest(&module), config);
    fs::write(dir.join("new.yaml"), text).expect("write");
    fs::rename(dir.join("new.yaml"), dir.join("docs/all.yaml")).expect("rename");
}

#[track_caller]
pub fn json_of(answer: &Answer, status: u16) -> Value {
    assert_eq!(answer.status, status, "{}", answer.body);
    serde_json::from_str(&answer.body).unwrap_or_else(|error| panic!("{error}: {}", answer.body))
}

#[track_caller]
pub fn problem(answer: &Answer, status: u16) -> Value {
    assert_eq!(answer.header("content-type"), Some("application/problem+json"), "{answer:?}");
    let problem = json_of(answer, status);
    assert_eq!(problem["status"], status, "{problem}");
    problem
}

pub fn event_line(id: &str) -> String {
    events::line(id, "k", 8)
}

/// One that the guard drops.
pub fn guilty_line(id: &str) -> String {
    event_line(id).replace("\"partitionkey\"", "\"subject\":\"guilty\",\"partitionkey\"")
}

pub fn guard() -> Guest {
    drops_guilty()
}
