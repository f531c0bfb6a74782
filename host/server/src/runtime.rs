//! The one tokio runtime of a process.

use std::num::NonZeroUsize;

use tokio::runtime::{Builder, Runtime};

use crate::problem::OrProblem as _;

/// Worker threads where nothing else is said. Lanes run in parallel on them: two serve a sidecar, and one busy module then
/// leaves the other lanes a core.
pub(crate) const THREADS: NonZeroUsize = NonZeroUsize::MIN.saturating_add(1);

pub(crate) fn runtime(threads: NonZeroUsize) -> anyhow::Result<Runtime> {
    Builder::new_multi_thread()
        .worker_threads(threads.get())
        .enable_all()
        .build()
        .or_problem("the worker threads cannot be started", "look at the limits on processes and memory (`ulimit -a`)")
}
