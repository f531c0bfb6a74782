//! A key set behind a URL: asked for in the background, one request at a time, kept for a while when it cannot be had.

use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http::Uri;
use http_body_util::{BodyExt, Empty, Limited};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use tidegate_connector::{ConfigError, chain};
use tokio::sync::watch;
use tokio::time::{Instant, timeout};

use super::KeySet;

/// Bytes of an answer at most.
const ANSWER_BYTES_MAX: usize = 256 << 10;

/// How long things take, apart so that tests need not wait.
#[derive(Clone, Copy, Debug)]
pub(in crate::identity) struct Pace {
    /// Keys older than this are asked for again.
    pub(in crate::identity) refresh: Duration,
    /// Between two requests at least, whatever tokens say.
    pub(in crate::identity) between: Duration,
    /// One request, from the connection to the last byte.
    pub(in crate::identity) request: Duration,
    /// Keys that could not be asked for again are not used longer: one that was withdrawn must not live on.
    pub(in crate::identity) kept: Duration,
}

pub(in crate::identity) const PACE: Pace = Pace {
    refresh: Duration::from_secs(300),
    between: Duration::from_secs(5),
    request: Duration::from_secs(5),
    kept: Duration::from_secs(3600),
};

/// The keys of a URL.
#[derive(Debug)]
pub(in crate::identity) struct Remote(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    url: Uri,
    pace: Pace,
    state: Mutex<State>,
    /// Changes whenever a request has ended.
    ended: watch::Sender<()>,
}

#[derive(Debug, Default)]
struct State {
    keys: Option<Arc<KeySet>>,
    /// The answer that `keys` are of.
    answer: Bytes,
    /// When `keys` were last confirmed.
    fetched: Option<Instant>,
    asked: Option<Instant>,
    asking: bool,
}

impl Remote {
    pub(super) fn compile(url: &str) -> Result<Self, ConfigError> {
        Self::with_pace(url, PACE)
    }

    pub(in crate::identity) fn with_pace(url: &str, pace: Pace) -> Result<Self, ConfigError> {
        let error = |problem: &str| ConfigError::new("/url", problem);
        let url: Uri = url.parse().map_err(|_| error("is no URL"))?;
        if url.authority().is_some_and(|authority| authority.as_str().contains('@')) {
            return Err(error("names and passwords do not belong in a document"));
        }
        match (url.scheme_str(), url.host()) {
            (Some("https"), Some(_)) => {}
            (Some("http"), Some(host)) if is_loopback(host) => {}
            _ => {
                return Err(error("must be `https`, or `http` to this machine")
                    .hint("whoever can change the keys on their way can be anybody"));
            }
        }
        let shared = Shared { url, pace, state: Mutex::default(), ended: watch::Sender::new(()) };
        Ok(Self(Arc::new(shared)))
    }

    pub(super) async fn current(&self) -> Result<Arc<KeySet>, String> {
        let ended = {
            let mut state = self.0.lock();
            if let Some(keys) = state.usable(self.0.pace) {
                if state.fetched.is_none_or(|fetched| fetched.elapsed() >= self.0.pace.refresh) {
                    drop(self.0.ask(&mut state));
                }
                return Ok(keys);
            }
            self.0.ask(&mut state)
        };
        wait(ended).await;
        let keys = self.0.lock().usable(self.0.pace);
        keys.ok_or_else(|| "the keys to check tokens with cannot be had now".to_owned())
    }

    /// Asks again, unless that was just done; `None` where nothing else came of it.
    pub(super) async fn newer(&self, known: &KeySet) -> Option<Arc<KeySet>> {
        let other = |keys: &Arc<KeySet>| keys.number() != known.number();
        let ended = {
            let mut state = self.0.lock();
            if let Some(keys) = state.usable(self.0.pace).filter(other) {
                return Some(keys);
            }
            self.0.ask(&mut state)
        };
        wait(ended).await;
        self.0.lock().usable(self.0.pace).filter(other)
    }
}

