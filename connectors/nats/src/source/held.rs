//! Messages that the server counts as ours: read ahead, delivered to the host, or settled and not told to the server yet.
//!
//! Each has a number in the order it came, which is what the lane's [`Ledger`](tidegate_connector::Ledger) goes by. What comes again
//! because the server had no sign from us is recognised by its sequence: one that is still held only gets a new reply subject, one that
//! is done is acknowledged again, so that neither is delivered twice.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use async_nats::{Message, Subject};
use tidegate_connector::{LANE_BATCH_BYTES, LANE_BATCH_EVENTS, Lag, SourceError};
use tokio::sync::Notify;
use tokio::time::Instant;

use super::reply::Delivered;

/// Messages read ahead of what the host has taken, at most.
pub(super) const AHEAD_MESSAGES: usize = 2 * LANE_BATCH_EVENTS;
/// Bytes read ahead, above which no more are asked for.
pub(super) const AHEAD_BYTES: usize = 2 * LANE_BATCH_BYTES;

/// What the lane, its reader and its settlements share.
#[derive(Debug)]
pub(super) struct Shared {
    state: Mutex<Held>,
    /// For the lane: something came, or the reader ended.
    pub(super) arrived: Notify,
    /// For the reader: there is room again, or it has to begin anew.
    pub(super) wanted: Notify,
}

/// A message and how to answer for it.
#[derive(Clone, Debug)]
pub(super) struct One {
    pub(super) message: Message,
    pub(super) sequence: u64,
    reply: Subject,
    published: SystemTime,
    /// When the server will take it back, unless it hears of us.
    deadline: Instant,
    /// It is past its time, and the server was asked to send it again.
    awaited: bool,
    how: Answer,
}

/// What the server is told of a message that is done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Answer {
    /// Acknowledged.
    #[default]
    Ack,
    /// No event: whoever watches the server is told that it was given up, and not to send it to anybody.
    Term,
}

#[derive(Debug)]
pub(super) struct Held {
    messages: VecDeque<One>,
    /// The number of the first of them.
    first: u64,
    /// The number of the next to deliver.
    cursor: u64,
    bytes_ahead: usize,
    /// The highest sequence that ever came.
    high: u64,
    /// What was settled of late; more than the server ever waits for.
    done: BTreeMap<u64, Done>,
    done_max: usize,
    /// To be acknowledged.
    acks: VecDeque<(Subject, Answer)>,
    ack_wait: Duration,
    /// Some are past their time: the server has to say again that they are ours.
    pub(super) stale: bool,
    /// Some are awaited.
    awaiting: bool,
    pub(super) error: Option<SourceError>,
    /// What the server said waits behind the last message that came.
    pub(super) pending: u64,
}

/// How a settled message was answered for.
#[derive(Debug)]
struct Done {
    reply: Subject,
    how: Answer,
    deadline: Instant,
}

/// What became of a message that came.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Came {
    New,
    /// Held already.
    Again,
    /// Settled already: to be told again.
    Done(Subject, Answer),
}

impl Shared {
    pub(super) fn new(ack_wait: Duration, max_ack_pending: usize) -> Shared {
        let held = Held {
            messages: VecDeque::new(),
            first: 0,
            cursor: 0,
            bytes_ahead: 0,
            high: 0,
            done: BTreeMap::new(),
            done_max: 2 * max_ack_pending,
            acks: VecDeque::new(),
            // Less than the server's: it counted from when it sent the message.
            ack_wait: ack_wait.mul_f64(0.9),
            stale: false,
            awaiting: false,
            error: None,
            pending: 0,
        };
        Shared { state: Mutex::new(held), arrived: Notify::new(), wanted: Notify::new() }
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, Held> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What waits behind what was delivered and not given back: from this number on.
    pub(super) fn lag(&self, next: u64) -> Lag {
        let held = self.lock();
        let from = (next.max(held.first) - held.first) as usize;
        let waiting = held.messages.len().saturating_sub(from) as u64;
        let since = held.messages.get(from).map(|one| one.published);
        Lag { events: Some(held.pending + waiting), since, ..Lag::default() }
    }
}

impl Held {
    pub(super) fn came(&mut self, message: Message, delivered: Delivered, reply: Subject) -> Came {
        self.pending = delivered.pending;
        let Delivered { sequence, published, .. } = delivered;
        let deadline = Instant::now() + self.ack_wait;
        if sequence <= self.high {
            if let Some(done) = self.done.get_mut(&sequence) {
                *done = Done { reply: reply.clone(), how: done.how, deadline };
                return Came::Done(reply, done.how);
            }
            if let Some(one) = self.find(sequence) {
                one.reply = reply;
                one.deadline = deadline;
                one.awaited = false;
                self.gone_below(sequence);
                return Came::Again;
            }
            // Another reader had it and gave it back: late is better than never.
        }
        if sequence > self.high {
            self.gone_below(sequence);
        }
        self.high = self.high.max(sequence);
        self.bytes_ahead += message.length;
        let how = Answer::default();
        self.messages.push_back(One { message, sequence, reply, published, deadline, awaited: false, how });
        Came::New
    }

    /// The last sequence that was settled, if all before it was, too.
    pub(super) fn settled_up_to(&self) -> Option<u64> {
        self.done.last_key_value().map(|(sequence, _)| *sequence)
    }

    /// Whether it is here, or was.
    pub(super) fn knows(&self, sequence: u64) -> bool {
        self.done.contains_key(&sequence) || self.messages.iter().any(|one| one.sequence == sequence)
    }

