//! How much of the processors others had: threads that take no part, the kernel's own among them, by what the scheduler counts.
//!
//! `ksoftirqd` is no other: what it does is the parties' networking.

use std::{fs, fs::File, os::unix::fs::FileExt as _, time::Duration};

use crate::cores::children;

/// Threads that take no part in the benchmark, and what they had run when they were last looked at.
#[derive(Debug)]
pub(super) struct Others(Vec<(File, Duration)>);

impl Others {
    /// All that there are now but those of a process and of what it has started.
    pub(super) fn than(process: u32) -> Others {
        let mut parties = vec![process];
        let mut at = 0;
        while let Some(&party) = parties.get(at) {
            parties.extend(children(party));
            at += 1;
        }
        let numbers = |folder: &str| {
            let names = fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.file_name());
            names.filter_map(|name| name.to_str()?.parse::<u32>().ok()).collect::<Vec<_>>()
        };
        let others = numbers("/proc").into_iter().filter(|process| !parties.contains(process));
        let threads = others.flat_map(|process| {
            let tasks = format!("/proc/{process}/task");
            // One that has ended meanwhile is nobody.
            numbers(&tasks).into_iter().filter_map(move |thread| {
                let name = fs::read_to_string(format!("{tasks}/{thread}/comm")).ok()?;
                if name.starts_with("ksoftirqd/") {
                    return None;
                }
                File::open(format!("{tasks}/{thread}/schedstat")).ok()
            })
        });
        let mut others = Others(threads.map(|thread| (thread, Duration::ZERO)).collect());
        assert!(
            !others.0.is_empty(),
            "the kernel has threads of its own, and shows what they ran (/proc/PID/schedstat)"
        );
        others.ran();
        others
    }

    /// For how long they ran since this was last asked, together: on any processor.
    pub(super) fn ran(&mut self) -> Duration {
        let mut sum = Duration::ZERO;
        for (thread, before) in &mut self.0 {
            let Some(now) = ran(thread) else { continue };
            sum += now.saturating_sub(*before);
            *before = now;
        }
        sum
    }
}

/// The first number of `schedstat` (sched-stats.rst of the kernel's documentation): nanoseconds on a processor. `None`: it has ended.
fn ran(thread: &File) -> Option<Duration> {
    let mut text = [0; 64];
    let read = thread.read_at(&mut text, 0).ok()?;
    let text = std::str::from_utf8(&text[..read]).ok()?;
    text.split(' ').next()?.parse().ok().map(Duration::from_nanos)
}
