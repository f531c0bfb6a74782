//! The clock of deadlines: advances the engine's epoch every millisecond while a guest runs, and sleeps otherwise.
//!
//! Ticking costs two to three percent of a core, and whoever runs on that core is interrupted a thousand times a second. Most
//! calls take microseconds: so the clock looks every few milliseconds whether a call runs, counts each millisecond only
//! while one is found running, and parks when none has been for a while. Guests never see this clock.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst},
    },
    thread::{self, Thread},
    time::Duration,
};

use wasmtime::EngineWeak;

/// One slice of guest time.
pub(crate) const SLICE: Duration = Duration::from_millis(1);

/// How often it looks where no call was found running: as much later a call may be noticed, and meet its deadline.
const LOOK: Duration = Duration::from_millis(4);

/// Looks without a call before the thread parks: lanes that call every few milliseconds shall not pay for waking it.
const IDLE_LOOKS: u32 = 12;

#[derive(Debug)]
pub(crate) struct Ticker {
    shared: Arc<Shared>,
    thread: Thread,
}

#[derive(Debug, Default)]
struct Shared {
    running: AtomicUsize,
    parked: AtomicBool,
    stop: AtomicBool,
}

impl Ticker {
    pub(crate) fn start(engine: EngineWeak) -> std::io::Result<Ticker> {
        let shared = Arc::new(Shared::default());
        let of_thread = Arc::clone(&shared);
        let handle = thread::Builder::new().name("guest-ticker".into()).spawn(move || tick(&of_thread, &engine))?;
        Ok(Ticker { shared, thread: handle.thread().clone() })
    }

    /// Time counts while the returned guard lives.
    pub(crate) fn run(&self) -> Running<'_> {
        self.shared.running.fetch_add(1, SeqCst);
        if self.shared.parked.load(SeqCst) {
            self.thread.unpark();
        }
        Running { shared: &self.shared }
    }
}

impl Drop for Ticker {
    fn drop(&mut self) {
        self.shared.stop.store(true, SeqCst);
        self.thread.unpark();
    }
}

/// A call is running.
#[derive(Debug)]
pub(crate) struct Running<'a> {
    shared: &'a Shared,
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        self.shared.running.fetch_sub(1, SeqCst);
    }
}

fn tick(shared: &Shared, engine: &EngineWeak) {
    let mut idle = 0;
    let mut pause = LOOK;
    while !shared.stop.load(SeqCst) {
        thread::sleep(pause);
        if shared.running.load(SeqCst) > 0 {
            let Some(engine) = engine.upgrade() else { return };
            engine.increment_epoch();
            idle = 0;
            pause = SLICE;
            continue;
        }
        pause = LOOK;
        idle += 1;
        if idle >= IDLE_LOOKS {
            park(shared);
            idle = 0;
        }
    }
}

/// Announces it before looking again: a call that starts in between sees the flag and wakes us.
fn park(shared: &Shared) {
    shared.parked.store(true, SeqCst);
    if shared.running.load(SeqCst) == 0 && !shared.stop.load(SeqCst) {
        thread::park();
    }
    shared.parked.store(false, SeqCst);
}
