//! A thread for what may take the time that nobody else wants: policies in shadow.
//!
//! It has the lowest priority there is, so that what runs on it takes from a lane next to nothing, however much it does.

use std::thread;

use tokio::{
    runtime::{Builder, Handle},
    sync::oneshot,
};

use crate::problem::OrProblem as _;

/// What `nice` calls the lowest priority.
const LOWEST: i32 = 19;

/// The thread. Dropped, it ends with what runs on it.
#[derive(Debug)]
pub(crate) struct Spare {
    handle: Handle,
    // Dropped, it tells the thread to end.
    _until: oneshot::Sender<()>,
}

impl Spare {
    /// Starts it.
    pub(crate) fn start() -> anyhow::Result<Spare> {
        let what = "no thread can be started";
        let hint = "look at the limits on processes and memory (`ulimit -a`)";
        let runtime = Builder::new_current_thread().enable_time().build().or_problem(what, hint)?;
        let handle = runtime.handle().clone();
        let (_until, ended) = oneshot::channel();
        let run = move || {
            lower();
            // Whether it is told or whoever would tell it is gone, it ends.
            let _ = runtime.block_on(ended);
            // What runs on it is not waited for.
            runtime.shutdown_background();
        };
        thread::Builder::new().name("spare".into()).spawn(run).or_problem(what, hint)?;
        Ok(Spare { handle, _until })
    }

    /// Runs there what is spawned with it.
    pub(crate) fn handle(&self) -> &Handle {
        &self.handle
    }
}

/// On Linux a priority is a thread's own.
fn lower() {
    let thread = rustix::thread::gettid();
    if let Err(error) = rustix::process::setpriority_process(Some(thread), LOWEST) {
        tracing::debug!(%error, "policies in shadow run at the priority of everything else");
    }
}
