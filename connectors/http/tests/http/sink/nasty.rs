//! Services that hang, break off, send garbage or never end: each has its documented outcome (`sink::outcome`).

use std::path::Path;

use serde_json::json;
use tidegate_connector::Connector;
use tidegate_connector::Place;
use tidegate_connector_http::{Http, Replies};

use super::upstream::{Act, Script, write};
use super::{events, open, open_with, short, told, with};

const EVENT: &str = "ce-specversion: 1.0\r\nce-id: r\r\nce-source: /r\r\nce-type: r\r\n";

async fn check(name: &str, script: Vec<Act>, expected: &str) {
    let service = Script::start([script]).await;
    let (kind, cause) = told(open(&with(service.config(), short())).write(&events(0..1)).await);
    assert_eq!(kind, expected, "{name}: {cause}");
}

#[tokio::test]
async fn no_answer_is_tried_again() {
    check("accepts and closes", vec![Act::Close], "again").await;
    check("accepts and resets", vec![Act::Reset], "again").await;
    check("never reads", vec![Act::Hang], "again").await;
    check("reads and hangs", vec![Act::Read, Act::Hang], "again").await;
    check("reads and closes", vec![Act::Read, Act::Close], "again").await;
    check("reads and resets", vec![Act::Read, Act::Reset], "again").await;
    check("half a head", vec![Act::Read, write("HTTP/1.1 204 No"), Act::Close], "again").await;
    check("half a head, reset", vec![Act::Read, write("HTTP/1.1 204 No Content\r\n"), Act::Reset], "again").await;
    check("half a head, hangs", vec![Act::Read, write("HTTP/1.1 204 No Content\r\n"), Act::Hang], "again").await;
    check("no HTTP", vec![Act::Read, write("SSH-2.0-OpenSSH_9.9\r\n"), Act::Hang], "again").await;
    check("a status that is none", vec![Act::Read, write("HTTP/1.1 abc\r\n\r\n"), Act::Hang], "again").await;
    let endless = format!("HTTP/1.1 204 No Content\r\nx: {}", "y".repeat(1 << 20));
    check("a head without end", vec![Act::Read, write(&endless), Act::Hang], "again").await;
    let many: String = (0..1000).map(|n| format!("x-{n}: y\r\n")).collect();
    check("a thousand headers", vec![Act::Read, write(&format!("HTTP/1.1 204 No Content\r\n{many}\r\n"))], "again")
        .await;
    check("interim answers only", vec![Act::Read, write("HTTP/1.1 102 Processing\r\n\r\n"), Act::Hang], "again").await;
}

#[tokio::test]
async fn nobody_there_is_tried_again() {
    let service = Script::start([vec![Act::Hang]]).await;
    let config = service.config();
    drop(service);
    // The listener's task ends with its handle, but not at once.
    loop {
        let (kind, cause) = told(open(&with(config.clone(), short())).write(&events(0..1)).await);
        assert_eq!(kind, "again", "{cause}");
        if cause.contains("refused") {
            break;
        }
    }
}

#[tokio::test]
async fn a_success_counts_whatever_becomes_of_its_body() {
    let head = |more: &str| write(&format!("HTTP/1.1 200 OK\r\n{more}\r\n"));
    check(
        "interim, then final",
        vec![Act::Read, write("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n")],
        "delivered",
    )
    .await;
    check("resets in the body", vec![Act::Read, head("content-length: 10\r\n"), write("abc"), Act::Reset], "delivered")
        .await;
    check("closes in the body", vec![Act::Read, head("content-length: 10\r\n"), write("abc"), Act::Close], "delivered")
        .await;
    check("hangs in the body", vec![Act::Read, head("content-length: 10\r\n"), write("abc"), Act::Hang], "delivered")
        .await;
    check("never closes", vec![Act::Read, head(""), write("abc"), Act::Hang], "delivered").await;
    check(
        "a chunk that is none",
        vec![Act::Read, head("transfer-encoding: chunked\r\n"), write("zz\r\n"), Act::Hang],
        "delivered",
    )
    .await;
    let large = vec![Act::Read, head(""), Act::Write(vec![b'x'; 2 << 20]), Act::Close];
    check("too large", large, "delivered").await;
    check("two answers", vec![Act::Read, write(&"HTTP/1.1 204 No Content\r\n\r\n".repeat(2)), Act::Hang], "delivered")
        .await;
}

#[tokio::test]
async fn a_refusal_counts_whatever_becomes_of_its_body() {
    let head = write("HTTP/1.1 422 No\r\ncontent-length: 10\r\n\r\n");
    check("resets", vec![Act::Read, head.clone(), Act::Reset], "refused").await;
    check("hangs", vec![Act::Read, head, Act::Hang], "refused").await;
}

/// With replies the body matters.
async fn check_reply(name: &str, script: Vec<Act>, expected: &str) {
    let replies = Replies::default();
    let place = Place { base_dir: Path::new("."), state_dir: Path::new(".") };
    let _source = replies.open_source("ns/answers", &json!({}), &place).unwrap();
    let service = Script::start([script]).await;
    let config = with(with(service.config(), short()), json!({"replies": {"source": "answers"}, "maxResponse": "1Ki"}));
    let mut sink = open_with(&Http::with_replies(replies.hub()), &config, Path::new("."));
    let (kind, cause) = told(sink.write(&events(0..1)).await);
    assert_eq!(kind, expected, "{name}: {cause}");
}

#[tokio::test]
async fn a_reply_that_does_not_come_whole_is_asked_for_again() {
    let head = |more: &str| write(&format!("HTTP/1.1 200 OK\r\n{EVENT}{more}\r\n"));
    check_reply("resets", vec![Act::Read, head("content-length: 10\r\n"), write("abc"), Act::Reset], "again").await;
    check_reply("closes", vec![Act::Read, head("content-length: 10\r\n"), write("abc"), Act::Close], "again").await;
    check_reply("hangs", vec![Act::Read, head("content-length: 10\r\n"), write("abc"), Act::Hang], "again").await;
    let large = vec![Act::Read, head("content-length: 2000\r\n"), Act::Write(vec![b'x'; 2000]), Act::Hang];
    check_reply("too large", large, "refused").await;
    let bad = write("HTTP/1.1 200 OK\r\nce-specversion: 1.0\r\ncontent-length: 0\r\n\r\n");
    check_reply("no event", vec![Act::Read, bad, Act::Hang], "refused").await;
    let other = write("HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-length: 10\r\n\r\n");
    check_reply("no reply, broken off", vec![Act::Read, other, Act::Reset], "delivered").await;
}
