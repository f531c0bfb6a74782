//! `kafka`: topics of Kafka. One lane a partition, a producer that waits for every replica.
//!
//! A [`Source`](tidegate_connector::Source) is a member of a consumer group; a [`Writer`](tidegate_connector::Writer) writes to the topics of
//! one cluster. How a message carries an event is in [`binding`] (CloudEvents Kafka protocol binding 1.0.2).

mod binding;
mod client;
mod connector;
mod sink;
mod source;
mod topics;
mod transaction;

pub use connector::Kafka;
