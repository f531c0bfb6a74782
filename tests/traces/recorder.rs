//! Whoever is posted to: takes every request, keeps it, and says that it is fine. A collector to one test, a service to another.

use std::io::{self, BufRead as _, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::{KeyValue, any_value::Value};
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, Span};
use prost::Message as _;
use rustls::crypto::ring;
use rustls::pki_types::PrivateKeyDer;
use rustls::{ServerConfig, ServerConnection, StreamOwned};

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
    url: String,
    requests: Arc<Mutex<Vec<Request>>>,
}

impl Recorder {
    pub fn start() -> Recorder {
        Recorder::listen("http://127.0.0.1", |stream, kept| serve(stream, kept, &[]))
    }

    /// Every answer has this body.
    pub fn saying(body: Vec<u8>) -> Recorder {
        Recorder::listen("http://127.0.0.1", move |stream, kept| serve(stream, kept, &body))
    }

    /// Speaks TLS; and the certificate to trust it by, in PEM.
    pub fn secure() -> (Recorder, String) {
        let params = rcgen::CertificateParams::new(vec!["localhost".to_owned()]).expect("parameters");
        let key = rcgen::KeyPair::generate().expect("a key");
        let certificate = params.self_signed(&key).expect("a certificate");
        let secret = PrivateKeyDer::Pkcs8(key.serialize_der().into());
        let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .expect("versions of TLS")
            .with_no_client_auth()
            .with_single_cert(vec![certificate.der().clone()], secret)
            .expect("a certificate that fits its key");
        let config = Arc::new(config);
        let recorder = Recorder::listen("https://localhost", move |stream, kept| {
            let connection = ServerConnection::new(config.clone()).map_err(io::Error::other)?;
            serve(StreamOwned::new(connection, stream), kept, &[])
        });
        (recorder, certificate.pem())
    }

    fn listen(
        origin: &str,
        serve: impl Fn(TcpStream, &Mutex<Vec<Request>>) -> io::Result<()> + Send + Sync + 'static,
    ) -> Recorder {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = listener.local_addr().expect("its address").port();
        let requests = Arc::<Mutex<Vec<Request>>>::default();
        let (kept, serve) = (requests.clone(), Arc::new(serve));
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (kept, serve) = (kept.clone(), serve.clone());
                // A connection that breaks has nothing more to say.
                thread::spawn(move || drop(serve(stream, &kept)));
            }
        });
        Recorder { url: format!("{origin}:{port}"), requests }
    }

    pub fn url(&self) -> String {
        self.url.clone()
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
fn serve(stream: impl Read + Write, kept: &Mutex<Vec<Request>>, body: &[u8]) -> io::Result<()> {
    let mut reader = BufReader::new(stream);
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
        let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n", body.len());
        reader.get_mut().write_all(&[head.as_bytes(), body].concat())?;
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
