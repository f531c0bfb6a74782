//! The decision log: what became of events, for whoever asks why. Every drop, refusal and dead letter, and a sample of the rest.
//!
//! In memory, at most 64 MiB a host; what is older is forgotten first. Nothing is written where nothing is dropped but one event of a
//! batch now and then; a dropped event costs a copy of its id and source.

use std::{
    collections::VecDeque,
    fmt,
    sync::{
        Arc, Mutex, PoisonError, Weak,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
};

use tidegate_event::Event;

use crate::{
    Plan, deadletter,
    dispatch::{Destination, Parcel},
    flow::{self, Fate, Flow},
    plan::RoutePlan,
    window::located,
};

/// All segments together.
const LOG_BYTES_MAX: usize = 64 << 20;
/// A segment is looked through under the lock of whoever decides: small.
const SEGMENT_BYTES: usize = 1 << 20;
/// Bytes of an id or source that are kept and compared.
const NAME_BYTES_MAX: usize = 1_024;
/// From one event that went through and is noted to the next, in milliseconds: a busy host must not fill the log with what went well.
const SAMPLE_MS: u64 = 100;
/// Causes that are compared before a new one is written.
const CAUSES_COMPARED: usize = 8;

/// See the module. One a host.
#[derive(Default)]
pub struct Decisions {
    log: Mutex<Log>,
    /// When an event that went through was noted last, in milliseconds since 1970.
    sampled: AtomicU64,
}

#[derive(Default)]
struct Log {
    closed: VecDeque<Arc<Segment>>,
    open: Segment,
    /// Of the closed ones.
    bytes: usize,
    /// Of routes that still decide: with many policies a trail is not made for every batch.
    trails: Vec<(Weak<RoutePlan>, Arc<Trail>)>,
}

/// Policies of a route in one generation.
#[derive(Debug)]
pub struct Trail {
    /// `namespace/name`.
    pub route: Arc<str>,
    /// Which generation decided.
    pub generation: Arc<str>,
    /// In the order they run: policy, digest of what ran, and what it was asked as.
    pub steps: Vec<(Arc<str>, String, &'static str)>,
}

#[derive(Default)]
struct Segment {
    causes: Vec<Cause>,
    rows: Vec<u8>,
    /// Of what the causes hold.
    words: usize,
    since_ms: u64,
}

#[derive(Clone, Debug)]
struct Cause {
    trail: Arc<Trail>,
    stage: Option<Said>,
    word: &'static str,
    by: Arc<str>,
    reason: Option<Arc<str>>,
    /// Which policies matched is known.
    traced: bool,
}

impl Cause {
    fn is(&self, other: &Cause) -> bool {
        Arc::ptr_eq(&self.trail, &other.trail)
            && (self.stage, self.word, self.traced) == (other.stage, other.word, other.traced)
            && self.by == other.by
            && self.reason == other.reason
    }
}

/// What became of an event on one route, once.
#[derive(Clone, Debug)]
pub struct Decided {
    /// Of the event.
    pub id: String,
    /// Of the event.
    pub source: String,
    /// Milliseconds since 1970.
    pub at_ms: u64,
    /// Where it was decided, and by whom it could be.
    pub trail: Arc<Trail>,
    /// The policy that ended it: a position in the trail, and what it said: `drop`, `reject`, `fail`; `not asked`: its circuit was open.
    pub stage: Option<(usize, &'static str)>,
    /// `dropped`, `lost`, `dead_lettered`, `rejected`, `bypassed`, `delivered`.
    pub word: &'static str,
    /// Policy, route or sink.
    pub by: Arc<str>,
    /// Why.
    pub reason: Option<Arc<str>>,
    /// Bit for policy of the trail, as far as 64 reach: it matched. `None`: not known.
    pub matched: Option<u64>,
}

impl Decided {
    /// What the policy that ended it said, and why; with what its failure rule did, where it could not decide.
    pub fn said(&self) -> Option<(&'static str, Option<String>)> {
        let (_, verdict) = self.stage?;
        Some((verdict, self.reason.as_deref().map(|why| flow::in_words(verdict, why, self.word))))
    }
}

/// What is known of a batch that is to be noted.
pub(crate) struct Batch<'a> {
    pub(crate) plan: &'a Plan,
    pub(crate) route: &'a Arc<RoutePlan>,
    pub(crate) flow: &'a Flow<'a>,
    pub(crate) events: &'a [Event],
    /// Rows from here on come again.
    pub(crate) limit: u32,
    /// What is sent.
    pub(crate) parcels: &'a [Parcel],
    /// Events that no target wanted, or that were refused for that.
    pub(crate) unwanted: bool,
    pub(crate) now_ms: u64,
}

/// One event of a batch: row, policy, fate, who, why.
type Entry = (u32, Option<Said>, &'static str, Arc<str>, Option<Arc<str>>);

/// Position of a policy in the trail, and what it said: `drop`, `reject`, `fail`, `not asked`.
type Said = (usize, &'static str);

impl Decisions {
    /// Notes what a batch came to on one route.
    pub(crate) fn note(&self, batch: &Batch<'_>) {
        let dead = |parcel: &Parcel| matches!(parcel.lot.to, Destination::DeadLetter(_));
        let quiet = batch.flow.fates.is_empty() && !batch.unwanted && !batch.parcels.iter().any(dead);
        // A clock that was set back counts as time gone by.
        let sample = batch.now_ms.abs_diff(self.sampled.load(Relaxed)) >= SAMPLE_MS;
        if quiet && !sample {
            return;
        }
        let mut entries: Vec<Entry> = Vec::with_capacity(batch.flow.fates.len() + 1);
        entries.extend(
            batch
                .flow
                .fates
                .iter()
                .filter(|(row, _)| *row < batch.limit)
                .map(|(row, fate)| said(batch.route, *row, fate)),
        );
        for parcel in batch.parcels.iter().filter(|parcel| dead(parcel)) {
            entries.extend(undeliverable(parcel));
        }
        if batch.unwanted {
            entries.extend(unwanted(batch));
        }
        if sample && let Some(entry) = delivered(batch) {
            self.sampled.store(batch.now_ms, Relaxed);
            entries.push(entry);
        }
        if entries.is_empty() {
            return;
        }
        let matched = matched(batch.flow, batch.events.len());
        let mut log = self.log.lock().unwrap_or_else(PoisonError::into_inner);
        let trail = log.trail(batch.plan, batch.route);
        for (row, stage, word, by, reason) in entries {
            let Some(event) = batch.events.get(row as usize) else { continue };
            let cause = Cause { trail: trail.clone(), stage, word, by, reason, traced: true };
            log.push(cause, matched[row as usize], event, batch.now_ms);
        }
    }

    /// Notes what a sink did not take.
    pub(crate) fn undelivered(&self, plan: &Plan, parcel: &Parcel, originals: &[Event], now_ms: u64) {
        let Destination::DeadLetter(causes) = &parcel.lot.to else { return };
        let mut log = self.log.lock().unwrap_or_else(PoisonError::into_inner);
        let trail = log.trail(plan, &parcel.lot.route);
        for ((&row, (by, cause)), letter) in parcel.lot.origins.iter().zip(causes).zip(&parcel.events) {
            let Some(event) = originals.get(row as usize) else { continue };
            let (by, reason) = (by.clone(), Some(in_full(cause, letter)));
            let cause = Cause { trail: trail.clone(), stage: None, word: "dead_lettered", by, reason, traced: false };
            log.push(cause, 0, event, now_ms);
        }
    }

    /// What is known of an event, oldest first; of any source where none is named.
    pub fn find(&self, id: &str, source: Option<&str>) -> Vec<Decided> {
        let mut found = Vec::new();
        let closed: Vec<Arc<Segment>> = {
            let log = self.log.lock().unwrap_or_else(PoisonError::into_inner);
            log.open.find(id, source, &mut found);
            log.closed.iter().cloned().collect()
        };
        let mut all = Vec::new();
        for segment in closed {
            segment.find(id, source, &mut all);
        }
        all.append(&mut found);
        all
    }

    /// How far back it reaches, in milliseconds since 1970; `None` where nothing was noted.
    pub fn since_ms(&self) -> Option<u64> {
        let log = self.log.lock().unwrap_or_else(PoisonError::into_inner);
        let oldest = log.closed.front().map_or(&log.open, |segment| segment);
        (!oldest.rows.is_empty()).then_some(oldest.since_ms)
    }
}

impl fmt::Debug for Decisions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Decisions").finish_non_exhaustive()
    }
}

fn said(route: &RoutePlan, row: u32, fate: &Fate) -> Entry {
    let stage = fate.stage();
    (row, Some((stage, fate.verdict())), fate.word(), route.stages[stage].policy.clone(), fate.why())
}

/// A dead letter's cause, with what was said and where the event stood.
fn in_full(cause: &str, letter: &Event) -> Arc<str> {
    let mut text = cause.to_owned();
    if let Some(reason) = letter.attribute(deadletter::REASON) {
        text.extend([": ", &*reason]);
    }
    located(text, letter.attribute(deadletter::ORIGIN).map(Into::into)).into()
}

/// What a policy's fate does not tell: no target took it.
fn undeliverable(parcel: &Parcel) -> Vec<Entry> {
    let Destination::DeadLetter(causes) = &parcel.lot.to else { return Vec::new() };
    let of_targets = |cause: &str| matches!(cause, "undeliverable" | "unmatched");
    let both = parcel.lot.origins.iter().zip(causes).filter(|(_, (_, cause))| of_targets(cause));
    both.map(|(row, (by, cause))| (*row, None, "dead_lettered", by.clone(), Some(cause.clone()))).collect()
}

fn unwanted(batch: &Batch<'_>) -> Vec<Entry> {
    let mut sent = vec![false; batch.events.len()];
    for row in batch.parcels.iter().flat_map(|parcel| &parcel.lot.origins) {
        if let Some(sent) = sent.get_mut(*row as usize) {
            *sent = true;
        }
    }
    let rows =
        batch.flow.outgoing().map(|outgoing| outgoing.origin).filter(|row| *row < batch.limit && !sent[*row as usize]);
    let why: Arc<str> = "no target of the route wants it".into();
    rows.map(|row| (row, None, "dropped", batch.route.id.clone(), Some(why.clone()))).collect()
}

/// One event that went through.
fn delivered(batch: &Batch<'_>) -> Option<Entry> {
    let parcel = batch.parcels.iter().find(|parcel| matches!(parcel.lot.to, Destination::Target(_)))?;
    let row = parcel.lot.origins.first().filter(|row| **row < batch.limit)?;
    Some((*row, None, "delivered", parcel.lot.destination(), None))
}

/// By row of the batch: a bit for each policy that was asked.
fn matched(flow: &Flow<'_>, rows: usize) -> Vec<u64> {
    let mut matched = vec![0; rows];
    for (stage, asked) in flow.asked().iter().filter(|(stage, _)| *stage < 64) {
        for row in asked {
            if let Some(bits) = matched.get_mut(*row as usize) {
                *bits |= 1u64 << stage;
            }
        }
    }
    matched
}

fn trail(plan: &Plan, route: &RoutePlan) -> Arc<Trail> {
    let steps = route.stages.iter().map(|stage| (stage.policy.clone(), stage.digest().to_owned(), stage.kind()));
    Arc::new(Trail { route: route.id.clone(), generation: plan.generation.clone(), steps: steps.collect() })
}

impl Log {
    /// The trail of a route, made once for it.
    fn trail(&mut self, plan: &Plan, route: &Arc<RoutePlan>) -> Arc<Trail> {
        let known = self.trails.iter().find(|(of, _)| of.as_ptr() == Arc::as_ptr(route));
        if let Some((_, trail)) = known {
            return trail.clone();
        }
        self.trails.retain(|(of, _)| of.strong_count() > 0);
        let trail = trail(plan, route);
        self.trails.push((Arc::downgrade(route), trail.clone()));
        trail
    }

    fn push(&mut self, cause: Cause, matched: u64, event: &Event, now_ms: u64) {
        if self.open.bytes() > SEGMENT_BYTES {
            let full = Arc::new(std::mem::take(&mut self.open));
            self.bytes += full.bytes();
            self.closed.push_back(full);
            while self.bytes > LOG_BYTES_MAX - 2 * SEGMENT_BYTES
                && let Some(oldest) = self.closed.pop_front()
            {
                self.bytes -= oldest.bytes();
            }
        }
        let open = &mut self.open;
        if open.rows.is_empty() {
            open.since_ms = now_ms;
        }
        let known = open.causes.iter().rev().take(CAUSES_COMPARED).position(|known| known.is(&cause));
        let at = match known {
            Some(back) => open.causes.len() - 1 - back,
            None => {
                open.words += cause.by.len() + cause.reason.as_ref().map_or(0, |reason| reason.len());
                open.words += cause.trail.steps.len() * 128;
                open.causes.push(cause);
                open.causes.len() - 1
            }
        };
        let (id, source) = (short(event.id()), short(event.source()));
        open.rows.extend_from_slice(&(at as u32).to_le_bytes());
        open.rows.extend_from_slice(&matched.to_le_bytes());
        open.rows.extend_from_slice(&now_ms.to_le_bytes());
        open.rows.extend_from_slice(&(id.len() as u16).to_le_bytes());
        open.rows.extend_from_slice(&(source.len() as u16).to_le_bytes());
        open.rows.extend_from_slice(id);
        open.rows.extend_from_slice(source);
    }
}

/// Bytes of a row before its names.
const HEAD: usize = 24;

impl Segment {
    fn bytes(&self) -> usize {
        self.rows.capacity() + self.causes.capacity() * size_of::<Cause>() + self.words
    }

    fn find(&self, id: &str, source: Option<&str>, found: &mut Vec<Decided>) {
        let (id, source) = (short(id), source.map(short));
        let mut rest = &self.rows[..];
        while let Some((head, behind)) = rest.split_at_checked(HEAD) {
            let number = |from: usize, to: usize| {
                head[from..to].iter().rev().fold(0u64, |number, byte| number << 8 | u64::from(*byte))
            };
            let (id_len, source_len) = (number(20, 22) as usize, number(22, 24) as usize);
            let Some((names, behind)) = behind.split_at_checked(id_len + source_len) else { return };
            rest = behind;
            let (this, from) = names.split_at(id_len);
            if this != id || source.is_some_and(|source| source != from) {
                continue;
            }
            let Some(cause) = self.causes.get(number(0, 4) as usize) else { continue };
            found.push(Decided {
                id: String::from_utf8_lossy(this).into_owned(),
                source: String::from_utf8_lossy(from).into_owned(),
                at_ms: number(12, 20),
                trail: cause.trail.clone(),
                stage: cause.stage,
                word: cause.word,
                by: cause.by.clone(),
                reason: cause.reason.clone(),
                matched: cause.traced.then(|| number(4, 12)),
            });
        }
    }
}

fn short(text: &str) -> &[u8] {
    &text.as_bytes()[..text.len().min(NAME_BYTES_MAX)]
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use super::*;

    fn trail() -> Arc<Trail> {
        let steps = vec![("p".into(), "d".into(), "filter")];
        Arc::new(Trail { route: "r".into(), generation: "g".into(), steps })
    }

    fn cause(trail: &Arc<Trail>, reason: &str) -> Cause {
        let (trail, reason) = (trail.clone(), Some(reason.into()));
        Cause { trail, stage: Some((0, "drop")), word: "dropped", by: "p".into(), reason, traced: true }
    }

    fn event(id: &str) -> Event {
        Event::builder().id(id).source("/s").ty("t").build().unwrap()
    }

    #[test]
    fn an_event_is_found_by_its_id_and_source() {
        let (decisions, trail) = (Decisions::default(), trail());
        for (id, reason) in [("1", "a"), ("2", "a"), ("1", "b")] {
            decisions.log.lock().unwrap().push(cause(&trail, reason), 1, &event(id), 7);
        }
        assert_eq!(decisions.log.lock().unwrap().open.causes.len(), 2, "what is alike is kept once");
        let found = decisions.find("1", None);
        let reasons: Vec<&str> = found.iter().map(|found| found.reason.as_deref().unwrap()).collect();
        assert_eq!(reasons, ["a", "b"]);
        assert_eq!((found[0].matched, found[0].at_ms, found[0].source.as_str()), (Some(1), 7, "/s"));
        assert!(decisions.find("1", Some("/other")).is_empty());
        assert!(decisions.find("3", None).is_empty());
    }

    #[test]
    fn it_is_bounded_and_forgets_the_oldest() {
        let (decisions, trail) = (Decisions::default(), trail());
        let long = "x".repeat(2_000);
        for number in 0..80_000 {
            let id = format!("{number}-{long}");
            decisions.log.lock().unwrap().push(cause(&trail, "a"), 1, &event(&id), number);
        }
        let log = decisions.log.lock().unwrap();
        assert!(log.bytes + log.open.bytes() <= LOG_BYTES_MAX, "{}", log.bytes);
        drop(log);
        assert!(decisions.since_ms().unwrap() > 0);
        assert!(decisions.find(&format!("0-{long}"), None).is_empty());
        assert_eq!(decisions.find(&format!("79999-{long}"), None).len(), 1);
    }
}
