//! The engine: one per host. Owns what all guests share (compiled code, pool, clock of deadlines, cache) and loads modules.

use std::{
    path::PathBuf,
    sync::{Arc, OnceLock},
};

use tokio::sync::Semaphore;
use wasmtime::component::{Component, Linker};

use crate::{
    cache::Cache,
    compile::{self, Compiler},
    error::LoadError,
    imports, kept,
    label::Label,
    module::{self, Module, Origin},
    precompiled,
    reaper::Reaper,
    resting::{Code, Resting},
    settings,
    store::Host,
    ticker::Ticker,
};

/// Modules compiled at once, at most: two children of 512 MiB each are what a small host can spare.
const COMPILING_MAX: usize = 2;

/// Size of a component, at most. CPython as a component is 40 MiB.
pub(crate) const WASM_BYTES_MAX: usize = 64 << 20;

/// What an engine is made of.
#[derive(Clone, Debug)]
pub struct EngineOptions {
    /// Private directory (0700) of compiled modules, made if missing; `None`: no cache.
    pub cache_dir: Option<PathBuf>,
    /// The program that compiles, called as `PROGRAM compile-module` with the component on stdin; usually our own binary.
    pub compiler: Compiler,
    /// Instances alive at once, at most. A lane holds one for each guest it calls.
    pub instances: u32,
}

impl Default for EngineOptions {
    /// No cache, compiles in this process, 256 instances: for tools and tests.
    fn default() -> EngineOptions {
        EngineOptions { cache_dir: None, compiler: Compiler::InProcess, instances: 256 }
    }
}

/// Loads and runs guests. Cheap to clone; a host has one.
#[derive(Clone)]
pub struct Engine {
    inner: Arc<Inner>,
}

struct Inner {
    wasmtime: wasmtime::Engine,
    compiler: Compiler,
    compiling: Semaphore,
    cache: Option<Cache>,
    ticker: Ticker,
    reaper: Reaper,
    resting: Arc<Resting>,
    pure: OnceLock<Arc<Linker<Host>>>,
    wasi: OnceLock<Arc<Linker<Host>>>,
    pooled: bool,
}

impl Engine {
    /// Sets up wasmtime and the cache directory. Where the address space for a pool cannot be had (`ulimit -v`, small
    /// machines) instances are allocated one by one instead; where the cache directory is not private, nothing is cached.
    /// Both are logged.
    pub fn new(options: EngineOptions) -> Result<Engine, LoadError> {
        let setup = |e: wasmtime::Error| LoadError::Engine { problem: format!("{e:#}") };
        let (wasmtime, pooled) = match wasmtime::Engine::new(&settings::pooled(options.instances)) {
            Ok(engine) => (engine, true),
            Err(error) => {
                tracing::warn!(%error, "no pool of instances, allocating one by one");
                (wasmtime::Engine::new(&settings::compiling()).map_err(setup)?, false)
            }
        };
        let cache = options.cache_dir.and_then(|dir| match Cache::open(&dir, &wasmtime) {
            Ok(cache) => Some(cache),
            Err(error) => {
                tracing::warn!(dir = %dir.display(), %error, "compiled modules are not cached");
                None
            }
        });
        let ticker = Ticker::start(wasmtime.weak()).map_err(|e| LoadError::Engine { problem: e.to_string() })?;
        let resting = Arc::new(Resting::default());
        let reaper = Reaper::start(Arc::clone(&resting)).map_err(|e| LoadError::Engine { problem: e.to_string() })?;
        let inner = Inner {
            wasmtime,
            compiler: options.compiler,
            compiling: Semaphore::new(COMPILING_MAX),
            cache,
            ticker,
            reaper,
            resting,
            pure: OnceLock::new(),
            wasi: OnceLock::new(),
            pooled,
        };
        Ok(Engine { inner: Arc::new(inner) })
    }

    /// Compiles (or takes from the cache) and reads off what the component is.
    ///
    /// Cancel-safe: a compilation that nobody waits for any more ends by its own limits.
    pub async fn load(&self, wasm: &[u8]) -> Result<Module, LoadError> {
        module::inspect_header(wasm)?;
        let label = Label::read(wasm)?;
        let digest = compile::digest(wasm);
        let cached = self.inner.cache.as_ref().and_then(|cache| cache.load(&self.inner.wasmtime, &digest));
        let loaded = match cached {
            Some(component) => Loaded::Mapped(component),
            None => self.compile(wasm, &digest).await?,
        };
        let (Loaded::Mapped(component) | Loaded::Copied(component)) = &loaded;
        let code = Arc::new(Code::new(component.clone()));
        if matches!(loaded, Loaded::Mapped(_)) {
            self.inner.resting.watch(Arc::downgrade(&code));
        }
        let origin = Origin { digest, size: wasm.len(), label, keeps_replies: kept::keeps_replies(wasm) };
        Module::new(self, component, code, origin)
    }

    async fn compile(&self, wasm: &[u8], digest: &str) -> Result<Loaded, LoadError> {
        let _permit = self.inner.compiling.acquire().await.map_err(|_| LoadError::compiler("the engine is gone"))?;
        let compiled = compile::compile(&self.inner.compiler, wasm.to_vec()).await?;
        if let Some(cache) = &self.inner.cache
            && let Some(component) = cache.store_and_load(&self.inner.wasmtime, digest, &compiled)
        {
            return Ok(Loaded::Mapped(component));
        }
        precompiled::from_memory(&self.inner.wasmtime, &compiled).map(Loaded::Copied)
    }

    /// What guests import, without or with WASI. Built when first needed.
    pub(crate) fn linker(&self, wasi: bool) -> Result<Arc<Linker<Host>>, LoadError> {
        let slot = if wasi { &self.inner.wasi } else { &self.inner.pure };
        if let Some(linker) = slot.get() {
            return Ok(Arc::clone(linker));
        }
        let linker =
            imports::linker(&self.inner.wasmtime, wasi).map_err(|e| LoadError::Engine { problem: format!("{e:#}") })?;
        Ok(Arc::clone(slot.get_or_init(|| Arc::new(linker))))
    }

    pub(crate) fn wasmtime(&self) -> &wasmtime::Engine {
        &self.inner.wasmtime
    }

    pub(crate) fn ticker(&self) -> &Ticker {
        &self.inner.ticker
    }

    pub(crate) fn reaper(&self) -> &Reaper {
        &self.inner.reaper
    }
}

/// Where the code of a component lies.
enum Loaded {
    /// In a file of the cache.
    Mapped(Component),
    /// In memory of our own.
    Copied(Component),
}

impl std::fmt::Debug for Engine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Engine")
            .field("compiler", &self.inner.compiler)
            .field("cached", &self.inner.cache.is_some())
            .field("pooled", &self.inner.pooled)
            .finish_non_exhaustive()
    }
}
