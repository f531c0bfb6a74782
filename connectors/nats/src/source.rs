//! Reading: plain subjects while we listen ([`subjects`]), or a consumer of a stream ([`stream`]). One source is one lane.

mod held;
mod reader;
mod reply;
mod session;
mod stream;
mod subjects;

use async_trait::async_trait;
use tidegate_connector::{Lane, Source, SourceError};

use self::stream::StreamLane;
use self::subjects::SubjectsLane;
use crate::binding::Reading;
use crate::config::From;
use crate::config::connection::Opened;

/// A source that has handed out its lane, or not yet.
#[derive(Debug)]
pub(crate) struct NatsSource {
    lane: Option<Parts>,
}

/// What a lane is made of.
#[derive(Debug)]
pub(crate) struct Parts {
    /// `namespace/name` of the document.
    pub(crate) id: String,
    pub(crate) connection: Opened,
    pub(crate) from: From,
    pub(crate) reading: Reading,
}

impl NatsSource {
    pub(crate) fn new(parts: Parts) -> Self {
        Self { lane: Some(parts) }
    }
}

#[async_trait]
impl Source for NatsSource {
    async fn lane(&mut self) -> Result<Option<Box<dyn Lane>>, SourceError> {
        let Some(Parts { id, connection, from, reading }) = self.lane.take() else { return Ok(None) };
        Ok(Some(match from {
            From::Subjects { subjects, queue } => {
                Box::new(SubjectsLane::new(&id, connection, subjects, queue, reading)) as Box<dyn Lane>
            }
            From::Stream(config) => Box::new(StreamLane::new(&id, connection, config, reading)),
        }))
    }
}
