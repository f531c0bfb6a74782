//! Requests that two readers could understand in two ways, and bytes that are no requests.

use serde_json::json;

use super::raw::{Client, event};
use super::rig::{host, ids};

const CE: &str = "ce-specversion: 1.0\r\nce-id: 1\r\nce-type: t\r\nce-source: /s\r\n";

#[tokio::test]
async fn smuggling_is_refused_and_the_connection_ends() {
    let host = host(json!({})).await;
    let hidden = String::from_utf8(event("smuggled", "t", &[])).unwrap();
    for lengths in [
        "content-length: 3\r\ntransfer-encoding: chunked\r\n",
        "transfer-encoding: chunked\r\ncontent-length: 3\r\n",
        "Transfer-Encoding: chunked\r\nx: y\r\nContent-Length: 3\r\n",
        "content-length: 3\r\ncontent-length: 4\r\n",
        "content-length: 3\r\ncontent-length: 3\r\n",
        "content-length: 3,3\r\n",
        "content-length: +3\r\n",
        "content-length: 0x3\r\n",
        "content-length: -3\r\n",
        "content-length: 99999999999999999999\r\n",
        "transfer-encoding: gzip, chunked\r\n",
        "transfer-encoding: identity\r\n",
        "transfer-encoding: chunked\r\ntransfer-encoding: chunked\r\n",
        "transfer-encoding: chunked\r\ntransfer-encoding: identity\r\n",
        "transfer-encoding: xchunked\r\n",
        "transfer-encoding : chunked\r\n",
        "transfer-encoding:\r\n chunked\r\n",
        "x: y\r\n transfer-encoding: chunked\r\n",
        "x: y\ntransfer-encoding: chunked\r\ncontent-length: 3\r\n",
        "x: y\rtransfer-encoding: chunked\r\n",
    ] {
        let mut client = Client::connect(host.address).await;
        client.send(format!("POST / HTTP/1.1\r\nhost: a\r\n{CE}{lengths}\r\n0\r\n\r\n{hidden}")).await;
        let answer = client.answer().await.unwrap_or_else(|| panic!("{lengths}: no answer"));
        assert_eq!(answer.status, 400, "{lengths}: {answer:?}");
        assert!(!answer.detail().is_empty(), "{lengths}");
        assert!(client.closed().await, "{lengths}: the rest was answered too");
        assert!(ids(&host.seen).is_empty(), "{lengths}");
    }
}

#[tokio::test]
async fn broken_bodies_are_refused() {
    let host = host(json!({})).await;
    for body in [
        "x\r\n",
        "5 \r\nhello\r\n0\r\n\r\n",
        "2\r\nhello\r\n0\r\n\r\n",
        "5\nhello\n0\n\n",
        "fffffffffffffffff\r\n",
        "-1\r\n",
    ] {
        let mut client = Client::connect(host.address).await;
        client.send(format!("POST / HTTP/1.1\r\nhost: a\r\n{CE}transfer-encoding: chunked\r\n\r\n{body}")).await;
        let answer = client.answer().await.unwrap_or_else(|| panic!("{body:?}: no answer"));
        assert_eq!(answer.status, 400, "{body:?}: {answer:?}");
        answer.problem();
        assert!(client.closed().await, "{body:?}");
    }
    // Announced more than sent: nothing was said, and nobody is there to be told.
    let mut client = Client::connect(host.address).await;
    client.send(format!("POST / HTTP/1.1\r\nhost: a\r\n{CE}content-length: 10\r\n\r\nabc")).await;
    client.finish_sending().await;
    let answer = client.answer().await;
    assert!(answer.is_none_or(|answer| answer.status == 400));
    assert!(ids(&host.seen).is_empty());
}

#[tokio::test]
async fn what_is_no_request_is_answered_with_400() {
    let host = host(json!({})).await;
    for bytes in [
        "\0\0\0\0\r\n\r\n",
        "POST\r\n\r\n",
        "POST / HTTP/1.2\r\n\r\n",
        "POST / HTTP/3.0\r\n\r\n",
        "POST /\u{7f} HTTP/1.1\r\n\r\n",
        "POST / HTTP/1.1\r\nno colon\r\n\r\n",
        "POST / HTTP/1.1\r\nx\0: y\r\n\r\n",
        "POST / HTTP/1.1\r\nx: \0\r\n\r\n",
        "POST / HTTP/1.0\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
        "\u{16}\u{3}\u{1}\u{2}\0\u{1}\0\u{1}\r\n\r\n",
    ] {
        let mut client = Client::connect(host.address).await;
        client.send(bytes).await;
        let answer = client.answer().await.unwrap_or_else(|| panic!("{bytes:?}: no answer"));
        assert_eq!(answer.status, 400, "{bytes:?}: {answer:?}");
        assert!(!answer.detail().is_empty());
        assert!(client.closed().await, "{bytes:?}");
    }
}

#[tokio::test]
async fn http_1_0_ends_its_connection() {
    let host = host(json!({})).await;
    let mut client = Client::connect(host.address).await;
    let answer = client.ask(format!("POST / HTTP/1.0\r\n{CE}content-length: 1\r\n\r\nx")).await;
    assert_eq!(answer.status, 204);
    assert!(client.closed().await);
}
