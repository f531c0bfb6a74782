//! WASI 0.2 with nothing in it: no files, no sockets, no environment, no arguments; output goes to the log.

use std::{
    io,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use bytes::Bytes;
use tokio::io::AsyncWrite;
use wasmtime_wasi::{
    WasiCtx,
    cli::{IsTerminal, StdoutStream},
    p2::{OutputStream, Pollable, StreamResult},
};

use super::{Shared, log};
use crate::{abi::Level, fault::cut};

/// Bytes of one write that become a line.
const LINE_MAX: usize = 1024;

/// Bytes a guest may write at once.
const WRITE_MAX: usize = 8192;

/// Random bytes asked for at once.
const RANDOM_MAX: u64 = 64 << 10;

pub(crate) fn empty_wasi(shared: &Arc<Shared>) -> WasiCtx {
    WasiCtx::builder()
        .stdout(LogStream { shared: Arc::clone(shared), level: Level::Info })
        .stderr(LogStream { shared: Arc::clone(shared), level: Level::Warn })
        .allow_tcp(false)
        .allow_udp(false)
        .allow_ip_name_lookup(false)
        .max_random_size(RANDOM_MAX)
        .build()
}

/// Standard output or error of a guest.
#[derive(Clone, Debug)]
struct LogStream {
    shared: Arc<Shared>,
    level: Level,
}

impl LogStream {
    /// Each line of a write is a line of the log, under the same allowance as `log.write`.
    fn lines(&self, bytes: &[u8]) {
        for line in bytes.split(|&b| b == b'\n').filter(|line| !line.is_empty()) {
            let Some(suppressed) = self.shared.lines.take_line() else { continue };
            self.shared.lines.took_bytes(line.len());
            let text = String::from_utf8_lossy(line);
            log::emit(&self.shared.policy, self.level, cut(&text, LINE_MAX), suppressed);
        }
    }
}

impl IsTerminal for LogStream {
    fn is_terminal(&self) -> bool {
        false
    }
}

impl StdoutStream for LogStream {
    fn async_stream(&self) -> Box<dyn AsyncWrite + Send + Sync> {
        Box::new(self.clone())
    }

    fn p2_stream(&self) -> Box<dyn OutputStream> {
        Box::new(self.clone())
    }
}

impl AsyncWrite for LogStream {
    fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.lines(bytes);
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

#[wasmtime_wasi::async_trait]
impl Pollable for LogStream {
    async fn ready(&mut self) {}
}

#[wasmtime_wasi::async_trait]
impl OutputStream for LogStream {
    fn write(&mut self, bytes: Bytes) -> StreamResult<()> {
        self.lines(&bytes);
        Ok(())
    }

    fn flush(&mut self) -> StreamResult<()> {
        Ok(())
    }

    fn check_write(&mut self) -> StreamResult<usize> {
        Ok(WRITE_MAX)
    }
}
