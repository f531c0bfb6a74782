//! How many bytes of its files a lane has not delivered.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tidegate_connector::{Lag, LagGauge, Ledger};

use super::position::{FileId, Position};
use super::tail::Opened;

/// The files of a lane, for whoever asks; kept by the lane, which closes them. `None` before there is one, and at the end.
#[derive(Debug, Default)]
pub(super) struct Files(Mutex<Option<Vec<Opened>>>);

impl Files {
    /// The lane reads these, in this order.
    pub(super) fn are(&self, files: Vec<Opened>) {
        *self.lock() = Some(files);
    }

    /// The lane reads none any more.
    pub(super) fn close(&self) {
        *self.lock() = None;
    }

    fn lock(&self) -> MutexGuard<'_, Option<Vec<Opened>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// From `position` to the end of the last, the path's included where the lane has not opened it yet.
    fn behind(&self, position: Position, path: &Path) -> Option<u64> {
        let files = self.lock();
        let files = files.as_ref()?;
        let left = |opened: &Opened| {
            let length = opened.file.metadata().map_or(0, |found| found.len());
            // A file that was cut is shorter than what was read of it.
            if opened.number == position.file { length.saturating_sub(position.offset) } else { length }
        };
        let of_lane: u64 = files.iter().filter(|opened| opened.number >= position.file).map(left).sum();
        let successor = fs::metadata(path).ok().filter(|found| {
            let id = FileId::of(found);
            found.is_file() && files.iter().all(|opened| opened.id != id)
        });
        Some(of_lane + successor.map_or(0, |found| found.len()))
    }
}

/// Tells what is not delivered of the files.
pub(super) fn gauge(files: Arc<Files>, ledger: Ledger<Position>, path: PathBuf) -> LagGauge {
    LagGauge::new(move || Lag { bytes: files.behind(ledger.resume(), &path), ..Lag::default() })
}
