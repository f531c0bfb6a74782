//! The thread that commits: takes what the lanes of a source have ready, makes one transaction of it, answers each.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Weak};
use std::thread;
use std::time::Duration;

use rdkafka::consumer::Consumer as _;
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};
use tidegate_connector::{Committed, Refusal};
use tokio::sync::mpsc;

use super::producer::{Failure, Item, Positions, Transacting};
use super::{JOBS_MAX, Job, Transactions};
use crate::client::cause;
use crate::sink::SinkConfig;
use crate::source::config::SourceConfig;
use crate::source::group::Group;

/// Events in one transaction at most, unless a single delivery has more.
const EVENTS_MAX: usize = 16_384;
/// How long the group may take to tell its positions.
const ANSWER: Duration = Duration::from_secs(10);
/// Between two tries to find out how a transaction has ended.
const PAUSE: Duration = Duration::from_millis(500);

pub(in crate::source) struct Worker {
    jobs: mpsc::Receiver<Job>,
    producer: Transacting,
}

impl Worker {
    /// `name` is what brokers know its transactions by.
    pub(in crate::source) fn new(config: &Arc<SourceConfig>, name: String) -> (Transactions, Worker) {
        let (sender, jobs) = mpsc::channel(JOBS_MAX);
        (Transactions(sender), Worker { jobs, producer: Transacting::new(config.clone(), name) })
    }

    /// Until nobody can have anything to commit.
    pub(in crate::source) fn run(mut self, group: &Weak<Group>) {
        let mut held = None;
        while let Some(first) = held.take().or_else(|| self.jobs.blocking_recv()) {
            let mut events = first.events();
            let mut jobs = vec![first];
            while let Ok(job) = self.jobs.try_recv() {
                events += job.events();
                if events > EVENTS_MAX {
                    held = Some(job);
                    break;
                }
                jobs.push(job);
            }
            self.commit(group, jobs);
        }
    }

    fn commit(&mut self, group: &Weak<Group>, mut jobs: Vec<Job>) {
        let mut careful = BTreeSet::new();
        loop {
            jobs = still_ours(jobs);
            let (items, owners) = match items(&jobs) {
                _ if jobs.is_empty() => return,
                Ok(items) => items,
                Err(cause) => return jobs.into_iter().for_each(|job| job.aborted(&cause)),
            };
            let waiting = &self.jobs;
            let written = self.producer.write(&items, &careful, || positions(group, &jobs), || !waiting.is_closed());
            drop(items);
            match written {
                Ok(()) => return jobs.into_iter().for_each(Job::done),
                Err(Failure::TooLarge(indexes)) => {
                    careful.extend(indexes);
                    self.producer.abort();
                }
                Err(Failure::Refused(refused)) => {
                    self.producer.abort();
                    careful.clear();
                    jobs = without_refused(jobs, &owners, refused);
                }
                Err(Failure::Aborted(cause)) => {
                    jobs.into_iter().for_each(|job| job.aborted(&cause));
                    self.producer.abort();
                    return;
                }
                Err(Failure::Unknown(cause)) => return self.find_out(group, jobs, &cause),
            }
        }
    }

    /// Whether a transaction was committed is told by the group's positions, once another has taken its place.
    fn find_out(&mut self, group: &Weak<Group>, jobs: Vec<Job>, cause: &str) {
        tracing::warn!("it is not known how a transaction has ended, and is found out: {cause}");
        while !self.jobs.is_closed() {
            let told = self.producer.ready().and_then(|()| committed(group, &jobs));
            match told {
                Ok(positions) => {
                    for job in jobs {
                        let known = positions.get(&job.key()).copied();
                        if known.is_some_and(|known| known >= job.position) && !job.partition.is_lost() {
                            job.done();
                        } else {
                            job.aborted(cause);
                        }
                    }
                    return;
                }
                Err(_) if group.upgrade().is_none() => break,
                Err(error) => {
                    tracing::warn!("it is not known yet how a transaction has ended: {error}");
                    thread::sleep(PAUSE);
                }
            }
        }
        jobs.into_iter().for_each(|job| job.aborted(cause));
    }
}

