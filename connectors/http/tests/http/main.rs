//! The HTTP connector from outside, over real sockets.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

mod sink;
mod source;
