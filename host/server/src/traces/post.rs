//! How spans get to the collector: one client for it, over HTTP/1.1, with TLS where the endpoint says so.

use std::{
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use async_trait::async_trait;
use http_body_util::{BodyExt as _, Full, Limited};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};
use opentelemetry_http::{Bytes, HttpClient, HttpError, Request, Response};
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceResponse;
use prost::Message as _;
use rustls::{ClientConfig, RootCertStore, crypto::ring};
use tidegate_connector::chain;
use tokio::time::timeout;

use super::settings::Settings;
use crate::{
    authorities,
    problem::{OrProblem as _, problem},
};

/// Bytes of an answer that are read: it says next to nothing.
const ANSWER_BYTES_MAX: usize = 1 << 20;

/// What the exporter does not tell: it says only that a request failed.
#[derive(Debug, Default)]
pub(super) struct Heard {
    trouble: Mutex<Option<String>>,
    /// Spans that the collector has refused, in requests it has taken.
    rejected: AtomicU64,
}

impl Heard {
    /// What went wrong last, once.
    pub(super) fn trouble(&self) -> Option<String> {
        self.trouble.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// How many were refused since it was asked last.
    pub(super) fn rejected(&self) -> u64 {
        self.rejected.swap(0, Relaxed)
    }

    fn note(&self, trouble: String) {
        *self.trouble.lock().unwrap_or_else(PoisonError::into_inner) = Some(trouble);
    }
}

/// Makes requests.
#[derive(Debug)]
pub(super) struct Poster {
    client: Client<HttpsConnector<HttpConnector>, Full<Bytes>>,
    timeout: Duration,
    heard: Arc<Heard>,
}

impl Poster {
    /// Connects to nothing yet.
    pub(super) fn new(settings: &Settings) -> anyhow::Result<(Poster, Arc<Heard>)> {
        let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .or_problem("TLS cannot be set up", "")?
            .with_root_certificates(roots(settings)?)
            .with_no_client_auth();
        let connector = HttpsConnectorBuilder::new().with_tls_config(config).https_or_http().enable_http1().build();
        let client = Client::builder(TokioExecutor::new()).build(connector);
        let heard = Arc::<Heard>::default();
        Ok((Poster { client, timeout: settings.timeout, heard: heard.clone() }, heard))
    }

    async fn exchange(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let (head, body) = self.client.request(request.map(Full::new)).await?.into_parts();
        let body = Limited::new(body, ANSWER_BYTES_MAX).collect().await?.to_bytes();
        Ok(Response::from_parts(head, body))
    }
}

#[async_trait]
impl HttpClient for Poster {
    async fn send_bytes(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let answer = match timeout(self.timeout, self.exchange(request)).await {
            Ok(answer) => answer,
            Err(_) => Err(format!("no answer within {:?}", self.timeout).into()),
        };
        match &answer {
            // The client's own words are `client error (Connect)`.
            Err(error) => self.heard.note(chain(&**error)),
            Ok(answer) if answer.status().is_success() => {
                // An answer that is no message says nothing.
                let said = ExportTraceServiceResponse::decode(answer.body().clone()).unwrap_or_default();
                if let Some(partial) = said.partial_success.filter(|partial| partial.rejected_spans > 0) {
                    self.heard.rejected.fetch_add(u64::try_from(partial.rejected_spans).unwrap_or(0), Relaxed);
                    self.heard.note(format!("the collector rejects some: {}", partial.error_message));
                }
            }
            Ok(answer) => self.heard.note(format!("the collector answers {}", answer.status())),
        }
        answer
    }
}

/// Whom to trust; nobody where no TLS is spoken.
fn roots(settings: &Settings) -> anyhow::Result<RootCertStore> {
    let mut roots = RootCertStore::empty();
    match &settings.authority {
        _ if !settings.secure => {}
        Some(file) => {
            let failed = format!("OTEL_EXPORTER_OTLP_CERTIFICATE: {} cannot be used", file.display());
            roots = authorities::read(file, &failed, "")?;
        }
        None => {
            // Some of a system's roots are too odd for any client; the others count.
            roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
            if roots.is_empty() {
                let hint = "name a file with OTEL_EXPORTER_OTLP_CERTIFICATE";
                return Err(problem(format!("the system has no certificates of authorities to trust: {hint}"), ""));
            }
        }
    }
    Ok(roots)
}
