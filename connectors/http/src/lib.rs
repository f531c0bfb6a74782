//! `http`: a listener that events are posted to, and a client that posts them on.
//!
//! A [`Source`](tidegate_connector::Source) answers a request only once its events are settled; a
//! [`Writer`](tidegate_connector::Writer) posts events in order of their key. How a message carries events is in
//! [`binding`] (CloudEvents HTTP protocol binding 1.0.2).

pub mod binding;
mod connector;
mod envelope;
mod identity;
mod replies;
mod signature;
mod sink;
mod source;
mod tcp;
mod tls;

pub use connector::Http;
pub use replies::{Hub, Replies};
