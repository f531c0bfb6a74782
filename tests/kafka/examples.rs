//! The example, as its README says: nothing is replaced but the ports.

use std::fs::{self, File};
use std::net::TcpListener;
use std::process::{Child, Command, Stdio};

use tidegate_brokers::kafka::Kafka;

use crate::rig::host::Start;
use crate::rig::request::{get, post};
use crate::support::{example, root};

/// Killed when it is dropped.
struct Service(Child);

impl Drop for Service {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn an_application_that_knows_only_localhost_and_a_service_that_knows_no_kafka() {
    let kafka = Kafka::shared();
    kafka.topic("shop.orders", 3);
    kafka.topic("failed", 3);
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    let from = root().join("examples");
    fs::copy(from.join("gateway/service.py"), dir.join("service.py")).unwrap();
    for module in ["order-guard", "redact-fields"] {
        fs::copy(example(module), dir.join(format!("{module}.wasm"))).unwrap();
    }
    let held: Vec<_> = (0..2).map(|_| TcpListener::bind("127.0.0.1:0").unwrap()).collect();
    let ports: Vec<String> = held.iter().map(|held| held.local_addr().unwrap().to_string()).collect();
    drop(held);
    let text = fs::read_to_string(from.join("kafka/documents.yaml")).unwrap();
    let text = text.replace("127.0.0.1:9092", &kafka.plain()).replace("127.0.0.1:8081", &ports[0]);
    fs::write(dir.join("documents.yaml"), text.replace("127.0.0.1:3000", &ports[1])).unwrap();

    let args = ["--dev", "--sidecar", "--admin", "127.0.0.1:0"];
    let mut host = Start { documents: "documents.yaml", args: &args, ..Start::new(dir) }.spawn();
    let admin = host.admin();
    host.until("the host is ready", || get(&admin, "/readyz").ok().filter(|answer| answer.status == 200));
    let order = |id: &str, ty: &str, data: &str| {
        let headers = [
            ("ce-specversion", "1.0"),
            ("ce-type", ty),
            ("ce-source", "/shop"),
            ("ce-subject", "ada"),
            ("ce-id", id),
            ("content-type", "application/json"),
        ];
        let answer = post(&ports[0], "/", &headers, data).expect("an answer");
        assert_eq!(answer.status, 204, "{answer:?}");
    };
    order("1", "com.acme.order.placed", r#"{"amount":49.9,"card":"4111"}"#);
    order("2", "com.acme.order.test", r#"{"amount":1}"#);
    order("3", "com.acme.order.placed", r#"{"amount":"much"}"#);

    let port = ports[1].rsplit(':').next().unwrap();
    let output = dir.join("service.out");
    let mut command = Command::new("python3");
    command.args(["service.py", port]).current_dir(dir).stdin(Stdio::null()).stdout(File::create(&output).unwrap());
    let service = Service(command.stderr(Stdio::null()).spawn().expect("python3, which the examples are written in"));
    let placed = "com.acme.order.placed 1 {\"amount\":49.9,\"card\":\"***\"}\n";
    host.until("the order", || (fs::read_to_string(&output).unwrap_or_default() == placed).then_some(()));
    host.until("what fails is kept", || (kafka.count("failed") == 1).then_some(()));
    assert!(
        kafka.read("failed")[0].headers.iter().any(|(name, value)| name == "ce_id" && value.as_deref() == Some(b"3"))
    );
    assert_eq!(kafka.count("shop.orders"), 3);
    assert_eq!(fs::read_to_string(&output).unwrap(), placed, "the service never saw the others");
    drop(service);
    assert!(host.stop().success());
}
