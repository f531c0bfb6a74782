//! Tests of modules, without Wasm.
//!
//! Call the function itself with an [`event`] of your own, or run the whole module (configuration, needs, outputs):
//!
//! ```
//! use tidegate_guest::testing::{event, run_filter};
//! use tidegate_guest::{Event, Verdict, filter};
//!
//! #[filter]
//! fn order_guard(event: &Event) -> Verdict {
//!     if event.ty() == "com.acme.order" { Verdict::Keep } else { Verdict::drop("not an order") }
//! }
//!
//! let order = event().ty("com.acme.order").build();
//! assert_eq!(order_guard(&order), Verdict::Keep);
//! assert_eq!(run_filter::<order_guard>("{}", &[order]).unwrap(), [Verdict::Keep]);
//! ```
//!
//! Events made here live as long as the test process.

mod build;
mod json;
mod run;

pub use build::{EventBuilder, event};
pub use json::{events_from_json_lines, to_json};
pub use run::{Transformed, outputs, run_filter, run_matcher, run_transform};

pub use crate::state::imports::{forget, time_passes};

/// What a counter of this thread stands at.
pub fn counted(name: &str) -> u64 {
    crate::metrics::imports::counted(name)
}
