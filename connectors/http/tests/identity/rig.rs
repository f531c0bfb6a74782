//! A listener of the public connector, and clients that write what they like.

use std::fs;
use std::path::Path;
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};
use tempfile::TempDir;
use tidegate_connector::{Connector, Place, Settled};
use tidegate_connector_http::Http;
use tidegate_event::Event;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

pub(crate) const BODY: &str = r#"{"specversion":"1.0","id":"1","source":"/s","type":"t","principal":"forged"}"#;

/// `shop` has the token `t0ken`, `alice` the password `word`.
pub(crate) fn auth() -> Value {
    json!({
        "bearer": {"tokens": [{"principal": "shop", "secret": {"file": "token"}}]},
        "basic": {"users": [{"name": "alice", "secret": {"file": "password"}}]},
    })
}

/// A listener, and a host that acknowledges everything.
pub(crate) struct Rig {
    _dir: TempDir,
    pub(crate) address: String,
    events: Arc<Mutex<Vec<Event>>>,
    _lanes: JoinSet<()>,
}

impl Rig {
    pub(crate) async fn new(other: Value) -> Rig {
        let dir = tempfile::tempdir().unwrap();
        Self::at(dir, other).await
    }

    pub(crate) async fn at(dir: TempDir, other: Value) -> Rig {
        fs::write(dir.path().join("token"), "t0ken\n").unwrap();
        fs::write(dir.path().join("password"), "word\n").unwrap();
        let mut config = json!({"listen": "127.0.0.1:0", "lanes": 1});
        config.as_object_mut().unwrap().extend(other.as_object().unwrap().clone());
        let place = Place { base_dir: dir.path(), state_dir: dir.path() };
        let mut source = Http::default().open_source("test/source", &config, &place).unwrap();
        let mut lane = source.lane().await.unwrap().unwrap();
        let address = lane.name().rsplit_once('/').unwrap().0.to_owned();
        let events = Arc::new(Mutex::new(Vec::new()));
        let mut lanes = JoinSet::new();
        let delivered = events.clone();
        lanes.spawn(async move {
            let _source = source;
            while let Some(delivery) = lane.next().await.unwrap() {
                delivered.lock().unwrap().extend(delivery.events);
                delivery.settlement.settle(Settled::Ack).await.unwrap();
            }
        });
        Rig { _dir: dir, address, events, _lanes: lanes }
    }

    /// The principals of what was delivered since the last time.
    pub(crate) fn principals(&self) -> Vec<Option<String>> {
        let events = std::mem::take(&mut *self.events.lock().unwrap());
        events.iter().map(|event| event.context("principal").map(|principal| principal.to_string())).collect()
    }

    pub(crate) async fn connect(&self) -> Client<TcpStream> {
        Client(TcpStream::connect(&self.address).await.unwrap())
    }

    /// Sends a request on a connection of its own.
    pub(crate) async fn send(&self, request: impl AsRef<[u8]>) -> Answer {
        self.connect().await.send(request).await
    }

    /// Sends something that must not get in.
    pub(crate) async fn refuses(&self, name: &str, request: impl AsRef<[u8]>, status: u16) {
        let answer = self.send(request).await;
        assert_eq!(answer.status, status, "{name}: {}", answer.body);
        assert_eq!(self.principals(), Vec::<Option<String>>::new(), "{name}");
    }

    /// Sends something that gets in as `principal`.
    pub(crate) async fn accepts(&self, name: &str, request: impl AsRef<[u8]>, principal: &str) {
        let answer = self.send(request).await;
        assert_eq!(answer.status, 204, "{name}: {}", answer.body);
        assert_eq!(self.principals(), [Some(principal.to_owned())], "{name}");
    }
}

/// A good request, but for its line and further header lines.
pub(crate) fn request(line: &str, headers: &str) -> String {
    let length = BODY.len();
    format!(
        "{line}\r\nhost: a\r\ncontent-type: application/cloudevents+json\r\ncontent-length: {length}\r\n{headers}\r\n{BODY}"
    )
}

/// The same, to the path that every rig here has.
pub(crate) fn post(headers: &str) -> String {
    request("POST /events HTTP/1.1", headers)
}

/// A connection of HTTP/1.1, byte for byte.
pub(crate) struct Client<S>(pub(crate) S);

#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    /// In lower case.
    pub(crate) head: String,
    pub(crate) body: String,
}

impl<S: AsyncReadExt + AsyncWriteExt + Unpin> Client<S> {
    pub(crate) async fn write(&mut self, request: impl AsRef<[u8]>) {
        self.0.write_all(request.as_ref()).await.unwrap();
        self.0.flush().await.unwrap();
    }

    pub(crate) async fn send(&mut self, request: impl AsRef<[u8]>) -> Answer {
        self.write(request).await;
        self.answer().await.expect("an answer")
    }

    /// `None` where the connection ends without one.
    pub(crate) async fn answer(&mut self) -> Option<Answer> {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(self.0.read_u8().await.ok()?);
        }
        let head = String::from_utf8(head).unwrap().to_lowercase();
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        let length = head.split("\r\ncontent-length: ").nth(1).and_then(|rest| rest.split('\r').next());
        let mut body = vec![0; length.map_or(0, |length| length.parse().unwrap())];
        self.0.read_exact(&mut body).await.ok()?;
        Some(Answer { status, head, body: String::from_utf8(body).unwrap() })
    }
}

pub(crate) fn write(dir: &Path, file: &str, content: &str) {
    fs::write(dir.join(file), content).unwrap();
}
