//! The member of a consumer group: a thread that serves librdkafka's group, and the partitions it has.
//!
//! The thread ends, and leaves the group, when the source and all its lanes are gone. It holds the consumer; a lane borrows it to seek
//! and to commit.

use std::collections::{BTreeMap, VecDeque};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, Weak};
use std::thread;
use std::time::{Duration, Instant};

use rdkafka::consumer::{CommitMode, Consumer as _};
use rdkafka::error::{KafkaError, KafkaResult, RDKafkaErrorCode};
use rdkafka::statistics::Statistics;
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};
use tidegate_connector::SourceError;
use tokio::sync::{Notify, watch};

use super::config::SourceConfig;
use super::context::{Consumer, Context};
use super::look::Look;
use super::partition::Partition;
use super::standing::Standing;
use super::transactions::{Transactions, Worker};
use crate::client::{cause, is_refusal};

/// How often the thread looks whether it is still wanted, at least.
const LOOK: Duration = Duration::from_millis(100);

/// How long a closing lane waits for that the group is left.
const LEAVE: Duration = Duration::from_secs(5);

pub(super) struct Group {
    pub(super) config: Arc<SourceConfig>,
    consumer: Mutex<Weak<Consumer>>,
    assigned: Mutex<Assigned>,
    /// There is a lane to hand out, or trouble.
    news: Notify,
    settlements: Arc<Settlements>,
    /// Where it delivers exactly once.
    pub(super) transactions: Option<Transactions>,
    pub(super) look: Arc<Look>,
    pub(super) standing: Arc<Standing>,
    closing: AtomicBool,
    left: watch::Sender<bool>,
}

#[derive(Default)]
struct Assigned {
    partitions: BTreeMap<(Arc<str>, i32), Arc<Partition>>,
    /// Not handed out yet; as many as there are partitions at most.
    fresh: VecDeque<Arc<Partition>>,
    trouble: Option<Trouble>,
    /// What a single broker failed with last, until there are partitions again.
    broken: Option<String>,
}

pub(super) struct Trouble {
    pub(super) error: SourceError,
    /// Another client has to be made.
    pub(super) refused: bool,
}

/// What a source hands on.
pub(super) enum Next {
    Lane(Arc<Partition>),
    Trouble(SourceError),
    /// The brokers do not know us, or do not answer: another client, with secrets read anew, may do better.
    Refused(SourceError),
}

/// Counts settlements of all partitions, for whoever waits for them.
#[derive(Default)]
pub(super) struct Settlements {
    count: Mutex<u64>,
    changed: Condvar,
}

impl Settlements {
    pub(super) fn one_more(&self) {
        *self.count.lock().unwrap_or_else(PoisonError::into_inner) += 1;
        self.changed.notify_all();
    }

    /// Waits until `done`, which depends on settlements only, or until the deadline; whether it was done.
    fn wait(&self, deadline: Instant, done: impl Fn() -> bool) -> bool {
        loop {
            let seen = *self.count.lock().unwrap_or_else(PoisonError::into_inner);
            if done() {
                return true;
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return false;
            }
            let count = self.count.lock().unwrap_or_else(PoisonError::into_inner);
            if *count == seen {
                drop(self.changed.wait_timeout(count, left));
            }
        }
    }
}

