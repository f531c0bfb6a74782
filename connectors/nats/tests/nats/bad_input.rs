//! Messages that are no events, and places that are not there: named, and nothing stops for them.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};

use tidegate_brokers::nats::NatsServer;
use tidegate_connector::{Malformed, SourceError};

use crate::rig::{Client, ack, events, expected, ids, next, open_lane, stream_source, text};

/// Publishes what no client would: headers byte by byte.
fn publish_bytes(server: SocketAddr, subject: &str, headers: &[u8], payload: &[u8]) {
    let head = [b"NATS/1.0\r\n", headers, b"\r\n"].concat();
    let mut stream = TcpStream::connect(server).unwrap();
    let all = head.len() + payload.len();
    let mut line = b"CONNECT {\"verbose\":false,\"headers\":true}\r\n".to_vec();
    line.extend(format!("HPUB {subject} {} {all}\r\n", head.len()).bytes());
    line.extend([&head, payload, b"\r\nPING\r\n"].concat());
    stream.write_all(&line).unwrap();
    let mut said = Vec::new();
    let mut chunk = [0; 4096];
    while !said.windows(4).any(|part| part == b"PONG") {
        let length = stream.read(&mut chunk).unwrap();
        assert!(length > 0, "{}", String::from_utf8_lossy(&said));
        said.extend_from_slice(&chunk[..length]);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_is_malformed_with_its_place_and_the_lane_goes_on() {
    let server = NatsServer::start().unwrap();
    let outside = Client::to(&server.url()).await;
    outside.stream("S").await;
    let valid = String::from_utf8(text(&events(0..1)[0])).unwrap();
    let bad: [(&[u8], &[u8], &str); 7] = [
        (b"", b"no event", "byte 0"),
        (b"", b"", "byte 0"),
        (b"", b"{\"specversion\":\"0.3\"}", "specversion"),
        (b"content-type: application/cloudevents+avro\r\n", b"x", "not supported"),
        (b"ce-specversion: 1.0\r\nce-id: %ff\r\n", b"", "`ce-id` is not UTF-8"),
        (b"ce-id: a\r\nce-ID: b\r\n", b"", "twice"),
        (b"x-bytes: \xff\xfe\r\n", valid.as_bytes(), "headers cannot be read"),
    ];
    for (number, (headers, payload, _)) in bad.iter().enumerate() {
        outside.publish("S.good", &events(number..number + 1)).await;
        publish_bytes(server.address(), "S.bad", headers, payload);
    }
    outside.publish("S.good", &events(bad.len()..bad.len() + 1)).await;
    let mut lane = open_lane(&stream_source(&server.url(), "S")).await;
    let mut got = Vec::new();
    let mut malformed: Vec<Malformed> = Vec::new();
    while got.len() < bad.len() + 1 {
        let delivery = next(&mut lane).await;
        got.extend(ids(&delivery));
        malformed.extend(delivery.malformed.clone());
        ack(delivery).await;
    }
    assert_eq!(got, expected(0..bad.len() + 1));
    for (index, (malformed, (_, payload, problem))) in malformed.iter().zip(&bad).enumerate() {
        assert_eq!(malformed.place, format!("{} S/S.bad@{}", server.url(), 2 * index + 2));
        assert!(malformed.problem.contains(problem), "{malformed:?}");
        assert_eq!(malformed.message, *payload);
    }
    assert_eq!(malformed.len(), bad.len());
    lane.close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn places_that_are_not_there_are_named_and_waited_for() {
    let mut server = NatsServer::start().unwrap();
    let url = server.url();
    let outside = Client::to(&url).await;
    let mut lane = open_lane(&stream_source(&url, "S")).await;
    let missing = lane.next().await.unwrap_err();
    assert!(
        matches!(&missing, SourceError::Transient { place, cause } if *place == format!("{url} S/c") && cause.contains("not found")),
        "{missing}"
    );
    outside.stream("S").await;
    outside.publish("S.x", &events(0..3)).await;
    let delivery = next(&mut lane).await;
    assert_eq!(ids(&delivery), expected(0..3));
    server.kill();
    let mut down = open_lane(&stream_source(&url, "S")).await;
    let error = down.next().await.unwrap_err();
    assert!(matches!(&error, SourceError::Transient { place, .. } if *place == url), "{error}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_consumer_of_another_kind_is_left_alone() {
    let server = NatsServer::start().unwrap();
    let outside = Client::to(&server.url()).await;
    outside.stream("S").await;
    let stream = outside.jetstream.get_stream("S").await.unwrap();
    let push = async_nats::jetstream::consumer::push::Config {
        durable_name: Some("c".into()),
        deliver_subject: "d".into(),
        ..Default::default()
    };
    stream.create_consumer(push).await.unwrap();
    let error = open_lane(&stream_source(&server.url(), "S")).await.next().await.unwrap_err();
    assert!(matches!(&error, SourceError::Permanent { cause, .. } if cause.contains("push")), "{error}");
}
