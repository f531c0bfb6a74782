//! `kafka`: topics of Kafka. One lane a partition, a producer that waits for every replica. Options: of sources in `source/config.rs`, of sinks in
//! `sink/config.rs`, of connections in `client.rs`.
//!
//! **A topic that is not there** holds a source (it says so until there is one), and is a refusal for good at a sink: such events rest in the dead
//! letter, for a route's `topic:` may be made of what events say.
//!
//! A [`Source`](tidegate_connector::Source) is a member of a consumer group; a [`Writer`](tidegate_connector::Writer) writes to the topics of
//! one cluster. How a message carries an event is in [`binding`] (CloudEvents Kafka protocol binding 1.0.2).
//!
//! With `delivery: exactlyOnce` at a source, what comes of its events and how far it has read are one transaction: see `source/transactions.rs` for
//! how, and for what others wait for when a host is gone. Sinks and dead letters of its routes have the same `brokers`, `tls` and `sasl`, and no
//! `compression`, `linger` or `timeout` of their own: the source's producer writes for them. Set a sink's `maxMessageBytes` to what its topic takes: what is larger
//! is then refused before it is sent; what only a broker refuses costs a new producer each time.

mod binding;
mod client;
mod connector;
mod log;
mod sink;
mod source;
mod topics;
mod transaction;

pub use connector::Kafka;
