//! A lane: takes what its partition's queue has, decodes, delivers; goes back after a nack.

use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::{Bytes, BytesMut};
use rdkafka::consumer::{CommitMode, Consumer as _};
use rdkafka::error::KafkaError;
use rdkafka::message::{BorrowedMessage, Message, OwnedMessage};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};
use tidegate_connector::ledger::{Batch, Rewind};
use tidegate_connector::{
    Delivery, LANE_BATCH_BYTES, LANE_BATCH_EVENTS, LagGauge, Lane, MALFORMED_BYTES, Malformed, Resumed, SourceError,
};

use super::group::Group;
use super::partition::{self, NOWHERE, Partition};
use super::token::Mark;
use super::transactions::Positions;
use crate::binding::Reader;
use crate::client::cause;

/// How long a lane waits for librdkafka to go back; then the host calls again.
const SEEK: Duration = Duration::from_secs(10);

pub(super) struct KafkaLane {
    group: Arc<Group>,
    partition: Arc<Partition>,
    name: String,
    /// Where it goes on.
    position: i64,
    /// Settled here before, though the broker was not told any more: not delivered.
    settled: Range<i64>,
    /// Taken from the queue, and too large for the batch before.
    held: Option<OwnedMessage>,
    /// Met behind messages that went first.
    failed: Option<KafkaError>,
}

/// What a look into the queue came to.
enum Taken {
    Delivery(Delivery),
    /// Nothing is there, or a nack came between.
    Nothing,
    Ended,
}

impl KafkaLane {
    pub(super) fn new(group: Arc<Group>, partition: Arc<Partition>) -> Self {
        let name = format!("{}/{}", partition.topic, partition.number);
        Self { group, partition, name, position: NOWHERE, settled: 0..0, held: None, failed: None }
    }

    fn take(&mut self) -> Result<Taken, SourceError> {
        if let Some(error) = self.failed.take() {
            return Err(self.transient(cause(&error)));
        }
        let partition = self.partition.clone();
        let queue = partition.queue();
        let Some(queue) = &*queue else { return Ok(Taken::Ended) };
        let mut messages: Vec<BorrowedMessage<'_>> = Vec::new();
        let held = self.held.take();
        let mut bytes = held.as_ref().map_or(0, size);
        let mut room = LANE_BATCH_EVENTS - usize::from(held.is_some());
        while room > 0 && bytes < LANE_BATCH_BYTES {
            match queue.poll(Duration::ZERO) {
                None => break,
                Some(Err(error)) => {
                    self.failed = Some(error);
                    break;
                }
                Some(Ok(message)) if self.settled.contains(&message.offset()) => {}
                Some(Ok(message)) => {
                    let one = size(&message);
                    if bytes > 0 && bytes + one > LANE_BATCH_BYTES {
                        self.held = Some(message.detach());
                        break;
                    }
                    bytes += one;
                    room -= 1;
                    messages.push(message);
                }
            }
        }
        let first = held.as_ref().map(Message::offset).or_else(|| messages.first().map(Message::offset));
        let Some(first) = first else {
            return match self.failed.take() {
                Some(error) => Err(self.transient(cause(&error))),
                None => Ok(Taken::Nothing),
            };
        };
        if self.position == NOWHERE || first < self.position {
            self.start(first);
        }
        let batch = self.decode(held.as_ref(), &messages, bytes);
        let end = batch.end;
        let place = self.group.transactions.clone().map(|transactions| {
            let positions = Positions { start: self.partition.ledger.resume(), behind: batch.behind.clone(), end };
            (transactions, positions)
        });
        match self.partition.ledger.deliver(batch) {
            Some(mut delivery) => {
                self.position = end;
                if let Some((transactions, positions)) = place {
                    let settlement = delivery.settlement;
                    delivery.settlement = transactions.settlement(settlement, self.partition.clone(), positions);
                }
                Ok(Taken::Delivery(delivery))
            }
            // Nacked this moment: goes back first.
            None => Ok(Taken::Nothing),
        }
    }

    /// The first message there is; or the topic was made anew, and counts from the beginning.
    fn start(&self, first: i64) {
        if self.position != NOWHERE {
            tracing::warn!(
                lane = self.name,
                from = self.position,
                to = first,
                "the partition goes on before where it was"
            );
            self.partition.was_reset();
        }
        self.partition.ledger.skip_to(first);
    }

