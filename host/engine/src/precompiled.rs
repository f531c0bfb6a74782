//! Loads machine code: the one place of this crate with unsafe code.
//!
//! Deserializing trusts its input with everything, so the input is only ever what our own compiler wrote: straight from
//! the child's pipe, or from a cache file whose keyed hash was checked through the very descriptor that is loaded here.
//! Machine code that comes from anywhere else is never loaded; `Engine::load` refuses it as not being WebAssembly.

use std::{fs::File, os::fd::AsRawFd};

use rustix::mm::{Advice, madvise};
use wasmtime::component::Component;

use crate::error::LoadError;

/// From the compiler's output.
pub(crate) fn from_memory(engine: &wasmtime::Engine, compiled: &[u8]) -> Result<Component, LoadError> {
    #[expect(unsafe_code, reason = "the bytes come from our own compiler; wasmtime checks version and settings")]
    let component = unsafe { Component::deserialize(engine, compiled) };
    component.map_err(|e| LoadError::compiler(format!("{e:#}")))
}

/// From an authenticated file, mapped, so that idle modules cost little. Goes through the descriptor: whatever is done
/// to the path meanwhile, what is loaded is what was checked.
pub(crate) fn from_file(engine: &wasmtime::Engine, file: &File) -> wasmtime::Result<Component> {
    let path = format!("/proc/self/fd/{}", file.as_raw_fd());
    #[expect(unsafe_code, reason = "the file is in our private directory and its keyed hash has been checked")]
    let component = unsafe { Component::deserialize_file(engine, path) };
    component
}

/// Gives the memory of code that came from a file back until it runs again. Costs the next call a few page faults.
pub(crate) fn page_out(component: &Component) {
    let text = component.text();
    #[expect(unsafe_code, reason = "only advice to the kernel: what the memory holds does not change")]
    let advised = unsafe { madvise(text.as_ptr().cast_mut().cast(), text.len(), Advice::LinuxPageOut) };
    if let Err(error) = advised {
        tracing::debug!(%error, "the code of an idle module stays resident");
    }
}
