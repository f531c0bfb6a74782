//! A client that keeps one connection and sends one request after another, and a place to listen at.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::client::conn::http1::{self, SendRequest};
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

/// An address nobody listens at now.
pub fn free_address() -> SocketAddr {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap()
}

/// What was answered.
#[derive(Debug)]
pub struct Answer {
    pub status: StatusCode,
    pub retry_after: Option<String>,
    pub content_type: Option<String>,
    pub body: Bytes,
}

impl Answer {
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

/// Connects when it has to. An error leaves it without a connection: whether the request came through is not known.
#[derive(Debug)]
pub struct Client {
    address: SocketAddr,
    connection: Option<SendRequest<Full<Bytes>>>,
}

impl Client {
    pub fn new(address: SocketAddr) -> Client {
        Client { address, connection: None }
    }

    pub async fn send(&mut self, request: Request<Full<Bytes>>) -> Result<Answer, String> {
        let answer = self.try_send(request).await;
        if answer.is_err() {
            self.connection = None;
        }
        answer
    }

    async fn try_send(&mut self, request: Request<Full<Bytes>>) -> Result<Answer, String> {
        let text = |error: &dyn std::error::Error| error.to_string();
        if self.connection.as_ref().is_none_or(SendRequest::is_closed) {
            let stream = TcpStream::connect(self.address).await.map_err(|error| text(&error))?;
            stream.set_nodelay(true).map_err(|error| text(&error))?;
            let (sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(|error| text(&error))?;
            tokio::spawn(connection);
            self.connection = Some(sender);
        }
        let sender = self.connection.as_mut().expect("just connected");
        sender.ready().await.map_err(|error| text(&error))?;
        let (head, body) = sender.send_request(request).await.map_err(|error| text(&error))?.into_parts();
        let header = |name: &str| head.headers.get(name).map(|value| value.to_str().unwrap().to_owned());
        let body = body.collect().await.map_err(|error| text(&error))?.to_bytes();
        Ok(Answer {
            status: head.status,
            retry_after: header("retry-after"),
            content_type: header("content-type"),
            body,
        })
    }

    /// One event in binary mode.
    pub async fn post(&mut self, headers: &[(&str, &str)], body: impl Into<Bytes>) -> Result<Answer, String> {
        let mut request = Request::post("/").header("host", "test");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        self.send(request.body(Full::new(body.into())).unwrap()).await
    }

    /// Structured events, as one batch.
    pub async fn post_batch(&mut self, events: &[String]) -> Result<Answer, String> {
        let body = format!("[{}]", events.join(","));
        self.post(&[("content-type", "application/cloudevents-batch+json")], body).await
    }

    /// One structured event.
    pub async fn post_event(&mut self, event: &str) -> Result<Answer, String> {
        self.post(&[("content-type", "application/cloudevents+json")], event.to_owned()).await
    }

    pub async fn get(&mut self, path: &str) -> Result<Answer, String> {
        self.send(Request::get(path).header("host", "test").body(Full::default()).unwrap()).await
    }
}

/// What a server of the tests answers.
pub fn respond(status: StatusCode) -> Response<Full<Bytes>> {
    Response::builder().status(status).body(Full::default()).unwrap()
}
