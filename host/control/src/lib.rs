//! The control path: documents become plans, and plans go live. Slow, may fail, never touches an event.
//!
//! ```text
//! files ─► parse ─► check ─► resolve ─► compile ─► verify ─► swap
//!          └── policy ──┘   └────── verify (here) ─────┘     └ one atomic store
//! ```
//!
//! [`Control::verify`] does everything that can fail and leaves nothing behind but a report; [`Control::swap`] takes only
//! what was verified, and cannot fail. What ran before goes on until then.

pub mod book;
pub mod codes;
pub mod conditions;
pub mod config_schema;
mod control;
mod difference;
pub mod documents;
pub mod edit;
mod files;
mod generation;
pub mod history;
pub mod kept;
mod module_store;
mod modules;
pub mod orders;
mod plan;
mod remembering;
pub mod replay;
pub mod rollouts;
pub mod shadows;
mod sinks;
pub mod status;
mod unindexed;
mod verify;

pub use control::{Control, ControlOptions};
pub use difference::Difference;
pub use documents::{DocumentSet, Watch};
pub use generation::{Generation, RolloutInfo, Unindexed};
pub use kept::{KeptGeneration, KeptPolicy};
pub use module_store::{ModuleStore, StoreError};
pub use orders::{Desk, Order, Owner};
pub use plan::verdict;
pub use replay::Replay;
pub use status::{CircuitStatus, Picture, RouteStatus, SinkStatus, SourceStatus, Status};
pub use verify::{Connectors, Verified, guest_spec};
