//! Gives memory back, off the lanes: drops discarded instances (tens of dirty MiB take milliseconds), and now and then sends
//! idle modules to rest.

use std::{
    sync::{
        Arc,
        mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, sync_channel},
    },
    thread,
    time::Instant,
};

use wasmtime::Store;

use crate::{
    resting::{Resting, SWEEP_EVERY},
    store::Host,
};

/// Instances waiting to be dropped. Past that the lane drops its own: whoever fails this fast may feel it.
const WAITING_MAX: usize = 32;

#[derive(Debug)]
pub(crate) struct Reaper {
    queue: SyncSender<Store<Host>>,
}

impl Reaper {
    pub(crate) fn start(resting: Arc<Resting>) -> std::io::Result<Reaper> {
        let (queue, waiting) = sync_channel::<Store<Host>>(WAITING_MAX);
        thread::Builder::new().name("guest-reaper".into()).spawn(move || work(&waiting, &resting))?;
        Ok(Reaper { queue })
    }

    pub(crate) fn reap(&self, store: Store<Host>) {
        match self.queue.try_send(store) {
            Ok(()) => {}
            Err(TrySendError::Full(store) | TrySendError::Disconnected(store)) => drop(store),
        }
    }
}

/// Ends when the engine, and with it the sender, is gone.
fn work(waiting: &Receiver<Store<Host>>, resting: &Resting) {
    let mut sweep = Instant::now() + SWEEP_EVERY;
    loop {
        match waiting.recv_timeout(sweep.saturating_duration_since(Instant::now())) {
            Ok(store) => drop(store),
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => return,
        }
        if Instant::now() >= sweep {
            resting.sweep();
            sweep = Instant::now() + SWEEP_EVERY;
        }
    }
}
