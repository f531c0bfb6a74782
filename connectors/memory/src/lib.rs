//! `memory`: queues inside the process, for tests, benches and programs that embed the host.
//!
//! A [`Memory`] is the connector; its [`Queue`]s are addressed by name: `memory: {name: orders}` in a document and
//! [`Memory::queue`] in code mean the same one. A source reads what was pushed (or what a sink of the same name wrote); a sink
//! appends. The handle also injects failures and waits for what tests wait for.
//!
//! **What durable means here**: appended to the queue, and no more. Queues and their positions live as long as the
//! `Memory` and its handles: they survive that a source or sink is dropped and opened again, and nothing else. What is
//! settled is let go of.

mod config;
mod connector;
mod queue;
mod sink;
mod source;

pub use connector::Memory;
pub use queue::{Counts, Full, QUEUE_EVENTS_MAX, Queue};
