//! What librdkafka calls back: rebalances, commits, errors, its log. All but the log on the group's thread.

use std::sync::{Arc, Weak};

use rdkafka::client::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::{BaseConsumer, Consumer as _, ConsumerContext, Rebalance};
use rdkafka::error::{KafkaError, KafkaResult};
use rdkafka::statistics::Statistics;
use rdkafka::topic_partition_list::TopicPartitionList;

use super::group::Group;
use crate::log::ClientLog;

pub(super) type Consumer = BaseConsumer<Context>;

/// A way to the group; the group has the consumer, which has this.
pub(super) struct Context {
    pub(super) group: Weak<Group>,
    pub(super) log: Arc<ClientLog>,
}

impl ClientContext for Context {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        self.log.line(level, facility, message);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        if let Some(group) = self.group.upgrade() {
            group.note(&error, reason);
        }
    }

    fn stats(&self, statistics: Statistics) {
        if let Some(group) = self.group.upgrade() {
            group.know_ends(&statistics);
            group.look(&statistics);
            group.stand(&statistics);
        }
    }
}

impl ConsumerContext for Context {
    /// Before librdkafka goes on with the rebalance: what is taken away is settled and committed here, and what is given gets its
    /// queue before anything is fetched for it.
    fn pre_rebalance(&self, consumer: &Consumer, rebalance: &Rebalance<'_>) {
        let Some(group) = self.group.upgrade() else { return };
        match rebalance {
            Rebalance::Assign(partitions) => group.assign(partitions),
            Rebalance::Revoke(partitions) if consumer.assignment_lost() => group.lose(partitions),
            Rebalance::Revoke(partitions) => group.give_up(consumer, partitions),
            Rebalance::Error(error) => {
                tracing::warn!(group = group.name(), %error, "a rebalance failed; the group tries again")
            }
        }
    }

    fn commit_callback(&self, result: KafkaResult<()>, offsets: &TopicPartitionList) {
        if let Some(group) = self.group.upgrade() {
            group.was_committed(&result, offsets);
        }
    }
}
