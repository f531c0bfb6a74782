//! The seam between the host and what it reads from and writes to.
//!
//! A [`Source`] hands out [`Lane`]s, ordered streams of [`Delivery`]s. A [`Delivery`] is a batch of events and the duty
//! to settle it. A [`Sink`] is a bounded queue before a [`Writer`]; sending gives a [`Receipt`] that resolves once the
//! batch is durable. The framework (here) owns queues, grouping, retry with backoff and order; a connector owns only its
//! protocol, and says of each failure whether it is transient, permanent or closed.
//!
//! | what | cancel-safe | order |
//! |---|---|---|
//! | `Source::lane` | yes | – |
//! | `Lane::next` | yes | deliveries and their events are in stream order |
//! | `Settlement::settle` | no: awaited to the end | the host settles the deliveries of a lane in the order they came |
//! | `Writer::write` | no: the framework never drops it | events are written in the order given |
//!
//! A connector is four ideas: a configuration ([`config`]), a source (most keep their position in a [`Ledger`]), a
//! writer, and a [`Connector`] that opens them. It passes [`conformance`]. It knows no policy, route or host.

pub mod backoff;
pub mod chain;
pub mod config;
pub mod conformance;
pub mod connector;
pub mod envelope;
pub mod headers;
pub mod lag;
pub mod ledger;
pub mod repeats;
pub mod secret;
pub mod sink;
pub mod source;
pub mod transaction;

pub use backoff::Backoff;
pub use chain::chain;
pub use connector::{ConfigError, Connector, DESTINATION, ENTRY, Place, Registry, TRACEPARENT, TRACESTATE};
pub use headers::{Headers, HeadersConfig};
pub use lag::{Lag, LagGauge};
pub use ledger::Ledger;
pub use repeats::Repeats;
pub use secret::{Secret, SecretConfig, SecretError, SecretRef};
pub use sink::{
    Breaker, BreakerOptions, Circuit, Progress, RateKey, RateLimit, Receipt, Refused, Sent, Sink, SinkCounts,
    SinkNumbers, SinkOptions, Trouble, WriteError, Writer,
};
pub use source::{
    Delivery, Fate, LANE_BATCH_BYTES, LANE_BATCH_EVENTS, Lane, MALFORMED_BYTES, Malformed, Resumed, Settled,
    Settlement, Source, SourceError, Standby,
};
pub use transaction::{Commit, Committed, Part, Participant, Refusal};
