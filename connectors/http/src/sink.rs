//! The writer: posts events to one URL, in order of their key.
//!
//! **Order.** Events with an ordering key (context `key`, else `partitionkey`) go one after another within their key, across retries too;
//! different keys go at the same time, up to `concurrency`. Events without a key go one after another within the connection they
//! came by (context `peer`), and all that came by none (from files, say) one after another; with `unkeyed: concurrent` they go in any
//! order. In batched mode there is one request at a time, so that everything is in order.
//!
//! **At least once.** An event is sent again when its answer was lost. [`progress`] remembers what of a group is done, so that a retry
//! goes only to what is not.
//!
//! **Where to.** Only to the URL of the document, only to addresses that may be reached ([`reach`]), never on by a redirect.
//! What each answer means is in [`outcome`].
//!
//! One task does all of it: a request costs no spawn and wakes no other thread ([`client`]).

mod client;
mod config;
mod dial;
mod dispatch;
mod handshake;
mod outcome;
mod pacer;
mod post;
mod reach;
mod results;
mod target;
mod tls;

use std::sync::Arc;

use async_trait::async_trait;
use serde_json::Value;
use tidegate_connector::{Breaker, ConfigError, Place, WriteError, Writer};
use tidegate_event::Event;

use self::client::Client;
pub(crate) use self::config::SinkConfig;
use self::config::{HandshakeConfig, RepliesConfig, Unkeyed};
use self::dial::{Dialer, SystemLookup};
use self::dispatch::{Dispatch, Sending};
use self::outcome::Retry;
use self::pacer::Pacer;
use self::post::{Fixed, Poster, ReplyTo};
use self::tls::ClientTls;
use crate::binding::Mode;
use crate::replies::{Hub, Port};

/// Posts to one URL.
pub(crate) struct HttpWriter {
    poster: Poster,
    dispatch: Dispatch,
    /// Until the service has agreed.
    handshake: Option<HandshakeConfig>,
}

impl HttpWriter {
    /// One writer for the whole of a sink.
    pub(crate) fn open(
        id: &str,
        config: &Value,
        place: &Place<'_>,
        replies: Option<&Hub>,
    ) -> Result<Box<dyn Writer>, Vec<ConfigError>> {
        let mut writers = HttpWriter::open_at_most(1, id, config, place, replies)?;
        writers.pop().ok_or_else(Vec::new)
    }

    /// As many writers as there are streams that go at the same time, so that none waits for the slowest request of another. One
    /// where what is agreed or counted is for all of the sink, or where nothing has an order anyway.
    ///
    /// `replies` is where responses that carry events go; without it a sink with `replies:` is refused.
    pub(crate) fn open_all(
        id: &str,
        config: &Value,
        place: &Place<'_>,
        replies: Option<&Hub>,
    ) -> Result<Vec<Box<dyn Writer>>, Vec<ConfigError>> {
        HttpWriter::open_at_most(WRITERS_MAX, id, config, place, replies)
    }

    fn open_at_most(
        most: usize,
        id: &str,
        config: &Value,
        place: &Place<'_>,
        replies: Option<&Hub>,
    ) -> Result<Vec<Box<dyn Writer>>, Vec<ConfigError>> {
        let first = SinkConfig::read(config)?.at(place);
        let for_all = first.mode == Mode::Batched || first.handshake.is_some() || first.unkeyed == Unkeyed::Concurrent;
        let writers = if for_all { 1 } else { first.concurrency.min(most) };
        // Shared: the roots of TLS are large.
        let dialer = Arc::new(Dialer {
            target: first.target,
            reach: first.reach,
            tls: ClientTls::new(first.tls),
            timeout: first.timeouts.connect,
            lookup: Box::new(SystemLookup),
        });
        let writer = |_| {
            let config = SinkConfig::read(config)?.at(place);
            let replies = config.replies.as_ref().map(|wanted| reply_to(id, wanted, replies)).transpose()?;
            let writer = HttpWriter::new(config, writers, dialer.clone(), replies, place)?;
            Ok(Box::new(writer) as Box<dyn Writer>)
        };
        (0..writers).map(writer).collect()
    }

    /// One of so many writers, with its share of the requests under way.
    fn new(
        config: SinkConfig,
        of: usize,
        dialer: Arc<Dialer>,
        replies: Option<ReplyTo>,
        place: &Place<'_>,
    ) -> Result<HttpWriter, Vec<ConfigError>> {
        let sending = match config.mode {
            Mode::Binary | Mode::Structured => {
                Sending::Single { concurrency: config.concurrency.div_ceil(of), unkeyed: config.unkeyed }
            }
            Mode::Batched => Sending::Batched { events: config.batch_events, bytes: config.batch_bytes },
        };
        let dispatch = Dispatch::new(sending, config.target.shown.clone());
        let poster = Poster {
            client: Client::new(dialer, config.timeouts, config.max_response),
            target: config.target,
            mode: config.mode,
            fixed: Fixed::compile(config.headers, config.auth, place)?,
            pass_headers: config.pass_headers,
            pacer: Pacer::default(),
            replies,
        };
        Ok(HttpWriter { poster, dispatch, handshake: config.handshake })
    }

    /// What must be so before anything is sent.
    async fn prepare(&mut self) -> Result<(), Retry> {
        self.poster.fixed.refresh().map_err(Retry::new)?;
        if let Some(config) = &self.handshake {
            let rate = handshake::agree(&self.poster.client, &self.poster.target, config).await?;
            self.poster.pacer.set(rate);
            self.handshake = None;
        }
        Ok(())
    }
}

/// Writers of one sink at most: each is a task with connections of its own.
const WRITERS_MAX: usize = 64;

fn reply_to(id: &str, wanted: &RepliesConfig, hub: Option<&Hub>) -> Result<ReplyTo, Vec<ConfigError>> {
    let hub = hub.ok_or_else(|| vec![ConfigError::new("/replies", "this host has no `replies` sources")])?;
    // `namespace/name`: the source is in the sink's own namespace.
    let namespace = id.rsplit_once('/').map_or("", |(namespace, _)| namespace);
    let source = format!("{namespace}/{}", wanted.source);
    Ok(ReplyTo { port: Port::new(hub.clone(), source, wanted.timeout), sink: id.to_owned() })
}

#[async_trait]
impl Writer for HttpWriter {
    async fn write(&mut self, events: &[Event]) -> Result<(), WriteError> {
        match self.prepare().await {
            Ok(()) => self.dispatch.write(&self.poster, events).await,
            Err(retry) => self.dispatch.hold(events, retry),
        }
    }

    /// Many requests are under way at once: each is asked for.
    fn breaker(&mut self, breaker: Breaker) -> Option<Breaker> {
        self.dispatch.mind(breaker);
        None
    }

    /// Nothing to do: what was written was answered.
    async fn close(&mut self) -> Result<(), WriteError> {
        Ok(())
    }
}
