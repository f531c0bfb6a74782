//! The Kafka connector against a real broker.
#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stdout, reason = "tests")]

mod conformance;
mod exactly_once;
mod groups;
mod input;
mod output;
mod rig;
