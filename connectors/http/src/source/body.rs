//! Reads a request's body, bounded in size, time and memory; inflates it, bounded again.

use std::future::poll_fn;
use std::io::Read;
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Poll, ready};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use flate2::bufread::MultiGzDecoder;
use http::header::CONTENT_ENCODING;
use http::{HeaderMap, StatusCode};
use hyper::body::{Body, Frame, Incoming, SizeHint};
use tokio::time::{Instant, Sleep, sleep_until};

use super::answer::Refusal;
use super::config::Patience;
use super::listener::Shared;

/// How a body comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Coding {
    Identity,
    Gzip,
}

impl Coding {
    /// From `Content-Encoding`; anything else than gzip is refused.
    pub(super) fn of(headers: &HeaderMap) -> Result<Coding, Refusal> {
        let mut codings = headers.get_all(CONTENT_ENCODING).iter();
        let coding = match (codings.next(), codings.next()) {
            (None, _) => return Ok(Coding::Identity),
            (Some(coding), None) => coding.as_bytes(),
            (Some(_), Some(_)) => b"more than one",
        };
        if coding.eq_ignore_ascii_case(b"gzip") || coding.eq_ignore_ascii_case(b"x-gzip") {
            return Ok(Coding::Gzip);
        }
        if coding.eq_ignore_ascii_case(b"identity") {
            return Ok(Coding::Identity);
        }
        let detail =
            format!("Content-Encoding `{}` is not read here: send gzip, or none", String::from_utf8_lossy(coding));
        let accepted = http::HeaderValue::from_static("gzip");
        let refusal = Refusal::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, detail);
        Err(refusal.header(http::header::ACCEPT_ENCODING, accepted).close())
    }
}

fn too_large(max: usize) -> Refusal {
    Refusal::new(StatusCode::PAYLOAD_TOO_LARGE, format!("the body is larger than {max} bytes (maxBody)")).close()
}

/// Reads a body to its end.
pub(super) async fn read(body: &mut Incoming, shared: &Shared) -> Result<Bytes, Refusal> {
    let max = shared.config.max_body;
    let hint = body.size_hint();
    if hint.lower() > max as u64 {
        return Err(too_large(max));
    }
    let mut progress = Progress { patience: shared.config.patience, timer: None, received: 0 };
    let Some(first) = data(body, &mut progress).await? else { return Ok(Bytes::new()) };
    // Most bodies come with their head.
    if body.is_end_stream() && first.len() <= max {
        return Ok(first);
    }
    let mut held = Held { bodies: &shared.bodies, bytes: 0 };
    let mut whole = BytesMut::new();
    let mut next = Some(first);
    while let Some(chunk) = next {
        if whole.len() + chunk.len() > max {
            return Err(too_large(max));
        }
        held.add(chunk.len(), shared.config.max_bodies)?;
        whole.reserve(chunk.len().max(expected(&hint, whole.len())));
        whole.extend_from_slice(&chunk);
        next = data(body, &mut progress).await?;
    }
    Ok(whole.freeze())
}

/// What to make room for: what was announced, as far as that much already came; who announces much and sends little gets little.
fn expected(hint: &SizeHint, received: usize) -> usize {
    const AT_ONCE: usize = 64 << 10;
    let left = usize::try_from(hint.lower()).unwrap_or(usize::MAX).saturating_sub(received);
    left.min(received.max(AT_ONCE))
}

/// Bytes of a body that count against `maxBodies`.
struct Held<'a> {
    bodies: &'a AtomicUsize,
    bytes: usize,
}

impl Held<'_> {
    fn add(&mut self, bytes: usize, max: usize) -> Result<(), Refusal> {
        self.bytes += bytes;
        if self.bodies.fetch_add(bytes, Ordering::Relaxed) + bytes > max {
            let detail = "too many large bodies are being read";
            return Err(Refusal::again(StatusCode::SERVICE_UNAVAILABLE, detail, Duration::ZERO).close());
        }
        Ok(())
    }
}

impl Drop for Held<'_> {
    fn drop(&mut self) {
        self.bodies.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

/// How fast a body comes. There is no timer for what is there at once.
struct Progress {
    patience: Patience,
    timer: Option<(Instant, Pin<Box<Sleep>>)>,
    received: u64,
}

impl Progress {
    /// Ready once the client is too slow.
    fn poll_too_slow(&mut self, cx: &mut std::task::Context<'_>) -> Poll<()> {
        let patience = self.patience;
        let (began, timer) = self.timer.get_or_insert_with(|| {
            let now = Instant::now();
            (now, Box::pin(sleep_until(now + patience.body)))
        });
        loop {
            ready!(timer.as_mut().poll(cx));
            let earned = Duration::from_secs(self.received / patience.body_rate);
            let due = *began + patience.body + earned;
            if due <= Instant::now() {
                return Poll::Ready(());
            }
            timer.as_mut().reset(due);
        }
    }
}

/// The next piece of data; `None` at the end. Trailers are ignored.
async fn data(body: &mut Incoming, progress: &mut Progress) -> Result<Option<Bytes>, Refusal> {
    poll_fn(|cx| {
        loop {
            match Pin::new(&mut *body).poll_frame(cx) {
                Poll::Ready(None) => return Poll::Ready(Ok(None)),
                Poll::Ready(Some(Ok(frame))) => {
                    if let Ok(data) = Frame::into_data(frame) {
                        progress.received += data.len() as u64;
                        return Poll::Ready(Ok(Some(data)));
                    }
                }
                Poll::Ready(Some(Err(error))) => {
                    let detail = format!("the body could not be read: {error}");
                    return Poll::Ready(Err(Refusal::new(StatusCode::BAD_REQUEST, detail).close()));
                }
                Poll::Pending => {
                    ready!(progress.poll_too_slow(cx));
                    let detail = "the body came too slowly (bodyTimeout, minBodyRate)";
                    return Poll::Ready(Err(Refusal::new(StatusCode::REQUEST_TIMEOUT, detail).close()));
                }
            }
        }
    })
    .await
}

/// Inflates to at most `max` bytes.
pub(super) fn inflate(body: &Bytes, max: usize) -> Result<Bytes, Refusal> {
    let mut inflated = Vec::with_capacity(body.len().saturating_mul(3).min(max));
    // One more than allowed tells a body that is too large from one that just fits.
    let mut decoder = MultiGzDecoder::new(&body[..]).take(max as u64 + 1);
    if let Err(error) = decoder.read_to_end(&mut inflated) {
        return Err(Refusal::new(StatusCode::BAD_REQUEST, format!("the body is not gzip: {error}")));
    }
    if inflated.len() > max {
        let detail = format!("the body is larger than {max} bytes (maxBody) when inflated");
        return Err(Refusal::new(StatusCode::PAYLOAD_TOO_LARGE, detail));
    }
    Ok(inflated.into())
}