impl Group {
    /// Makes a consumer and the thread that serves it.
    pub(super) fn join(
        config: &Arc<SourceConfig>,
        look: &Arc<Look>,
        standing: &Arc<Standing>,
    ) -> Result<Arc<Group>, SourceError> {
        let failed = |cause: String| SourceError::Transient { place: config.connection.brokers.to_string(), cause };
        let client = config.client_config().map_err(failed)?;
        let identity = config.transactional.as_ref().map(|how| how.identity.get()).transpose().map_err(failed)?;
        let (transactions, worker) = identity.map(|name| Worker::new(config, name)).unzip();
        let group = Arc::new(Group {
            config: config.clone(),
            consumer: Mutex::new(Weak::new()),
            assigned: Mutex::default(),
            news: Notify::new(),
            settlements: Arc::default(),
            transactions,
            look: look.clone(),
            standing: standing.clone(),
            closing: AtomicBool::new(false),
            left: watch::Sender::new(false),
        });
        let context = Context { group: Arc::downgrade(&group), log: config.connection.log.clone() };
        let consumer: Consumer = client.create_with_context(context).map_err(|error| failed(error.to_string()))?;
        let topics: Vec<&str> = config.subscription.iter().map(String::as_str).collect();
        consumer.subscribe(&topics).map_err(|error| failed(cause(&error)))?;
        let consumer = Arc::new(consumer);
        *group.consumer.lock().unwrap_or_else(PoisonError::into_inner) = Arc::downgrade(&consumer);
        let (member, wanted) = (group.clone(), Arc::downgrade(&group));
        let name = format!("kafka {}", config.group);
        // One reference is the thread's own; without another nobody wants it any more.
        let run = move || member.run(consumer, || wanted.strong_count() > 1);
        thread::Builder::new().name(name).spawn(run).map_err(|error| failed(error.to_string()))?;
        if let Some(worker) = worker {
            let (name, group) = (format!("kafka {} tx", config.group), Arc::downgrade(&group));
            let run = move || worker.run(&group);
            thread::Builder::new().name(name).spawn(run).map_err(|error| failed(error.to_string()))?;
        }
        Ok(group)
    }

    pub(super) fn name(&self) -> &str {
        &self.config.group
    }

    fn brokers(&self) -> &str {
        &self.config.connection.brokers
    }

    /// What an operator can look up.
    pub(super) fn place(&self, partition: &Partition) -> String {
        format!("{}/{} of {}", partition.topic, partition.number, self.brokers())
    }

    /// Those it has.
    pub(super) fn partitions(&self) -> Vec<Arc<Partition>> {
        self.assigned().partitions.values().cloned().collect()
    }

    /// The consumer, as long as the thread has it.
    pub(super) fn consumer(&self) -> Option<Arc<Consumer>> {
        self.consumer.lock().unwrap_or_else(PoisonError::into_inner).upgrade()
    }

    fn assigned(&self) -> MutexGuard<'_, Assigned> {
        self.assigned.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The next lane to hand out. Cancel-safe.
    pub(super) async fn next(&self) -> Next {
        loop {
            let notified = self.news.notified();
            {
                let mut assigned = self.assigned();
                if let Some(partition) = assigned.fresh.pop_front() {
                    return Next::Lane(partition);
                }
                match assigned.trouble.take() {
                    Some(Trouble { error, refused: true }) => return Next::Refused(error),
                    Some(Trouble { error, refused: false }) => return Next::Trouble(error),
                    None => {}
                }
            }
            notified.await;
        }
    }

    fn run(&self, consumer: Arc<Consumer>, wanted: impl Fn() -> bool) {
        let mut committed = Instant::now();
        while wanted() && !self.is_closing() {
            match consumer.poll(LOOK) {
                None => {}
                // Told by the callback for errors.
                Some(Err(error)) => tracing::debug!(group = self.name(), %error, "librdkafka"),
                // Every partition has its queue before it is fetched.
                Some(Ok(_)) => tracing::error!(group = self.name(), "a message came past its partition's queue"),
            }
            if committed.elapsed() >= self.config.commit_interval {
                committed = Instant::now();
                self.commit(&consumer, &self.uncommitted(), CommitMode::Async);
            }
        }
        let partitions = std::mem::take(&mut *self.assigned()).partitions;
        self.commit(&consumer, &uncommitted(partitions.values()), CommitMode::Sync);
        partitions.values().for_each(|partition| partition.end());
        self.look.steps_down();
        // Leaves the group: what was not committed comes again, to whoever has the partition next.
        drop(consumer);
        self.left.send_replace(true);
        // Should anybody still wait for lanes, the source joins anew.
        let place = self.brokers().to_owned();
        let error = SourceError::Transient { place, cause: "this host has left the group".to_owned() };
        self.assigned().trouble.get_or_insert(Trouble { error, refused: true });
        self.news.notify_one();
    }

