//! The admin port: `/livez`, `/readyz`, `/status` and `/metrics` for whoever reaches it, and the admin API under `/v1` for those
//! who may; on a thread of its own.
//!
//! It shares nothing with the data path but a [`Status`], so that it answers while everything else is overloaded. Changes are put
//! on the [`Desk`](tidegate_control::Desk) of the host's own loop.

pub(crate) mod access;
pub(crate) mod api;
pub(crate) mod args;
pub(crate) mod effect;
mod health;
mod metrics;
mod process;
mod serve;
mod status;
mod tls;

use std::{
    io,
    net::{SocketAddr, TcpListener},
    sync::Arc,
    thread::{self, JoinHandle},
    time::Duration,
};

use axum::{Router, routing::get};
use tidegate_control::Status;
use tokio::{runtime::Handle, sync::watch};

use self::args::AdminOptions;
use crate::{
    problem::{OrProblem as _, because},
    traces::SpanCounts,
};

/// Where it is where a preset asks for it and nothing else is said: loopback, and not the port of an Envoy beside it (9901).
pub(crate) const DEFAULT: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 9902);

/// How long a look at the host may wait for its loop; then the last picture is shown.
const PATIENCE: Duration = Duration::from_millis(250);

/// Why a port cannot be opened, for a person.
const WHY: [(io::ErrorKind, &str); 3] = [
    (io::ErrorKind::AddrInUse, "another host or program has it: "),
    (io::ErrorKind::PermissionDenied, "ports below 1024 need a privilege: "),
    (io::ErrorKind::AddrNotAvailable, "this machine has no such address: "),
];

/// What requests are answered from.
#[derive(Clone, Debug)]
struct Host {
    status: Status,
    /// The runtime of the data path: alive while it still runs what it is given.
    data_path: Handle,
    /// What became of spans, where there are any.
    spans: Option<Arc<SpanCounts>>,
}

/// An open admin port. Dropping it answers the requests under way and closes it.
#[derive(Debug)]
pub(crate) struct Admin {
    address: SocketAddr,
    stop: watch::Sender<bool>,
    thread: Option<JoinHandle<()>>,
}

impl Admin {
    /// Opens the port. To be called inside the runtime of the data path, before there is anything to be ready.
    pub(crate) fn open(
        address: SocketAddr,
        status: Status,
        spans: Option<Arc<SpanCounts>>,
        options: AdminOptions,
    ) -> anyhow::Result<Admin> {
        let AdminOptions { api, acceptor } = options;
        let secure = acceptor.is_some();
        let listener = listen(address)?;
        let failed = || (format!("the admin port {address} cannot be opened"), "choose another with --admin ADDR");
        let address = listener.local_addr().or_problem(failed().0, failed().1)?;
        let host = Host { status, data_path: Handle::current(), spans };
        let open = secure || address.ip().is_loopback();
        let router = router(host).merge(if open { api::router(api) } else { api::closed() });
        let (stop, stopped) = watch::channel(false);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.or_problem(failed().0, "look at the limits on open files (`ulimit -n`)")?;
        let thread = thread::Builder::new()
            .name("admin".into())
            .spawn(move || runtime.block_on(serve::serve(listener, acceptor, router, stopped)))
            .or_problem(failed().0, "look at the limits on processes and memory (`ulimit -a`)")?;
        tracing::info!(%address, tls = secure, "admin port is open: /livez /readyz /status /metrics /v1");
        if !open {
            tracing::warn!(%address, "without TLS there is no /v1, and whoever reaches the admin port sees what runs here");
        }
        Ok(Admin { address, stop, thread: Some(thread) })
    }
}

impl Drop for Admin {
    fn drop(&mut self) {
        self.stop.send_replace(true);
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::warn!(address = %self.address, "the admin port had panicked");
        }
    }
}

fn listen(address: SocketAddr) -> anyhow::Result<TcpListener> {
    let opened = TcpListener::bind(address).and_then(|listener| {
        listener.set_nonblocking(true)?;
        Ok(listener)
    });
    opened.map_err(|error| {
        let why = WHY.iter().find(|(kind, _)| *kind == error.kind()).map_or("", |(_, why)| why);
        let hint = format!("{why}choose another with --admin ADDR, or --no-admin");
        because(error, format!("the admin port {address} cannot be opened"), hint)
    })
}

fn router(host: Host) -> Router {
    Router::new()
        .route("/livez", get(health::livez))
        .route("/readyz", get(health::readyz))
        .route("/status", get(status::status))
        .route("/metrics", get(metrics::metrics))
        .with_state(host)
}
