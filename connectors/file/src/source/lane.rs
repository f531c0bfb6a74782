//! The lane: reads, splits, decodes, delivers; waits at the end; goes back after a nack.
//!
//! Reading is done right here, not on a blocking thread: a read of a regular file takes tens of microseconds a chunk, mostly
//! copying from the page cache, and a hop to another thread and back costs as much. Everything between two awaits leaves the lane's
//! state whole, which is what makes `next` cancel-safe.

use std::path::Path;
use std::sync::Arc;

use async_trait::async_trait;
use tidegate_connector::{Delivery, LagGauge, Lane, Ledger, Resumed, SourceError};
use tokio::task::AbortHandle;

use super::cursor::{Cursor, Saved};
use super::decode;
use super::lag::{self, Files};
use super::lines::{Filled, Reader};
use super::position::Position;
use super::tail::{Found, Tail};
use super::watch::Watch;
use crate::config::{AtEnd, SourceConfig};

pub(super) struct FileLane {
    config: SourceConfig,
    cursor: Arc<Cursor>,
    /// What the cursor held when it was opened, until the first file is open.
    saved: Option<Saved>,
    ledger: Ledger<Position>,
    tail: Tail,
    files: Arc<Files>,
    reader: Reader,
    watch: Watch,
    /// The watch is set and everything was looked at since.
    armed: bool,
    /// The lane has waited: the file may have been written anew meanwhile.
    waited: bool,
    /// Why there is no file, as last reported; said once, then waited for.
    absent: Option<String>,
    syncing: AbortHandle,
}

/// What a step at the end of what was read came to.
enum Step {
    /// Look again: there may be lines now.
    Again,
    /// Nothing to do until something changes.
    Wait,
    /// Nothing will come.
    End,
}

impl FileLane {
    pub(super) fn open(id: &str, config: &SourceConfig, state_dir: &Path) -> Result<Self, SourceError> {
        let (cursor, saved) = Cursor::open(state_dir, id)?;
        let cursor = Arc::new(cursor);
        let committing = cursor.clone();
        let ledger = Ledger::with_commit(Position::default(), move |position| committing.commit(position));
        let marking = cursor.clone();
        ledger.mark_with(move |position| marking.mark(position));
        Ok(Self {
            saved,
            ledger,
            tail: Tail::new(config),
            files: Arc::default(),
            reader: Reader::new(config.max_line_bytes),
            watch: Watch::new(&config.path),
            armed: false,
            waited: false,
            absent: None,
            syncing: tokio::spawn(cursor.clone().keep_synced()).abort_handle(),
            cursor,
            config: config.clone(),
        })
    }

    /// Reads on, or finds out why not. Called when everything read was split.
    fn step(&mut self) -> Result<Step, SourceError> {
        if std::mem::take(&mut self.waited)
            && self.tail.was_cut(self.reader.read_offset()).map_err(|error| self.failed(&error))?
        {
            return Ok(self.start_next());
        }
        let Some(present) = self.tail.present() else { return self.open_first() };
        match self.reader.fill(&present.file).map_err(|error| self.failed(&error))? {
            Filled::More => return Ok(Step::Again),
            Filled::End => {}
        }
        if self.tail.has_next() {
            return Ok(self.go_on());
        }
        match self.tail.look(self.reader.read_offset()).map_err(|error| self.failed(&error))? {
            Found::Grown => Ok(Step::Again),
            // Once more to the end of this one: it may have grown before its successor came.
            Found::Successors => Ok(Step::Again),
            Found::Cut => Ok(self.start_next()),
            Found::Nothing => Ok(self.at_end()),
        }
    }

    fn at_end(&mut self) -> Step {
        match self.config.at_end {
            AtEnd::Stop if self.reader.finish() => Step::Again,
            AtEnd::Stop => Step::End,
            AtEnd::Follow if self.armed => Step::Wait,
            AtEnd::Follow => {
                self.tail.remember_head(self.reader.position().offset);
                self.arm();
                Step::Again
            }
        }
    }

    /// The present file is read to its end and has a successor: its last line first, then that.
    fn go_on(&mut self) -> Step {
        if self.reader.finish() {
            return Step::Again;
        }
        self.start_next()
    }

