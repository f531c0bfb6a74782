//! What a sink's own subject has in its stream, to be looked at: from the oldest to the newest there was at first.
//!
//! Nothing is acknowledged and no position is kept: the consumer is one of this look only, and the server forgets it.

use std::sync::Arc;
use std::time::Duration;

use async_nats::jetstream::{self, consumer::pull};
use async_trait::async_trait;
use bytes::Bytes;
use futures_util::{FutureExt, StreamExt};
use tidegate_connector::connector::{ReadBack, Record, Unreadable};
use tidegate_connector::{Headers, LANE_BATCH_BYTES, LANE_BATCH_EVENTS, MALFORMED_BYTES, SourceError, chain};
use tidegate_event::json::Validate;

use crate::binding::{Origin, Reading};
use crate::config::connection::Opened;
use crate::link::{Kept, Link};

/// Without a message for so long the server counts as silent: there is one more, or there was.
const PATIENCE: Duration = Duration::from_secs(10);

pub(crate) struct SubjectLook {
    connection: Opened,
    subject: String,
    reading: Reading,
    open: Option<Open>,
    ended: bool,
}

struct Open {
    _link: Link,
    messages: pull::Ordered,
    lane: Arc<str>,
    /// The newest there was at first.
    last: u64,
}

impl SubjectLook {
    pub(crate) fn new(connection: Opened, subject: String) -> SubjectLook {
        let reading = Reading { validate: Validate::Envelope, envelope: None, headers: Headers::default() };
        SubjectLook { connection, subject, reading, open: None, ended: false }
    }

    /// `None`: the stream has nothing of the subject.
    async fn open(&mut self) -> Result<Option<Open>, SourceError> {
        let link = Link::open(&self.connection, "tidegate dlq", Kept::Up).await?;
        let context = jetstream::new(link.client.clone());
        let name = context.stream_by_subject(self.subject.clone()).await.map_err(|e| self.transient(chain(&e)))?;
        let stream = context.get_stream_no_info(&name).await.map_err(|e| self.transient(chain(&e)))?;
        let last = match stream.get_last_raw_message_by_subject(&self.subject).await {
            Ok(message) => message.sequence,
            Err(error) if error.kind() == jetstream::stream::LastRawMessageErrorKind::NoMessageFound => {
                return Ok(None);
            }
            Err(error) => return Err(self.transient(chain(&error))),
        };
        let config = pull::OrderedConfig { filter_subject: self.subject.clone(), ..pull::OrderedConfig::default() };
        let consumer = stream.create_consumer(config).await.map_err(|e| self.transient(chain(&e)))?;
        let messages = consumer.messages().await.map_err(|e| self.transient(chain(&e)))?;
        Ok(Some(Open { _link: link, messages, lane: name.into(), last }))
    }

    fn record(&self, message: &async_nats::Message, lane: &Arc<str>, position: u64) -> Record {
        let origin = Origin { subject: message.subject.as_str(), stream: Some((lane, position)) };
        let decoded = self.reading.decode(message.headers.as_ref(), &message.payload, origin);
        let cut = |payload: &Bytes| payload.slice(..payload.len().min(MALFORMED_BYTES));
        let message = decoded.map_err(|problem| Unreadable { problem, message: cut(&message.payload) });
        Record { lane: lane.clone(), position, message }
    }

    fn transient(&self, cause: String) -> SourceError {
        let place = format!("{} {}", self.connection.servers.join(", "), self.subject);
        SourceError::Transient { place, cause }
    }
}

#[async_trait]
impl ReadBack for SubjectLook {
    async fn next(&mut self) -> Result<Option<Vec<Record>>, SourceError> {
        if self.ended {
            return Ok(None);
        }
        let mut open = match self.open.take() {
            Some(open) => open,
            None => match self.open().await? {
                Some(open) => open,
                None => {
                    self.ended = true;
                    return Ok(None);
                }
            },
        };
        let mut records = Vec::new();
        let mut bytes = 0;
        while records.len() < LANE_BATCH_EVENTS && bytes < LANE_BATCH_BYTES && !self.ended {
            let message = match open.messages.next().now_or_never() {
                None if !records.is_empty() => break,
                None => tokio::time::timeout(PATIENCE, open.messages.next()).await.unwrap_or(None),
                Some(message) => message,
            };
            let message = message.ok_or_else(|| self.transient("the server is silent".to_owned()))?;
            let message = message.map_err(|error| self.transient(chain(&error)))?;
            let sequence = message.info().map_err(|error| self.transient(error.to_string()))?.stream_sequence;
            self.ended = sequence >= open.last;
            if sequence <= open.last {
                bytes += message.message.length;
                records.push(self.record(&message.message, &open.lane, sequence));
            }
        }
        self.open = Some(open);
        Ok((!records.is_empty()).then_some(records))
    }
}
