//! The source: one file, one lane.

mod cursor;
mod decode;
mod lag;
mod lane;
pub(crate) mod lines;
pub(crate) mod position;
mod siblings;
mod tail;
mod watch;

use std::path::{Path, PathBuf};

use async_trait::async_trait;
use tidegate_connector::{Lane, Source, SourceError};

pub use self::cursor::SYNC_EVERY;
use self::lane::FileLane;
use crate::config::SourceConfig;

/// A file, as long as its lane was not taken.
#[derive(Debug)]
pub(crate) struct FileSource {
    id: String,
    state_dir: PathBuf,
    config: Option<SourceConfig>,
}

impl FileSource {
    pub(crate) fn new(id: &str, config: SourceConfig, state_dir: &Path) -> Self {
        Self { id: id.to_owned(), state_dir: state_dir.to_owned(), config: Some(config) }
    }
}

#[async_trait]
impl Source for FileSource {
    /// The one lane, once its cursor is open; a cursor that another host holds is a transient error.
    async fn lane(&mut self) -> Result<Option<Box<dyn Lane>>, SourceError> {
        let Some(config) = &self.config else { return Ok(None) };
        let lane = FileLane::open(&self.id, config, &self.state_dir)?;
        self.config = None;
        Ok(Some(Box::new(lane)))
    }
}
