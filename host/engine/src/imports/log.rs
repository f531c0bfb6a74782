//! `tidegate:guest/log`: lines of a guest, rate-limited and cut.
//!
//! Lines of all instances of a policy draw on one allowance, so a flood costs the host little and its log nothing.

use std::{
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Instant,
};

use wasmtime::{
    StoreContextMut,
    component::{Linker, WasmStr},
};

use crate::{
    abi::Level,
    contract::{PACKAGE, VERSION},
    fault::cut,
    store::Host,
};

/// Lines a second of one policy, and as many at once.
const LINES_PER_SECOND: f64 = 100.0;

/// Bytes a second that are looked at, whatever of it is then written: a line of megabytes has to be checked whole.
const BYTES_PER_SECOND: f64 = 1_048_576.0;

/// Bytes of a line that are written.
const LINE_MAX: usize = 1024;

pub(super) fn link(linker: &mut Linker<Host>) -> wasmtime::Result<()> {
    linker.instance(&format!("{PACKAGE}/log@{VERSION}"))?.func_wrap("write", write)
}

fn write(context: StoreContextMut<'_, Host>, (level, message): (Level, WasmStr)) -> wasmtime::Result<()> {
    let lines = &context.data().shared.lines;
    let Some(suppressed) = lines.take_line() else { return Ok(()) };
    let text = message.to_str(&context)?;
    lines.took_bytes(text.len());
    emit(&context.data().shared.policy, level, cut(&text, LINE_MAX), suppressed);
    Ok(())
}

/// Hands a line to the host's log.
pub(super) fn emit(policy: &str, level: Level, line: &str, suppressed: u64) {
    match level {
        Level::Trace => tracing::trace!(target: "guest", policy, suppressed, "{line}"),
        Level::Debug => tracing::debug!(target: "guest", policy, suppressed, "{line}"),
        Level::Info => tracing::info!(target: "guest", policy, suppressed, "{line}"),
        Level::Warn => tracing::warn!(target: "guest", policy, suppressed, "{line}"),
        Level::Error => tracing::error!(target: "guest", policy, suppressed, "{line}"),
    }
}

/// The allowance of one policy: a token bucket of lines and one of bytes.
#[derive(Debug)]
pub(crate) struct Lines {
    bucket: Mutex<Bucket>,
    suppressed: AtomicU64,
    suppressed_total: AtomicU64,
}

#[derive(Debug)]
struct Bucket {
    lines: f64,
    bytes: f64,
    at: Instant,
}

impl Default for Lines {
    fn default() -> Lines {
        let full = Bucket { lines: LINES_PER_SECOND, bytes: BYTES_PER_SECOND, at: Instant::now() };
        Lines { bucket: Mutex::new(full), suppressed: AtomicU64::new(0), suppressed_total: AtomicU64::new(0) }
    }
}

impl Lines {
    /// Takes one line, if there is one left: then the number of lines suppressed since the last.
    pub(super) fn take_line(&self) -> Option<u64> {
        if self.bucket.lock().unwrap_or_else(PoisonError::into_inner).take(Instant::now()) {
            return Some(self.suppressed.swap(0, Relaxed));
        }
        self.suppressed.fetch_add(1, Relaxed);
        self.suppressed_total.fetch_add(1, Relaxed);
        None
    }

    pub(super) fn took_bytes(&self, bytes: usize) {
        self.bucket.lock().unwrap_or_else(PoisonError::into_inner).bytes -= bytes as f64;
    }

    /// Lines that were not written, ever.
    pub(crate) fn suppressed(&self) -> u64 {
        self.suppressed_total.load(Relaxed)
    }
}

impl Bucket {
    fn take(&mut self, now: Instant) -> bool {
        let seconds = now.saturating_duration_since(self.at).as_secs_f64();
        self.at = now;
        self.lines = (self.lines + seconds * LINES_PER_SECOND).min(LINES_PER_SECOND);
        self.bytes = (self.bytes + seconds * BYTES_PER_SECOND).min(BYTES_PER_SECOND);
        let allowed = self.lines >= 1.0 && self.bytes > 0.0;
        if allowed {
            self.lines -= 1.0;
        }
        allowed
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_flood_is_cut_to_the_allowance_and_recovers() {
        let start = Instant::now();
        let mut bucket = Bucket { lines: LINES_PER_SECOND, bytes: BYTES_PER_SECOND, at: start };
        let taken = (0..1000).filter(|_| bucket.take(start)).count();
        assert_eq!(taken, 100);
        let later = start + Duration::from_millis(505);
        assert_eq!((0..1000).filter(|_| bucket.take(later)).count(), 50);
    }

    #[test]
    fn huge_lines_exhaust_the_bytes() {
        let start = Instant::now();
        let mut bucket = Bucket { lines: LINES_PER_SECOND, bytes: BYTES_PER_SECOND, at: start };
        assert!(bucket.take(start));
        bucket.bytes -= 3.0 * BYTES_PER_SECOND;
        assert!(!bucket.take(start + Duration::from_secs(1)));
        assert!(bucket.take(start + Duration::from_secs(4)));
    }

    #[test]
    fn suppressed_lines_are_counted_and_told_once() {
        let lines = Lines::default();
        let taken = (0..500).filter(|_| lines.take_line().is_some()).count() as u64;
        assert!(taken >= 100);
        assert_eq!(lines.suppressed(), 500 - taken);
    }
}
