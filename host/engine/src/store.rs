//! What belongs to one instance: its limits, its deadline, and what its imports act on.

use std::{sync::Arc, time::Duration};

use wasmtime::{Store, UpdateDeadline};
use wasmtime_wasi::{ResourceTable, WasiCtx, WasiCtxView, WasiView};

use crate::{
    engine::Engine,
    imports::{self, Counted, Shared},
    limits::{Limiter, Limits},
    state::Session,
    ticker::SLICE,
};

/// Streams, pollables and the like that a guest with WASI holds at once.
const WASI_RESOURCES_MAX: usize = 1024;

/// The data of a store.
pub(crate) struct Host {
    pub(crate) limiter: Limiter,
    deadline: Deadline,
    /// Of all instances of the policy.
    pub(crate) shared: Arc<Shared>,
    /// What this call has counted so far; it joins the shared counters when the call succeeds.
    pub(crate) counted: Counted,
    /// What it remembers; there only during a call that decides.
    pub(crate) state: Option<Session>,
    wasi: Option<Box<(WasiCtx, ResourceTable)>>,
}

/// Slices of guest time.
#[derive(Debug, Default)]
struct Deadline {
    left: u32,
    used: u32,
}

impl WasiView for Host {
    /// Made on first use: guests without WASI pay nothing.
    fn ctx(&mut self) -> WasiCtxView<'_> {
        let shared = &self.shared;
        let wasi = self.wasi.get_or_insert_with(|| {
            let mut table = ResourceTable::new();
            table.set_max_capacity(WASI_RESOURCES_MAX);
            Box::new((imports::empty_wasi(shared), table))
        });
        WasiCtxView { ctx: &mut wasi.0, table: &mut wasi.1 }
    }
}

/// A store with limits on. Nothing runs in it before [`arm`].
pub(crate) fn new(engine: &Engine, limits: &Limits, shared: &Arc<Shared>) -> Store<Host> {
    let host = Host {
        limiter: Limiter::new(limits.memory),
        deadline: Deadline::default(),
        shared: Arc::clone(shared),
        counted: Counted::default(),
        state: None,
        wasi: None,
    };
    let mut store = Store::new(engine.wasmtime(), host);
    store.limiter(|host| &mut host.limiter);
    store.set_hostcall_fuel(limits.reply_bytes());
    store.epoch_deadline_callback(|mut context| {
        let deadline = &mut context.data_mut().deadline;
        deadline.used += 1;
        if deadline.left == 0 {
            return Ok(UpdateDeadline::Interrupt);
        }
        deadline.left -= 1;
        Ok(UpdateDeadline::YieldCustom(1, Box::pin(tokio::task::yield_now())))
    });
    store
}

/// Sets the deadline of what runs next. The first slice may be a partial one, so it comes on top.
pub(crate) fn arm(store: &mut Store<Host>, timeout: Duration) {
    let host = store.data_mut();
    host.deadline = Deadline { left: slices(timeout), used: 0 };
    host.limiter.begin();
    store.set_epoch_deadline(1);
}

/// Slices used since [`arm`].
pub(crate) fn used(store: &Store<Host>) -> u32 {
    store.data().deadline.used
}

/// At least one.
pub(crate) fn slices(time: Duration) -> u32 {
    u32::try_from(time.as_millis() / SLICE.as_millis()).unwrap_or(u32::MAX).max(1)
}