    /// A lane is closed though its partition stays: the host is stopping. The group is left with the last.
    pub(super) async fn lane_closed(&self, partition: &Partition) {
        partition.close();
        let done = {
            let assigned = self.assigned();
            let is_fresh = |partition| assigned.fresh.iter().any(|fresh| Arc::ptr_eq(fresh, partition));
            assigned.partitions.values().all(|partition| partition.is_closed() || is_fresh(partition))
        };
        if done {
            self.close();
            let mut left = self.left.subscribe();
            // A broker that does not answer is left without a word.
            let _ = tokio::time::timeout(LEAVE, left.wait_for(|left| *left)).await;
        }
    }

    pub(super) fn is_closing(&self) -> bool {
        self.closing.load(Ordering::Acquire)
    }

    /// Another client has to be made: lanes end, and their partitions are given up.
    fn close(&self) {
        self.closing.store(true, Ordering::Release);
    }

    fn uncommitted(&self) -> TopicPartitionList {
        uncommitted(self.assigned().partitions.values())
    }

    fn commit(&self, consumer: &Consumer, offsets: &TopicPartitionList, mode: CommitMode) {
        if offsets.count() == 0 {
            return;
        }
        let result = consumer.commit(offsets, mode);
        match mode {
            // The callback tells what became of it.
            CommitMode::Async if result.is_ok() => {}
            CommitMode::Async | CommitMode::Sync => self.was_committed(&result, offsets),
        }
    }

    /// What became of a commit. What was not committed is tried again with the next.
    pub(super) fn was_committed(&self, result: &KafkaResult<()>, offsets: &TopicPartitionList) {
        if let Err(error) = result {
            // A group without anything to commit says that too.
            if error.rdkafka_error_code() != Some(RDKafkaErrorCode::NoOffset) {
                tracing::warn!(
                    group = self.name(),
                    brokers = self.brokers(),
                    "positions could not be committed yet: {}",
                    cause(error)
                );
            }
            return;
        }
        let assigned = self.assigned();
        for element in offsets.elements() {
            let key = (Arc::from(element.topic()), element.partition());
            if let (Some(partition), Offset::Offset(offset), Ok(())) =
                (assigned.partitions.get(&key), element.offset(), element.error())
            {
                partition.was_committed(offset);
            }
        }
    }

    /// Where partitions end, and their lanes begin: what these lag behind.
    pub(super) fn know_ends(&self, statistics: &Statistics) {
        let isolated = self.config.is_isolated();
        for ((topic, number), partition) in &self.assigned().partitions {
            let known = statistics.topics.get(&**topic).and_then(|topic| topic.partitions.get(number));
            if let Some(known) = known {
                partition.ends_at(if isolated { known.ls_offset } else { known.hi_offset });
                // librdkafka says once that a queue is no longer empty; should that be missed, the lane looks all the same.
                if known.fetchq_cnt > 0 {
                    partition.changed.notify_one();
                }
                // Negative as long as it is not known where to begin.
                if known.next_offset >= 0 {
                    partition.starts_at(known.next_offset - known.fetchq_cnt);
                }
            }
        }
    }

    /// Partitions are given: each gets a queue and a lane.
    pub(super) fn assign(&self, partitions: &TopicPartitionList) {
        let Some(consumer) = self.consumer() else { return };
        let mut assigned = self.assigned();
        for element in partitions.elements() {
            let Some(queue) = consumer.split_partition_queue(element.topic(), element.partition()) else {
                tracing::error!(topic = element.topic(), partition = element.partition(), "no queue for a partition");
                continue;
            };
            let (topic, number) = (element.topic(), element.partition());
            let way = Arc::downgrade(&consumer);
            let (settlements, brokers) = (self.settlements.clone(), self.config.connection.brokers.clone());
            let partition = Arc::new(Partition::new(topic, number, queue, way, settlements, brokers));
            let key = (partition.topic.clone(), partition.number);
            assigned.partitions.insert(key, partition.clone());
            assigned.fresh.push_back(partition);
        }
        // What was in the way is not there any more.
        assigned.trouble = None;
        assigned.broken = None;
        drop(assigned);
        self.news.notify_one();
    }

