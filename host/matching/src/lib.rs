//! Which policies and sinks want this event, decided by the host before any Wasm. Pure.
//!
//! Conditions of documents are compiled once per generation ([`Matcher`]): names of attributes become accessors, and
//! conditions that always hold vanish. What a matcher module names (`orders/eu/west`) is held against topic patterns
//! by [`fits`]. Nothing here knows policies, routes or what happens next.

mod attribute;
mod destination;
mod index;
mod matcher;
mod pattern;
mod payload;
mod seen;
mod topic;

#[cfg(test)]
mod tests;

pub use destination::Destination;
pub use index::{Candidates, Index, Version};
pub use matcher::Matcher;
pub use topic::{Names, fits};
