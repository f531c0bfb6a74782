//! The admin API of a running host, as commands use it: where it is, who asks, one request at a time.

use std::{path::PathBuf, sync::Arc};

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::{Request, body::Incoming, client::conn::http1};
use hyper_util::rt::TokioIo;
use rustls::{
    ClientConfig,
    crypto::ring,
    pki_types::{CertificateDer, PrivateKeyDer, ServerName, pem::PemObject as _},
};
use serde_json::Value;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
};
use tokio_rustls::TlsConnector;

use crate::{
    admin::access::LOCAL_FILE,
    authorities,
    commands::run::default_state_dir,
    problem::{OrProblem as _, problem},
};

/// Bytes of an answer that are read.
const ANSWER_BYTES_MAX: usize = 512 << 20;

/// Which host, and who asks.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct HostArgs {
    /// The admin port of the host
    #[arg(
        long,
        value_name = "HOST:PORT",
        default_value = "127.0.0.1:9902",
        env = "TIDEGATE_ADMIN",
        hide_env_values = true,
        help_heading = "Host"
    )]
    admin: String,
    /// A file with the token [default: $TIDEGATE_TOKEN, else the one in the state directory]
    #[arg(long, value_name = "FILE", help_heading = "Host")]
    token_file: Option<PathBuf>,
    /// The state directory of a host on this machine, for its token [default: as `run`]
    #[arg(long, value_name = "DIR", env = "TIDEGATE_STATE_DIR", hide_env_values = true, help_heading = "Host")]
    state_dir: Option<PathBuf>,
    /// Talk TLS, and trust this authority (PEM)
    #[arg(long, value_name = "FILE", help_heading = "Host")]
    ca: Option<PathBuf>,
    /// Show this certificate (PEM)
    #[arg(long, value_name = "FILE", requires = "ca", requires = "key", help_heading = "Host")]
    cert: Option<PathBuf>,
    /// The key of that certificate (PEM)
    #[arg(long, value_name = "FILE", requires = "cert", help_heading = "Host")]
    key: Option<PathBuf>,
}

/// What a host said.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: Bytes,
}

/// The host refused; it has said why. Shown by whoever runs the command.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct Refused(String);

impl Answer {
    /// What it says where it is fine; a refusal otherwise, with every mistake.
    pub(crate) fn fine(self) -> anyhow::Result<Value> {
        let body: Value = serde_json::from_slice(&self.body).unwrap_or_default();
        if (200..300).contains(&self.status) {
            return Ok(body);
        }
        let text = match body["diagnostics"].as_array() {
            Some(list) => list.iter().filter_map(|found| found["text"].as_str()).collect::<Vec<_>>().join("\n\n"),
            None => body["detail"].as_str().unwrap_or("it did not say why").to_owned(),
        };
        match self.status {
            401 | 403 => Err(problem(text, TOKEN_HINT)),
            404 if body.is_null() => Err(problem("this is no admin port with an API", "is it a host of this version?")),
            _ => Err(Refused(text).into()),
        }
    }
}

impl HostArgs {
    fn token(&self) -> anyhow::Result<Option<String>> {
        if let Some(file) = &self.token_file {
            let text = std::fs::read_to_string(file);
            let text =
                text.or_problem(format!("the token {} cannot be read", file.display()), "name a file with one token")?;
            return Ok(Some(text.trim().to_owned()));
        }
        if let Ok(token) = std::env::var("TIDEGATE_TOKEN") {
            return Ok(Some(token));
        }
        let file = self.state_dir.clone().unwrap_or_else(default_state_dir).join(LOCAL_FILE);
        Ok(std::fs::read_to_string(file).ok().map(|text| text.trim().to_owned()))
    }

    fn connector(&self) -> anyhow::Result<Option<TlsConnector>> {
        let Some(ca) = &self.ca else { return Ok(None) };
        let failed = || format!("{} cannot be used", ca.display());
        let hint = "name files in PEM";
        let roots = authorities::read(ca, &failed(), hint)?;
        let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .or_problem("TLS cannot be set up", hint)?
            .with_root_certificates(roots);
        let config = match (&self.cert, &self.key) {
            (Some(cert), Some(key)) => {
                let failed = || format!("{} and its key cannot be used", cert.display());
                let chain = CertificateDer::pem_file_iter(cert).and_then(Iterator::collect::<Result<Vec<_>, _>>);
                let key = PrivateKeyDer::from_pem_file(key).or_problem(failed(), hint)?;
                builder.with_client_auth_cert(chain.or_problem(failed(), hint)?, key).or_problem(failed(), hint)?
            }
            _ => builder.with_no_client_auth(),
        };
        Ok(Some(TlsConnector::from(Arc::new(config))))
    }

