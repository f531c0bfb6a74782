//! What a lane has sent and not yet settled, in input order.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::{Arc, LazyLock},
    time::{Duration, SystemTime},
};

use futures_util::{
    future::BoxFuture,
    stream::{FuturesUnordered, StreamExt as _},
};
use tidegate_connector::{LANE_BATCH_BYTES, LANE_BATCH_EVENTS, Refused, Repeats, Settled, Settlement, SourceError};
use tidegate_event::Event;

use crate::{
    Plan,
    answers::Answers,
    dispatch::{DeadLetters, Destination, Lot, Parcel, Sending, cause},
    flow::shadow::Reserved,
    memory::Staged,
    meter::Metered,
    plan::RoutePlan,
    tally::{RouteTally, bump},
    trace::{End, Traced},
    transaction::{self, Together},
};

/// How much a lane may have in flight. A batch is taken only if there is room for the largest one that a lane delivers; where
/// nothing is in flight one is always taken.
#[derive(Clone, Copy, Debug)]
pub struct WindowOptions {
    /// Events, default 4096.
    pub events: usize,
    /// Bytes, default 64 MiB.
    pub bytes: usize,
}

impl Default for WindowOptions {
    fn default() -> Self {
        WindowOptions { events: 4096, bytes: 64 << 20 }
    }
}

/// Batches of a transactional lane at most: what comes meanwhile goes together.
const TRANSACTIONS_MAX: usize = 2;

/// What sinks refused of late, as far as the log was told.
static REFUSALS: LazyLock<Repeats> = LazyLock::new(|| Repeats::new(Duration::from_secs(60)));

/// Batches sent and not yet settled. Boxed: they are some hundred bytes, and are moved about.
#[derive(Debug, Default)]
pub(crate) struct Window {
    /// Oldest first: a position can only move on when everything before it is done.
    ordered: VecDeque<Box<InFlight>>,
    /// Of senders who wait for an answer: each is settled for itself, as soon as it is done. Who waits for a sink that hangs must not
    /// keep others waiting.
    answered: FuturesUnordered<BoxFuture<'static, (Box<InFlight>, Progress)>>,
    /// When each of those came, by its number: futures cannot be looked into.
    waiting: BTreeMap<u64, SystemTime>,
    numbers: u64,
    events: usize,
    bytes: usize,
}

impl Window {
    pub(crate) fn push(&mut self, batch: Box<InFlight>) {
        self.put(batch, VecDeque::push_back);
    }

    fn put(&mut self, mut batch: Box<InFlight>, place: fn(&mut VecDeque<Box<InFlight>>, Box<InFlight>)) {
        self.events += batch.originals.len();
        self.bytes += batch.bytes;
        if batch.answers.wanted() {
            if batch.number.is_none() {
                self.numbers += 1;
                batch.number = Some(self.numbers);
            }
            self.waiting.extend(batch.number.map(|number| (number, batch.since)));
            self.answered.push(Box::pin(async move {
                let progress = batch.progress().await;
                (batch, progress)
            }));
        } else {
            place(&mut self.ordered, batch);
        }
    }

    /// A batch that was taken out and is not done: it has its old place again.
    pub(crate) fn put_back(&mut self, batch: Box<InFlight>) {
        self.put(batch, VecDeque::push_front);
    }

    fn taken(&mut self, batch: &InFlight) {
        self.events -= batch.originals.len();
        self.bytes -= batch.bytes;
        if let Some(number) = batch.number {
            self.waiting.remove(&number);
        }
    }

    /// Waits for a batch to get on, and takes it out: the oldest, or any whose sender waits. Cancel-safe.
    pub(crate) async fn progress(&mut self) -> (Box<InFlight>, Progress) {
        let Window { ordered, answered, .. } = self;
        let front = async {
            match ordered.front_mut() {
                Some(batch) => batch.progress().await,
                None => std::future::pending().await,
            }
        };
        let next = async {
            match answered.next().await {
                Some(ended) => ended,
                None => std::future::pending().await,
            }
        };
        let (batch, progress) = tokio::select! {
            biased;
            progress = front => (None, progress),
            (batch, progress) = next => (Some(batch), progress),
        };
        let batch = match batch.or_else(|| self.ordered.pop_front()) {
            Some(batch) => batch,
            None => return std::future::pending().await,
        };
        self.taken(&batch);
        (batch, progress)
    }

    /// Lets go of what came after a batch that is stuck, unsettled: it comes again behind it. Those whose senders wait are for
    /// themselves.
    pub(crate) fn void(&mut self) {
        while let Some(batch) = self.ordered.pop_front() {
            self.taken(&batch);
        }
    }

    /// Whether nothing is left that has to be settled before a held row can be taken again.
    pub(crate) fn is_settled_in_order(&self) -> bool {
        self.ordered.is_empty()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.ordered.is_empty() && self.answered.is_empty()
    }

    pub(crate) fn events(&self) -> usize {
        self.events
    }

