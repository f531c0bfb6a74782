//! A connection to the servers, kept up by the client; this tells what becomes of it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_nats::{Auth as Credentials, AuthError, Client, ClientError, ConnectOptions, Event, Subject};
use bytes::Bytes;
use futures_util::StreamExt;
use tidegate_connector::{Secret, SourceError, chain};
use tokio::sync::watch;

use crate::config::connection::{Auth, Opened};

/// A connection on which nothing comes for two of these is given up.
const PING_EVERY: Duration = Duration::from_secs(10);
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
const FLUSH_PATIENCE: Duration = Duration::from_secs(5);
/// Commands that wait for the connection; past that a publisher waits.
const COMMANDS_MAX: usize = 4096;

/// An open connection. Clones share it; it ends with the last.
#[derive(Clone, Debug)]
pub(crate) struct Link {
    pub(crate) client: Client,
    pub(crate) state: watch::Receiver<State>,
    /// The servers, as operators know them.
    pub(crate) place: Arc<str>,
}

/// What happens to a connection that is lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kept {
    /// The client connects again, and goes on with what it had been told to do.
    Up,
    /// It is over, with all that was not sent yet: what is published behind a loss must not overtake what was lost.
    Once,
}

/// What became of a connection since it was opened.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct State {
    pub(crate) up: bool,
    /// How often it was lost.
    pub(crate) losses: u64,
    /// What was said last.
    pub(crate) problem: Option<String>,
}

/// Why there is no connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ConnectError {
    pub(crate) place: Arc<str>,
    pub(crate) cause: String,
}

impl From<ConnectError> for SourceError {
    fn from(ConnectError { place, cause }: ConnectError) -> Self {
        SourceError::Transient { place: place.to_string(), cause }
    }
}

impl Link {
    /// Connects, once; `name` is what the server lists us as.
    pub(crate) async fn open(config: &Opened, name: &str, kept: Kept) -> Result<Link, ConnectError> {
        let place: Arc<str> = config.servers.join(", ").into();
        let failed = |cause: String| ConnectError { place: place.clone(), cause };
        let (told, state) = watch::channel(State::default());
        let options = options(config, kept).map_err(failed)?.name(name).event_callback(move |event| {
            told.send_modify(|state| note(state, &event));
            async {}
        });
        let client = options.connect(&config.servers).await.map_err(|error| failed(chain(&error)))?;
        let mut seen = state.clone();
        // The callback tells of the connection right after it is there.
        let up = seen.wait_for(|state| state.up || state.losses > 0);
        let _ = tokio::time::timeout(CONNECT_TIMEOUT, up).await;
        Ok(Link { client, state, place })
    }

    /// Whether it stands since it was lost so often.
    pub(crate) fn is_up(&self, losses: u64) -> bool {
        let state = self.state.borrow();
        state.up && state.losses == losses
    }

    /// Waits for it to stand; false where it does not in time.
    pub(crate) async fn wait_up(&self, patience: Duration) -> bool {
        let mut state = self.state.clone();
        let up = state.wait_for(|state| state.up);
        tokio::time::timeout(patience, up).await.is_ok_and(|up| up.is_ok())
    }

    /// Publishes something small; false where the connection is lost, or is lost meanwhile.
    pub(crate) async fn tell(&self, subject: Subject, payload: Bytes) -> bool {
        let mut state = self.state.clone();
        tokio::select! {
            sent = self.client.publish(subject, payload) => sent.is_ok(),
            _ = state.wait_for(|state| !state.up) => false,
        }
    }

    /// Waits for the server to have taken what was published.
    pub(crate) async fn flush(&self) -> Result<(), String> {
        let mut state = self.state.clone();
        let losses = state.borrow().losses;
        let flushed = async {
            // The client's own flush ends with the write; an answer tells that it was read.
            let inbox = self.client.new_inbox();
            let mut answers = self.client.subscribe(inbox.clone()).await.map_err(|e| chain(&e))?;
            self.client.publish(inbox, Bytes::new()).await.map_err(|e| chain(&e))?;
            answers.next().await.map(drop).ok_or_else(|| "the subscription ended".to_owned())
        };
        tokio::select! {
            flushed = tokio::time::timeout(FLUSH_PATIENCE, flushed) => {
                flushed.unwrap_or_else(|_| Err("the server did not answer in time".to_owned()))
            }
            _ = state.wait_for(|state| state.losses != losses || !state.up) => Err(self.trouble()),
        }
    }

