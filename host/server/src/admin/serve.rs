//! Connections of the admin port: few, small and short.

use std::{net::TcpListener, sync::Arc, time::Duration};

use axum::{Extension, Router};
use hyper::server::conn::http1;
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    server::graceful::GracefulShutdown,
    service::TowerToHyperService,
};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    sync::{OwnedSemaphorePermit, Semaphore, watch},
    time::{sleep, timeout},
};
use tokio_rustls::TlsAcceptor;

use super::{api::Peer, tls};

/// Connections at once: a scraper, some probes, some people. More wait in the kernel's queue.
const CONNECTIONS_MAX: usize = 64;
/// A request's head must have come within this time, the wait for it on a kept-alive connection included: one that says
/// nothing must not keep a place from others.
const HEAD: Duration = Duration::from_secs(10);
/// Bytes of a request's head: probes send a few hundred.
const HEAD_BYTES_MAX: usize = 16 << 10;
/// A connection at most, whatever it does: a reader of one byte a second must let its place go as well. Verifying a thousand
/// modules takes a minute.
const CONNECTION: Duration = Duration::from_secs(300);
/// What is under way when the port closes may take this long.
const CLOSING: Duration = Duration::from_secs(1);
/// After a failed accept (no more open files, say).
const PAUSE: Duration = Duration::from_millis(100);

/// Answers until `stop` is true, then what is under way.
pub(super) async fn serve(
    listener: TcpListener,
    acceptor: Option<TlsAcceptor>,
    router: Router,
    mut stop: watch::Receiver<bool>,
) {
    let listener = match tokio::net::TcpListener::from_std(listener) {
        Ok(listener) => listener,
        Err(error) => {
            tracing::error!(%error, "the admin port cannot be listened on");
            return;
        }
    };
    let places = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    let graceful = GracefulShutdown::new();
    loop {
        let accepted = async {
            // Never closed.
            let place = places.clone().acquire_owned().await.ok();
            listener.accept().await.map(|(stream, _)| (stream, place))
        };
        tokio::select! {
            _ = stop.wait_for(|stop| *stop) => break,
            accepted = accepted => match accepted {
                Ok((stream, place)) => match acceptor.clone() {
                    None => answer(stream, Peer::default(), place, &router, &graceful),
                    Some(acceptor) => secured(acceptor, stream, place, &router, &graceful),
                },
                Err(error) => {
                    tracing::warn!(%error, "the admin port could not take a connection");
                    sleep(PAUSE).await;
                }
            }
        }
    }
    drop(listener);
    // What takes longer is cut off.
    let _ = timeout(CLOSING, graceful.shutdown()).await;
}

/// The handshake counts as part of the head: it has as long.
fn secured(
    acceptor: TlsAcceptor,
    stream: tokio::net::TcpStream,
    place: Option<OwnedSemaphorePermit>,
    router: &Router,
    graceful: &GracefulShutdown,
) {
    let (router, watcher) = (router.clone(), graceful.watcher());
    tokio::spawn(async move {
        let Ok(Ok(stream)) = timeout(HEAD, acceptor.accept(stream)).await else { return };
        let certificate = tls::common_name(stream.get_ref().1.peer_certificates());
        let connection = watcher.watch(connection(stream, Peer { certificate }, &router));
        // A client that goes away, or says no HTTP, is its own business.
        let _ = timeout(CONNECTION, connection).await;
        drop(place);
    });
}

fn answer(
    stream: tokio::net::TcpStream,
    peer: Peer,
    place: Option<OwnedSemaphorePermit>,
    router: &Router,
    graceful: &GracefulShutdown,
) {
    let connection = graceful.watch(connection(stream, peer, router));
    tokio::spawn(async move {
        let _ = timeout(CONNECTION, connection).await;
        drop(place);
    });
}

type Connection<S> = http1::Connection<TokioIo<S>, TowerToHyperService<Router>>;

fn connection<S: AsyncRead + AsyncWrite + Unpin>(stream: S, peer: Peer, router: &Router) -> Connection<S> {
    let service = TowerToHyperService::new(router.clone().layer(Extension(peer)));
    http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD)
        .max_buf_size(HEAD_BYTES_MAX)
        .serve_connection(TokioIo::new(stream), service)
}