    /// When the oldest of what is in flight came.
    pub(crate) fn since(&self) -> Option<SystemTime> {
        let front = self.ordered.front().map(|batch| batch.since);
        front.into_iter().chain(self.waiting.values().next().copied()).min()
    }

    /// Whether another batch fits, whatever its size: the window is a promise (duplicates after a crash are no more).
    pub(crate) fn has_room(&self, options: WindowOptions) -> bool {
        // One is committed, the next is decided meanwhile: more would only make transactions smaller.
        let transactional = self.ordered.front().is_some_and(|batch| batch.together.is_some());
        if transactional && self.ordered.len() >= TRANSACTIONS_MAX {
            return false;
        }
        let fits = self.events + LANE_BATCH_EVENTS <= options.events && self.bytes + LANE_BATCH_BYTES <= options.bytes;
        self.is_empty() || fits
    }
}

/// One batch between decision and settlement.
pub(crate) struct InFlight {
    pub(crate) plan: Arc<Plan>,
    pub(crate) originals: Vec<Event>,
    pub(crate) bytes: usize,
    /// When the oldest of it came.
    pub(crate) since: SystemTime,
    /// In the order they were taken, for those whose senders wait.
    pub(crate) number: Option<u64>,
    pub(crate) settlement: Box<dyn Settlement>,
    pub(crate) outcome: Settled,
    pub(crate) sendings: VecDeque<Sending>,
    /// Where its source is transactional: nothing is sent.
    pub(crate) together: Option<Together>,
    /// What policies have written, where one of them remembers.
    pub(crate) staged: Option<Staged>,
    pub(crate) tallies: Vec<(Arc<str>, RouteTally)>,
    pub(crate) metered: Metered,
    pub(crate) answers: Answers,
    /// For policies that only look on, once it is settled.
    pub(crate) shadowed: Vec<Reserved>,
    /// For whoever traces.
    pub(crate) traced: Option<Box<dyn Traced>>,
}

impl std::fmt::Debug for InFlight {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("InFlight").field("events", &self.originals.len()).field("outcome", &self.outcome).finish()
    }
}

/// What waiting for a batch came to.
#[derive(Debug)]
pub(crate) enum Progress {
    /// All of it is durable: it can be settled.
    Durable,
    /// A sink refused some of it for good; `parcel` takes these to the dead letter. Send it, add it, wait on.
    DeadLetter(Parcel),
    /// It can be settled only up to this row: a sink is gone, or refused an event that has nowhere else to rest. `told` is what senders
    /// hear of it.
    Stuck { row: u32, by: Arc<str>, reason: String, told: String },
    /// Nothing of it was written: all of it comes again.
    Aborted { reason: String },
}

impl InFlight {
    /// Waits for the receipts, oldest first. Cancel-safe.
    pub(crate) async fn progress(&mut self) -> Progress {
        if self.together.is_some() {
            return transaction::progress(self).await;
        }
        while let Some(sending) = self.sendings.front_mut() {
            let sent = sending.receipt.wait().await;
            let Some(sending) = self.sendings.pop_front() else { break };
            let lot = sending.lot;
            let first = lot.origins.first().copied().unwrap_or(0);
            if let Some(reason) = sent.closed {
                let told = "it takes no more events".to_owned();
                return Progress::Stuck { row: self.settled_before(first), by: lot.destination(), reason, told };
            }
            self.count(&lot, sent.refused.len());
            if sent.refused.is_empty() {
                continue;
            }
            match self.letters(&lot, &sent.refused) {
                Some(parcel) => {
                    let by = lot.destination();
                    for (at, why) in &sent.refused {
                        self.answers.dead_lettered(lot.origins[*at], &by, || why.cause.as_str().into());
                    }
                    return Progress::DeadLetter(parcel);
                }
                // The sender still has it, and is told: nothing is lost.
                None if self.answers.wanted() => self.reject(&lot, &sent.refused),
                None => {
                    let (at, why) = &sent.refused[0];
                    let row = lot.origins[*at];
                    return Progress::Stuck {
                        row: self.settled_before(row),
                        by: lot.destination(),
                        reason: self.located(row, why.to_string()),
                        told: why.cause.clone(),
                    };
                }
            }
        }
        self.remember().await;
        Progress::Durable
    }

    /// What was written is kept, together with the position that the outcome leads to. Cancel-safe.
    async fn remember(&mut self) {
        let InFlight { staged, settlement, outcome, .. } = self;
        // Of a batch that comes again whole nothing was decided.
        if let Some(staged) = staged.as_mut().filter(|_| !matches!(outcome, Settled::Nack { events: 0, .. })) {
            staged.position_is(|| settlement.mark(*outcome));
            staged.commit().await;
        }
    }

    /// What is said of an event, with where it stands.
    pub(crate) fn located(&self, row: u32, said: String) -> String {
        located(said, self.settlement.place(row as usize))
    }

