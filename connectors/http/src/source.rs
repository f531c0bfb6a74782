//! The source: a listener whose requests become events, answered once they are settled.
//!
//! ```text
//! connection ─► head, body ─► who, signature ─► decode ─► lanes[hash(key)] ─► host
//!      ▲                                                                       │
//!      └──────────────── answer ◄── waiter ◄── tickets ◄── settlement ◄────────┘
//! ```
//!
//! A request's events are put into the queues of their lanes together, in the order in which bodies were read to their end. Nothing is
//! ever delivered twice by a lane: what the host nacks is answered with 503 and forgotten, as is everything behind it in the
//! lane, and whoever sent it sends it again.

mod answer;
mod body;
mod config;
mod connection;
mod framing;
mod handshake;
mod lane;
mod lanes;
mod listener;
mod queue;
mod rate;
mod request;
mod stand_in;
mod stream;
mod waiter;

use std::sync::Arc;

use async_trait::async_trait;
use tidegate_connector::{Lane, Source, SourceError};

pub(crate) use self::config::SourceConfig;
use self::lane::HttpLane;
use self::listener::{Listener, Shared};

/// Listens from its first lane on, until it is dropped or the last of its lanes is.
#[derive(Debug)]
pub(crate) struct HttpSource {
    shared: Arc<Shared>,
    listener: Option<Listener>,
    /// Lanes handed out.
    lanes: usize,
}

impl HttpSource {
    pub(crate) fn new(config: SourceConfig) -> Self {
        Self { shared: Arc::new(Shared::new(config)), listener: None, lanes: 0 }
    }

    fn listen(&mut self) -> Result<&Listener, SourceError> {
        let trouble = |cause: String| {
            let place = format!("listen {}", self.shared.config.listen);
            SourceError::Transient { place, cause }
        };
        if self.listener.is_none() {
            if let Some(tls) = &self.shared.config.tls {
                tls.server_config().map_err(&trouble)?;
            }
            let listener = Listener::bind(self.shared.clone()).map_err(|error| trouble(error.to_string()))?;
            tracing::info!(address = %listener.address, "listening");
            self.listener = Some(listener);
        }
        self.listener.as_ref().ok_or_else(|| trouble("not bound".into()))
    }
}

#[async_trait]
impl Source for HttpSource {
    /// Binds first; an address that is taken, or a certificate that is not there, is a transient error. After the last lane there is
    /// never another.
    async fn lane(&mut self) -> Result<Option<Box<dyn Lane>>, SourceError> {
        if self.lanes == self.shared.config.lanes {
            return std::future::pending().await;
        }
        let number = self.lanes;
        let listener = self.listen()?;
        let (name, open) = (format!("{}/{number}", listener.address), listener.lane());
        self.lanes += 1;
        Ok(Some(Box::new(HttpLane::new(name, self.shared.lanes.queue(number).clone(), open))))
    }
}
