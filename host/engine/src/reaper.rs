//! Drops discarded instances off the lanes: giving back tens of dirty MiB takes milliseconds.

use std::{
    sync::mpsc::{SyncSender, TrySendError, sync_channel},
    thread,
};

use wasmtime::Store;

use crate::store::Host;

/// Instances waiting to be dropped. Past that the lane drops its own: whoever fails this fast may feel it.
const WAITING_MAX: usize = 32;

#[derive(Debug)]
pub(crate) struct Reaper {
    queue: SyncSender<Store<Host>>,
}

impl Reaper {
    pub(crate) fn start() -> std::io::Result<Reaper> {
        let (queue, waiting) = sync_channel::<Store<Host>>(WAITING_MAX);
        // Ends when the engine, and with it the sender, is gone.
        thread::Builder::new().name("guest-reaper".into()).spawn(move || waiting.into_iter().for_each(drop))?;
        Ok(Reaper { queue })
    }

    pub(crate) fn reap(&self, store: Store<Host>) {
        match self.queue.try_send(store) {
            Ok(()) => {}
            Err(TrySendError::Full(store) | TrySendError::Disconnected(store)) => drop(store),
        }
    }
}
