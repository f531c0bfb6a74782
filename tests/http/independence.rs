//! One service that is down: those who send to others notice nothing, and a corrected address takes what the wrong one could not.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::sync::{Arc, Mutex};

use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;

use super::client::{Client, free_address, respond};
use crate::rig::docs::Docs;
use crate::rig::host::Start;
use crate::rig::within;

type Seen = Arc<Mutex<Vec<String>>>;

/// Takes everything, and remembers the ids.
async fn service() -> (SocketAddr, Seen) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    let seen = Seen::default();
    let noted = seen.clone();
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            let noted = noted.clone();
            let serve = service_fn(move |request: Request<Incoming>| {
                noted.lock().unwrap().push(request.headers()["ce-id"].to_str().unwrap().to_owned());
                async { Ok::<_, std::convert::Infallible>(respond(StatusCode::NO_CONTENT)) }
            });
            tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), serve));
        }
    });
    (address, seen)
}

fn deploy(dir: &Path, listen: SocketAddr, sinks: &[(&str, SocketAddr)]) {
    let mut docs = Docs::new().doc("Source", "in", &format!("{{http: {{listen: '{listen}', lanes: 1}}}}"));
    let mut to = String::new();
    for (name, address) in sinks {
        docs = docs.doc("Sink", name, &format!("{{http: {{url: 'http://{address}/'}}}}"));
        to += &format!("{{sink: {name}, when: {{exact: {{type: {name}}}}}}}, ");
    }
    docs = docs.doc("Route", "main", &format!("{{from: [{{name: in}}], to: [{to}]}}"));
    fs::write(dir.join("new"), docs.text()).unwrap();
    fs::rename(dir.join("new"), dir.join("docs/all.yaml")).unwrap();
}

fn event(id: &str, ty: &str) -> String {
    format!("{{\"specversion\":\"1.0\",\"id\":\"{id}\",\"source\":\"/test\",\"type\":\"{ty}\",\"data\":1}}")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_sends_to_a_service_that_is_up_does_not_wait_for_one_that_is_down() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    fs::create_dir(dir.join("docs")).unwrap();
    let listen = free_address();
    let (up, seen) = service().await;
    deploy(dir, listen, &[("down", free_address()), ("up", up)]);
    let mut host = Start { args: &["--dev"], ..Start::new(dir) }.spawn();
    host.until("the listener", || std::net::TcpStream::connect(listen).ok());

    let mut waiting = Client::new(listen);
    let waiting = tokio::spawn(async move { waiting.post_event(&event("1", "down")).await });
    host.logged("the sink is in trouble", 1);
    let mut client = Client::new(listen);
    for number in 0..5 {
        let answer = within("an answer", client.post_event(&event(&format!("u{number}"), "up"))).await.unwrap();
        assert_eq!(answer.status, 204, "{}", answer.text());
    }
    assert!(!waiting.is_finished(), "{waiting:?}");
    assert_eq!(*seen.lock().unwrap(), ["u0", "u1", "u2", "u3", "u4"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_corrected_address_takes_what_the_wrong_one_could_not() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    fs::create_dir(dir.join("docs")).unwrap();
    let listen = free_address();
    let (right, seen) = service().await;
    deploy(dir, listen, &[("app", free_address())]);
    // So long what is replaced may go on trying.
    let mut host = Start { args: &["--dev", "--grace", "1s"], ..Start::new(dir) }.spawn();
    host.until("the listener", || std::net::TcpStream::connect(listen).ok());

    // As senders do: again, until it is taken.
    let sender = tokio::spawn(async move {
        let mut client = Client::new(listen);
        loop {
            match client.post_event(&event("1", "app")).await {
                Ok(answer) if answer.status == 204 => break,
                Ok(answer) => assert_eq!(answer.status, 503, "{}", answer.text()),
                Err(error) => panic!("{error}"),
            }
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
    });
    host.logged("the sink is in trouble", 1);
    deploy(dir, listen, &[("app", right)]);
    within("the event at the right address", sender).await.unwrap();
    assert_eq!(*seen.lock().unwrap(), ["1"]);
    let mut client = Client::new(listen);
    let answer = within("an answer", client.post_event(&event("2", "app"))).await.unwrap();
    assert_eq!(answer.status, 204, "{}", answer.text());
    assert!(host.stop().success());
}
