//! What guests may import, and what those imports act on. One file an interface.
//!
//! Everything is always linked; whether a module may have it was decided before, by comparing its imports with what
//! the policy grants.

mod failure;
mod log;
mod metrics;
mod state;
mod wasi;

use std::sync::Arc;

use wasmtime::component::Linker;

use crate::store::Host;

pub(crate) use {
    log::Lines,
    metrics::{Counted, Counters},
    wasi::empty_wasi,
};

/// What all instances of one policy share.
#[derive(Debug)]
pub(crate) struct Shared {
    /// `namespace/name`.
    pub(crate) policy: Arc<str>,
    pub(crate) lines: Lines,
    pub(crate) counters: Counters,
}

impl Shared {
    pub(crate) fn new(policy: &Arc<str>) -> Arc<Shared> {
        Arc::new(Shared { policy: Arc::clone(policy), lines: Lines::default(), counters: Counters::default() })
    }
}

/// A linker with all of ours and, if wanted, all of WASI 0.2.
pub(crate) fn linker(engine: &wasmtime::Engine, wasi: bool) -> wasmtime::Result<Linker<Host>> {
    let mut linker = Linker::new(engine);
    failure::link(&mut linker)?;
    log::link(&mut linker)?;
    metrics::link(&mut linker)?;
    state::link(&mut linker)?;
    if wasi {
        wasmtime_wasi::p2::add_to_linker_async(&mut linker)?;
    }
    Ok(linker)
}
