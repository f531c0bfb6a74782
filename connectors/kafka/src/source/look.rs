//! What a member asks the brokers besides what librdkafka tells once a second: where partitions end of which nothing is fetched, because
//! their lanes stand still, and whether there is anything to read where it has no partition. Asked in a thread of its own, now and then:
//! an answer may take seconds.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use rdkafka::consumer::Consumer as _;
use rdkafka::statistics::Statistics;
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};

use super::context::Consumer;
use super::group::Group;
use super::partition::Partition;

/// How often, at most.
const EVERY: Duration = Duration::from_secs(5);
/// How long a broker may take for one answer.
const ANSWER: Duration = Duration::from_secs(2);

/// What was found; outlives the clients of a source.
#[derive(Debug, Default)]
pub(super) struct Look {
    /// A member in good standing, without a partition, of a group that has something to read.
    stands_by: AtomicBool,
    asking: AtomicBool,
    asked: Mutex<Option<Instant>>,
}

impl Look {
    pub(super) fn stands_by(&self) -> bool {
        self.stands_by.load(Ordering::Acquire)
    }

    /// The member is none any more, or has something to do.
    pub(super) fn steps_down(&self) {
        self.stands_by.store(false, Ordering::Release);
    }

    /// Whether it is time to ask.
    fn begins(&self) -> bool {
        let mut asked = self.asked.lock().unwrap_or_else(PoisonError::into_inner);
        if asked.is_some_and(|asked| asked.elapsed() < EVERY) || self.asking.swap(true, Ordering::AcqRel) {
            return false;
        }
        *asked = Some(Instant::now());
        true
    }
}

impl Group {
    /// Called with each of librdkafka's statistics.
    pub(super) fn look(&self, statistics: &Statistics) {
        let steady = |group: &rdkafka::statistics::ConsumerGroup| group.state == "up" && group.join_state == "steady";
        let is_member = statistics.cgrp.as_ref().is_some_and(steady);
        let partitions = self.partitions();
        let idle = is_member && partitions.is_empty();
        if !idle {
            self.look.steps_down();
        }
        let waiting = |partition: &Arc<Partition>| {
            let known = statistics.topics.get(&*partition.topic).map(|topic| &topic.partitions);
            known.and_then(|known| known.get(&partition.number)).is_some_and(|known| known.fetchq_cnt > 0)
        };
        let waiting: Vec<Arc<Partition>> = partitions.into_iter().filter(waiting).collect();
        if waiting.is_empty() && (!idle || self.look.stands_by()) {
            return;
        }
        let Some(consumer) = self.consumer() else { return };
        if !self.look.begins() {
            return;
        }
        let (look, config) = (self.look.clone(), self.config.clone());
        let ask = move || {
            if idle {
                look.stands_by
                    .store(config.has_patterns() || any_there(&consumer, &config.subscription), Ordering::Release);
            } else {
                find_ends(&consumer, &waiting);
            }
            look.asking.store(false, Ordering::Release);
        };
        let name = format!("kafka {} look", self.name());
        if thread::Builder::new().name(name).spawn(ask).is_err() {
            self.look.asking.store(false, Ordering::Release);
        }
    }
}

/// Whether one of the topics is there.
fn any_there(consumer: &Consumer, topics: &[String]) -> bool {
    topics.iter().any(|name| {
        let Ok(metadata) = consumer.fetch_metadata(Some(name), ANSWER) else { return false };
        metadata.topics().iter().any(|topic| topic.name() == name && !topic.partitions().is_empty())
    })
}

/// As far as the group may read: what the source's isolation hides does not count.
fn find_ends(consumer: &Consumer, partitions: &[Arc<Partition>]) {
    let mut asked = TopicPartitionList::new();
    for partition in partitions {
        // Only an offset that is none can be refused.
        let _ = asked.add_partition_offset(&partition.topic, partition.number, Offset::End);
    }
    // Where nobody answers, what was known stays.
    let Ok(found) = consumer.offsets_for_times(asked, ANSWER) else { return };
    for partition in partitions {
        let found = found.find_partition(&partition.topic, partition.number).map(|found| found.offset());
        if let Some(Offset::Offset(end)) = found {
            partition.ends_at(end);
        }
    }
}
