//! The writer: appends JSON lines, syncs once a group, rotates by size.
//!
//! Encoding happens on the task, everything that may wait for the disk on a blocking thread. [`appender`] does the disk,
//! [`back`] reads what was written.

mod appender;
pub(crate) mod back;
mod medium;

use async_trait::async_trait;
use tidegate_connector::sink::GROUP_BYTES;
use tidegate_connector::{WriteError, Writer};
use tidegate_event::{Event, json};

use self::appender::Appender;
use self::medium::Disk;
use crate::config::SinkConfig;

/// Memory kept for the next group; what a single huge event took is given back.
const BUFFER_BYTES_KEPT: usize = GROUP_BYTES;

/// Encoded lines of one group.
#[derive(Debug, Default)]
struct Lines {
    bytes: Vec<u8>,
    /// The end of each line in `bytes`, its newline included.
    ends: Vec<usize>,
}

impl Lines {
    fn encode(&mut self, events: &[Event]) {
        self.bytes.clear();
        self.bytes.shrink_to(BUFFER_BYTES_KEPT);
        self.ends.clear();
        for event in events {
            json::encode(event, &mut self.bytes);
            self.bytes.push(b'\n');
            self.ends.push(self.bytes.len());
        }
    }
}

pub(crate) struct FileWriter {
    shown: String,
    /// Both are away while a blocking thread works; they are lost only if it panics.
    work: Option<(Appender<Disk>, Lines)>,
}

impl FileWriter {
    pub(crate) fn new(config: SinkConfig) -> Self {
        let shown = config.shown.clone();
        Self { shown, work: Some((Appender::new(config, Disk), Lines::default())) }
    }
}

#[async_trait]
impl Writer for FileWriter {
    async fn write(&mut self, events: &[Event]) -> Result<(), WriteError> {
        let gone = || WriteError::Closed { place: self.shown.clone(), cause: "the writing thread has panicked".into() };
        let (mut appender, mut lines) = self.work.take().ok_or_else(gone)?;
        lines.encode(events);
        let work = tokio::task::spawn_blocking(move || {
            let result = appender.append(&lines);
            (result, appender, lines)
        });
        let (result, appender, lines) = work.await.map_err(|_| gone())?;
        self.work = Some((appender, lines));
        result.map_err(|failure| WriteError::Transient {
            after: None,
            written: failure.written,
            place: self.shown.clone(),
            cause: failure.cause,
        })
    }

    /// Nothing to do: what was written is synced.
    async fn close(&mut self) -> Result<(), WriteError> {
        self.work = None;
        Ok(())
    }
}
