//! Runs guests: loads components, checks what they are, calls them with flat batches, and bounds everything they do.
//!
//! [`Engine::load`] turns bytes into a [`Module`] (compiled in a child process, cached). [`Guest::verify`] turns a module and
//! what a policy grants it into a [`Guest`]: configured once and warmed up, so a guest that exists is one that works. A
//! [`Worker`] is one lane's use of a guest: it keeps an instance, calls it, and finds the guilty event when a call fails.
//! This is the only crate that names wasmtime. It knows no policy document and no connector.

mod abi;
mod bisect;
mod cache;
mod capability;
mod compile;
mod contract;
mod decision;
mod engine;
mod error;
mod fault;
mod guest;
mod imports;
mod instance;
mod interner;
mod job;
mod kept;
mod label;
mod limits;
mod module;
mod precompiled;
mod reaper;
mod reply;
mod resting;
mod settings;
mod state;
mod store;
mod ticker;
mod worker;

pub use capability::Capability;
pub use compile::{CompileLimits, Compiler, compile_child};
pub use decision::{Applied, Assigned, Decision};
pub use engine::{Engine, EngineOptions};
pub use error::{LoadError, Stage, VerifyError};
pub use fault::{Fault, FaultCause};
pub use guest::{Guest, GuestSpec, Info};
pub use label::Label;
pub use limits::{Isolation, Limits};
pub use module::{Kind, Module};
pub use state::{STATE_ENTRY_BYTES, StateGone, StateLimits, StateValue, StateView, StateWrites, Written};
pub use worker::Worker;
