//! Filters, transforms and matchers for Tidegate: one function on one typed event.
//!
//! ```
//! use tidegate_guest::{Event, Verdict, filter};
//!
//! /// Lets orders through, and nothing else.
//! #[filter]
//! fn order_guard(event: &Event) -> Verdict {
//!     if event.ty().starts_with("com.acme.order") { Verdict::Keep } else { Verdict::drop("not an order") }
//! }
//! ```
//!
//! `tidegate build` makes a component of it. The function stays a plain function: its tests run with `cargo test`, without any
//! Wasm (see [`testing`]).
//!
//! This is not the host, and knows nothing of it but the contract in `wit/`. Batches cross flat; this crate walks them and
//! hands out one event at a time, without copying or allocating for it.
//!
//! # Panics
//! A panic ends the call with its message; the host finds the event that caused it, and the policy's `onTrap` decides about that
//! event alone. Whoever reads of the failure (the dead letter, the log, `tidegate test`) reads the message and the line. Needs
//! no capability.

mod batch;
#[doc(hidden)]
pub mod bindings;
mod config;
mod draft;
mod event;
#[doc(hidden)]
pub mod exports;
#[cfg(target_family = "wasm")]
mod failure;
#[doc(hidden)]
pub mod label;
pub mod log;
#[cfg(target_family = "wasm")]
mod memory;
pub mod metrics;
pub mod module;
mod names;
mod needs;
mod output;
pub mod state;
#[cfg(not(target_family = "wasm"))]
pub mod testing;
mod value;
mod verdict;

pub use config::NoConfig;
pub use draft::Draft;
pub use event::{Data, DataError, Event, Form};
pub use names::Names;
pub use needs::Needs;
pub use output::{IntoOutput, Output};
pub use tidegate_guest_macros::{filter, matcher, transform};
pub use value::Value;
pub use verdict::{IntoVerdict, Verdict};
