//! What went wrong in a call, and whose doing it was.

use wasmtime::{Trap, WasmBacktrace};

use crate::limits::LimitExceeded;

/// Bytes of a message that comes from a guest, at most.
pub(crate) const MESSAGE_MAX: usize = 512;

/// The guest failed. Policies say per cause what then happens to the event.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{cause}: {message}")]
pub struct Fault {
    /// What kind of failure.
    pub cause: FaultCause,
    /// The guest's own words, or the trap and the function it happened in; at most 512 bytes.
    pub message: String,
}

/// Kinds of failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
pub enum FaultCause {
    /// `unreachable`, an access out of bounds, the stack exhausted, …
    #[error("trap")]
    Trap,
    /// It ran longer than `timeout`.
    #[error("timeout")]
    Timeout,
    /// It asked for more memory or table elements than it may have.
    #[error("memory limit")]
    Memory,
    /// It answered with an error of its own.
    #[error("error")]
    Error,
    /// What it returned breaks the contract.
    #[error("invalid reply")]
    Reply,
    /// The event is larger than `max_event_bytes`; the guest was not called.
    #[error("event too large")]
    TooLarge,
}

impl Fault {
    pub(crate) fn new(cause: FaultCause, message: impl AsRef<str>) -> Fault {
        Fault { cause, message: cut(message.as_ref(), MESSAGE_MAX).to_owned() }
    }

    pub(crate) fn reply(problem: impl std::fmt::Display) -> Fault {
        Fault::new(FaultCause::Reply, problem.to_string())
    }

    /// Memory was refused; the guest may have said something about it.
    pub(crate) fn memory(limit: &LimitExceeded, words: Option<&str>) -> Fault {
        match words {
            None => Fault::new(FaultCause::Memory, limit.to_string()),
            Some(words) => Fault::new(FaultCause::Memory, format!("{limit}: {words}")),
        }
    }

    /// Classifies what wasmtime reports.
    pub(crate) fn from_call(error: &wasmtime::Error) -> Fault {
        if let Some(limit) = error.downcast_ref::<LimitExceeded>() {
            return Fault::new(FaultCause::Memory, limit.to_string());
        }
        if let Some(exit) = error.downcast_ref::<wasmtime_wasi::I32Exit>() {
            return Fault::new(FaultCause::Trap, format!("the guest exited with code {}", exit.0));
        }
        if let Some(last) = error.downcast_ref::<LastWords>() {
            return Fault::new(FaultCause::Trap, &last.0);
        }
        if let Some(refused) = error.downcast_ref::<Refused>() {
            return Fault::new(FaultCause::Error, refused.0);
        }
        match error.downcast_ref::<Trap>() {
            Some(Trap::Interrupt) => Fault::new(FaultCause::Timeout, format!("interrupted{}", place(error))),
            Some(trap) => Fault::new(FaultCause::Trap, format!("{trap}{}", place(error))),
            // Everything else is the canonical ABI refusing what the guest handed over.
            None => Fault::new(FaultCause::Reply, error.root_cause().to_string()),
        }
    }
}

/// A host function refused. Fails the call.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct Refused(pub(crate) &'static str);

/// The guest cannot go on, and said why. Ends the call.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct LastWords(pub(crate) String);

/// ` in my_filter::check`: the innermost function that has a name.
fn place(error: &wasmtime::Error) -> String {
    let Some(trace) = error.downcast_ref::<WasmBacktrace>() else { return String::new() };
    let named = trace.frames().iter().find_map(|frame| Some((frame, frame.func_name()?)));
    match named {
        Some((_, name)) => format!(" in {}", rustc_demangled(name)),
        None => match trace.frames().first() {
            Some(frame) => format!(" in function {}", frame.func_index()),
            None => String::new(),
        },
    }
}

/// Drops the hash that Rust appends to names: `filter::check::h0123456789abcdef`.
fn rustc_demangled(name: &str) -> &str {
    match name.rsplit_once("::h") {
        Some((path, hash)) if hash.len() == 16 && hash.bytes().all(|b| b.is_ascii_hexdigit()) => path,
        _ => name,
    }
}

/// At most `max` bytes, cut between characters.
pub(crate) fn cut(text: &str, max: usize) -> &str {
    &text[..text.floor_char_boundary(max)]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_cut_between_characters() {
        assert_eq!(cut("aäb", 2), "a");
        assert_eq!(cut("aäb", 3), "aä");
        assert_eq!(cut("ab", 9), "ab");
    }

    #[test]
    fn hashes_of_rust_names_are_dropped() {
        assert_eq!(rustc_demangled("f::check::h0123456789abcdef"), "f::check");
        assert_eq!(rustc_demangled("f::hello"), "f::hello");
    }
}
