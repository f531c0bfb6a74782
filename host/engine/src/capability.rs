//! Capabilities: what a component may be granted, read off what it imports.

use std::fmt;

/// What a component may be granted. Each is one interface of the contract with functions in it, or WASI as a whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Capability {
    /// `tidegate:guest/log`.
    Log,
    /// `tidegate:guest/metrics`.
    Metrics,
    /// `tidegate:guest/state`.
    State,
    /// `wasi:*` (0.2), with an empty context: no files, no sockets, no environment.
    Wasi,
}

impl Capability {
    /// As policies write it.
    pub fn as_str(self) -> &'static str {
        match self {
            Capability::Log => "log",
            Capability::Metrics => "metrics",
            Capability::State => "state",
            Capability::Wasi => "wasi",
        }
    }
}

impl fmt::Display for Capability {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
