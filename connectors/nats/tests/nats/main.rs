//! The `nats` connector against a real server.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

mod answers;
mod bad_input;
mod configuration;
mod conformance;
mod credentials;
mod faults;
mod read_back;
mod rig;
mod subjects;
