//! Which core runs what, and how much of it was used.
//!
//! With everybody on every core the scheduler would decide what is measured: whether a request is handed over within a core or
//! across two differs by more than what the proxies differ by.

use std::{
    fs,
    process::{Child, Command},
    time::Duration,
};

use rustix::{
    param::clock_ticks_per_second,
    thread::{CpuSet, sched_getaffinity, sched_setaffinity},
};

/// A place to run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Core {
    /// Of what is measured.
    Proxy,
    /// Of who sends and who receives.
    Rest,
}

impl Core {
    /// Starts a process that stays on this core with all its threads.
    pub(crate) fn spawn(self, command: &mut Command) -> Child {
        let before = sched_getaffinity(None).unwrap();
        let allowed: Vec<usize> = (0..CpuSet::MAX_CPU).filter(|&cpu| before.is_set(cpu)).collect();
        // The last two: interrupts prefer the first.
        let [.., rest, proxy] = allowed[..] else { panic!("this comparison needs two cores") };
        let mut one = CpuSet::new();
        one.set(if self == Core::Proxy { proxy } else { rest });
        // A child inherits the mask of the thread that starts it.
        sched_setaffinity(None, &one).unwrap();
        let child = command.spawn();
        sched_setaffinity(None, &before).unwrap();
        child.unwrap_or_else(|error| panic!("{}: {error}", command.get_program().display()))
    }
}

/// CPU time of a process and those it has started, in user and kernel, to 10 ms (`utime` and `stime` of proc_pid_stat(5)).
pub(crate) fn cpu(pid: u32) -> Duration {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    // The second field is the name in parentheses and may hold anything; `utime` is the 14th.
    let fields: Vec<&str> = stat[stat.rfind(')').unwrap() + 2..].split(' ').collect();
    let ticks: u64 = fields[11..13].iter().map(|field| field.parse::<u64>().unwrap()).sum();
    let own = Duration::from_secs_f64(ticks as f64 / clock_ticks_per_second() as f64);
    own + children(pid).into_iter().map(cpu).sum::<Duration>()
}

/// Processes that the main thread of this one has started and that still run.
pub(crate) fn children(pid: u32) -> Vec<u32> {
    let children = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap();
    children.split_whitespace().map(|child| child.parse().unwrap()).collect()
}
