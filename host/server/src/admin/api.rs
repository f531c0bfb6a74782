//! `/v1`: what runs, and changes to it, for programs. What there is stands in [`operations`], and nowhere else: the routes, who may
//! use them, and `/openapi.json` are made from that list.
//!
//! Reading is answered from the last picture of the host; changes are orders that the host's own loop takes one after the other.

mod answer;
mod changes;
mod decisions;
mod look;
mod openapi;
mod operations;
mod tap;

use std::{collections::BTreeMap, future::Future, pin::Pin};

use axum::{
    Extension, Router,
    body::{Body, Bytes},
    extract::{FromRequestParts as _, RawPathParams, Request, State},
    http::{HeaderMap, Method, StatusCode, header, request::Parts},
    response::{IntoResponse as _, Response},
    routing::{MethodFilter, MethodRouter, get},
};
use percent_encoding::percent_decode_str;
use tidegate_control::{Desk, ModuleStore, Picture, Status};

use self::{
    answer::Problem,
    operations::{OPERATIONS, Operation},
};
use super::{
    PATIENCE,
    access::{Access, Caller},
};

/// What the API works with.
#[derive(Clone, Debug)]
pub(crate) struct Api {
    pub(crate) status: Status,
    pub(crate) desk: Desk,
    pub(crate) store: ModuleStore,
    /// Where generations are kept.
    pub(crate) kept: std::path::PathBuf,
    pub(crate) access: Access,
}

/// What a connection is known by.
#[derive(Clone, Debug, Default)]
pub(super) struct Peer {
    /// The common name of the client certificate that it showed, and that was found good.
    pub(super) certificate: Option<String>,
}

/// A request whose sender may make it.
#[derive(Debug)]
struct Call {
    api: Api,
    caller: Caller,
    path: BTreeMap<String, String>,
    query: BTreeMap<String, String>,
    headers: HeaderMap,
    body: Bytes,
}

type Answered = Pin<Box<dyn Future<Output = Result<Response, Problem>> + Send>>;

impl Call {
    async fn picture(&self) -> std::sync::Arc<Picture> {
        self.api.status.look(PATIENCE).await
    }

    /// A part of the path that its template names.
    fn part(&self, name: &str) -> &str {
        self.path.get(name).map_or("", String::as_str)
    }

    fn flag(&self, name: &str) -> Result<bool, Problem> {
        match self.query.get(name).map(String::as_str) {
            None | Some("false") => Ok(false),
            Some("true" | "") => Ok(true),
            Some(other) => {
                Err(Problem::new(StatusCode::BAD_REQUEST, format!("`{name}` is true or false, not `{other}`")))
            }
        }
    }
}

/// Everything of the list, for those who may.
pub(super) fn router(api: Api) -> Router {
    let mut paths: BTreeMap<&str, MethodRouter<Api>> = BTreeMap::new();
    for operation in OPERATIONS {
        let serve = move |State(api): State<Api>, peer: Option<Extension<Peer>>, request: Request| async move {
            let peer = peer.map(|Extension(peer)| peer).unwrap_or_default();
            serve(operation, api, &peer, request).await.unwrap_or_else(Problem::into_response)
        };
        let routes = paths.remove(operation.path).unwrap_or_default();
        paths.insert(operation.path, routes.on(filter(operation.method), serve));
    }
    let mut router = Router::new().route("/openapi.json", get(openapi::serve));
    for (path, routes) in paths {
        router = router.route(path, routes);
    }
    let wrong = || async { Problem::new(StatusCode::METHOD_NOT_ALLOWED, "not with this method").into_response() };
    router.method_not_allowed_fallback(wrong).with_state(api)
}

/// For a port that others can reach and nobody can tell apart on.
pub(super) fn closed() -> Router {
    let closed = || async {
        let why = "the admin API is served on loopback only, or with TLS (`--admin-tls-cert`, `--admin-tls-key`)";
        Problem::new(StatusCode::FORBIDDEN, why).into_response()
    };
    Router::new().route("/v1/{*rest}", axum::routing::any(closed)).route("/openapi.json", get(openapi::serve))
}

fn filter(method: &'static str) -> MethodFilter {
    match method {
        "PUT" => MethodFilter::PUT,
        "POST" => MethodFilter::POST,
        "DELETE" => MethodFilter::DELETE,
        _ => MethodFilter::GET,
    }
}

async fn serve(operation: &Operation, api: Api, peer: &Peer, request: Request) -> Result<Response, Problem> {
    let (mut parts, body) = request.into_parts();
    let caller = admit(operation, &api, peer, &parts)?;
    let bad = |text: String| Problem::new(StatusCode::BAD_REQUEST, text);
    let path = RawPathParams::from_request_parts(&mut parts, &()).await.map_err(|error| bad(error.to_string()))?;
    let path = path.iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
    let query = query(parts.uri.query().unwrap_or_default()).ok_or_else(|| bad("the query is no UTF-8".into()))?;
    let known = |name: &String| operation.query.iter().any(|(known, _)| known == name);
    if let Some(unknown) = query.keys().find(|name| !known(name)) {
        return Err(bad(format!("there is no query parameter `{}`", crate::human::plain(unknown))));
    }
    let body = whole(body, &parts, operation.body_bytes_max()).await?;
    if parts.method != Method::GET {
        tracing::info!(who = %caller.name, path = %parts.uri.path(), "{}", operation.id);
    }
    (operation.handler)(Call { api, caller, path, query, headers: parts.headers, body }).await
}

/// Whoever sent it, if they may.
fn admit(operation: &Operation, api: &Api, peer: &Peer, parts: &Parts) -> Result<Caller, Problem> {
    let bearer = parts.headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    let token = bearer
        .and_then(|value| value.split_once(' '))
        .and_then(|(scheme, token)| scheme.eq_ignore_ascii_case("bearer").then(|| token.trim()));
    let unauthorized = |text: &str| Err(Problem::new(StatusCode::UNAUTHORIZED, text));
    match api.access.caller(token, peer.certificate.as_deref()) {
        Err(error) => {
            tracing::error!(%error, "who may use the admin API cannot be read: nobody may");
            unauthorized("the host does not know anybody at the moment")
        }
        Ok(None) if token.is_none() => unauthorized("send `Authorization: Bearer TOKEN`"),
        Ok(None) => unauthorized("the token is not known"),
        Ok(Some(caller)) if caller.may(operation.role) => Ok(caller),
        Ok(Some(caller)) => {
            let text = format!("{} has not the role `{}`", caller.name, operation.role.word());
            Err(Problem::new(StatusCode::FORBIDDEN, text))
        }
    }
}

/// The body, if it is no larger than it may be.
async fn whole(body: Body, parts: &Parts, max: usize) -> Result<Bytes, Problem> {
    let too_large = || Problem::new(StatusCode::PAYLOAD_TOO_LARGE, format!("at most {max} bytes are read here"));
    let told = parts.headers.get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse::<u64>().ok());
    if told.is_some_and(|told| told > max as u64) {
        return Err(too_large());
    }
    // It ends for two reasons: too much of it, or a client that went away, who reads no answer.
    axum::body::to_bytes(body, max).await.map_err(|_| too_large())
}

fn query(text: &str) -> Option<BTreeMap<String, String>> {
    let decoded = |word: &str| Some(percent_decode_str(&word.replace('+', " ")).decode_utf8().ok()?.into_owned());
    let pairs = text.split('&').filter(|pair| !pair.is_empty());
    pairs
        .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
        .map(|(name, value)| Some((decoded(name)?, decoded(value)?)))
        .collect()
}
