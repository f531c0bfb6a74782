//! The generated bindings of the contract, and the one unchecked step of the SDK: text that the host has checked.
//!
//! The only file with unsafe code. Nothing here is meant to be named by authors; the attribute macros are.
//!
//! One world for each exported interface, not the three worlds of the contract: each of those exports `lifecycle`, and one
//! crate can hold the export macro of an interface only once. `wit-component` joins the worlds that a module carries,
//! so that what comes out is `filter-module`, `transform-module` or `matcher-module`, less the imports it does not call.
#![allow(
    unsafe_code,
    missing_docs,
    missing_debug_implementations,
    unreachable_pub,
    clippy::all,
    clippy::wildcard_enum_match_arm,
    clippy::unwrap_used,
    clippy::allow_attributes_without_reason,
    reason = "generated bindings of the canonical ABI"
)]

pub mod lifecycle {
    wit_bindgen::generate!({
        path: "wit",
        inline: "
            package tidegate:guest-sdk;
            world lifecycle-part {
                import tidegate:guest/log@0.1.0;
                import tidegate:guest/metrics@0.1.0;
                export tidegate:guest/lifecycle@0.1.0;
            }",
        world: "tidegate:guest-sdk/lifecycle-part",
        pub_export_macro: true,
        export_macro_name: "export_lifecycle",
        default_bindings_module: "tidegate_guest::bindings::lifecycle",
        generate_all,
    });
}

pub mod filter {
    wit_bindgen::generate!({
        path: "wit",
        inline: "package tidegate:guest-sdk; world filter-part { export tidegate:guest/filter@0.1.0; }",
        world: "tidegate:guest-sdk/filter-part",
        pub_export_macro: true,
        export_macro_name: "export_filter",
        default_bindings_module: "tidegate_guest::bindings::filter",
        with: { "tidegate:guest/events@0.1.0": crate::bindings::lifecycle::tidegate::guest::events },
        generate_all,
    });
}

pub mod transform {
    wit_bindgen::generate!({
        path: "wit",
        inline: "package tidegate:guest-sdk; world transform-part { export tidegate:guest/transform@0.1.0; }",
        world: "tidegate:guest-sdk/transform-part",
        pub_export_macro: true,
        export_macro_name: "export_transform",
        default_bindings_module: "tidegate_guest::bindings::transform",
        with: { "tidegate:guest/events@0.1.0": crate::bindings::lifecycle::tidegate::guest::events },
        generate_all,
    });
}

pub mod matcher {
    wit_bindgen::generate!({
        path: "wit",
        inline: "package tidegate:guest-sdk; world matcher-part { export tidegate:guest/matcher@0.1.0; }",
        world: "tidegate:guest-sdk/matcher-part",
        pub_export_macro: true,
        export_macro_name: "export_matcher",
        default_bindings_module: "tidegate_guest::bindings::matcher",
        with: { "tidegate:guest/events@0.1.0": crate::bindings::lifecycle::tidegate::guest::events },
        generate_all,
    });
}

pub use filter::exports::tidegate::guest::filter as filter_export;
pub use lifecycle::exports::tidegate::guest::lifecycle as lifecycle_export;
pub use lifecycle::tidegate::guest::{events, log, metrics};
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
