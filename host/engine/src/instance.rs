//! One live instance of a guest: created, configured, called. An instance that failed once is never called again.

use std::{borrow::Cow, future::Future, sync::Arc, time::Duration};

use tidegate_event::flat::{FlatBatch, Needs};
use wasmtime::{
    PoolConcurrencyLimitError, Store,
    component::{ComponentType, Func, Instance, Lift},
};

use crate::{
    abi::{Assignment, Batch, ConfigureResult, Copied, Decided, InPlace, InfoRecord, Outcomes},
    engine::Engine,
    fault::{Fault, FaultCause, LastWords},
    imports::Shared,
    limits::{Limits, SETUP_TIMEOUT},
    module::{Kind, Module},
    state::Session,
    store::{self, Host},
};

/// Memory from which giving an instance back takes long enough to do it elsewhere.
const REAP_BYTES: usize = 4 << 20;

/// Wall-clock time for a guest that waits in WASI (a sleep costs it no running time), as a multiple of its timeout.
const WAITING_TIMEOUTS: u32 = 10;

/// An instance in its store. Dropping it gives its memory back on the spot; [`Live::retire`] does it elsewhere.
pub(crate) struct Live {
    store: Store<Host>,
    instance: Instance,
    engine: Engine,
    functions: Deciding,
    waits: bool,
    keeps_replies: bool,
    /// Memory when it was configured.
    settled: usize,
}

#[derive(Default)]
struct Deciding {
    filter: Option<Func>,
    transform: Option<Func>,
    matcher: Option<Func>,
}

/// What a transform returned: with its events in the guest's memory, where it leaves them there.
pub(crate) struct Reply<'a> {
    pub(crate) outcomes: Outcomes,
    pub(crate) row_words: u32,
    pub(crate) bytes: Cow<'a, [u8]>,
    pub(crate) index: Cow<'a, [u32]>,
}

/// Why there is no instance.
#[derive(Debug)]
pub(crate) enum StartError {
    /// The guest's doing.
    Fault(Fault),
    /// All slots are taken.
    Busy(String),
}

impl Live {
    /// Instantiates, with the deadline on: start functions run here.
    pub(crate) async fn start(
        engine: &Engine,
        module: &Module,
        limits: &Limits,
        shared: &Arc<Shared>,
    ) -> Result<Live, StartError> {
        module.touch();
        let mut store = store::new(engine, limits, shared);
        store::arm(&mut store, SETUP_TIMEOUT);
        let waits = module.imports().contains(&crate::Capability::Wasi);
        let started = {
            let _running = engine.ticker().run();
            bounded(waits, SETUP_TIMEOUT, module.pre().instantiate_async(&mut store)).await
        };
        if let Err(Failed::Error(error)) = &started
            && error.is::<PoolConcurrencyLimitError>()
        {
            return Err(StartError::Busy(error.to_string()));
        }
        match ended(&store, started, SETUP_TIMEOUT) {
            Ok(instance) => {
                let functions = Deciding::find(&mut store, instance, module);
                Ok(Live {
                    store,
                    instance,
                    engine: engine.clone(),
                    functions,
                    waits,
                    keeps_replies: module.keeps_replies(),
                    settled: 0,
                })
            }
            Err(fault) => {
                engine.reaper().reap(store);
                Err(StartError::Fault(fault))
            }
        }
    }

    pub(crate) async fn describe(&mut self, module: &Module) -> Result<InfoRecord, Fault> {
        let index = &module.functions().describe;
        let typed = self.instance.get_typed_func::<(), (InfoRecord,)>(&mut self.store, index);
        let describe = typed.map_err(|e| Fault::from_call(&e))?;
        store::arm(&mut self.store, SETUP_TIMEOUT);
        let _running = self.engine.ticker().run();
        let called = bounded(self.waits, SETUP_TIMEOUT, describe.call_async(&mut self.store, ())).await;
        ended(&self.store, called, SETUP_TIMEOUT).map(|(info,)| info)
    }

