//! Log lines, a capability: a component that does not log does not import it.

use std::fmt;

/// How much a line matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    /// Of use to whoever writes the module.
    Trace,
    /// Of use to whoever debugs it.
    Debug,
    /// Worth knowing.
    Info,
    /// Wrong, but handled.
    Warn,
    /// A person must act.
    Error,
}

/// Writes a line to the host's log, which limits their rate and length. The policy must grant `log`.
///
/// Natively, in tests, it goes to stderr.
///
/// ```
/// # let order = 7;
/// tidegate_guest::log!(info, "order {order} is late");
/// ```
#[macro_export]
macro_rules! log {
    (trace, $($message:tt)+) => { $crate::log::write($crate::log::Level::Trace, ::core::format_args!($($message)+)) };
    (debug, $($message:tt)+) => { $crate::log::write($crate::log::Level::Debug, ::core::format_args!($($message)+)) };
    (info, $($message:tt)+) => { $crate::log::write($crate::log::Level::Info, ::core::format_args!($($message)+)) };
    (warn, $($message:tt)+) => { $crate::log::write($crate::log::Level::Warn, ::core::format_args!($($message)+)) };
    (error, $($message:tt)+) => { $crate::log::write($crate::log::Level::Error, ::core::format_args!($($message)+)) };
}

/// What [`log!`](crate::log!) calls.
#[cfg(target_family = "wasm")]
pub fn write(level: Level, message: fmt::Arguments<'_>) {
    use crate::bindings::log;
    let level = match level {
        Level::Trace => log::Level::Trace,
        Level::Debug => log::Level::Debug,
        Level::Info => log::Level::Info,
        Level::Warn => log::Level::Warn,
        Level::Error => log::Level::Error,
    };
    match message.as_str() {
        Some(message) => log::write(level, message),
        None => log::write(level, &message.to_string()),
    }
}

/// What [`log!`](crate::log!) calls.
#[cfg(not(target_family = "wasm"))]
pub fn write(level: Level, message: fmt::Arguments<'_>) {
    eprintln!("{level:?}: {message}");
}
