//! Services to post to: a real HTTP server that answers as told, and one that is only a script of bytes.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use serde_json::{Value, json};
use tidegate_connector_http::binding;
use tidegate_event::Event;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

pub(super) type Answer = Response<Full<Bytes>>;
type Handler = dyn Fn(&Request<Bytes>) -> Answer + Send + Sync;

/// A service; gone when it is dropped.
pub(super) struct Upstream {
    pub(super) address: SocketAddr,
    requests: Arc<Mutex<Vec<Request<Bytes>>>>,
    connections: Arc<AtomicUsize>,
    accepting: tokio::task::JoinHandle<()>,
}

impl Drop for Upstream {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

/// An answer without a body.
pub(super) fn status(status: u16) -> Answer {
    let mut answer = Response::new(Full::default());
    *answer.status_mut() = StatusCode::from_u16(status).unwrap();
    answer
}

pub(super) fn with_header(mut answer: Answer, name: &'static str, value: &str) -> Answer {
    answer.headers_mut().insert(name, value.parse().unwrap());
    answer
}

pub(super) fn with_body(status_code: u16, content_type: &str, body: impl Into<Bytes>) -> Answer {
    let mut answer = with_header(status(status_code), "content-type", content_type);
    *answer.body_mut() = Full::new(body.into());
    answer
}

impl Upstream {
    /// Plain HTTP.
    pub(super) async fn start(handler: impl Fn(&Request<Bytes>) -> Answer + Send + Sync + 'static) -> Upstream {
        Self::over(handler, |tcp| async { Some(tcp) }).await
    }

    /// HTTP over what `wrap` makes of a connection.
    pub(super) async fn over<S, F>(
        handler: impl Fn(&Request<Bytes>) -> Answer + Send + Sync + 'static,
        wrap: impl Fn(TcpStream) -> F + Send + Sync + 'static,
    ) -> Upstream
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
        F: Future<Output = Option<S>> + Send + 'static,
    {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let handler: Arc<Handler> = Arc::new(handler);
        let (requests, connections) = (Arc::new(Mutex::new(Vec::new())), Arc::new(AtomicUsize::new(0)));
        let (seen, count) = (requests.clone(), connections.clone());
        let accepting = tokio::spawn(async move {
            let mut serving = tokio::task::JoinSet::new();
            while let Ok((tcp, _)) = listener.accept().await {
                count.fetch_add(1, Ordering::SeqCst);
                let (wrapped, handler, seen) = (wrap(tcp), handler.clone(), seen.clone());
                serving.spawn(async move {
                    if let Some(stream) = wrapped.await {
                        serve(stream, handler, seen).await;
                    }
                });
            }
        });
        Upstream { address, requests, connections, accepting }
    }

    pub(super) fn url(&self) -> String {
        format!("http://{}/events?tenant=7", self.address)
    }

    pub(super) fn config(&self) -> Value {
        json!({"url": self.url()})
    }

    pub(super) fn requests(&self) -> Vec<Request<Bytes>> {
        self.requests.lock().unwrap().clone()
    }

    /// The events of all requests that were answered, in the order they came.
    pub(super) fn events(&self) -> Vec<Event> {
        self.requests().iter().filter(|request| request.method() == "POST").flat_map(decoded).collect()
    }

    pub(super) fn ids(&self) -> Vec<String> {
        self.events().iter().map(|event| event.id().to_owned()).collect()
    }

    pub(super) fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }
}

/// What a request carries.
pub(super) fn decoded(request: &Request<Bytes>) -> Vec<Event> {
    binding::decode(request.headers(), request.body().clone()).unwrap().events
}

async fn serve<S>(stream: S, handler: Arc<Handler>, seen: Arc<Mutex<Vec<Request<Bytes>>>>)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let service = service_fn(move |request: Request<Incoming>| {
        let (handler, seen) = (handler.clone(), seen.clone());
        async move {
            let (parts, body) = request.into_parts();
            // A client that goes away is its own test.
            let Ok(body) = body.collect().await else { return Ok(status(400)) };
            let request = Request::from_parts(parts, body.to_bytes());
            // One at a time: what is seen is in the order of the answers.
            let mut seen = seen.lock().unwrap();
            let answer = handler(&request);
            seen.push(request);
            Ok::<_, Infallible>(answer)
        }
    });
    // It ends when the client goes.
    let _ = auto::Builder::new(TokioExecutor::new()).serve_connection(TokioIo::new(stream), service).await;
}

/// A service of bytes: each connection has its script, the last one all further ones.
pub(super) struct Script {
    pub(super) address: SocketAddr,
    connections: Arc<AtomicUsize>,
    accepting: tokio::task::JoinHandle<()>,
}

impl Drop for Script {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

/// What happens on a scripted connection, after the one before it.
#[derive(Clone, Debug)]
pub(super) enum Act {
    /// Reads a request, head and body.
    Read,
    Write(Vec<u8>),
    Wait(Duration),
    /// So that the other side sees a reset.
    Reset,
    Close,
    /// For ever.
    Hang,
}

pub(super) fn write(text: &str) -> Act {
    Act::Write(text.as_bytes().to_vec())
}

impl Script {
    pub(super) async fn start(scripts: impl IntoIterator<Item = Vec<Act>>) -> Script {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let scripts: Vec<Vec<Act>> = scripts.into_iter().collect();
        let connections = Arc::new(AtomicUsize::new(0));
        let count = connections.clone();
        let accepting = tokio::spawn(async move {
            let mut playing = tokio::task::JoinSet::new();
            while let Ok((tcp, _)) = listener.accept().await {
                let script = scripts[count.fetch_add(1, Ordering::SeqCst).min(scripts.len() - 1)].clone();
                playing.spawn(play(tcp, script));
            }
        });
        Script { address, connections, accepting }
    }

    pub(super) fn config(&self) -> Value {
        json!({"url": format!("http://{}/", self.address)})
    }

    pub(super) fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }
}

async fn play(mut tcp: TcpStream, script: Vec<Act>) {
    for act in script {
        match act {
            Act::Read => {
                if read_request(&mut tcp).await.is_none() {
                    return;
                }
            }
            Act::Write(bytes) => {
                // The client may have had enough.
                let _ = tcp.write_all(&bytes).await;
            }
            Act::Reset => {
                tcp.set_zero_linger().unwrap();
                return;
            }
            Act::Close => return,
            Act::Wait(time) => tokio::time::sleep(time).await,
            Act::Hang => std::future::pending::<()>().await,
        }
    }
}

async fn read_request(tcp: &mut TcpStream) -> Option<()> {
    let mut bytes = Vec::new();
    let head = loop {
        if let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
            break end + 4;
        }
        if tcp.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
    };
    let text = String::from_utf8_lossy(&bytes[..head]).to_lowercase();
    let length = text.lines().find_map(|line| line.strip_prefix("content-length:"))?.trim().parse::<usize>().ok()?;
    while bytes.len() < head + length {
        if tcp.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
    }
    Some(())
}
