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

mod breaker;
mod client;
mod config;
mod dial;
mod dispatch;
mod handshake;
mod outcome;
mod pacer;
mod post;
mod progress;
mod reach;
mod results;
mod target;
mod tls;
mod units;

use async_trait::async_trait;
use serde_json::Value;
use tidegate_connector::{ConfigError, Place, WriteError, Writer};
use tidegate_event::Event;

use self::breaker::Breaker;
use self::client::Client;
pub(crate) use self::config::SinkConfig;
use self::config::{HandshakeConfig, RepliesConfig};
use self::dial::{Dialer, SystemLookup};
use self::dispatch::{Dispatch, Sending};
use self::outcome::Retry;
use self::pacer::Pacer;
use self::post::{Fixed, Poster, ReplyTo};
use self::tls::ClientTls;
pub(crate) use self::units::Time;
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
    /// `replies` is where responses that carry events go; without it a sink with `replies:` is refused.
    pub(crate) fn open(
        id: &str,
        config: &Value,
        place: &Place<'_>,
        replies: Option<&Hub>,
    ) -> Result<Box<dyn Writer>, Vec<ConfigError>> {
        let config = SinkConfig::read(config)?.at(place);
        let replies = config.replies.as_ref().map(|wanted| reply_to(id, wanted, replies)).transpose()?;
        let sending = match config.mode {
            Mode::Binary | Mode::Structured => {
                Sending::Single { concurrency: config.concurrency, unkeyed: config.unkeyed }
            }
            Mode::Batched => Sending::Batched { events: config.batch_events, bytes: config.batch_bytes },
        };
        let dispatch = Dispatch::new(sending, config.target.shown.clone(), Breaker::new(config.breaker));
        let dialer = Dialer {
            target: config.target.clone(),
            reach: config.reach,
            tls: ClientTls::new(config.tls),
            timeout: config.timeouts.connect,
            lookup: Box::new(SystemLookup),
        };
        let poster = Poster {
            client: Client::new(dialer, config.timeouts, config.max_response),
            target: config.target,
            mode: config.mode,
            fixed: Fixed::compile(config.headers, config.auth, place)?,
            pass_headers: config.pass_headers,
            pacer: Pacer::default(),
            replies,
        };
        Ok(Box::new(HttpWriter { poster, dispatch, handshake: config.handshake }))
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

    /// Nothing to do: what was written was answered.
    async fn close(&mut self) -> Result<(), WriteError> {
        Ok(())
    }
}
