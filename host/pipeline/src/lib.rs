//! The data path: from a source's lanes through a plan's policies to its sinks, and back to settlement.
//!
//! ```text
//!  Lane ─► Delivery ─► flow (match, filter, transform, route) ─► dispatch ─► Sink
//!    ▲                                                              │
//!    └───────────── window: settle in input order ◄── receipts ─────┘
//! ```
//!
//! Everything of one batch happens in its lane's task, to completion; lanes run in parallel. A batch is decided by the one
//! [`Plan`] that was live when it began. Nothing here knows a document, a file name or an admin API: `control` builds plans
//! and swaps them through [`Live`].

mod answers;
mod batch;
pub mod circuit;
pub mod deadletter;
pub mod decisions;
mod dispatch;
mod failures;
mod flow;
mod histogram;
mod lag;
mod lane;
mod live;
mod memory;
pub mod meter;
mod pauses;
mod pipeline;
pub mod plan;
pub mod rollout;
mod rules;
mod tally;
pub mod tap;
pub mod trace;
mod transaction;
mod verdict;
mod window;

pub use circuit::{Circuit, CircuitOptions, CircuitState, Circuits};
pub use flow::{dry, shadow};
pub use histogram::{Durations, Histogram};
pub use lag::Behind;
pub use lane::LaneState;
pub use live::Live;
pub use meter::{Meter, Meters};
pub use pauses::{Held, OPERATOR, Pauses};
pub use pipeline::{LaneStatus, Pipeline, SourceState};
pub use plan::Plan;
pub use tally::{RouteTally, Tally};
pub use tap::Taps;
pub use trace::Tracer;
pub use window::WindowOptions;
