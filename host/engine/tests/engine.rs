//! The engine as its users see it: guests written in text, well-behaved and hostile.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

#[path = "engine/hostile.rs"]
mod hostile;
#[path = "engine/support.rs"]
mod support;
#[path = "engine/wat.rs"]
mod wat;