    /// Takes partitions out of what is assigned.
    fn remove(&self, partitions: &TopicPartitionList) -> Vec<Arc<Partition>> {
        let mut assigned = self.assigned();
        let keys = partitions.elements().into_iter().map(|element| (Arc::from(element.topic()), element.partition()));
        let removed: Vec<_> = keys.filter_map(|key| assigned.partitions.remove(&key)).collect();
        assigned.fresh.retain(|fresh| !removed.iter().any(|gone| Arc::ptr_eq(fresh, gone)));
        removed
    }

    /// Partitions are taken away: their lanes end, and what is in flight is settled and committed, as far as there is time.
    pub(super) fn give_up(&self, consumer: &Consumer, partitions: &TopicPartitionList) {
        let removed = self.remove(partitions);
        removed.iter().for_each(|partition| partition.end());
        let deadline = Instant::now() + self.config.drain_timeout;
        let settled = || removed.iter().all(|partition| partition.ledger.outstanding() == 0);
        if !self.settlements.wait(deadline, settled) {
            tracing::warn!(
                group = self.name(),
                "a partition is given up before all in flight is settled: that comes again"
            );
        }
        self.commit(consumer, &uncommitted(removed.iter()), CommitMode::Sync);
        removed.iter().for_each(|partition| partition.lose());
    }

    /// Partitions were taken away already.
    pub(super) fn lose(&self, partitions: &TopicPartitionList) {
        let lost = self.remove(partitions);
        if !lost.is_empty() {
            tracing::warn!(
                group = self.name(),
                partitions = lost.len(),
                "partitions were lost: what is in flight comes again"
            );
        }
        lost.iter().for_each(|partition| partition.lose());
    }

    /// An error of the client as a whole. Where there are lanes, librdkafka tries again by itself, and they go on.
    pub(super) fn note(&self, error: &KafkaError, reason: &str) {
        let code = error.rdkafka_error_code();
        let refused = code.is_some_and(is_refusal);
        self.config.connection.log.error(&self.whole(), reason);
        let cause = {
            let mut assigned = self.assigned();
            match (code, &assigned.broken) {
                // That all brokers are down says less than why.
                (Some(RDKafkaErrorCode::AllBrokersDown), Some(why)) => format!("{reason}; {why}"),
                (Some(RDKafkaErrorCode::AllBrokersDown), None) => reason.to_owned(),
                (_, _) => assigned.broken.insert(reason.to_owned()).clone(),
            }
        };
        self.report(Trouble { error: self.transient(cause), refused });
    }

    /// All that it reads, as an operator can look it up.
    fn whole(&self) -> String {
        format!("{} of {}", self.config.topics, self.brokers())
    }

    pub(super) fn transient(&self, cause: String) -> SourceError {
        SourceError::Transient { place: self.whole(), cause }
    }

    /// Hands on what keeps the source from giving lanes. Where there are lanes, only that another client has to be made counts.
    pub(super) fn report(&self, trouble: Trouble) {
        let refused = trouble.refused;
        let mut assigned = self.assigned();
        let known = assigned.trouble.as_ref().is_some_and(|trouble| trouble.refused);
        if known || (!assigned.partitions.is_empty() && !refused) {
            return;
        }
        assigned.trouble = Some(trouble);
        drop(assigned);
        if refused {
            self.close();
        }
        self.news.notify_one();
    }
}

fn uncommitted<'a>(partitions: impl Iterator<Item = &'a Arc<Partition>>) -> TopicPartitionList {
    let mut offsets = TopicPartitionList::new();
    for partition in partitions {
        if let Some(position) = partition.uncommitted() {
            partition.token().add(&mut offsets, &partition.topic, partition.number, position);
        }
    }
    offsets
}
