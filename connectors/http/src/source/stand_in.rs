//! What the HTTP/1.1 server says by itself, said better.
//!
//! hyper answers a head that it cannot read before any of our code is asked, with a status and nothing else. Such an answer is
//! recognised as it is written (none of ours is an error without a body), and a problem that names what is wrong goes in its place.

use http::StatusCode;

use super::config::SourceConfig;

/// The answer in place of one of hyper's own, if these are the bytes of one.
pub(super) fn stand_in(written: &[u8], refused: Option<&str>, config: &SourceConfig) -> Option<Vec<u8>> {
    let status = written.strip_prefix(b"HTTP/1.1 4")?.get(..2)?;
    memchr::memmem::find(written, b"\r\ncontent-length: 0\r\n")?;
    let (status, detail) = match status {
        b"31" => {
            let (bytes, count) = (config.max_header_bytes, config.max_headers);
            let detail = format!("a head of more than {bytes} bytes (maxHeaderBytes) or {count} headers (maxHeaders)");
            (StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE, detail)
        }
        b"14" => (StatusCode::URI_TOO_LONG, "the path is too long".to_owned()),
        b"00" => {
            let detail =
                refused.unwrap_or("this is no HTTP request: its method, path, version or a header is malformed");
            (StatusCode::BAD_REQUEST, detail.to_owned())
        }
        _ => return None,
    };
    let body = serde_json::json!({"title": status.canonical_reason(), "status": status.as_u16(), "detail": detail})
        .to_string();
    let head = format!(
        "HTTP/1.1 {status}\r\ncontent-type: application/problem+json\r\nconnection: close\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    Some([head, body].concat().into_bytes())
}