    /// `Err`: it failed. `Ok(Err)`: it refused, in its own words.
    pub(crate) async fn configure(&mut self, module: &Module, config: &str) -> Result<Result<Needs, String>, Fault> {
        let index = &module.functions().configure;
        let typed = self.instance.get_typed_func::<(&str,), ConfigureResult>(&mut self.store, index);
        let configure = typed.map_err(|e| Fault::from_call(&e))?;
        store::arm(&mut self.store, SETUP_TIMEOUT);
        let called = {
            let _running = self.engine.ticker().run();
            bounded(self.waits, SETUP_TIMEOUT, configure.call_async(&mut self.store, (config,))).await
        };
        let (answer,) = ended(&self.store, called, SETUP_TIMEOUT)?;
        self.settled = self.memory();
        self.commit();
        Ok(answer.map(Needs::from))
    }

    /// Whether the functions have the types of the contract. To be asked once a module; where it says yes, no later look-up
    /// of a typed function fails.
    pub(crate) fn check_types(&mut self, module: &Module) -> Result<(), String> {
        let wrong = |function: &'static str| move |e: wasmtime::Error| format!("`{function}`: {e:#}");
        let (store, functions) = (&mut self.store, module.functions());
        self.instance
            .get_typed_func::<(), (InfoRecord,)>(&mut *store, &functions.describe)
            .map_err(wrong("lifecycle.describe"))?;
        self.instance
            .get_typed_func::<(&str,), ConfigureResult>(&mut *store, &functions.configure)
            .map_err(wrong("lifecycle.configure"))?;
        let Deciding { filter, transform, matcher } = &self.functions;
        if let Some(func) = filter {
            func.typed::<(Batch<'_>,), Decided<Outcomes>>(&*store).map_err(wrong("filter.evaluate"))?;
        }
        if let Some(func) = transform {
            func.typed::<(Batch<'_>,), Decided<Copied>>(&*store).map_err(wrong("transform.apply"))?;
        }
        if let Some(func) = matcher {
            func.typed::<(Batch<'_>,), Decided<Assignment>>(&*store).map_err(wrong("matcher.assign"))?;
        }
        Ok(())
    }

    pub(crate) async fn evaluate(&mut self, batch: &FlatBatch, timeout: Duration) -> Result<Outcomes, Fault> {
        self.decide(Kind::Filter, batch, timeout).await
    }

    pub(crate) async fn apply(&mut self, batch: &FlatBatch, timeout: Duration) -> Result<Reply<'_>, Fault> {
        if self.keeps_replies {
            let InPlace { outcomes, events } = self.decide(Kind::Transform, batch, timeout).await?;
            let bytes = Cow::Borrowed(events.bytes.as_le_slice(&self.store));
            let index = Cow::Borrowed(events.index.as_le_slice(&self.store));
            return Ok(Reply { outcomes, row_words: events.row_words, bytes, index });
        }
        let Copied { outcomes, events } = self.decide(Kind::Transform, batch, timeout).await?;
        let (bytes, index) = (Cow::Owned(events.bytes), Cow::Owned(events.index));
        Ok(Reply { outcomes, row_words: events.row_words, bytes, index })
    }

    pub(crate) async fn assign(&mut self, batch: &FlatBatch, timeout: Duration) -> Result<Assignment, Fault> {
        self.decide(Kind::Matcher, batch, timeout).await
    }

    async fn decide<T>(&mut self, kind: Kind, batch: &FlatBatch, timeout: Duration) -> Result<T, Fault>
    where
        T: ComponentType + Lift + Send + Sync + 'static,
    {
        let func = self.functions.of(kind).ok_or_else(|| exports_no(kind))?;
        let typed = func.typed::<(Batch<'_>,), Decided<T>>(&self.store).map_err(|e| Fault::from_call(&e))?;
        store::arm(&mut self.store, timeout);
        let _running = self.engine.ticker().run();
        let call = typed.call_async(&mut self.store, (Batch::from(batch),));
        let called = bounded(self.waits, timeout, call).await;
        answer(ended(&self.store, called, timeout)?)
    }

    /// What it remembers during the next call.
    pub(crate) fn lend(&mut self, session: Option<Session>, now_ms: u64) {
        self.store.data_mut().state = session.map(|mut session| {
            session.begin(now_ms);
            session
        });
    }

    /// What was lent, when the call is over.
    pub(crate) fn take_back(&mut self) -> Option<Session> {
        self.store.data_mut().state.take()
    }

    /// What the last call counted becomes visible.
    pub(crate) fn commit(&mut self) {
        let host = self.store.data_mut();
        host.counted.commit(&host.shared.counters);
    }

    /// Slices of guest time that the last call took.
    pub(crate) fn used(&self) -> u32 {
        store::used(&self.store)
    }

    /// Linear memory in bytes.
    pub(crate) fn memory(&self) -> usize {
        self.store.data().limiter.memory()
    }

    /// Linear memory it took on since it was configured.
    pub(crate) fn grown(&self) -> usize {
        self.memory().saturating_sub(self.settled)
    }

    /// Gives it back, off this thread where that takes long.
    pub(crate) fn retire(self) {
        if self.memory() > REAP_BYTES {
            self.engine.reaper().reap(self.store);
        }
    }
}

impl Deciding {
    fn find(store: &mut Store<Host>, instance: Instance, module: &Module) -> Deciding {
        let mut find = |kind| {
            let index = module.functions().deciding.get(&kind)?;
            instance.get_func(&mut *store, index)
        };
        Deciding { filter: find(Kind::Filter), transform: find(Kind::Transform), matcher: find(Kind::Matcher) }
    }

    fn of(&self, kind: Kind) -> Option<Func> {
        match kind {
            Kind::Filter => self.filter,
            Kind::Transform => self.transform,
            Kind::Matcher => self.matcher,
        }
    }
}

/// Why a call gave nothing.
enum Failed {
    Error(wasmtime::Error),
    /// It waited too long in WASI.
    Late,
}

impl Failed {
    fn fault(&self, timeout: Duration) -> Fault {
        match self {
            Failed::Error(error) => fault(error, timeout),
            Failed::Late => timed_out(timeout),
        }
    }

    /// What the guest said of it.
    fn last_words(&self) -> Option<&str> {
        match self {
            Failed::Error(error) => error.downcast_ref::<LastWords>().map(|last| &*last.0),
            Failed::Late => None,
        }
    }
}

/// What came of a call. One in which memory was refused has failed, whatever it answers: it was let go on for its last words.
fn ended<T>(store: &Store<Host>, called: Result<T, Failed>, timeout: Duration) -> Result<T, Fault> {
    match (store.data().limiter.refused(), called) {
        (None, called) => called.map_err(|failed| failed.fault(timeout)),
        (Some(limit), Ok(_)) => Err(Fault::memory(&limit, None)),
        (Some(limit), Err(failed)) => Err(Fault::memory(&limit, failed.last_words())),
    }
}

/// Pure guests end by their own deadline, and their calls are never dropped. A guest with WASI may wait without running:
/// that is bounded by the clock, and its store is dropped whole afterwards.
async fn bounded<T>(
    waits: bool,
    timeout: Duration,
    call: impl Future<Output = wasmtime::Result<T>>,
) -> Result<T, Failed> {
    if !waits {
        return call.await.map_err(Failed::Error);
    }
    match tokio::time::timeout(timeout * WAITING_TIMEOUTS, call).await {
        Ok(done) => done.map_err(Failed::Error),
        Err(_) => Err(Failed::Late),
    }
}

fn answer<T>((answered,): (Result<T, String>,)) -> Result<T, Fault> {
    answered.map_err(|words| Fault::new(FaultCause::Error, words))
}

fn fault(error: &wasmtime::Error, timeout: Duration) -> Fault {
    let mut fault = Fault::from_call(error);
    if fault.cause == FaultCause::Timeout {
        fault.message = format!("ran longer than {}ms, {}", timeout.as_millis(), fault.message);
    }
    fault
}

fn timed_out(timeout: Duration) -> Fault {
    Fault::new(FaultCause::Timeout, format!("waited longer than {}ms", (timeout * WAITING_TIMEOUTS).as_millis()))
}

fn exports_no(kind: Kind) -> Fault {
    Fault::new(FaultCause::Error, format!("the module exports no {kind}"))
}