    fn start_next(&mut self) -> Step {
        if let Some(next) = self.tail.go_on() {
            self.know_present();
            self.reader.seek(next);
            self.ledger.skip_to(next);
            self.armed = false;
        }
        Step::Again
    }

    fn open_first(&mut self) -> Result<Step, SourceError> {
        match self.tail.open_first(self.saved.as_ref()) {
            Ok(start) => {
                self.know_present();
                self.reader.seek(start);
                self.ledger.skip_to(start);
                // So that a restart before the first settlement does not begin at a later end.
                self.cursor.commit(&start)?;
                self.saved = None;
                self.absent = None;
                self.armed = false;
                Ok(Step::Again)
            }
            Err(error) => {
                let cause = error.to_string();
                if self.config.at_end == AtEnd::Follow && self.absent.as_ref() == Some(&cause) {
                    if self.armed {
                        return Ok(Step::Wait);
                    }
                    self.arm();
                    return Ok(Step::Again);
                }
                self.absent = Some(cause);
                Err(self.failed(&error))
            }
        }
    }

    fn arm(&mut self) {
        self.watch.arm(self.tail.present().map(|present| &*present.file));
        self.armed = true;
    }

    fn know_present(&self) {
        if let Some(present) = self.tail.present() {
            self.cursor.know(present.number, present.id, present.file.clone());
        }
        self.show_files();
    }

    fn show_files(&self) {
        self.files.are(self.tail.all().cloned().collect());
    }

    fn close_old_files(&mut self) {
        if self.tail.keeps_old() {
            let committed = self.ledger.committed();
            self.tail.forget_before(committed.file);
            self.cursor.forget_before(committed.file);
            self.show_files();
        }
    }

    fn failed(&self, error: &std::io::Error) -> SourceError {
        SourceError::Transient { place: self.config.shown.clone(), cause: error.to_string() }
    }
}

#[async_trait]
impl Lane for FileLane {
    fn name(&self) -> &str {
        &self.config.shown
    }

    fn lag(&self) -> Option<LagGauge> {
        Some(lag::gauge(self.files.clone(), self.ledger.clone(), self.config.path.clone()))
    }

    /// Nobody else reads with this cursor, so what is remembered is always all there was.
    async fn resume(&mut self, mark: &[u8]) -> Result<Resumed, SourceError> {
        if let Some(saved) = self.cursor.ahead(mark) {
            self.saved = Some(saved);
        }
        Ok(Resumed::Here)
    }

    async fn next(&mut self) -> Result<Option<Delivery>, SourceError> {
        loop {
            if let Some(rewind) = self.ledger.rewind() {
                tokio::time::sleep_until(rewind.not_before).await;
                let position = self.tail.go_back(rewind.position);
                self.reader.seek(position);
                self.ledger.rewound(&rewind);
            }
            let start = self.reader.position();
            if let Some(lines) = self.reader.split() {
                if lines.ranges.is_empty() && lines.too_long.is_empty() {
                    self.ledger.skip_to(lines.end);
                    continue;
                }
                self.close_old_files();
                match self.ledger.deliver(decode::batch(&self.config, start, lines)) {
                    Some(delivery) => return Ok(Some(delivery)),
                    // Nacked this moment: go back first.
                    None => continue,
                }
            }
            match self.step()? {
                // A long line to skip, or a file of empty ones, is many chunks without a delivery: others want to run.
                Step::Again => tokio::task::consume_budget().await,
                Step::End => return Ok(None),
                Step::Wait => {
                    // Before waiting, for this call may be dropped there.
                    self.armed = false;
                    self.waited = true;
                    self.reader.rest();
                    tokio::select! {
                        () = self.watch.changed() => {}
                        () = self.ledger.wait_for_rewind() => {}
                    }
                }
            }
        }
    }

    async fn close(self: Box<Self>) -> Result<(), SourceError> {
        self.cursor.commit(&self.ledger.committed())?;
        self.cursor.sync().await
    }
}

impl Drop for FileLane {
    fn drop(&mut self) {
        self.files.close();
        self.syncing.abort();
        self.cursor.release();
    }
}
