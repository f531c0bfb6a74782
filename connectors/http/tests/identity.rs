//! Who may send, from outside: what a stranger tries against a listener that asks who they are.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

#[path = "identity/certificates.rs"]
mod certificates;
#[path = "identity/documents.rs"]
mod documents;
#[path = "identity/hostile.rs"]
mod hostile;
#[path = "identity/http2.rs"]
mod http2;
#[path = "identity/rig.rs"]
mod rig;
