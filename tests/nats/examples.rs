//! The example for NATS, as its README says: the program, Python, requests and a real server; nothing is replaced but the ports.

use std::fs::{self, File};
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use async_nats::jetstream::{self, stream};
use tidegate_brokers::nats::NatsServer;

use crate::rig::host::Start;
use crate::rig::request::{get, post};
use crate::support::{example, root};

/// A service of the examples; what it prints goes to `service.out`.
struct Service(Child);

impl Service {
    fn start(dir: &Path, port: &str) -> Service {
        let output = File::create(dir.join("service.out")).unwrap();
        let errors = File::create(dir.join("service.err")).unwrap();
        let mut command = Command::new("python3");
        command.arg(root().join("examples/gateway/service.py")).arg(port);
        let child = command.stdin(Stdio::null()).stdout(output).stderr(errors).spawn();
        Service(child.expect("python3, which the examples are written in"))
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Addresses nobody listens at. They are let go again: whoever takes one meanwhile fails the test, loudly.
fn free() -> [String; 2] {
    let held = [(); 2].map(|()| TcpListener::bind("127.0.0.1:0").unwrap());
    held.map(|listener| listener.local_addr().unwrap().to_string())
}

#[test]
fn an_application_behind_localhost_and_a_service_behind_a_stream() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let server = NatsServer::start().unwrap();
    let outside = runtime.block_on(async {
        let outside = jetstream::new(async_nats::connect(server.url()).await.unwrap());
        let subjects = vec!["orders.>".to_owned()];
        let config = stream::Config { name: "ORDERS".into(), subjects, ..stream::Config::default() };
        outside.create_stream(config).await.unwrap();
        outside
    });
    let dir = tempfile::tempdir().unwrap();
    let [app, service] = free();
    let mut text = fs::read_to_string(root().join("examples/nats/documents.yaml")).unwrap();
    let server_address = server.address().to_string();
    for (from, to) in [("127.0.0.1:8081", &app), ("127.0.0.1:3000", &service), ("127.0.0.1:4222", &server_address)] {
        assert!(text.contains(from), "{from}");
        text = text.replace(from, to);
    }
    fs::write(dir.path().join("documents.yaml"), text).unwrap();
    for module in ["order-guard", "redact-fields"] {
        fs::copy(example(module), dir.path().join(format!("{module}.wasm"))).unwrap();
    }
    let args = ["--dev", "--sidecar", "--admin", "127.0.0.1:0"];
    let mut host = Start { documents: "documents.yaml", args: &args, ..Start::new(dir.path()) }.spawn();
    let admin = host.admin();
    host.until("the host is ready", || get(&admin, "/readyz").ok().filter(|answer| answer.status == 200));

    let order = |id: &str, ty: &str, data: &str| {
        let headers = [
            ("ce-specversion", "1.0"),
            ("ce-source", "/shop"),
            ("ce-id", id),
            ("ce-type", ty),
            ("content-type", "application/json"),
        ];
        post(&app, "/", &headers, data).unwrap()
    };
    for (id, ty, data) in [
        ("1", "com.acme.order.placed", r#"{"amount":49.9,"card":"4111"}"#),
        ("2", "com.acme.order.test", r#"{"amount":1}"#),
        ("3", "com.acme.order.placed", r#"{"amount":"much"}"#),
        ("4", "com.acme.order.placed", r#"{"amount":2}"#),
    ] {
        let answer = order(id, ty, data);
        assert_eq!(answer.status, 204, "{answer:?}");
    }
    let stored = runtime.block_on(async { outside.get_stream("ORDERS").await.unwrap().cached_info().state.messages });
    assert_eq!(stored, 4, "answered once the stream has it");

    let port = service.rsplit(':').next().unwrap();
    let _service = Service::start(dir.path(), port);
    let seen = || fs::read_to_string(dir.path().join("service.out")).unwrap_or_default();
    host.until("the service has both", || (seen().matches('\n').count() >= 2).then_some(()));
    assert_eq!(
        seen().lines().collect::<Vec<_>>(),
        [r#"com.acme.order.placed 1 {"amount":49.9,"card":"***"}"#, r#"com.acme.order.placed 4 {"amount":2}"#]
    );
    let failed = fs::read_to_string(dir.path().join("failed.jsonl")).unwrap();
    assert!(failed.contains("much"), "{failed}");
    assert!(host.stop().success());
}
