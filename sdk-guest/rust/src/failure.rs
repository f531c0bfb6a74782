//! A panic's last words: they end the call, and reach whoever reads of the failure.

use std::panic::{PanicHookInfo, set_hook};

use crate::bindings::failure::fail;

/// From now on a panic says what it was, instead of trapping without a word.
pub(crate) fn say_why() {
    set_hook(Box::new(|panic| fail(&words(panic))));
}

/// `panic: MESSAGE (src/lib.rs:7)`.
fn words(panic: &PanicHookInfo<'_>) -> String {
    let message = panic.payload_as_str().unwrap_or("without a message");
    match panic.location() {
        Some(place) => format!("panic: {message} ({}:{})", place.file(), place.line()),
        None => format!("panic: {message}"),
    }
}
