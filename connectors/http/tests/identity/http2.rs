//! The same over HTTP/2, where headers are no lines and requests share a connection.

use bytes::Bytes;
use http::{Request, StatusCode};
use http_body_util::Full;
use hyper_util::rt::{TokioExecutor, TokioIo};
use serde_json::json;
use tokio::net::TcpStream;

use crate::rig::{BODY, Rig, auth};

type Sender = hyper::client::conn::http2::SendRequest<Full<Bytes>>;

async fn connect(rig: &Rig) -> Sender {
    let stream = TcpStream::connect(&rig.address).await.unwrap();
    let (sender, connection) =
        hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await.unwrap();
    tokio::spawn(connection);
    sender
}

async fn send(sender: &mut Sender, uri: &str, headers: &[(&str, &str)]) -> StatusCode {
    let mut request = Request::post(uri).header("content-type", "application/cloudevents+json");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let request = request.body(Full::from(BODY)).unwrap();
    sender.send_request(request).await.unwrap().status()
}

#[tokio::test]
async fn every_stream_is_asked() {
    let rig = Rig::new(json!({"path": "/events", "auth": auth()})).await;
    let mut sender = connect(&rig).await;
    let shop = ("authorization", "Bearer t0ken");
    for (name, uri, headers, status) in [
        ("good", "http://a/events", &[shop][..], 204),
        ("none", "http://a/events", &[], 401),
        ("twice", "http://a/events", &[shop, shop], 401),
        ("two", "http://a/events", &[shop, ("authorization", "Bearer x")], 401),
        ("wrong", "http://a/events", &[("authorization", "Bearer x")], 401),
        ("a name and password in the authority", "http://alice:word@a/events", &[], 401),
        ("another authority", "http://else/events", &[shop], 204),
        ("another path", "http://a//events", &[shop], 404),
        ("a cookie in pieces", "http://a/events", &[("cookie", "authorization=t0ken"), ("cookie", "x")], 401),
        ("good again", "http://a/events", &[shop], 204),
    ] {
        assert_eq!(send(&mut sender, uri, headers).await.as_u16(), status, "{name}");
    }
    assert_eq!(rig.principals(), vec![Some("shop".to_owned()); 3]);
}

#[tokio::test]
async fn streams_at_once_keep_their_own_principal() {
    let rig = Rig::new(json!({"path": "/events", "auth": auth()})).await;
    let sender = connect(&rig).await;
    let mut all = tokio::task::JoinSet::new();
    for number in 0..99 {
        let mut sender = sender.clone();
        let (value, status) = match number % 3 {
            0 => (Some("Bearer t0ken"), 204),
            1 => (Some("Basic YWxpY2U6d29yZA=="), 204),
            _ => (None, 401),
        };
        all.spawn(async move {
            let headers: Vec<_> = value.iter().map(|value| ("authorization", *value)).collect();
            assert_eq!(send(&mut sender, "http://a/events", &headers).await.as_u16(), status);
        });
    }
    while let Some(done) = all.join_next().await {
        done.unwrap();
    }
    let mut principals = rig.principals();
    principals.sort();
    let expected = [vec![Some("alice".to_owned()); 33], vec![Some("shop".to_owned()); 33]].concat();
    assert_eq!(principals, expected);
}