    /// What is wrong while it is down.
    pub(crate) fn trouble(&self) -> String {
        match &self.state.borrow().problem {
            Some(problem) => format!("the connection is lost ({problem}); connecting again"),
            None => "the connection is lost; connecting again".to_owned(),
        }
    }
}

fn note(state: &mut State, event: &Event) {
    match event {
        Event::Connected => {
            state.up = true;
            state.problem = None;
        }
        Event::Disconnected | Event::Closed => {
            state.losses += u64::from(state.up);
            state.up = false;
        }
        Event::SlowConsumer(_) => state.problem = Some("messages came faster than they were taken".to_owned()),
        Event::ServerError(error) => state.problem = Some(error.to_string()),
        // Of its own making where a connection is not kept.
        Event::ClientError(ClientError::MaxReconnects) => {}
        Event::ClientError(error) => state.problem = Some(error.to_string()),
        Event::LameDuckMode | Event::Draining => {}
    }
}

fn options(config: &Opened, kept: Kept) -> Result<ConnectOptions, String> {
    let auth = config.auth.clone();
    // What cannot be read is told now, by name; later it is the client that tells.
    auth.as_ref().map(|auth| answer(auth, &[])).transpose()?;
    let met = AtomicBool::new(false);
    // Asked at each connection: what was exchanged is used.
    let mut options = ConnectOptions::with_auth_callback(move |nonce| {
        let once = kept == Kept::Once && met.swap(true, Ordering::Relaxed);
        let found = match &auth {
            _ if once => Err("this connection is not made again".to_owned()),
            None => Ok(Credentials::new()),
            Some(auth) => answer(auth, &nonce),
        };
        async move { found.map_err(AuthError::new) }
    });
    if kept == Kept::Once {
        options = options.max_reconnects(config.servers.len());
    }
    if let Some(tls) = &config.tls {
        options = options.require_tls(true);
        if let Some(ca) = &tls.ca {
            options = options.add_root_certificates(ca.clone());
        }
        if let Some((certificate, key)) = &tls.client {
            options = options.add_client_certificate(certificate.clone(), key.clone());
        }
        if tls.first {
            options = options.tls_first();
        }
    }
    Ok(options.ping_interval(PING_EVERY).connection_timeout(CONNECT_TIMEOUT).client_capacity(COMMANDS_MAX))
}

/// What a server is told when it asks who we are.
fn answer(auth: &Auth, nonce: &[u8]) -> Result<Credentials, String> {
    let mut credentials = Credentials::new();
    match auth {
        Auth::User { name, password } => {
            credentials.username = Some(name.clone());
            credentials.password = Some(text(password)?);
        }
        Auth::Token(token) => credentials.token = Some(text(token)?),
        Auth::Nkey(seed) => {
            let (public, signature) = sign(text(seed)?.trim(), nonce)?;
            credentials.nkey = Some(public);
            credentials.signature = Some(signature);
        }
        Auth::Credentials(file) => {
            let text = text(file)?;
            let part = |name| between(&text, name).ok_or_else(|| format!("the credentials have no `{name}`"));
            credentials.jwt = Some(part("USER JWT")?.to_owned());
            credentials.signature = Some(sign(part("USER NKEY SEED")?, nonce)?.1);
        }
    }
    Ok(credentials)
}

/// The public key of a seed, and what it signs. What exactly is wrong is not shown: it might show the seed.
fn sign(seed: &str, nonce: &[u8]) -> Result<(String, Vec<u8>), String> {
    let pair = nkeys::KeyPair::from_seed(seed).map_err(|_| "the secret is no seed of an nkey")?;
    let signature = pair.sign(nonce).map_err(|_| "the secret is no seed of an nkey")?;
    Ok((pair.public_key(), signature))
}

/// The line between `-----BEGIN … NAME-----` and `------END … NAME------`.
fn between<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    let mut lines = text.lines().map(str::trim);
    lines.find(|line| line.starts_with("-----BEGIN") && line.contains(name))?;
    lines.find(|line| !line.is_empty()).filter(|line| !line.starts_with("---"))
}

fn text(secret: &Secret) -> Result<String, String> {
    let value = secret.read().map_err(|error| error.to_string())?;
    String::from_utf8(value.to_vec()).map_err(|_| "the secret is not UTF-8".to_owned())
}