fn is_loopback(host: &str) -> bool {
    let address = host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
    host.eq_ignore_ascii_case("localhost") || address.is_ok_and(|address| address.is_loopback())
}

/// Until the request that is under way ends, if one is: no longer than that may take.
async fn wait(ended: Option<watch::Receiver<()>>) {
    if let Some(mut ended) = ended {
        // Never closed: whoever waits holds the other end.
        drop(ended.changed().await);
    }
}

impl State {
    fn usable(&self, pace: Pace) -> Option<Arc<KeySet>> {
        let fresh = self.fetched.is_some_and(|fetched| fetched.elapsed() < pace.kept);
        self.keys.clone().filter(|_| fresh)
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What tells of the end of the request that is under way now; `None` while it is too early for another.
    fn ask(self: &Arc<Self>, state: &mut State) -> Option<watch::Receiver<()>> {
        let ended = self.ended.subscribe();
        if !state.asking {
            if state.asked.is_some_and(|asked| asked.elapsed() < self.pace.between) {
                return None;
            }
            state.asking = true;
            state.asked = Some(Instant::now());
            // In the background: whoever asks may go away, others wait too.
            tokio::spawn(fetch_into(Asking(self.clone())));
        }
        Some(ended)
    }
}

/// A request under way; however it ends, those who wait are told.
struct Asking(Arc<Shared>);

impl Drop for Asking {
    fn drop(&mut self) {
        self.0.lock().asking = false;
        self.0.ended.send_replace(());
    }
}

async fn fetch_into(asking: Asking) {
    let shared = &asking.0;
    let answer = timeout(shared.pace.request, fetch(&shared.url)).await;
    let answer = answer.unwrap_or_else(|_| Err("took too long".to_owned()));
    let mut state = shared.lock();
    let known = state.answer.clone();
    let outcome = answer.and_then(|answer| match state.keys.clone() {
        Some(keys) if answer == known => Ok((answer, keys)),
        Some(_) | None => KeySet::parse(&answer).map(|keys| (answer, Arc::new(keys))),
    });
    match outcome {
        Ok((answer, keys)) => {
            state.keys = Some(keys);
            state.answer = answer;
            state.fetched = Some(Instant::now());
        }
        Err(problem) => tracing::warn!(url = %shared.url, problem, "keys to check tokens with could not be had"),
    }
}

async fn fetch(url: &Uri) -> Result<Bytes, String> {
    // A new client each time: this is once in minutes, and roots are neither held in memory nor out of date.
    let tls = tls_config(url.scheme_str() == Some("https")).await?;
    let mut connector = HttpConnector::new();
    connector.enforce_http(false);
    let connector = hyper_rustls::HttpsConnectorBuilder::new()
        .with_tls_config(tls)
        .https_or_http()
        .enable_http1()
        .enable_http2()
        .wrap_connector(connector);
    let client: Client<_, Empty<Bytes>> = Client::builder(TokioExecutor::new()).build(connector);
    let answer = client.get(url.clone()).await.map_err(|error| chain(&error))?;
    if answer.status() != http::StatusCode::OK {
        return Err(format!("answered {}", answer.status().as_u16()));
    }
    let body = Limited::new(answer.into_body(), ANSWER_BYTES_MAX).collect().await;
    body.map(|body| body.to_bytes()).map_err(|error| chain(&*error))
}

async fn tls_config(with_roots: bool) -> Result<rustls::ClientConfig, String> {
    let mut roots = rustls::RootCertStore::empty();
    if with_roots {
        let found = tokio::task::spawn_blocking(rustls_native_certs::load_native_certs).await;
        roots.add_parsable_certificates(found.map_err(|error| error.to_string())?.certs);
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    Ok(config.map_err(|error| error.to_string())?.with_root_certificates(roots).with_no_client_auth())
}

#[cfg(test)]
mod tests;
