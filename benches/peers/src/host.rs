//! `tidegate run --sidecar` with an HTTP listener, one Wasm filter, and a sink.

use std::{
    fs,
    net::SocketAddr,
    path::{Path, PathBuf},
    process::Command,
};

use tempfile::TempDir;

use crate::{
    build,
    cores::Core,
    orders,
    party::{Party, free_address},
};

/// Where events go.
#[derive(Clone, Copy, Debug)]
pub(crate) enum To {
    /// Posted on, one by one.
    Http(SocketAddr),
    /// To a file, as JSON lines, durable.
    File,
}

/// A host's folder: documents, modules, and what it has compiled.
#[derive(Debug)]
pub(crate) struct Setup {
    folder: TempDir,
    program: PathBuf,
    listen: SocketAddr,
    admin: SocketAddr,
}

/// A running host.
#[derive(Debug)]
pub(crate) struct Host {
    pub(crate) party: Party,
    pub(crate) address: SocketAddr,
}

impl Setup {
    /// From an HTTP listener; the filter keeps three of four events.
    pub(crate) fn new(filter: Option<&[u8]>, to: To) -> Setup {
        let listen = free_address();
        let spec = format!("{{http: {{listen: \"{listen}\"}}}}");
        Setup { listen, ..Setup::relay(&spec, &to.spec(), filter.map(|filter| (filter, orders::KEPT_PREFIX))) }
    }

    /// From one source to one sink, and if there is a filter, only events whose `type` begins so.
    pub(crate) fn relay(source: &str, sink: &str, filter: Option<(&[u8], &str)>) -> Setup {
        let folder = tempfile::tempdir().unwrap();
        let documents = folder.path().join("documents");
        fs::create_dir(&documents).unwrap();
        let mut text = flow(source, sink);
        if let Some((filter, prefix)) = filter {
            fs::write(documents.join("filter.wasm"), filter).unwrap();
            text.push_str(&policy(prefix));
        }
        fs::write(documents.join("documents.yaml"), text).unwrap();
        Setup { folder, program: build::tidegate(), listen: free_address(), admin: free_address() }
    }

    /// The same through a filter, whose failures rest in a dead letter.
    pub(crate) fn with_dead_letter(source: &str, sink: &str, dead: &str, filter: &[u8]) -> Setup {
        let setup = Setup::relay(source, sink, Some((filter, "")));
        let text = flow(source, sink).replace("to: [{sink: out}]", "to: [{sink: out}], deadLetter: {sink: dead}");
        let text = text + &document("Sink", "dead", dead) + &document("FilterPolicy", "poison", POISONED);
        fs::write(setup.folder.path().join("documents/documents.yaml"), text).unwrap();
        setup
    }

    /// Starts the host and waits until it says that it is ready.
    pub(crate) fn start(&self) -> Host {
        let party = self.spawn().wait_for(self.admin, "/readyz");
        Host { party, address: self.listen }
    }

    /// Starts the host.
    pub(crate) fn spawn(&self) -> Party {
        let folder = self.folder.path();
        let mut command = Command::new(&self.program);
        command.args(["run", "--sidecar", "--dev", "--admin", &self.admin.to_string(), "--state-dir"]);
        command.args([folder.join("state"), folder.join("documents")]);
        Party::start("the host", Core::Proxy, &mut command, folder.join("log"))
    }

    pub(crate) fn admin(&self) -> SocketAddr {
        self.admin
    }

    pub(crate) fn listen(&self) -> SocketAddr {
        self.listen
    }

    /// What [`To::File`] is written to.
    pub(crate) fn out(&self) -> PathBuf {
        Path::new(self.folder.path()).join("documents/out.jsonl")
    }
}

impl To {
    fn spec(self) -> String {
        match self {
            To::Http(upstream) => format!("{{http: {{url: \"http://{upstream}/orders\", allow: [loopback]}}}}"),
            To::File => "{file: {path: out.jsonl}}".to_owned(),
        }
    }
}

const POISONED: &str = r#"{phase: Validate, wasm: {module: "file:filter.wasm"}, failure: {onTrap: DeadLetter, onTimeout: Pause, onReject: Pause}}"#;

fn document(kind: &str, name: &str, spec: &str) -> String {
    format!("---\napiVersion: tidegate.dev/v1alpha1\nkind: {kind}\nmetadata: {{name: {name}}}\nspec: {spec}\n")
}

fn flow(source: &str, sink: &str) -> String {
    format!(
        r#"apiVersion: tidegate.dev/v1alpha1
kind: Source
metadata: {{name: orders}}
spec: {source}
---
apiVersion: tidegate.dev/v1alpha1
kind: Sink
metadata: {{name: out}}
spec: {sink}
---
apiVersion: tidegate.dev/v1alpha1
kind: Route
metadata: {{name: orders-to-out}}
spec: {{from: [{{name: orders}}], to: [{{sink: out}}]}}
"#
    )
}

fn policy(prefix: &str) -> String {
    format!(
        r#"---
apiVersion: tidegate.dev/v1alpha1
kind: FilterPolicy
metadata: {{name: orders-only}}
spec: {{phase: Validate, wasm: {{module: "file:filter.wasm", config: {{prefix: {prefix}}}}}, failure: {{onTrap: Pause, onTimeout: Pause, onReject: Pause}}}}
"#
    )
}
