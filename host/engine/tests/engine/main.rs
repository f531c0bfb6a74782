//! The engine as its users see it: guests written in text, well-behaved and hostile.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

mod caching;
mod compiling;
mod contract;
mod deciding;
mod hostile;
mod loading;
mod state;
mod support;
mod wat;
