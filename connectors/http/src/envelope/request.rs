//! What of a request an event can be made of.

use std::borrow::Cow;
use std::fmt;
use std::net::SocketAddr;

use http::request::Parts;
use percent_encoding::percent_decode_str;
use sha2::{Digest, Sha256};

/// The first header of that name, as text.
pub(super) fn header<'r>(request: &'r Parts, name: &str) -> Result<&'r str, String> {
    let value = request.headers.get(name).ok_or_else(|| format!("header `{name}` is missing"))?;
    std::str::from_utf8(value.as_bytes()).map_err(|_| format!("header `{name}` is not UTF-8"))
}

/// The first parameter of that name.
pub(super) fn query<'r>(request: &'r Parts, name: &str) -> Result<Cow<'r, str>, String> {
    let parameters = request.uri.query().unwrap_or_default().split('&');
    let mut parameters = parameters.map(|parameter| parameter.split_once('=').unwrap_or((parameter, "")));
    let found = parameters.find(|(known, _)| decoded(known).is_some_and(|known| known == name));
    let (_, value) = found.ok_or_else(|| format!("query parameter `{name}` is missing"))?;
    decoded(value).ok_or_else(|| format!("query parameter `{name}` is not UTF-8"))
}

fn decoded(text: &str) -> Option<Cow<'_, str>> {
    if !text.contains(['%', '+']) {
        return Some(Cow::Borrowed(text));
    }
    let spaced = text.replace('+', " ");
    percent_decode_str(&spaced).decode_utf8().ok().map(|text| Cow::Owned(text.into_owned()))
}

pub(super) fn host(request: &Parts) -> Result<&str, String> {
    match request.uri.authority() {
        Some(authority) => Ok(authority.as_str()),
        None => header(request, "host"),
    }
}

pub(super) fn remote(request: &Parts) -> Result<String, String> {
    let address = request.extensions.get::<SocketAddr>().ok_or("the client's address is not known")?;
    Ok(address.ip().to_string())
}

/// What stays the same when the client sends the request again. Costs nothing until it is shown.
pub(super) struct RequestId<'r> {
    pub(super) request: &'r Parts,
    pub(super) body: &'r [u8],
}

impl fmt::Display for RequestId<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let said = ["idempotency-key", "x-request-id"].iter().find_map(|name| {
            let text = header(self.request, name).ok()?;
            // `Idempotency-Key` is a structured field: a string in quotes.
            let text = text.strip_prefix('"').and_then(|text| text.strip_suffix('"')).unwrap_or(text);
            (!text.is_empty()).then_some(text)
        });
        if let Some(said) = said {
            return f.write_str(said);
        }
        let mut hash = Sha256::new();
        // A blank ends method and target: neither has one.
        hash.update(self.request.method.as_str());
        hash.update(" ");
        hash.update(self.request.uri.path_and_query().map_or("", |target| target.as_str()));
        hash.update(" ");
        hash.update(self.body);
        // 128 bits: requests of strangers must not collide by chance, ever.
        write!(f, "{:.32x}", hash.finalize())
    }
}
