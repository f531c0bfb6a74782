//! What a benchmark does to its own process before it measures, and what it reads of processes.

use std::{
    fs,
    path::PathBuf,
    process::{Command, Stdio},
};

use mimalloc::MiMalloc;

/// What the `tidegate` program allocates with.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

/// Makes measurements repeatable. To be called first in `main`, before there are threads.
pub fn settle() {
    tidegate::measure::settle().expect("this program starts itself again, and stays on one core");
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