    /// By its number in the order they came.
    pub(super) fn find_number(&self, number: u64) -> Option<&One> {
        self.messages.get(usize::try_from(number.checked_sub(self.first)?).ok()?)
    }

    /// They are in the order of their sequences, but for what another reader gave back.
    fn find(&mut self, sequence: u64) -> Option<&mut One> {
        let at = self.messages.partition_point(|one| one.sequence < sequence);
        let at = match self.messages.get(at) {
            Some(one) if one.sequence == sequence => Some(at),
            Some(_) | None => self.messages.iter().position(|one| one.sequence == sequence),
        };
        self.messages.get_mut(at?)
    }

    /// The server is asked now for all that is past its time.
    pub(super) fn await_stale(&mut self) {
        let now = Instant::now();
        self.stale = false;
        self.messages.iter_mut().for_each(|one| one.awaited = one.deadline <= now);
        self.awaiting = self.messages.iter().any(|one| one.awaited);
    }

    /// The server sends in order: what it skipped its stream no longer has. Nobody else will be given it, so it stays ours.
    pub(super) fn gone_below(&mut self, sequence: u64) {
        if !self.awaiting {
            return;
        }
        let deadline = Instant::now() + self.ack_wait;
        for one in self.messages.iter_mut().filter(|one| one.awaited && one.sequence < sequence) {
            one.awaited = false;
            one.deadline = deadline;
        }
        self.awaiting = self.messages.iter().any(|one| one.awaited);
    }

    /// How many came and are not settled.
    pub(super) fn unsettled(&self) -> usize {
        self.messages.len()
    }

    /// How many came and are not delivered.
    pub(super) fn ahead(&self) -> usize {
        self.messages.len() - self.ahead_from()
    }

    fn ahead_from(&self) -> usize {
        (self.cursor - self.first) as usize
    }

    pub(super) fn bytes_ahead(&self) -> usize {
        self.bytes_ahead
    }

    /// The next batch of a delivery and the number of its first; nothing where none came, or the next is past its time.
    pub(super) fn next_batch(&mut self) -> (u64, Vec<One>) {
        let now = Instant::now();
        let mut bytes = 0;
        let mut batch: Vec<One> = Vec::new();
        for one in self.messages.range(self.ahead_from()..).take(LANE_BATCH_EVENTS) {
            bytes += one.message.length;
            if bytes > LANE_BATCH_BYTES && !batch.is_empty() {
                break;
            }
            if one.deadline <= now {
                self.stale |= batch.is_empty() && !one.awaited;
                break;
            }
            batch.push(one.clone());
        }
        (self.cursor, batch)
    }

    /// So many were delivered.
    pub(super) fn advance(&mut self, count: usize) {
        let from = self.ahead_from();
        let bytes: usize = self.messages.range(from..from + count).map(|one| one.message.length).sum();
        self.bytes_ahead -= bytes;
        self.cursor += count as u64;
    }

    /// What came under this number is no event.
    pub(super) fn is_no_event(&mut self, number: u64) {
        let at = number.checked_sub(self.first).and_then(|at| usize::try_from(at).ok());
        if let Some(one) = at.and_then(|at| self.messages.get_mut(at)) {
            one.how = Answer::Term;
        }
    }

    /// Deliver again from this number on.
    pub(super) fn rewind(&mut self, number: u64) {
        self.cursor = number.clamp(self.first, self.first + self.messages.len() as u64);
        self.bytes_ahead = self.messages.range(self.ahead_from()..).map(|one| one.message.length).sum();
    }

    /// All before this number are settled. One past its time is not acknowledged: that might settle what another reader was given
    /// since; if it comes again, it is known.
    pub(super) fn settled(&mut self, number: u64) {
        let now = Instant::now();
        while self.first < number.min(self.cursor) {
            let Some(one) = self.messages.pop_front() else { return };
            self.first += 1;
            if one.deadline > now {
                self.acks.push_back((one.reply.clone(), one.how));
            }
            self.done.insert(one.sequence, Done { reply: one.reply, how: one.how, deadline: one.deadline });
        }
        while self.done.len() > self.done_max {
            self.done.pop_first();
        }
    }

    pub(super) fn next_ack(&mut self) -> Option<(Subject, Answer)> {
        self.acks.pop_front()
    }

    /// Acknowledges again what the server has not heard of: it knows of all up to `floor`. Says how many that are.
    pub(super) fn acknowledge_again(&mut self, floor: u64) -> usize {
        let now = Instant::now();
        let unheard = self.done.range(floor + 1..).filter(|(_, done)| done.deadline > now);
        self.acks = unheard.map(|(_, done)| (done.reply.clone(), done.how)).collect();
        self.acks.len()
    }

    /// Whom to tell that we are at it. Those past their time are not among them.
    pub(super) fn keep(&mut self) -> Vec<Subject> {
        let now = Instant::now();
        let mut replies = Vec::with_capacity(self.messages.len());
        for one in &mut self.messages {
            if one.deadline > now {
                one.deadline = now + self.ack_wait;
                replies.push(one.reply.clone());
            } else {
                self.stale |= !one.awaited;
            }
        }
        replies
    }

    /// What was never settled, to be given back.
    pub(super) fn rest(&mut self) -> Vec<Subject> {
        self.first += self.messages.len() as u64;
        self.cursor = self.first;
        self.bytes_ahead = 0;
        self.messages.drain(..).map(|one| one.reply).collect()
    }
}

#[cfg(test)]
mod tests;
