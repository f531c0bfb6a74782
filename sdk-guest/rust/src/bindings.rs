//! The generated bindings of the contract, and the one unchecked step of the SDK: text that the host has checked.
//!
//! The only place with unsafe code beside the allocator. Nothing here is meant to be named by authors; the attribute macros are. The modules below
//! are generated (`tests/bindings.rs`), one for each exported interface.
#![allow(
    unsafe_code,
    missing_docs,
    missing_debug_implementations,
    unreachable_pub,
    unused_qualifications,
    clippy::all,
    clippy::wildcard_enum_match_arm,
    clippy::unwrap_used,
    clippy::allow_attributes_without_reason,
    reason = "generated bindings of the canonical ABI"
)]

#[rustfmt::skip]
pub mod filter;
pub mod kept;
#[rustfmt::skip]
pub mod lifecycle;
#[rustfmt::skip]
pub mod matcher;
#[rustfmt::skip]
pub mod state;
#[rustfmt::skip]
pub mod transform;

pub use self::state::tidegate::guest::state as state_import;
pub use filter::exports::tidegate::guest::filter as filter_export;
pub use lifecycle::exports::tidegate::guest::lifecycle as lifecycle_export;
pub use lifecycle::tidegate::guest::{events, failure, log, metrics};
pub use matcher::exports::tidegate::guest::matcher as matcher_export;
pub use transform::exports::tidegate::guest::transform as transform_export;

/// Bytes that the contract guarantees to be UTF-8 (attributes, extensions, context), as text.
///
/// Checking them again costs more than most filters do. In a component the host has checked them; natively the
/// only batches are built by `testing`, from `&str`.
pub(crate) fn trusted(bytes: &[u8]) -> &str {
    debug_assert!(std::str::from_utf8(bytes).is_ok(), "invariant: the host checks text");
    // SAFETY: see above. A batch cannot be made outside this crate, and the host is trusted: it owns this memory.
    unsafe { std::str::from_utf8_unchecked(bytes) }
}
