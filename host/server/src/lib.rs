//! The `tidegate` program as a library: its commands, and a [`host`] that runs documents.
//!
//! Wiring and command line only. What an event is, what a policy may do and how one is swapped is decided in the crates
//! below; here they are put together, and what they say is put into words for a person. [`commands`] holds one file per
//! command.

mod admin;
mod authorities;
mod bench;
pub mod cli;
mod client;
pub mod commands;
mod compiling;
mod connector_schemas;
mod connectors;
mod demo;
mod dev;
mod event_text;
mod guest_lines;
pub mod host;
mod human;
mod listing;
mod logging;
pub mod measure;
mod preset;
mod problem;
mod runtime;
mod signals;
mod spare;
mod table;
mod testing;
mod traces;
mod trial;

/// The hidden command by which the host calls itself to compile a component; see [`tidegate_engine::compile_child`].
pub const COMPILE_MODULE: &str = "compile-module";
