//! A connection to the servers, kept up by the client; this tells what becomes of it.

use std::sync::Arc;
use std::time::Duration;

use async_nats::{Auth as Credentials, AuthError, Client, ConnectOptions, Event, Subject};
use bytes::Bytes;
use futures_util::StreamExt;
use tidegate_connector::{Secret, SourceError};
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
    pub(crate) async fn open(config: &Opened, name: &str) -> Result<Link, ConnectError> {
        let place: Arc<str> = config.servers.join(", ").into();
        let failed = |cause: String| ConnectError { place: place.clone(), cause };
        let (told, state) = watch::channel(State::default());
        let options = options(config).await.map_err(failed)?.name(name).event_callback(move |event| {
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
        Event::ClientError(error) => state.problem = Some(error.to_string()),
        Event::LameDuckMode | Event::Draining => {}
    }
}

async fn options(config: &Opened) -> Result<ConnectOptions, String> {
    let mut options = match &config.auth {
        None => ConnectOptions::new(),
        // Asked for anew at each connection: what was exchanged is used.
        Some(Auth::User { name, password }) => {
            let (name, password) = (name.clone(), password.clone());
            text(&password)?;
            with(move || {
                let mut credentials = Credentials::new();
                credentials.username = Some(name.clone());
                credentials.password = Some(text(&password)?);
                Ok(credentials)
            })
        }
        Some(Auth::Token(token)) => {
            let token = token.clone();
            text(&token)?;
            with(move || {
                let mut credentials = Credentials::new();
                credentials.token = Some(text(&token)?);
                Ok(credentials)
            })
        }
        Some(Auth::Nkey(seed)) => ConnectOptions::with_nkey(text(seed)?),
        Some(Auth::Credentials(file)) => {
            // What exactly is wrong is not shown: it might show the credentials.
            ConnectOptions::with_credentials(&text(file)?).map_err(|_| "the credentials are no credentials file")?
        }
    };
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

fn with(credentials: impl Fn() -> Result<Credentials, String> + Send + Sync + 'static) -> ConnectOptions {
    ConnectOptions::with_auth_callback(move |_nonce| {
        let found = credentials().map_err(AuthError::new);
        async move { found }
    })
}

fn text(secret: &Secret) -> Result<String, String> {
    let value = secret.read().map_err(|error| error.to_string())?;
    String::from_utf8(value.to_vec()).map_err(|_| "the secret is not UTF-8".to_owned())
}

/// An error and what caused it, on one line.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let mut said = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let cause_said = cause.to_string();
        if !said.contains(&cause_said) {
            said = format!("{said}: {cause_said}");
        }
        source = cause.source();
    }
    said
}
