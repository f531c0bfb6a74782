//! The bytes of a connection, with or without TLS, watched as they pass.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_rustls::server::TlsStream;

use super::connection::Connection;
use super::framing::Framing;
use super::stand_in::stand_in;
use crate::tcp::Tcp;

/// What is read of a client that goes on sending after it was refused, so that it gets to read why: a connection closed with
/// something unread is reset, and the reset can overtake the answer.
const LINGER_BYTES: usize = 16 << 20;

/// What bytes travel over.
#[derive(Debug)]
pub(super) enum Transport {
    Plain(Tcp),
    Tls(Box<TlsStream<Tcp>>),
}

impl Transport {
    fn poll_read(&mut self, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        match self {
            Transport::Plain(stream) => Pin::new(stream).poll_read(cx, buf),
            Transport::Tls(stream) => Pin::new(stream).poll_read(cx, buf),
        }
    }

    fn poll_write_vectored(&mut self, cx: &mut Context<'_>, bufs: &[IoSlice<'_>]) -> Poll<io::Result<usize>> {
        match self {
            Transport::Plain(stream) => Pin::new(stream).poll_write_vectored(cx, bufs),
            Transport::Tls(stream) => Pin::new(stream).poll_write_vectored(cx, bufs),
        }
    }
}

/// Tells its connection when bytes come, and what of them is refused.
#[derive(Debug)]
pub(super) struct Stream {
    transport: Transport,
    framing: Framing,
    connection: Arc<Connection>,
    /// Being written in place of what the server wrote.
    substitute: Option<Substitute>,
    /// Bytes thrown away at the end.
    lingered: usize,
}

#[derive(Debug)]
struct Substitute {
    bytes: Vec<u8>,
    written: usize,
}

impl Stream {
    pub(super) fn new(transport: Transport, framing: Framing, connection: Arc<Connection>) -> Self {
        Self { transport, framing, connection, substitute: None, lingered: 0 }
    }

    fn look(&mut self, bytes: &[u8]) {
        if bytes.is_empty() {
            return;
        }
        if let Err(problem) = self.framing.look(bytes) {
            self.connection.refuse(problem);
        }
        if !self.framing.is_other() {
            self.connection.head_begins();
        }
    }

    /// Ready once all of the substitute is written, with the number of bytes that it stands for.
    fn poll_substitute(&mut self, cx: &mut Context<'_>, bufs: &[IoSlice<'_>]) -> Poll<io::Result<Option<usize>>> {
        if self.substitute.is_none()
            && let Some(first) = bufs.first()
            && first.starts_with(b"HTTP/1.1 4")
            && let Some(bytes) = stand_in(first, self.connection.refused(), &self.connection.shared.config)
        {
            self.connection.linger();
            self.substitute = Some(Substitute { bytes, written: 0 });
        }
        let Some(substitute) = &mut self.substitute else { return Poll::Ready(Ok(None)) };
        while let Some(rest) = substitute.bytes.get(substitute.written..).filter(|rest| !rest.is_empty()) {
            match ready!(self.transport.poll_write_vectored(cx, &[IoSlice::new(rest)]))? {
                0 => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                written => substitute.written += written,
            }
        }
        self.substitute = None;
        Poll::Ready(Ok(Some(bufs.iter().map(|buf| buf.len()).sum())))
    }

    fn poll_linger(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let mut scratch = [0; 4096];
        while self.lingered < LINGER_BYTES {
            let mut buf = ReadBuf::new(&mut scratch);
            if ready!(self.transport.poll_read(cx, &mut buf)).is_err() || buf.filled().is_empty() {
                break;
            }
            self.lingered += buf.filled().len();
        }
        Poll::Ready(())
    }
}

impl AsyncRead for Stream {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let before = buf.filled().len();
        let polled = this.transport.poll_read(cx, buf);
        if let Poll::Ready(Ok(())) = polled {
            this.look(&buf.filled()[before..]);
        }
        polled
    }
}

impl AsyncWrite for Stream {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        self.poll_write_vectored(cx, &[IoSlice::new(buf)])
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        match ready!(this.poll_substitute(cx, bufs))? {
            Some(written) => Poll::Ready(Ok(written)),
            None => this.transport.poll_write_vectored(cx, bufs),
        }
    }

    fn is_write_vectored(&self) -> bool {
        match &self.transport {
            Transport::Plain(stream) => stream.is_write_vectored(),
            Transport::Tls(stream) => stream.is_write_vectored(),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.get_mut().transport {
            Transport::Plain(stream) => Pin::new(stream).poll_flush(cx),
            Transport::Tls(stream) => Pin::new(stream).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        ready!(match &mut this.transport {
            Transport::Plain(stream) => Pin::new(stream).poll_shutdown(cx),
            Transport::Tls(stream) => Pin::new(stream).poll_shutdown(cx),
        })?;
        if this.connection.lingers() {
            ready!(this.poll_linger(cx));
        }
        Poll::Ready(Ok(()))
    }
}
