//! All tests of the product as a whole, in one binary: it is linked once.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    missing_docs,
    unreachable_pub,
    missing_debug_implementations,
    clippy::print_stdout,
    reason = "tests"
)]

mod admin_api;
mod bad_input;
mod bridge;
mod cli;
mod crash;
mod flow;
mod golden;
mod hostile;
mod hot_swap;
mod http;
mod kafka;
mod languages;
mod nats;
mod oracle;
mod rig;
mod rollout;
mod shadow;
mod state;
mod support;
mod tidy;
mod traces;
