//! The task of a sink: groups what has queued up, writes it in order, retries, resolves receipts.
//!
//! Nothing overtakes: while the writer is in trouble, everything behind the event in question waits.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use tidegate_event::Event;
use tokio::sync::{OwnedSemaphorePermit, mpsc, oneshot};

use super::counts::Oldest;
use super::gate::Gate;
use super::shard::Shared;
use super::streams::UnderWay;
use super::{GROUP_BYTES, GROUP_EVENTS, Receipt, Refused, Sent, SinkOptions, WriteError, Writer};

/// A wait that the other side asks for counts up to here: nobody else may stop a sink for good.
const ASKED_MAX: Duration = Duration::from_secs(60);

/// Context by which brokers tell where a message stands.
const POSITION: [&str; 5] = ["topic", "partition", "offset", "stream", "sequence"];

/// A batch in the queue. Its permits free the queue when it is dropped.
#[derive(Debug)]
pub(super) struct Job {
    events: Vec<Event>,
    bytes: usize,
    accepted_at: u64,
    answer: oneshot::Sender<Sent>,
    _streams: Vec<UnderWay>,
    _permits: [OwnedSemaphorePermit; 2],
}

impl Job {
    pub(super) fn new(
        events: Vec<Event>,
        bytes: usize,
        streams: Vec<UnderWay>,
        permits: [OwnedSemaphorePermit; 2],
    ) -> (Job, Receipt) {
        let (answer, receipt) = oneshot::channel();
        let accepted_at = Oldest::now();
        let job = Job { events, bytes, accepted_at, answer, _streams: streams, _permits: permits };
        (job, Receipt::waiting(receipt))
    }

    fn resolve(self, sent: Sent) {
        // A sender may have dropped its receipt; that undoes nothing.
        let _ = self.answer.send(sent);
    }
}

pub(super) struct Task {
    shared: Arc<Shared>,
    writer: Box<dyn Writer>,
    gate: Gate,
    options: SinkOptions,
    /// Failures in a row without progress.
    failures: u32,
}

/// Nobody wants the sink to try again; with what it was failing with, or waiting for.
struct GivenUp(String);

impl Task {
    pub(super) fn new(shared: Arc<Shared>, mut writer: Box<dyn Writer>, mut gate: Gate, options: SinkOptions) -> Self {
        gate.introduce(&mut *writer);
        Self { shared, writer, gate, options, failures: 0 }
    }

    pub(super) async fn run(mut self, mut queue: mpsc::Receiver<Job>) {
        let mut held = None;
        while let Some(job) = next(&mut held, &mut queue).await {
            self.shared.oldest.set(job.accepted_at);
            let mut group = Group::gather(job, &mut held, &mut queue);
            if let Err(cause) = self.write(&mut group).await {
                queue.close();
                self.shared.oldest.set(0);
                self.refuse_all(cause, group, held.take(), queue).await;
                return;
            }
            self.shared.oldest.set(0);
        }
        if let Err(error) = self.writer.close().await {
            tracing::warn!(sink = self.shared.name, %error, "the sink's writer did not close cleanly; all it took is durable");
        }
    }

    /// Writes a group to its end, whatever it takes. An error is the cause of a sink gone for good.
    async fn write(&mut self, group: &mut Group) -> Result<(), String> {
        while group.written < group.events.len() {
            let outcome = match self.attempt(group).await {
                Ok(outcome) => outcome,
                Err(GivenUp(trouble)) => return Err(format!("{trouble} (given up)")),
            };
            let rest = group.admitted - group.written;
            match outcome {
                Ok(()) => {
                    self.shared.counts.durable(rest);
                    group.advance(rest);
                    self.healed();
                }
                Err(WriteError::Transient { written, after, place, cause }) => {
                    let progress = written.min(rest);
                    self.shared.counts.durable(progress);
                    group.advance(progress);
                    let problem = Refused { place, cause };
                    let trouble = problem.to_string();
                    if progress > 0 {
                        self.gate.succeeded();
                    }
                    self.gate.failed(&trouble);
                    let shared = self.shared.clone();
                    tokio::select! {
                        biased;
                        () = shared.given_up() => return Err(format!("{trouble} (given up)")),
                        () = self.failed(problem, progress, after, group) => {}
                    }
                }
                Err(WriteError::Permanent { index, place, cause }) => {
                    self.shared.counts.durable(index.min(rest));
                    self.shared.counts.refused();
                    group.advance(index.min(rest));
                    group.refuse(Refused { place, cause });
                    self.healed();
                }
                Err(error @ WriteError::Closed { .. }) => return Err(error.to_string()),
            }
        }
        Ok(())
    }

    /// Waits until the group may go on, and writes what of it may.
    async fn attempt(&mut self, group: &mut Group) -> Result<Result<(), WriteError>, GivenUp> {
        let Task { shared, gate, .. } = self;
        // What a write was tried with is tried again as it was: a writer may remember what of it is done.
        if group.admitted <= group.written {
            tokio::select! {
                biased;
                count = gate.admit(&group.events[group.written..]) => group.admitted = group.written + count,
                () = shared.given_up() => return Err(GivenUp("it waits for its rate".to_owned())),
            }
        }
        tokio::select! {
            biased;
            () = gate.closed(|cause| in_trouble(shared, cause, group.events.get(group.written))) => {}
            () = shared.given_up() => return Err(GivenUp(gate.cause())),
        }
        self.write_in_time(&group.events[group.written..group.admitted]).await
    }

