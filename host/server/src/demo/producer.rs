//! Whoever writes the orders: appends to a file at a steady pace, as an application would.

use std::{
    fs::OpenOptions,
    io::{self, Write as _},
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread::{self, JoinHandle},
    time::Duration,
};

use crate::demo::orders::Order;

/// How long it takes to write all orders: long enough to watch, and for a swap in the middle.
const TAKES: Duration = Duration::from_secs(6);
/// Between two writes.
const TICK: Duration = Duration::from_millis(20);
/// Every write leaves the end of its last line to the next one: a reader must not take half a line for a whole.
const HELD_BACK: usize = 40;

/// A producer at work. Dropping it stops it.
#[derive(Debug)]
pub(crate) struct Producer {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<io::Result<()>>>,
}

#[derive(Debug)]
struct Shared {
    written: AtomicU64,
    released: AtomicBool,
    stopped: AtomicBool,
}

impl Producer {
    /// Starts to append `count` orders to `path`. The last quarter waits for [`release`](Self::release), so that there are
    /// orders left for what is swapped in even where compiling it takes long.
    pub(crate) fn start(path: PathBuf, count: u64) -> io::Result<Producer> {
        let mut file = OpenOptions::new().create(true).append(true).open(path)?;
        let shared = Arc::new(Shared {
            written: AtomicU64::new(0),
            released: AtomicBool::new(false),
            stopped: AtomicBool::new(false),
        });
        let state = shared.clone();
        let per_tick = (u128::from(count) * TICK.as_millis()).div_ceil(TAKES.as_millis());
        let per_tick = u64::try_from(per_tick).unwrap_or(u64::MAX).max(1);
        let thread = thread::Builder::new().name("orders".into()).spawn(move || {
            let mut held = Vec::new();
            let mut number = 0;
            while number < count && !state.stopped.load(Ordering::Relaxed) {
                thread::sleep(TICK);
                let free = if state.released.load(Ordering::Relaxed) { count } else { count - count / 4 };
                let until = (number + per_tick).min(free);
                for order in (number..until).map(Order::nth) {
                    order.write_line(&mut held);
                }
                number = until;
                let keep = if number == count { 0 } else { HELD_BACK.min(held.len()) };
                let rest = held.split_off(held.len() - keep);
                file.write_all(&held)?;
                held = rest;
                state.written.store(number, Ordering::Relaxed);
            }
            Ok(())
        })?;
        Ok(Producer { shared, thread: Some(thread) })
    }

    /// Orders written so far.
    pub(crate) fn written(&self) -> u64 {
        self.shared.written.load(Ordering::Relaxed)
    }

    /// Lets the last quarter go.
    pub(crate) fn release(&self) {
        self.shared.released.store(true, Ordering::Relaxed);
    }

    /// Whether it failed: a full disk, say.
    pub(crate) fn failed(&mut self) -> io::Result<()> {
        match self.thread.take_if(|thread| thread.is_finished()) {
            Some(thread) => thread.join().unwrap_or_else(|_| Err(io::Error::other("the producer panicked"))),
            None => Ok(()),
        }
    }
}

impl Drop for Producer {
    fn drop(&mut self) {
        self.shared.stopped.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            // It looks at `stopped` every tick; its result does not matter any more.
            let _ = thread.join();
        }
    }
}