impl Job {
    fn events(&self) -> usize {
        self.parts.iter().map(|part| part.events.len()).sum()
    }

    fn key(&self) -> (String, i32) {
        (self.partition.topic.to_string(), self.partition.number)
    }

    fn answer(self, committed: Committed) {
        // A lane may be gone; that undoes nothing.
        let _ = self.answer.send(committed);
    }

    fn done(self) {
        self.partition.was_committed(self.position);
        self.answer(Committed::Done);
    }

    fn aborted(self, cause: &str) {
        self.answer(Committed::Aborted { cause: cause.to_owned() });
    }
}

/// Without those whose partition somebody else has.
fn still_ours(jobs: Vec<Job>) -> Vec<Job> {
    let (lost, ours): (Vec<Job>, Vec<Job>) = jobs.into_iter().partition(|job| job.partition.is_lost());
    lost.into_iter().for_each(|job| job.aborted("the partition was taken away"));
    ours
}

/// Which job, part and event a message is.
type Owner = (usize, usize, usize);

fn items(jobs: &[Job]) -> Result<(Vec<Item<'_>>, Vec<Owner>), String> {
    let mut items = Vec::new();
    let mut owners = Vec::new();
    for (at, job) in jobs.iter().enumerate() {
        for (number, part) in job.parts.iter().enumerate() {
            let sink = part.sink.get::<SinkConfig>().ok_or("a sink is not of Kafka")?;
            for (index, event) in part.events.iter().enumerate() {
                items.push(Item { sink, event });
                owners.push((at, number, index));
            }
        }
    }
    Ok((items, owners))
}

/// What is to be committed, and the member of the group that does. Asked for in this order: a member that has lost its partitions
/// after it has told its generation has one that brokers refuse, and one that had lost them before says so.
fn positions(group: &Weak<Group>, jobs: &[Job]) -> Positions {
    let gone = || "this host has left the group".to_owned();
    let consumer = group.upgrade().and_then(|group| group.consumer()).ok_or_else(gone)?;
    let member = consumer.group_metadata().ok_or_else(gone)?;
    if consumer.assignment_lost() || jobs.iter().any(|job| job.partition.is_lost()) {
        return Err("a partition was taken away".to_owned());
    }
    let mut offsets = TopicPartitionList::new();
    for job in jobs {
        let (partition, position) = (&job.partition, Offset::Offset(job.position));
        let added = offsets.add_partition_offset(&partition.topic, partition.number, position);
        added.map_err(|error| cause(&error))?;
    }
    Ok((offsets, member))
}

/// The positions the group has.
fn committed(group: &Weak<Group>, jobs: &[Job]) -> Result<BTreeMap<(String, i32), i64>, String> {
    let consumer = group.upgrade().and_then(|group| group.consumer());
    let consumer = consumer.ok_or_else(|| "this host has left the group".to_owned())?;
    let mut asked = TopicPartitionList::new();
    for job in jobs {
        asked.add_partition(&job.partition.topic, job.partition.number);
    }
    let found = consumer.committed_offsets(asked, ANSWER).map_err(|error| cause(&error))?;
    let position = |offset| match offset {
        Offset::Offset(position) => position,
        Offset::Beginning | Offset::End | Offset::Stored | Offset::Invalid | Offset::OffsetTail(_) => -1,
    };
    let elements = found.elements();
    Ok(elements.iter().map(|at| ((at.topic().to_owned(), at.partition()), position(at.offset()))).collect())
}

/// Answers those of which some will never be taken; the others.
fn without_refused(jobs: Vec<Job>, owners: &[Owner], refused: Vec<(usize, String)>) -> Vec<Job> {
    let mut by_job: BTreeMap<usize, Vec<Refusal>> = BTreeMap::new();
    for (index, reason) in refused {
        let (job, part, event) = owners[index];
        by_job.entry(job).or_default().push(Refusal { part, event, reason });
    }
    let mut others = Vec::new();
    for (at, mut job) in jobs.into_iter().enumerate() {
        match by_job.remove(&at) {
            Some(refusals) => {
                let parts = std::mem::take(&mut job.parts);
                job.answer(Committed::Refused { parts, refusals });
            }
            None => others.push(job),
        }
    }
    others
}