    /// One call of the writer, which may last.
    async fn write_in_time(&mut self, events: &[Event]) -> Result<Result<(), WriteError>, GivenUp> {
        let Task { shared, writer, gate, options, failures } = self;
        let Some(timeout) = options.timeout else { return Ok(writer.write(events).await) };
        let mut writing = writer.write(events);
        if let Ok(outcome) = tokio::time::timeout(timeout, &mut writing).await {
            return Ok(outcome);
        }
        let trouble = format!("a write takes longer than {timeout:?}, and is waited for");
        loop {
            *failures = failures.saturating_add(1);
            gate.late(&trouble);
            in_trouble(shared, trouble.clone(), events.first());
            tokio::select! {
                biased;
                outcome = &mut writing => return Ok(outcome),
                () = shared.given_up() => return Err(GivenUp(trouble)),
                () = tokio::time::sleep(timeout) => {}
            }
        }
    }

    async fn failed(&mut self, problem: Refused, progress: usize, after: Option<Duration>, group: &mut Group) {
        in_trouble(&self.shared, problem.to_string(), group.events.get(group.written));
        if progress > 0 {
            self.failures = 0;
        }
        if self.options.retries.is_some_and(|retries| self.failures >= retries) {
            self.shared.counts.refused();
            let Refused { place, cause } = problem;
            group.refuse(Refused { place, cause: format!("{cause} (given up after {} retries)", self.failures) });
            self.failures = 0;
            return;
        }
        let own = self.options.backoff.delay(self.failures);
        tokio::time::sleep(after.map_or(own, |asked| asked.clamp(own, ASKED_MAX.max(own)))).await;
        self.failures = self.failures.saturating_add(1);
        self.shared.counts.retried();
    }

    fn healed(&mut self) {
        self.gate.succeeded();
        self.failures = 0;
        if self.shared.set_trouble(None).is_some() {
            tracing::info!(sink = self.shared.name, "the sink is well again");
        }
    }

    async fn refuse_all(self, cause: String, group: Group, held: Option<Job>, mut queue: mpsc::Receiver<Job>) {
        tracing::error!(sink = self.shared.name, cause, "the sink is gone; nothing sent to it is acknowledged");
        self.shared.set_trouble(Some(cause.clone()));
        let closed = || Sent { refused: Vec::new(), closed: Some(cause.clone()) };
        for (job, _) in group.jobs {
            job.resolve(closed());
        }
        if let Some(job) = held {
            job.resolve(closed());
        }
        while let Some(job) = queue.recv().await {
            job.resolve(closed());
        }
    }
}

/// `first` is the event that waits for it.
fn in_trouble(shared: &Shared, trouble: String, first: Option<&Event>) {
    if shared.set_trouble(Some(trouble.clone())).is_none() {
        let first = first.map(came_from).unwrap_or_default();
        tracing::warn!(sink = shared.name, trouble, first, "the sink is in trouble; its queue waits, in order");
    }
}

/// An event, and where it was read, as far as its context tells that.
fn came_from(event: &Event) -> String {
    let mut text = event.id().to_owned();
    for name in POSITION {
        if let Some(value) = event.context(name) {
            text.push_str(if text.len() == event.id().len() { " from " } else { ", " });
            text.extend([name, " ", value]);
        }
    }
    text
}

/// The next job to begin a group with; `None` once the sink is closed, or without handles, and the queue is empty.
async fn next(held: &mut Option<Job>, queue: &mut mpsc::Receiver<Job>) -> Option<Job> {
    match held.take() {
        Some(job) => Some(job),
        None => queue.recv().await,
    }
}

/// What one call of the writer gets: the events of several jobs in a row.
struct Group {
    events: Vec<Event>,
    /// Each job with the number of events it brought, oldest first.
    jobs: VecDeque<(Job, usize)>,
    /// Events of this group done with: durable or refused.
    written: usize,
    /// Events of this group that the sink's rate lets through so far.
    admitted: usize,
    /// The first event of the oldest unresolved job.
    base: usize,
    /// Refused events of the oldest unresolved job, by position in it.
    refused: Vec<(usize, Refused)>,
}

impl Group {
    /// `first` and what is queued behind it; a job that would burst the bounds is held for the next group.
    fn gather(mut first: Job, held: &mut Option<Job>, queue: &mut mpsc::Receiver<Job>) -> Group {
        let mut events = std::mem::take(&mut first.events);
        let mut bytes = first.bytes;
        let mut jobs = VecDeque::from([(first, events.len())]);
        while let Ok(mut job) = queue.try_recv() {
            bytes += job.bytes;
            if events.len() + job.events.len() > GROUP_EVENTS || bytes > GROUP_BYTES {
                *held = Some(job);
                break;
            }
            let count = job.events.len();
            events.append(&mut job.events);
            jobs.push_back((job, count));
        }
        Group { events, jobs, written: 0, admitted: 0, base: 0, refused: Vec::new() }
    }

    /// `count` more events are durable: resolves the jobs that are done.
    fn advance(&mut self, count: usize) {
        self.written += count;
        while let Some(&(_, length)) = self.jobs.front()
            && self.base + length <= self.written
        {
            self.base += length;
            let refused = std::mem::take(&mut self.refused);
            if let Some((job, _)) = self.jobs.pop_front() {
                job.resolve(Sent { refused, closed: None });
            }
        }
    }

    /// The next event is refused for good.
    fn refuse(&mut self, reason: Refused) {
        if self.written < self.events.len() {
            self.refused.push((self.written - self.base, reason));
            self.advance(1);
        }
    }
}
