//! One assigned partition: its queue, and how far it is settled. Shared by its lane and the group's thread.

use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use rdkafka::consumer::base_consumer::PartitionQueue;
use rdkafka::consumer::{CommitMode, Consumer as _};
use rdkafka::topic_partition_list::TopicPartitionList;
use tidegate_connector::{Lag, LagGauge, Ledger};
use tokio::sync::Notify;

use super::context::{Consumer, Context};
use super::group::Settlements;
use super::token::{Mark, Token};

/// No position yet.
pub(super) const NOWHERE: i64 = -1;

/// A lane that is quick commits before its interval is over: after a crash no more comes again than a lane has in flight anyway.
const COMMIT_EVERY: i64 = 1024;

pub(super) struct Partition {
    pub(super) topic: Arc<str>,
    pub(super) number: i32,
    /// `None` once the partition is taken away; nothing is delivered from then on. The group's thread takes it, so that it is gone before a
    /// queue of the same partition can be made anew: dropping it later would silence that one.
    queue: Mutex<Option<PartitionQueue<Context>>>,
    /// The queue is no longer empty, or gone.
    pub(super) changed: Arc<Notify>,
    pub(super) ledger: Ledger<i64>,
    shared: Arc<Shared>,
    closed: AtomicBool,
}

struct Shared {
    /// Everything before is settled.
    settled: AtomicI64,
    /// What the broker knows of it.
    committed: AtomicI64,
    /// Somebody else has the partition: nothing is committed any more.
    lost: AtomicBool,
    /// Where the partition ended when librdkafka told last.
    end: AtomicI64,
    /// What librdkafka will give next, as it told last: where the lane stands as long as it has delivered nothing.
    start: AtomicI64,
    token: Token,
}

impl Partition {
    pub(super) fn new(
        topic: &str,
        number: i32,
        mut queue: PartitionQueue<Context>,
        consumer: Weak<Consumer>,
        settlements: Arc<Settlements>,
        brokers: Arc<str>,
    ) -> Partition {
        let changed = Arc::new(Notify::new());
        let waker = changed.clone();
        queue.set_nonempty_callback(move || waker.notify_one());
        let shared = Arc::new(Shared {
            settled: AtomicI64::new(NOWHERE),
            committed: AtomicI64::new(NOWHERE),
            lost: AtomicBool::new(false),
            end: AtomicI64::new(NOWHERE),
            start: AtomicI64::new(NOWHERE),
            token: Token::new(),
        });
        let settling = shared.clone();
        let topic: Arc<str> = topic.into();
        let (of, tried) = (topic.clone(), Mutex::new(NOWHERE));
        let ledger = Ledger::with_commit(NOWHERE, move |&position| {
            settling.settled.store(position, Ordering::Release);
            settlements.one_more();
            let mut tried = tried.lock().unwrap_or_else(PoisonError::into_inner);
            // In a transaction it was committed before.
            let known = settling.committed.load(Ordering::Acquire) >= position;
            if !known && position >= *tried + COMMIT_EVERY && !settling.lost.load(Ordering::Acquire) {
                *tried = position;
                commit_soon(&consumer, &settling.token, &of, number, position);
            }
            Ok(())
        });
        let marking = shared.clone();
        ledger.mark_with(move |&position| {
            (position > NOWHERE).then(|| Mark { position, word: marking.token.word() }.encode())
        });
        let of = topic.clone();
        ledger.place_with(move |&behind| Some(place(&of, number, behind - 1, &brokers)));
        Partition {
            topic,
            number,
            queue: Mutex::new(Some(queue)),
            changed,
            ledger,
            shared,
            closed: AtomicBool::new(false),
        }
    }

    /// Held while a batch is taken and entered into the ledger: whoever ends the partition sees all that is in flight.
    pub(super) fn queue(&self) -> MutexGuard<'_, Option<PartitionQueue<Context>>> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What its commits carry.
    pub(super) fn token(&self) -> &Token {
        &self.shared.token
    }

    /// Nothing more is delivered; the lane is told.
    pub(super) fn end(&self) {
        drop(self.queue().take());
        self.changed.notify_one();
    }

    /// The same, and nothing more is committed.
    pub(super) fn lose(&self) {
        self.shared.lost.store(true, Ordering::Release);
        self.end();
    }

    pub(super) fn is_lost(&self) -> bool {
        self.shared.lost.load(Ordering::Acquire)
    }

    pub(super) fn has_ended(&self) -> bool {
        self.queue().is_none()
    }

    /// A lane before this one has settled what is before this position.
    pub(super) fn was_settled(&self, position: i64) {
        self.shared.settled.fetch_max(position, Ordering::AcqRel);
    }

    /// The position to commit, where the broker does not know it.
    pub(super) fn uncommitted(&self) -> Option<i64> {
        let settled = self.shared.settled.load(Ordering::Acquire);
        let known = self.shared.committed.load(Ordering::Acquire);
        (settled > known && !self.shared.lost.load(Ordering::Acquire)).then_some(settled)
    }

    pub(super) fn was_committed(&self, position: i64) {
        self.shared.committed.fetch_max(position, Ordering::AcqRel);
    }

    /// Positions count from another beginning.
    pub(super) fn was_reset(&self) {
        self.shared.settled.store(NOWHERE, Ordering::Release);
        self.shared.committed.store(NOWHERE, Ordering::Release);
        self.shared.end.store(NOWHERE, Ordering::Release);
        self.shared.start.store(NOWHERE, Ordering::Release);
    }

    /// Its lane is closed: nobody takes from it any more.
    pub(super) fn close(&self) {
        self.closed.store(true, Ordering::Release);
    }

    pub(super) fn is_closed(&self) -> bool {
        self.closed.load(Ordering::Acquire)
    }

    /// What is told late is older than what was asked for: the greatest counts.
    pub(super) fn ends_at(&self, end: i64) {
        self.shared.end.fetch_max(end, Ordering::AcqRel);
    }

    /// See [`Shared::start`].
    pub(super) fn starts_at(&self, start: i64) {
        self.shared.start.store(start, Ordering::Release);
    }

    /// What is behind the last message delivered, as far as the end is known. Offsets without messages (of transactions, or compacted
    /// away) count too.
    pub(super) fn lag(&self) -> LagGauge {
        let (shared, ledger) = (self.shared.clone(), self.ledger.clone());
        LagGauge::new(move || {
            let end = shared.end.load(Ordering::Acquire);
            let position = match ledger.resume() {
                NOWHERE => shared.start.load(Ordering::Acquire),
                position => position,
            };
            let known = end > NOWHERE && position > NOWHERE;
            Lag { events: known.then(|| u64::try_from(end - position).unwrap_or(0)), ..Lag::default() }
        })
    }
}

/// Where a message stands, as an operator looks it up.
pub(super) fn place(topic: &str, number: i32, offset: i64, brokers: &str) -> String {
    format!("{topic}/{number}@{offset} of {brokers}")
}

/// Hands a commit to librdkafka, which does not wait; what becomes of it the group is told.
fn commit_soon(consumer: &Weak<Consumer>, token: &Token, topic: &str, number: i32, position: i64) {
    let Some(consumer) = consumer.upgrade() else { return };
    let mut offsets = TopicPartitionList::new();
    token.add(&mut offsets, topic, number, position);
    // A commit that cannot be handed over is made up for by the next.
    let _ = consumer.commit(&offsets, CommitMode::Async);
}
