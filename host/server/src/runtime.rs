//! The one tokio runtime of a process, and the room it needs.

use std::num::NonZeroUsize;

use rustix::process::{Resource, getrlimit, setrlimit};
use tokio::runtime::{Builder, Runtime};

use crate::problem::OrProblem as _;

/// Worker threads where nothing else is said. Lanes run in parallel on them: two serve a sidecar, and one busy module then
/// leaves the other lanes a core.
pub(crate) const THREADS: NonZeroUsize = NonZeroUsize::MIN.saturating_add(1);

pub(crate) fn runtime(threads: NonZeroUsize) -> anyhow::Result<Runtime> {
    raise_open_files();
    Builder::new_multi_thread()
        .worker_threads(threads.get())
        .enable_all()
        .build()
        .or_problem("the worker threads cannot be started", "look at the limits on processes and memory (`ulimit -a`)")
}

/// Every cached module holds a file open, and the usual soft limit of 1,024 is for programs that use `select`.
pub(crate) fn raise_open_files() {
    let mut files = getrlimit(Resource::Nofile);
    files.current = files.maximum;
    // Where it may not be raised, opening a file will say so.
    let _ = setrlimit(Resource::Nofile, files);
}
