//! From component to machine code: in a child process with limits, or here for trusted input.
//!
//! Compiling is where hostile input does most harm: a megabyte of Wasm can want minutes and gigabytes, and wasmtime's
//! security policy does not cover it. A child can be limited and killed, and takes its memory with it.

mod child;

use std::path::PathBuf;

use sha2::{Digest, Sha256};

use crate::{error::LoadError, settings};

pub use child::{CompileLimits, compile_child};

/// Who compiles.
#[derive(Clone, Debug)]
pub enum Compiler {
    /// A child process with limits on time, memory and output: this program, called with `compile-module`.
    Child(PathBuf),
    /// The same with limits of the host's own, for modules that bring a whole language with them.
    ChildWithin(PathBuf, CompileLimits),
    /// This process: tools and tests only, on trusted input.
    InProcess,
}

/// `sha256:…` of the bytes.
pub(crate) fn digest(wasm: &[u8]) -> String {
    format!("sha256:{:x}", Sha256::digest(wasm))
}

/// Machine code of a component, as wasmtime serializes it.
pub(crate) async fn compile(compiler: &Compiler, wasm: Vec<u8>) -> Result<Vec<u8>, LoadError> {
    let compiler = compiler.clone();
    let compiled = tokio::task::spawn_blocking(move || match compiler {
        Compiler::Child(program) => child::run(&program, CompileLimits::default(), wasm),
        Compiler::ChildWithin(program, limits) => child::run(&program, limits, wasm),
        Compiler::InProcess => precompile(&wasm),
    });
    compiled.await.map_err(LoadError::compiler)?
}

/// With an engine of its own: an engine keeps what compiling allocated for as long as it lives.
fn precompile(wasm: &[u8]) -> Result<Vec<u8>, LoadError> {
    let engine = wasmtime::Engine::new(&settings::compiling()).map_err(|e| LoadError::compiler(format!("{e:#}")))?;
    engine.precompile_component(wasm).map_err(|e| LoadError::Invalid { problem: format!("{e:#}") })
}
