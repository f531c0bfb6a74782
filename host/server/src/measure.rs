//! Comparing by CPU time: what is compared runs alternately, and the median over the rounds of each quotient counts.
//!
//! CPU time does not see the neighbours that take the core away, alternation and medians take care of those that warm it,
//! and a quotient within one round of the machine as a whole.

use std::{
    io,
    os::unix::process::CommandExt as _,
    process::Command,
    time::{Duration, Instant},
};

use rustix::{
    thread::{CpuSet, sched_getaffinity, sched_setaffinity},
    time::{ClockId, clock_gettime},
};

/// Rounds of a comparison.
pub const ROUNDS: usize = 11;

/// How long one measurement takes at least: a thousand times what reading the clock and being interrupted cost.
const MEASUREMENT: Duration = Duration::from_millis(10);

/// Which CPU time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Clock {
    /// Of the calling thread.
    Thread,
    /// Of all threads of the process, those of the engine and the runtime too.
    Process,
}

impl Clock {
    /// CPU time so far.
    pub fn now(self) -> Duration {
        let id = match self {
            Clock::Thread => ClockId::ThreadCPUTime,
            Clock::Process => ClockId::ProcessCPUTime,
        };
        let time = clock_gettime(id);
        Duration::new(time.tv_sec.cast_unsigned(), u32::try_from(time.tv_nsec).unwrap_or_default())
    }
}

/// Nanoseconds per event of each of `N` subjects, round by round.
#[derive(Clone, Debug)]
pub struct Rounds<const N: usize>(Vec<[f64; N]>);

impl<const N: usize> Rounds<N> {
    /// The median over the rounds of what `value` makes of one.
    pub fn median(&self, value: impl Fn(&[f64; N]) -> f64) -> f64 {
        median_of(&self.0, value)
    }

    /// The median of one subject, in nanoseconds per event.
    pub fn ns(&self, subject: usize) -> f64 {
        self.median(|round| round[subject])
    }

    /// The median quotient of two subjects.
    pub fn quotient(&self, subject: usize, by: usize) -> f64 {
        self.median(|round| round[subject] / round[by])
    }
}

/// The middle of what `value` makes of each.
pub fn median_of<T>(all: &[T], value: impl Fn(&T) -> f64) -> f64 {
    median(all.iter().map(value).collect())
}

/// The middle value.
pub fn median(values: Vec<f64>) -> f64 {
    quantile(values, 0.5)
}

/// The value that the share `q` of all does not exceed.
pub fn quantile(mut values: Vec<f64>, q: f64) -> f64 {
    values.sort_by(f64::total_cmp);
    let at = (q * values.len() as f64).ceil() as usize;
    values[at.clamp(1, values.len()) - 1]
}

/// Measures subjects alternately. Each is told how often to do what it does; `events` is how many events that is each time.
pub fn compare<const N: usize>(clock: Clock, events: usize, mut subjects: [&mut dyn FnMut(u32); N]) -> Rounds<N> {
    let rounds = compare_all(clock, events, &mut subjects, ROUNDS);
    Rounds(rounds.into_iter().map(|round| std::array::from_fn(|at| round[at].cpu)).collect())
}

/// Nanoseconds per event of one subject in one round.
#[derive(Clone, Copy, Debug)]
pub struct Took {
    /// Of the clock that was asked for.
    pub cpu: f64,
    /// As time goes by.
    pub wall: f64,
}

/// The same for any number of subjects and rounds. One list a round, in the order of the subjects.
pub fn compare_all(clock: Clock, events: usize, subjects: &mut [&mut dyn FnMut(u32)], rounds: usize) -> Vec<Vec<Took>> {
    let counts: Vec<u32> = subjects.iter_mut().map(|subject| calibrate(clock, *subject)).collect();
    let count = subjects.len();
    let round = |round: usize| {
        let mut took = vec![Took { cpu: 0.0, wall: 0.0 }; count];
        // Who comes first changes: nobody always runs on what the same other has left in the caches.
        for at in (0..count).map(|at| (at + round) % count) {
            let begun = Instant::now();
            let cpu = time(clock, || subjects[at](counts[at]));
            let (wall, each) = (begun.elapsed(), f64::from(counts[at]) * events as f64);
            took[at] = Took { cpu: cpu.as_nanos() as f64 / each, wall: wall.as_nanos() as f64 / each };
        }
        took
    };
    (0..rounds).map(round).collect()
}

/// The same for subjects that measure themselves and answer in nanoseconds per event. The first answer is not counted.
pub fn alternate<const N: usize>(rounds: usize, mut subjects: [&mut dyn FnMut() -> f64; N]) -> Rounds<N> {
    for subject in &mut subjects {
        subject();
    }
    let round = |round: usize| {
        let mut ns = [0.0; N];
        for i in (0..N).map(|i| (i + round) % N) {
            ns[i] = subjects[i]();
        }
        ns
    };
    Rounds((0..rounds).map(round).collect())
}

/// CPU time that `run` takes.
pub fn time(clock: Clock, run: impl FnOnce()) -> Duration {
    let before = clock.now();
    run();
    clock.now() - before
}

fn calibrate(clock: Clock, subject: &mut dyn FnMut(u32)) -> u32 {
    let mut count = 1;
    loop {
        // Also the warm-up.
        if time(clock, || subject(count)) >= MEASUREMENT {
            return count;
        }
        count *= 2;
    }
}

/// Copies of 8 KiB and more use `rep movsb` by default. On some processors (Zen 3 with glibc 2.36) it falls to a tenth of its
/// speed when the destination lies 8–31 bytes past the source modulo 4096, in what is measured and in what it is
/// compared with, by the luck of the allocator. Above this threshold: never.
const TUNABLES: &str = "glibc.cpu.x86_rep_movsb_threshold=0x7fffffff";

/// Makes measurements repeatable: starts the program again with `rep movsb` out of the way, then keeps it on one core.
///
/// To be called before there are threads. Returns only in the program that was started again.
///
/// # Errors
/// Where the program cannot be started again, or not be kept on a core: what is measured then depends on luck.
pub fn settle() -> io::Result<()> {
    if std::env::var("GLIBC_TUNABLES").is_err() {
        let program = std::env::current_exe()?;
        return Err(Command::new(program).args(std::env::args_os().skip(1)).env("GLIBC_TUNABLES", TUNABLES).exec());
    }
    let allowed = sched_getaffinity(None)?;
    // The last core: interrupts prefer the first.
    let last = (0..CpuSet::MAX_CPU).rev().find(|&cpu| allowed.is_set(cpu)).unwrap_or_default();
    let mut one = CpuSet::new();
    one.set(last);
    sched_setaffinity(None, &one)?;
    Ok(())
}
