//! The file connector from outside: the kit, and what happens to files.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

mod configuration;
mod conformance;
mod folder;
mod lag;
mod reading;