    /// Their senders are told the cause, and the log where.
    fn reject(&mut self, lot: &Lot, refused: &[(usize, Refused)]) {
        let by = lot.destination();
        let tally = tally_of(&mut self.tallies, &lot.route);
        bump(&mut tally.rejected, &by, &"undeliverable".into(), refused.len() as u64);
        for (at, why) in refused {
            self.answers.rejected(lot.origins[*at], &by, &why.cause);
        }
        if let Some((at, why)) = refused.first() {
            self.note_refused(lot, *at, &why.to_string());
        }
    }

    /// Tells the log of what a sink refused, of the same but now and then.
    fn note_refused(&self, lot: &Lot, at: usize, why: &str) {
        let by = lot.destination();
        let Some(before) = REFUSALS.say(&format!("{by} {why}")) else { return };
        let row = lot.origins[at] as usize;
        let event = self.originals.get(row).map(Event::id).unwrap_or_default();
        let from = self.settlement.place(row).unwrap_or_default();
        tracing::warn!(sink = %by, event, from, before, "refused for good: {why}");
    }

    /// The row up to which the batch can be settled when `row` cannot: what other sinks still have to write is not done.
    fn settled_before(&self, row: u32) -> u32 {
        self.sendings.iter().filter_map(|sending| sending.lot.origins.first().copied()).fold(row, u32::min)
    }

    /// Ends the batch: counts first, so that what is acknowledged has been counted. `trouble`: what is in the way of the rest of it.
    pub(crate) async fn settle(mut self: Box<Self>, trouble: Option<(&str, &str)>) -> Result<Settled, SourceError> {
        for (route, delta) in &self.tallies {
            self.plan.tally.add(route, delta);
        }
        self.metered.add();
        if self.answers.wanted() {
            self.settlement.report(self.answers.into_fates());
        }
        let settled = self.settlement.settle(self.outcome).await;
        if let Some(traced) = self.traced {
            let error = settled.as_ref().err().map(ToString::to_string);
            let trouble = trouble.or_else(|| error.as_ref().map(|error| ("settlement", error.as_str())));
            traced.settled(&End { routes: &self.tallies, outcome: self.outcome, trouble });
        }
        settled?;
        let limit = match self.outcome {
            Settled::Ack => usize::MAX,
            Settled::Nack { events, .. } => events,
        };
        self.shadowed.into_iter().for_each(|lot| lot.send(limit));
        Ok(self.outcome)
    }

    /// It ends before this row, and how much of its counts belongs to the rows before that is unknown: what is counted is what
    /// comes again.
    pub(crate) fn taken_back(&mut self, row: u32) {
        let retried = (self.originals.len() as u64).saturating_sub(u64::from(row));
        for (_, tally) in &mut self.tallies {
            *tally = RouteTally { retried, ..RouteTally::default() };
        }
        self.metered.clear();
    }

    /// Counts what was written of a lot of which so many were refused.
    pub(crate) fn count(&mut self, lot: &Lot, refused: usize) {
        let tally = tally_of(&mut self.tallies, &lot.route);
        match &lot.to {
            Destination::Target(sink) => {
                *tally.delivered.entry(sink.clone()).or_default() += (lot.origins.len() - refused) as u64;
            }
            Destination::DeadLetter(causes) if refused == 0 => {
                for (by, why) in causes {
                    bump(&mut tally.dead_lettered, by, why, 1);
                }
            }
            Destination::DeadLetter(_) => {}
        }
    }

    /// Dead letters for what a target refused; `None` where they have nowhere to rest.
    pub(crate) fn letters<R: ToString>(&self, lot: &Lot, refused: &[(usize, R)]) -> Option<Parcel> {
        let Destination::Target(by) = &lot.to else { return None };
        let sink = lot.route.dead_letter.as_ref()?;
        if let Some((at, why)) = refused.first() {
            self.note_refused(lot, *at, &why.to_string());
        }
        let mut letters = DeadLetters::default();
        for (at, reason) in refused {
            let origin = lot.origins[*at];
            let reason = reason.to_string();
            let why = cause(&self.plan, &lot.route, "undeliverable", &reason, by, "");
            let places = |row: u32| self.settlement.place(row as usize);
            letters.push(origin, self.originals.get(origin as usize)?, by, why, &places);
        }
        letters.parcel(&lot.route, sink)
    }
}

/// What is said of an event, with where it stands, if that is known.
pub(crate) fn located(said: String, place: Option<String>) -> String {
    match place {
        Some(place) => format!("{said} (the event is {place})"),
        None => said,
    }
}

fn tally_of<'a>(tallies: &'a mut Vec<(Arc<str>, RouteTally)>, route: &RoutePlan) -> &'a mut RouteTally {
    let at = tallies.iter().position(|(id, _)| *id == route.id).unwrap_or_else(|| {
        tallies.push((route.id.clone(), RouteTally::default()));
        tallies.len() - 1
    });
    &mut tallies[at].1
}
