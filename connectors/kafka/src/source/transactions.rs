//! Exactly once: what comes of events, dead letters too, and how far a source has read, in one transaction of one producer.
//!
//! A delivery is committed when it is the oldest of its lane. One thread a source ([`work`]) takes what all its lanes have ready and writes
//! that as one transaction: begin, messages, positions, commit. While one is under way, lanes decide about what comes next.
//!
//! **Who may commit** is told by the group (KIP-447): positions are sent with this member's generation, which a broker refuses of a host that
//! was frozen or cut off while others took over its partitions. A partition that is known to be lost is not committed either.
//!
//! **What a host that is gone had begun** is ended by the brokers: at once when it comes back (its name is kept in the state folder: [`identity`]),
//! else after `transaction.timeout`. Until then whoever takes over its partitions waits for their position, and readers of committed
//! messages for what was written since.
//!
//! **A transaction that ends without effect** (a broker is not there, the group has a new generation) is answered as aborted: the lane goes
//! back to where it was, and reads again. Where nobody knows whether it was committed, the position that the group has tells
//! it: that is in the same transaction.

mod identity;
mod producer;
mod work;

use std::sync::Arc;

use async_trait::async_trait;
use tidegate_connector::{Commit, Committed, Part, Settled, Settlement, SourceError};
use tokio::sync::{mpsc, oneshot};

pub(super) use self::identity::Identity;
pub(super) use self::work::Worker;
use super::partition::Partition;

/// Jobs that wait for the thread; a lane has one at most.
const JOBS_MAX: usize = 64;

/// The way to the thread that commits; it ends with the last of these.
#[derive(Clone)]
pub(super) struct Transactions(mpsc::Sender<Job>);

/// A delivery to commit.
struct Job {
    partition: Arc<Partition>,
    /// Where the partition is to go on.
    position: i64,
    parts: Vec<Part>,
    answer: oneshot::Sender<Committed>,
}

/// Where a delivery stands in its partition.
pub(super) struct Positions {
    pub(super) start: i64,
    /// Of each event.
    pub(super) behind: Vec<i64>,
    pub(super) end: i64,
}

impl Positions {
    fn after(&self, outcome: Settled) -> i64 {
        match outcome {
            Settled::Ack => self.end,
            Settled::Nack { events: 0, .. } => self.start,
            Settled::Nack { events, .. } => self.behind.get(events - 1).copied().unwrap_or(self.start),
        }
    }
}

impl Transactions {
    /// A settlement that commits in transactions.
    pub(super) fn settlement(
        self,
        settlement: Box<dyn Settlement>,
        partition: Arc<Partition>,
        positions: Positions,
    ) -> Box<dyn Settlement> {
        Box::new(InTransaction { settlement, transactions: self, partition, positions })
    }
}

struct InTransaction {
    settlement: Box<dyn Settlement>,
    transactions: Transactions,
    partition: Arc<Partition>,
    positions: Positions,
}

#[async_trait]
impl Settlement for InTransaction {
    fn place(&self, event: usize) -> Option<String> {
        self.settlement.place(event)
    }

    fn is_transactional(&self) -> bool {
        true
    }

    fn commit(&mut self, parts: Vec<Part>, outcome: Settled) -> Commit {
        let (answer, committed) = oneshot::channel();
        let (partition, position) = (self.partition.clone(), self.positions.after(outcome));
        let job = Job { partition, position, parts, answer };
        let jobs = self.transactions.0.clone();
        Box::pin(async move {
            let gone = || Committed::Aborted { cause: "this host no longer writes transactions".to_owned() };
            if jobs.send(job).await.is_err() {
                return gone();
            }
            committed.await.unwrap_or_else(|_| gone())
        })
    }

    /// The position was committed before: the partition only notes it.
    async fn settle(self: Box<Self>, outcome: Settled) -> Result<(), SourceError> {
        self.settlement.settle(outcome).await
    }
}
