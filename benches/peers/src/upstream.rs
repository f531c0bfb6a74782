//! Where requests go in the end: answers 204 to everything, from one thread.

use std::{
    convert::Infallible,
    io::{BufRead as _, BufReader},
    net::{Ipv4Addr, SocketAddr},
    process::{Child, Command, ExitCode, Stdio},
};

use bytes::Bytes;
use http_body_util::{BodyExt as _, Empty};
use hyper::{Request, Response, StatusCode, body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use tokio::{net::TcpListener, runtime::Builder};

use crate::cores::Core;

/// First argument of this program when it is to be the upstream.
pub(crate) const COMMAND: &str = "serve-upstream";

/// A running upstream; killed when dropped.
#[derive(Debug)]
pub(crate) struct Upstream {
    child: Child,
    pub(crate) address: SocketAddr,
}

impl Upstream {
    pub(crate) fn start() -> Upstream {
        let mut command = Command::new(std::env::current_exe().unwrap());
        let mut child = Core::Rest.spawn(command.arg(COMMAND).stdin(Stdio::null()).stdout(Stdio::piped()));
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let address = line.trim().parse().expect("the upstream says where it listens");
        Upstream { child, address }
    }
}

impl Drop for Upstream {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Serves until it is killed.
#[allow(clippy::print_stdout, reason = "the address is asked for on a pipe")]
pub(crate) fn serve() -> ExitCode {
    let runtime = Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        println!("{}", listener.local_addr().unwrap());
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            stream.set_nodelay(true).unwrap();
            // A proxy that ends takes its connections with it.
            tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service_fn(answer)));
        }
    })
}

async fn answer(request: Request<Incoming>) -> Result<Response<Empty<Bytes>>, Infallible> {
    let mut body = request.into_body();
    while let Some(Ok(_)) = body.frame().await {}
    let mut response = Response::new(Empty::new());
    *response.status_mut() = StatusCode::NO_CONTENT;
    Ok(response)
}
