//! Whoever is posted to: takes every request, keeps it, and says that it is fine. A collector to one test, a service to another.

use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::{KeyValue, any_value::Value};
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, Span};
use prost::Message as _;

/// A request as it came.
#[derive(Clone, Debug)]
pub struct Request {
    pub path: String,
    /// Names in lower case.
    headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Request {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }
}

/// Listens until the tests have ended.
#[derive(Clone, Debug)]
pub struct Recorder {
    pub address: String,
    requests: Arc<Mutex<Vec<Request>>>,
}

impl Recorder {
    pub fn start() -> Recorder {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("its address").to_string();
        let requests = Arc::<Mutex<Vec<Request>>>::default();
        let kept = requests.clone();
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let kept = kept.clone();
                // A connection that breaks has nothing more to say.
                thread::spawn(move || drop(serve(stream, &kept)));
            }
        });
        Recorder { address, requests }
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub fn requests(&self) -> Vec<Request> {
        self.requests.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// What was exported so far, by resource.
    pub fn exported(&self) -> Vec<ResourceSpans> {
        let requests = self.requests();
        let decode = |request: &Request| ExportTraceServiceRequest::decode(&*request.body).expect("a request of OTLP");
        requests.iter().map(decode).flat_map(|request| request.resource_spans).collect()
    }

    /// Spans whose name begins so.
    pub fn spans(&self, name: &str) -> Vec<Span> {
        let scopes = self.exported().into_iter().flat_map(|resource| resource.scope_spans);
        scopes.flat_map(|scope| scope.spans).filter(|span| span.name.starts_with(name)).collect()
    }
}

/// One connection, request after request.
fn serve(stream: TcpStream, kept: &Mutex<Vec<Request>>) -> io::Result<()> {
    let mut reader = BufReader::new(stream.try_clone()?);
    let mut writer = stream;
    loop {
        let mut lines = Vec::new();
        loop {
            let mut line = String::new();
            if reader.read_line(&mut line)? == 0 {
                return Ok(());
            }
            match line.trim_end() {
                "" => break,
                line => lines.push(line.to_owned()),
            }
        }
        let path = lines[0].split(' ').nth(1).unwrap_or_default().to_owned();
        let pair = |line: &String| {
            let (name, value) = line.split_once(':')?;
            Some((name.to_ascii_lowercase(), value.trim().to_owned()))
        };
        let mut request = Request { path, headers: lines[1..].iter().filter_map(pair).collect(), body: Vec::new() };
        let length = request.header("content-length").and_then(|length| length.parse().ok()).unwrap_or(0);
        request.body = vec![0; length];
        reader.read_exact(&mut request.body)?;
        kept.lock().unwrap_or_else(PoisonError::into_inner).push(request);
        writer.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")?;
    }
}

/// An attribute as text, whatever its type; empty where there is none.
pub fn attribute(attributes: &[KeyValue], key: &str) -> String {
    let found = attributes.iter().filter(|pair| pair.key == key).collect::<Vec<_>>();
    assert!(found.len() <= 1, "{key} stands there {} times", found.len());
    let value = found.first().and_then(|pair| pair.value.as_ref()?.value.as_ref());
    match value {
        Some(Value::StringValue(text)) => text.clone(),
        Some(Value::IntValue(number)) => number.to_string(),
        Some(other) => format!("{other:?}"),
        None => String::new(),
    }
}

/// A count; 0 where there is none.
pub fn count(span: &Span, key: &str) -> u64 {
    attribute(&span.attributes, key).parse().unwrap_or(0)
}

/// Over all spans.
pub fn sum(spans: &[Span], key: &str) -> u64 {
    spans.iter().map(|span| count(span, key)).sum()
}

pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
