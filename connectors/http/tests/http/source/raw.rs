//! A client of bytes: sends what it is told, and reads responses.

use std::net::SocketAddr;
use std::time::Duration;

use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::rig::soon;

/// A response.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    /// Names in lower case.
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(found, _)| found == name).map(|(_, value)| value.as_str())
    }

    /// The body of a problem, whose status and type are checked.
    pub(crate) fn problem(&self) -> Value {
        assert_eq!(self.header("content-type"), Some("application/problem+json"), "{self:?}");
        let problem: Value = serde_json::from_slice(&self.body).unwrap();
        assert_eq!(problem["status"], self.status, "{problem}");
        problem
    }

    pub(crate) fn detail(&self) -> String {
        self.problem()["detail"].as_str().unwrap().to_owned()
    }
}

/// What counts as no answer.
const SILENCE: Duration = Duration::from_millis(50);

/// A connection.
pub(crate) struct Client {
    stream: TcpStream,
    read: Vec<u8>,
}

impl Client {
    pub(crate) async fn connect(address: SocketAddr) -> Client {
        let stream = TcpStream::connect(address).await.unwrap();
        stream.set_nodelay(true).unwrap();
        Client { stream, read: Vec::new() }
    }

    /// False where the other end is gone.
    pub(crate) async fn send(&mut self, bytes: impl AsRef<[u8]>) -> bool {
        self.stream.write_all(bytes.as_ref()).await.is_ok()
    }

    pub(crate) async fn finish_sending(&mut self) {
        self.stream.shutdown().await.unwrap();
    }

    /// False at the end.
    async fn more(&mut self) -> bool {
        soon("bytes", self.stream.read_buf(&mut self.read)).await.is_ok_and(|count| count > 0)
    }

    /// The next response; `None` where the connection ended before one.
    pub(crate) async fn answer(&mut self) -> Option<Answer> {
        let head_end = loop {
            if let Some(at) = self.read.windows(4).position(|window| window == b"\r\n\r\n") {
                break at + 4;
            }
            if !self.more().await {
                return None;
            }
        };
        let head = String::from_utf8(self.read.drain(..head_end).collect()).unwrap();
        let mut lines = head.trim_end().split("\r\n");
        let status = lines.next().unwrap().split(' ').nth(1).unwrap().parse().unwrap();
        let header = |line: &str| {
            let (name, value) = line.split_once(':').unwrap();
            (name.to_ascii_lowercase(), value.trim().to_owned())
        };
        let headers: Vec<(String, String)> = lines.map(header).collect();
        let mut answer = Answer { status, headers, body: Vec::new() };
        let length: usize = answer.header("content-length").map_or(0, |length| length.parse().unwrap());
        while self.read.len() < length {
            assert!(self.more().await, "the body ended early: {answer:?}");
        }
        answer.body = self.read.drain(..length).collect();
        Some(answer)
    }

    pub(crate) fn local_address(&self) -> SocketAddr {
        self.stream.local_addr().unwrap()
    }

    /// Whether there was no answer in a little while; a test that says so can be wrong only by passing.
    pub(crate) async fn is_silent(&mut self) -> bool {
        tokio::time::timeout(SILENCE, self.stream.readable()).await.is_err()
    }

    /// The same, of now.
    pub(crate) async fn is_open_and_silent(&mut self) -> bool {
        let mut byte = [0];
        matches!(self.stream.try_read(&mut byte), Err(error) if error.kind() == std::io::ErrorKind::WouldBlock)
    }

    /// Waits for the other end to close; true if nothing came before.
    pub(crate) async fn closed(&mut self) -> bool {
        while self.more().await {}
        self.read.is_empty()
    }

    /// Everything until the other end closes.
    pub(crate) async fn rest(&mut self, bytes: &mut Vec<u8>) {
        while self.more().await {}
        bytes.append(&mut self.read);
    }

    pub(crate) async fn ask(&mut self, request: impl AsRef<[u8]>) -> Answer {
        self.send(request).await;
        self.answer().await.expect("the connection ended without an answer")
    }
}

/// One request over a connection of its own.
pub(crate) async fn ask(address: SocketAddr, request: impl AsRef<[u8]>) -> Answer {
    Client::connect(address).await.ask(request).await
}

/// A request with these headers and body.
pub(crate) fn request(start: &str, headers: &[(&str, &str)], body: impl AsRef<[u8]>) -> Vec<u8> {
    let body = body.as_ref();
    let mut head = format!("{start} HTTP/1.1\r\nhost: test\r\ncontent-length: {}\r\n", body.len());
    for (name, value) in headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    [head.as_bytes(), b"\r\n", body].concat()
}

/// An event in binary mode; `more` headers besides.
pub(crate) fn event(id: &str, ty: &str, more: &[(&str, &str)]) -> Vec<u8> {
    let mut headers = vec![("ce-specversion", "1.0"), ("ce-id", id), ("ce-type", ty), ("ce-source", "/test")];
    headers.extend(more);
    headers.push(("content-type", "text/plain"));
    request("POST /", &headers, "data")
}

/// A batch of `(id, type, key)`.
pub(crate) fn batch(events: &[(&str, &str, &str)]) -> Vec<u8> {
    let one = |(id, ty, key): &(&str, &str, &str)| serde_json::json!({"specversion": "1.0", "id": id, "type": ty, "source": "/test", "partitionkey": key});
    let body = Value::Array(events.iter().map(one).collect()).to_string();
    request("POST /", &[("content-type", "application/cloudevents-batch+json")], body)
}
