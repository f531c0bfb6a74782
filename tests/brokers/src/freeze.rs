//! Holds a process where it is (SIGSTOP), and knows when it stands: the signal only asks for that, and its threads stop one by one.

use std::fs;
use std::thread;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};

/// Returns when no thread of the process runs any more.
pub(crate) fn freeze(process: Pid) {
    // It may have ended already.
    while kill_process(process, Signal::STOP).is_ok() && runs(process) {
        thread::sleep(Duration::from_millis(1));
    }
}

fn runs(process: Pid) -> bool {
    let threads = fs::read_dir(format!("/proc/{}/task", process.as_raw_nonzero()));
    threads.into_iter().flatten().flatten().any(|thread| {
        let stat = fs::read_to_string(thread.path().join("stat")).unwrap_or_default();
        // The state stands behind the name, which is in brackets: stopped, dead, or not there any more.
        !stat.rsplit(") ").next().is_none_or(|rest| rest.is_empty() || rest.starts_with(['T', 'Z', 'X']))
    })
}
