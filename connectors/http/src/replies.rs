//! `replies`: a source of the events that services answer with to what an HTTP sink posts.
//!
//! ```yaml
//! kind: Source
//! metadata: {name: answers}
//! spec: {replies: {}}
//! ---
//! kind: Sink
//! metadata: {name: app}
//! spec: {http: {url: http://localhost:3000/, replies: {source: answers}}}
//! ```
//!
//! A CloudEvent in a 2xx response, in any mode, becomes an event of that source; its context `reply.sinks` names the sink (and
//! before it those that the event posted was itself a reply to). What was posted is only done once its replies are settled, so
//! that a reply is lost no more than any event: at least once. Other responses are no replies, and fine.
//!
//! **Bounds.** 4,096 replies and 16 MiB of them wait in a source at most; a sink waits for room.
//!
//! **Loops.** A sink waits for its replies, and writes one group at a time. A route that leads a reply to the sink it came from makes
//! the sink wait for itself. Whether a route does is not known here: when a reply is not settled within `replies.timeout`, the
//! sink says so as its trouble, names this as what may be the cause, and goes on waiting without posting again (a slow target
//! heals by itself; a loop ends with `retry.max`, which refuses the event). A reply that does come to its own sink is refused.

mod hub;
mod lane;
mod port;

use serde::Deserialize;
use serde_json::Value;
use tidegate_connector::{ConfigError, Connector, Place, Source, Writer, config};

pub use self::hub::Hub;
use self::lane::RepliesSource;
pub(crate) use self::port::Port;

/// `replies:` of a source has no options yet.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawSource {}

/// The `replies` connector; clones are handles to the same one. Its [`hub`](Replies::hub) goes to the `http` connector whose sinks
/// name its sources.
#[derive(Clone, Debug, Default)]
pub struct Replies {
    hub: Hub,
}

impl Replies {
    /// For the `http` connector.
    pub fn hub(&self) -> Hub {
        self.hub.clone()
    }
}

impl Connector for Replies {
    fn name(&self) -> &'static str {
        "replies"
    }

    fn check_source(&self, config: &Value) -> Result<(), Vec<ConfigError>> {
        config::parse::<RawSource>(config).map(drop)
    }

    fn check_sink(&self, _: &Value) -> Result<(), Vec<ConfigError>> {
        Err(no_sink())
    }

    fn open_source(&self, id: &str, config: &Value, _: &Place<'_>) -> Result<Box<dyn Source>, Vec<ConfigError>> {
        self.check_source(config)?;
        Ok(Box::new(RepliesSource::open(&self.hub, id)))
    }

    fn open_sink(&self, _: &str, _: &Value, _: &Place<'_>) -> Result<Box<dyn Writer>, Vec<ConfigError>> {
        Err(no_sink())
    }
}

fn no_sink() -> Vec<ConfigError> {
    let error = ConfigError::new("", "`replies` is a source only");
    vec![error.hint("a sink is `http: {url: …, replies: {source: NAME}}`")]
}
