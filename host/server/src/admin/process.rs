//! What the process uses, as the kernel tells it.

use std::fs;

/// Unread figures are 0: they are a service to whoever looks, not a reason to fail.
#[derive(Debug, Default)]
pub(super) struct Process {
    pub(super) cpu_seconds: f64,
    pub(super) resident_bytes: u64,
    pub(super) open_files: u64,
}

impl Process {
    pub(super) fn now() -> Process {
        let open_files = fs::read_dir("/proc/self/fd").map_or(0, |files| files.count() as u64);
        Process { cpu_seconds: cpu_seconds(), resident_bytes: resident_bytes(), open_files }
    }
}

/// The second figure of `statm` counts pages.
fn resident_bytes() -> u64 {
    let statm = fs::read_to_string("/proc/self/statm").unwrap_or_default();
    let pages: u64 = statm.split_whitespace().nth(1).and_then(|word| word.parse().ok()).unwrap_or(0);
    pages * rustix::param::page_size() as u64
}

/// `utime` and `stime` are the 12th and 13th figure behind the name, which stands in brackets.
fn cpu_seconds() -> f64 {
    let stat = fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let figures: Vec<&str> = stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
    let ticks = |at: usize| figures.get(at).and_then(|word| word.parse::<u64>().ok()).unwrap_or(0);
    (ticks(11) + ticks(12)) as f64 / rustix::param::clock_ticks_per_second() as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_uses_something() {
        let process = Process::now();
        assert!(process.resident_bytes > 1 << 20, "{process:?}");
        assert!(process.open_files >= 3, "{process:?}");
        assert!(process.cpu_seconds >= 0.0, "{process:?}");
    }
}
