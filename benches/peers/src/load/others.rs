//! How much of the processors others had: threads that take no part, the kernel's own among them, by what the scheduler counts.
//!
//! `ksoftirqd` is no other: what it does is the parties' networking.

use std::{fs, fs::File, mem, os::unix::fs::FileExt as _, time::Duration};

use crate::cores::children;

/// Threads that take no part in the benchmark. They are looked at one by one: all at once take 140 µs, which would be felt.
#[derive(Debug)]
pub(super) struct Others {
    /// With what each had run when it was last looked at.
    threads: Vec<(File, Duration)>,
    /// How many of them were looked at in this round.
    seen: usize,
    /// What they ran between the round before and this one.
    ran: Duration,
}

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
        let threads: Vec<_> = threads.map(|thread| (thread, Duration::ZERO)).collect();
        assert!(
            !threads.is_empty(),
            "the kernel has threads of its own, and shows what they ran (/proc/PID/schedstat)"
        );
        let mut others = Others { threads, seen: 0, ran: Duration::ZERO };
        others.ran();
        others
    }

    /// Looks at the next of them, if this round has not seen all.
    pub(super) fn look(&mut self) {
        let Some((thread, before)) = self.threads.get_mut(self.seen) else { return };
        self.seen += 1;
        let Some(now) = ran(thread) else { return };
        self.ran += now.saturating_sub(*before);
        *before = now;
    }

    /// Ends the round: for how long they ran since the one before, together, on any processor. Another begins.
    pub(super) fn ran(&mut self) -> Duration {
        while self.seen < self.threads.len() {
            self.look();
        }
        self.seen = 0;
        mem::take(&mut self.ran)
    }
}

/// The first number of `schedstat` (sched-stats.rst of the kernel's documentation): nanoseconds on a processor. `None`: it has ended.
fn ran(thread: &File) -> Option<Duration> {
    let mut text = [0; 64];
    let read = thread.read_at(&mut text, 0).ok()?;
    let text = std::str::from_utf8(&text[..read]).ok()?;
    text.split(' ').next()?.parse().ok().map(Duration::from_nanos)
}
