//! `envelope: generic`: every request is an event.
//!
//! | attribute | from |
//! |---|---|
//! | `id` | `requestid`: `Idempotency-Key`, else `X-Request-Id`, else a hash of the request |
//! | `source` | the path, as sent |
//! | `type` | header `X-Event-Type`, else `dev.tidegate.request` |
//! | `datacontenttype` | `Content-Type`, byte for byte, if there is one |
//! | data | the body. Where the content type says JSON it must be; text that is not UTF-8 is binary. An empty body is no data |

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::request::Parts;
use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};
use tidegate_event::{Event, Form, json};

use super::request::{self, RequestId};

const TYPE_HEADER: &str = "x-event-type";
const TYPE_DEFAULT: &str = "dev.tidegate.request";

/// What servers take in a path although no URI has it (RFC 3986, section 3.3).
const NO_URI: &AsciiSet = &CONTROLS
    .add(b' ')
    .add(b'"')
    .add(b'<')
    .add(b'>')
    .add(b'[')
    .add(b'\\')
    .add(b']')
    .add(b'^')
    .add(b'`')
    .add(b'{')
    .add(b'|')
    .add(b'}');

pub(super) fn wrap(request: &Parts, body: Bytes) -> Result<Event, String> {
    let ty = match request.headers.contains_key(TYPE_HEADER) {
        true => request::header(request, TYPE_HEADER)?,
        false => TYPE_DEFAULT,
    };
    let id = RequestId { request, body: &body }.to_string();
    let mut event = Event::builder().id(&id).source(&source(request.uri.path())).ty(ty);
    let mut form = Form::Binary;
    if request.headers.contains_key(CONTENT_TYPE) {
        let content_type = request::header(request, CONTENT_TYPE.as_str())?;
        event = event.datacontenttype(content_type);
        form = Form::of(content_type);
    }
    if !body.is_empty() {
        event = match form {
            Form::Json => {
                json::check(&body).map_err(|error| format!("the body is no JSON: {error}"))?;
                event.data(Form::Json, body)
            }
            Form::Text if std::str::from_utf8(&body).is_ok() => event.data(Form::Text, body),
            Form::Text | Form::Binary => event.data(Form::Binary, body),
        };
    }
    event.build().map_err(|error| format!("the envelope does not fit: {error}"))
}

/// The path as a URI-reference: a percent sign that escapes nothing is escaped itself, and so is what no URI has.
fn source(path: &str) -> String {
    let mut out = String::with_capacity(path.len());
    for (position, part) in path.split('%').enumerate() {
        if position > 0 {
            let escapes = part.as_bytes().get(..2).is_some_and(|hex| hex.iter().all(u8::is_ascii_hexdigit));
            out.push_str(if escapes { "%" } else { "%25" });
        }
        out.extend(utf8_percent_encode(part, NO_URI));
    }
    out
}
