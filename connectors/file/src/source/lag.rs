//! How many bytes of its files a lane has not delivered.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tidegate_connector::{Lag, LagGauge, Ledger};

use super::position::{FileId, Position};

/// The files of a lane, for whoever asks; kept by the lane, which closes them.
#[derive(Debug, Default)]
pub(super) struct Files(Mutex<Option<Vec<(u32, FileId, Arc<File>)>>>);

impl Files {
    /// The lane reads these, in this order.
    pub(super) fn are(&self, files: Vec<(u32, FileId, Arc<File>)>) {
        *self.lock() = Some(files);
    }

    /// The lane reads none any more.
    pub(super) fn close(&self) {
        *self.lock() = None;
    }

    fn lock(&self) -> MutexGuard<'_, Option<Vec<(u32, FileId, Arc<File>)>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// From `position` to the end of the last, the path's included where the lane has not opened it yet.
    fn behind(&self, position: Position, path: &Path) -> Option<u64> {
        let files = self.lock();
        let files = files.as_ref()?;
        let left = |(number, _, file): &(u32, FileId, Arc<File>)| {
            let length = file.metadata().map_or(0, |found| found.len());
            // A file that was cut is shorter than what was read of it.
            if *number == position.file { length.saturating_sub(position.offset) } else { length }
        };
        let of_lane: u64 = files.iter().filter(|(number, ..)| *number >= position.file).map(left).sum();
        let successor = fs::metadata(path).ok().filter(|found| {
            let id = FileId::of(found);
            found.is_file() && files.iter().all(|(_, known, _)| *known != id)
        });
        Some(of_lane + successor.map_or(0, |found| found.len()))
    }
}

/// Tells what is not delivered of the files.
pub(super) fn gauge(files: Arc<Files>, ledger: Ledger<Position>, path: PathBuf) -> LagGauge {
    LagGauge::new(move || Lag { bytes: files.behind(ledger.resume(), &path), ..Lag::default() })
}