    /// The values of all messages lie in one piece of memory, which their events share.
    fn decode(&self, held: Option<&OwnedMessage>, messages: &[BorrowedMessage<'_>], bytes: usize) -> Batch<i64> {
        let mut values = BytesMut::with_capacity(bytes);
        let all = held.and_then(Message::payload).into_iter().chain(messages.iter().filter_map(Message::payload));
        all.for_each(|value| values.extend_from_slice(value));
        let count = messages.len() + usize::from(held.is_some());
        let mut into = Decoding {
            reader: &self.group.config.reader,
            place: &|offset| {
                let brokers = &self.group.config.connection.brokers;
                partition::place(&self.partition.topic, self.partition.number, offset, brokers)
            },
            values: values.freeze(),
            batch: Batch {
                events: Vec::with_capacity(count),
                malformed: Vec::new(),
                behind: Vec::with_capacity(count),
                end: self.position,
            },
        };
        if let Some(held) = held {
            into.one(held);
        }
        messages.iter().for_each(|message| into.one(message));
        into.batch
    }

    async fn go_back(&mut self, rewind: &Rewind<i64>) -> Result<(), SourceError> {
        self.held = None;
        self.failed = None;
        let Some(consumer) = self.group.consumer() else { return Ok(()) };
        let (partition, position) = (self.partition.clone(), rewind.position);
        // The queue is held meanwhile: else the partition could be taken away and given anew, and it is the new lane that would go back.
        let seek = move || match &*partition.queue() {
            Some(_) => consumer.seek(&partition.topic, partition.number, Offset::Offset(position), SEEK),
            None => Ok(()),
        };
        let sought = tokio::task::spawn_blocking(seek);
        match sought.await {
            Ok(Ok(())) => {}
            // It is being taken away.
            Ok(Err(_)) if self.partition.has_ended() => return Ok(()),
            Ok(Err(error)) => return Err(self.transient(format!("going back to {position}: {}", cause(&error)))),
            Err(error) => return Err(self.transient(error.to_string())),
        }
        self.position = position;
        self.partition.ledger.rewound(rewind);
        Ok(())
    }

    async fn commit(&self) -> Result<(), SourceError> {
        let (Some(position), Some(consumer)) = (self.partition.uncommitted(), self.group.consumer()) else {
            return Ok(());
        };
        let mut offsets = TopicPartitionList::new();
        self.partition.token().add(&mut offsets, &self.partition.topic, self.partition.number, position);
        let committed = tokio::task::spawn_blocking(move || consumer.commit(&offsets, CommitMode::Sync)).await;
        match committed {
            Ok(Ok(())) => {
                self.partition.was_committed(position);
                Ok(())
            }
            Ok(Err(error)) => Err(self.transient(format!("committing {position}: {}", cause(&error)))),
            Err(error) => Err(self.transient(error.to_string())),
        }
    }

    fn transient(&self, cause: String) -> SourceError {
        SourceError::Transient { place: self.group.place(&self.partition), cause }
    }
}

fn size<M: Message>(message: &M) -> usize {
    message.payload().map_or(0, <[u8]>::len)
}

/// A batch in the making.
struct Decoding<'a> {
    reader: &'a Reader,
    /// Of a message with this offset.
    place: &'a dyn Fn(i64) -> String,
    /// Of the messages to come, one behind the other.
    values: Bytes,
    batch: Batch<i64>,
}

impl Decoding<'_> {
    fn one<M: Message>(&mut self, message: &M) {
        let value = message.payload().map(|value| self.values.split_to(value.len()));
        self.batch.end = message.offset() + 1;
        match self.reader.read(message, value) {
            Ok(event) => {
                self.batch.events.push(event);
                self.batch.behind.push(self.batch.end);
            }
            Err(problem) => {
                let value = message.payload().unwrap_or_default();
                self.batch.malformed.push(Malformed {
                    before: self.batch.events.len(),
                    place: (self.place)(message.offset()),
                    problem,
                    message: Bytes::copy_from_slice(&value[..value.len().min(MALFORMED_BYTES)]),
                });
            }
        }
    }
}

#[async_trait]
impl Lane for KafkaLane {
    fn name(&self) -> &str {
        &self.name
    }

    fn lag(&self) -> Option<LagGauge> {
        Some(self.partition.lag())
    }

    /// Goes on behind what was settled, where the group's last commit is this lane's own.
    async fn resume(&mut self, mark: &[u8]) -> Result<Resumed, SourceError> {
        let Some(mark) = Mark::decode(mark) else { return Ok(Resumed::Elsewhere) };
        // Taken away already: nothing will be delivered.
        let Some(consumer) = self.group.consumer() else { return Ok(Resumed::Here) };
        let mut asked = TopicPartitionList::new();
        asked.add_partition(&self.partition.topic, self.partition.number);
        let asked = tokio::task::spawn_blocking(move || consumer.committed_offsets(asked, SEEK)).await;
        let committed = match asked {
            Ok(Ok(committed)) => committed,
            Ok(Err(error)) => return Err(self.transient(format!("asking what is committed: {}", cause(&error)))),
            Err(error) => return Err(self.transient(error.to_string())),
        };
        let found = committed.find_partition(&self.partition.topic, self.partition.number);
        let Some(from) = found.and_then(|found| mark.follows(found.offset(), found.metadata())) else {
            return Ok(Resumed::Elsewhere);
        };
        self.settled = from..mark.position;
        self.partition.token().adopt(mark.word);
        // Told now: perhaps nothing comes behind it whose settling would tell.
        self.partition.was_settled(mark.position);
        Ok(Resumed::Here)
    }

    async fn ended(&mut self) {
        while !self.partition.has_ended() {
            self.partition.changed.notified().await;
        }
    }

    async fn next(&mut self) -> Result<Option<Delivery>, SourceError> {
        loop {
            if self.partition.has_ended() {
                return Ok(None);
            }
            if let Some(rewind) = self.partition.ledger.rewind() {
                tokio::select! {
                    () = tokio::time::sleep_until(rewind.not_before) => self.go_back(&rewind).await?,
                    // There may be something in the queue, too: it is void.
                    () = self.partition.changed.notified() => {}
                }
                continue;
            }
            match self.take()? {
                Taken::Delivery(delivery) => return Ok(Some(delivery)),
                Taken::Ended => return Ok(None),
                Taken::Nothing => {}
            }
            tokio::select! {
                () = self.partition.changed.notified() => {}
                () = self.partition.ledger.wait_for_rewind() => {}
            }
        }
    }

    /// The position is committed now; of a partition that is taken away the group commits it. When all lanes are closed, the group is
    /// left, so that others do not wait for this member's session to run out.
    async fn close(self: Box<Self>) -> Result<(), SourceError> {
        if self.partition.has_ended() {
            return Ok(());
        }
        let committed = self.commit().await;
        self.group.lane_closed(&self.partition).await;
        committed
    }
}