    /// One request over a connection of its own.
    pub(crate) async fn call(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: Bytes,
    ) -> anyhow::Result<Answer> {
        let Exchanged { response, connection } = self.exchanged(method, path, headers, body).await?;
        let status = response.status().as_u16();
        let body = Limited::new(response.into_body(), ANSWER_BYTES_MAX).collect().await;
        let body = body.or_problem(self.gone(), HINT)?.to_bytes();
        drop(connection);
        Ok(Answer { status, body })
    }

    fn gone(&self) -> String {
        format!("no host answers at {}", self.admin)
    }

    /// The head of an answer; its body is still to come.
    async fn exchanged(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: Bytes,
    ) -> anyhow::Result<Exchanged> {
        let mut request = Request::builder().method(method).uri(path).header("host", &self.admin);
        if let Some(token) = self.token()? {
            request = request.header("authorization", format!("Bearer {token}"));
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request =
            request.body(Full::new(body)).or_problem("the request cannot be made", "look at names and tokens")?;
        let gone = self.gone();
        let stream = TcpStream::connect(&self.admin).await.or_problem(gone.clone(), HINT)?;
        match self.connector()? {
            None => exchange(stream, request).await.or_problem(gone, HINT),
            Some(connector) => {
                let name = self.admin.rsplit_once(':').map_or(self.admin.as_str(), |(host, _)| host);
                let name = ServerName::try_from(name.trim_matches(['[', ']']).to_owned());
                let name = name.or_problem(gone.clone(), "--admin is HOST:PORT")?;
                let stream = connector.connect(name, stream).await.or_problem(gone.clone(), "does --ca fit?")?;
                exchange(stream, request).await.or_problem(gone, HINT)
            }
        }
    }

    /// `GET` of lines, each handed to `each` as it comes, until it says that it is enough or they end.
    pub(crate) async fn lines(
        &self,
        path: &str,
        mut each: impl FnMut(&[u8]) -> anyhow::Result<More>,
    ) -> anyhow::Result<()> {
        let mut rest = Vec::new();
        let Exchanged { response, connection } = self.exchanged("GET", path, &[], Bytes::new()).await?;
        let status = response.status().as_u16();
        let mut body = response.into_body();
        if status != 200 {
            let body = Limited::new(body, ANSWER_BYTES_MAX).collect().await;
            let body = body.or_problem(self.gone(), HINT)?.to_bytes();
            return Answer { status, body }.fine().map(drop);
        }
        while let Some(frame) = body.frame().await {
            let frame = frame.or_problem("the host ended in the middle of it", "look at its log")?;
            let Ok(data) = frame.into_data() else { continue };
            rest.extend_from_slice(&data);
            while let Some(end) = rest.iter().position(|byte| *byte == b'\n') {
                let line: Vec<u8> = rest.drain(..=end).collect();
                if each(&line[..end])? == More::Enough {
                    return Ok(());
                }
            }
        }
        drop(connection);
        Ok(())
    }

    /// `GET`, and what it says.
    pub(crate) async fn get(&self, path: &str) -> anyhow::Result<Value> {
        self.call("GET", path, &[], Bytes::new()).await?.fine()
    }

    /// `POST` of JSON, and what it says.
    pub(crate) async fn post(&self, path: &str, body: &Value) -> anyhow::Result<Value> {
        let json = [("content-type", "application/json")];
        self.call("POST", path, &json, body.to_string().into()).await?.fine()
    }
}

/// Where a token is missing, or does not do.
const TOKEN_HINT: &str = "of a host on this machine name the --state-dir (or $TIDEGATE_STATE_DIR), which has its token; else name a token \
                          with --token-file, or in $TIDEGATE_TOKEN";

/// Where nobody answers.
const HINT: &str = "start it with `tidegate run --admin ADDR …`, and name its address with --admin";

/// Whether further lines are wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum More {
    Wanted,
    Enough,
}

/// An answer that has begun, and what drives it.
struct Exchanged {
    response: hyper::Response<Incoming>,
    connection: Driven,
}

/// Ends with whoever reads the answer.
struct Driven(tokio::task::JoinHandle<()>);

impl Drop for Driven {
    fn drop(&mut self) {
        self.0.abort();
    }
}

type Failed = Box<dyn std::error::Error + Send + Sync>;

async fn exchange<S>(stream: S, request: Request<Full<Bytes>>) -> Result<Exchanged, Failed>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    let connection = Driven(tokio::spawn(async move {
        // What went wrong with it is seen by whoever reads.
        let _ = connection.await;
    }));
    let response = sender.send_request(request).await?;
    Ok(Exchanged { response, connection })
}

/// A part of a path or query, with what has a meaning there escaped.
pub(crate) fn escaped(text: &str) -> String {
    percent_encoding::utf8_percent_encode(text, percent_encoding::NON_ALPHANUMERIC).to_string()
}
