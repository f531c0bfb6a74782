//! What a benchmark does to its own process before it measures, and what it reads of processes.

use std::{
    fs,
    os::unix::process::CommandExt as _,
    path::PathBuf,
    process::{Command, Stdio},
};

use mimalloc::MiMalloc;
use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

/// What the `tidegate` program allocates with.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

/// Copies of 8 KiB and more use `rep movsb` by default. On some processors (Zen 3 with glibc 2.36) it falls to a tenth of its
/// speed when the destination lies 8–31 bytes past the source modulo 4096, in what is measured and in what it is
/// compared with, by the luck of the allocator. Above this threshold: never.
const TUNABLES: &str = "glibc.cpu.x86_rep_movsb_threshold=0x7fffffff";

/// Makes measurements repeatable: starts the program again with `rep movsb` out of the way, then keeps it on one core.
///
/// To be called first in `main`, before there are threads.
pub fn settle() {
    if std::env::var("GLIBC_TUNABLES").is_err() {
        let program = std::env::current_exe().unwrap();
        let error = Command::new(program).args(std::env::args_os().skip(1)).env("GLIBC_TUNABLES", TUNABLES).exec();
        panic!("this program cannot start itself again: {error}");
    }
    let allowed = sched_getaffinity(None).unwrap();
    // The last core: interrupts prefer the first.
    let last = (0..CpuSet::MAX_CPU).rev().find(|&cpu| allowed.is_set(cpu)).unwrap();
    let mut one = CpuSet::new();
    one.set(last);
    sched_setaffinity(None, &one).unwrap();
}

/// Where cargo put this program: its target directory.
pub fn target_dir() -> PathBuf {
    // TARGET/release/deps/memory-0123…
    std::env::current_exe().unwrap().ancestors().nth(3).unwrap().to_owned()
}

/// The `tidegate` program as it is released, built if need be.
pub fn tidegate() -> PathBuf {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let status = Command::new(cargo)
        .args(["build", "--release", "--quiet", "-p", "tidegate", "--bin", "tidegate", "--target-dir"])
        .arg(target_dir())
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .stdout(Stdio::null())
        .status()
        .expect("cargo runs");
    assert!(status.success(), "the tidegate program does not build");
    target_dir().join("release/tidegate")
}

/// Resident memory of a process in bytes: `VmRSS` of `/proc/PID/status`, every page it touches counted whole.
pub fn resident(pid: u32) -> u64 {
    field(&format!("/proc/{pid}/status"), "VmRSS:")
}

/// Proportional share of memory of a process in bytes: `Pss` of `/proc/PID/smaps_rollup`, shared pages counted in parts.
pub fn proportional(pid: u32) -> u64 {
    field(&format!("/proc/{pid}/smaps_rollup"), "Pss:")
}

fn field(path: &str, name: &str) -> u64 {
    let text = fs::read_to_string(path).unwrap();
    let line = text.lines().find_map(|line| line.strip_prefix(name)).unwrap();
    line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() * 1024
}
