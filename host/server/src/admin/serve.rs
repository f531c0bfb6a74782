//! Connections of the admin port: few, small and short.

use std::{net::TcpListener, sync::Arc, time::Duration};

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    server::graceful::GracefulShutdown,
    service::TowerToHyperService,
};
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore, watch},
    time::{sleep, timeout},
};

/// Connections at once: a scraper, some probes, some people. More wait in the kernel's queue.
const CONNECTIONS_MAX: usize = 64;
/// A request's head must have come within this time, the wait for it on a kept-alive connection included: one that says
/// nothing must not keep a place from others.
const HEAD: Duration = Duration::from_secs(10);
/// Bytes of a request's head: probes send a few hundred.
const HEAD_BYTES_MAX: usize = 16 << 10;
/// A connection at most, whatever it does: a reader of one byte a second must let its place go as well.
const CONNECTION: Duration = Duration::from_secs(60);
/// What is under way when the port closes may take this long.
const CLOSING: Duration = Duration::from_secs(1);
/// After a failed accept (no more open files, say).
const PAUSE: Duration = Duration::from_millis(100);

/// Answers until `stop` is true, then what is under way.
pub(super) async fn serve(listener: TcpListener, router: Router, mut stop: watch::Receiver<bool>) {
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
                Ok((stream, place)) => answer(stream, place, &router, &graceful),
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

fn answer(
    stream: tokio::net::TcpStream,
    place: Option<OwnedSemaphorePermit>,
    router: &Router,
    graceful: &GracefulShutdown,
) {
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD)
        .max_buf_size(HEAD_BYTES_MAX)
        .serve_connection(TokioIo::new(stream), TowerToHyperService::new(router.clone()));
    let connection = graceful.watch(connection);
    tokio::spawn(async move {
        // A client that goes away, or says no HTTP, is its own business.
        let _ = timeout(CONNECTION, connection).await;
        drop(place);
    });
}
