//! What a sender is told of a sink that does not take its event: why, and not where the sink is. The log says both.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr};

use hyper::StatusCode;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;

use super::client::{Client, free_address, respond};
use crate::rig::docs::Docs;
use crate::rig::host::Start;

/// Answers everything with this.
async fn service(status: StatusCode) -> SocketAddr {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            let serve = service_fn(move |_| async move { Ok::<_, std::convert::Infallible>(respond(status)) });
            tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), serve));
        }
    });
    address
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_sender_is_told_why_and_not_where() {
    for (status, answered, rest) in [(StatusCode::BAD_REQUEST, 422, ""), (StatusCode::GONE, 503, ", timeout: 5s")] {
        let dir = tempfile::tempdir().unwrap();
        let dir = dir.path();
        fs::create_dir(dir.join("docs")).unwrap();
        let (listen, service) = (free_address(), service(status).await);
        let docs = Docs::new()
            .doc("Source", "in", &format!("{{http: {{listen: '{listen}'{rest}}}}}"))
            .doc("Sink", "out", &format!("{{http: {{url: 'http://{service}/secret-path'}}}}"))
            .doc("Route", "main", "{from: [{name: in}], to: [{sink: out}]}");
        fs::write(dir.join("docs/all.yaml"), docs.text()).unwrap();
        let mut host = Start { args: &["--dev"], ..Start::new(dir) }.spawn();
        host.until("the listener", || std::net::TcpStream::connect(listen).ok());
        let event = r#"{"specversion":"1.0","id":"1","source":"/test","type":"t","data":1}"#;
        let answer = Client::new(listen).post_event(event).await.unwrap();
        let text = answer.text();
        assert_eq!(answer.status.as_u16(), answered, "{text}");
        assert!(text.contains("default/out"), "{text}");
        for secret in [service.port().to_string().as_str(), "secret-path"] {
            assert!(!text.contains(secret), "{secret}: {text}");
        }
        assert_eq!(text.contains("400"), status == StatusCode::BAD_REQUEST, "{text}");
        host.logged(&format!("{service}/secret-path"), 1);
        host.kill();
    }
}
