//! From what a route decided to what is sent: targets, dead letters, and the counts of both.

use std::{
    collections::{BTreeMap, HashSet},
    sync::Arc,
};

use tidegate_connector::{DESTINATION, Malformed, Receipt, Sink};
use tidegate_event::Event;

use crate::{
    Plan,
    answers::Answers,
    deadletter::{self, Cause},
    flow::{Fate, Flow, Outgoing},
    plan::{MalformedRule, RoutePlan, SourcePlan, TargetPlan, Unmatched},
    tally::{RouteTally, bump},
};

/// Part of a batch on its way to one sink.
#[derive(Debug)]
pub(crate) struct Sending {
    pub(crate) receipt: Receipt,
    pub(crate) lot: Lot,
}

/// What part of a batch is: where it goes, and what it stems from.
#[derive(Debug)]
pub(crate) struct Lot {
    pub(crate) route: Arc<RoutePlan>,
    pub(crate) to: Destination,
    /// By position in what is sent: the original row it stems from. Ascending.
    pub(crate) origins: Vec<u32>,
}

impl Lot {
    /// The sink, for operators.
    pub(crate) fn destination(&self) -> Arc<str> {
        match (&self.to, &self.route.dead_letter) {
            (Destination::Target(sink), _) => sink.clone(),
            (Destination::DeadLetter(_), Some(sink)) => sink.name().into(),
            (Destination::DeadLetter(_), None) => "dead letter".into(),
        }
    }
}

/// Where a part of a batch goes.
#[derive(Clone, Debug)]
pub(crate) enum Destination {
    /// `namespace/name` of the sink.
    Target(Arc<str>),
    /// With (who is to blame, cause) of each event, for the counts.
    DeadLetter(Vec<(Arc<str>, Arc<str>)>),
}

/// Events for one sink that are not sent yet.
#[derive(Debug)]
pub(crate) struct Parcel {
    pub(crate) sink: Sink,
    pub(crate) lot: Lot,
    pub(crate) events: Vec<Event>,
}

impl Parcel {
    /// Waits until the sink has room: this is how a full sink slows its source down.
    pub(crate) async fn send(self) -> Sending {
        let receipt = self.sink.send(self.events).await;
        Sending { receipt, lot: self.lot }
    }

    /// Without the events at these positions, ascending.
    pub(crate) fn without(&mut self, positions: &[usize]) {
        remove(&mut self.events, positions);
        remove(&mut self.lot.origins, positions);
        match &mut self.lot.to {
            Destination::Target(_) => {}
            Destination::DeadLetter(causes) => remove(causes, positions),
        }
    }
}

fn remove<T>(list: &mut Vec<T>, positions: &[usize]) {
    let mut at = 0;
    list.retain(|_| {
        at += 1;
        positions.binary_search(&(at - 1)).is_err()
    });
}

/// Where the event of a row stands, for those that fail.
pub(crate) type Places<'a> = dyn Fn(u32) -> Option<String> + 'a;

/// What is to be dead-lettered on one route, as it is collected.
#[derive(Debug, Default)]
pub(crate) struct DeadLetters {
    events: Vec<Event>,
    origins: Vec<u32>,
    causes: Vec<(Arc<str>, Arc<str>)>,
    /// Originals that rest here already.
    resting: HashSet<u32>,
}

impl DeadLetters {
    /// An original rests once, with the first cause, however many of its outputs failed.
    pub(crate) fn push(&mut self, origin: u32, original: &Event, by: &Arc<str>, cause: Cause<'_>, places: &Places<'_>) {
        if !self.resting.insert(origin) {
            return;
        }
        self.events.push(deadletter::event(original, cause, places(origin).as_deref()));
        self.origins.push(origin);
        self.causes.push((by.clone(), cause.cause.into()));
    }

    /// Nothing where nothing was collected.
    pub(crate) fn parcel(mut self, route: &Arc<RoutePlan>, sink: &Sink) -> Option<Parcel> {
        if self.events.is_empty() {
            return None;
        }
        // Stages find their failures one after another; dead letters rest in input order.
        let mut order: Vec<usize> = (0..self.events.len()).collect();
        order.sort_by_key(|&at| self.origins[at]);
        let events = order.iter().map(|&at| self.events[at].clone()).collect();
        let causes = order.iter().map(|&at| self.causes[at].clone()).collect();
        self.origins.sort_unstable();
        let (route, sink) = (route.clone(), sink.clone());
        let lot = Lot { route, to: Destination::DeadLetter(causes), origins: self.origins };
        Some(Parcel { sink, lot, events })
    }
}

/// What one route makes of a batch, up to the row that is held: parcels in order of targets, and its counts.
pub(crate) fn route(
    plan: &Plan,
    route: &Arc<RoutePlan>,
    flow: &Flow<'_>,
    original: &[Event],
    limit: u32,
    places: &Places<'_>,
    answers: &mut Answers,
) -> (Vec<Parcel>, RouteTally) {
    let tally = RouteTally { received: u64::from(limit), ..RouteTally::default() };
    let mut ends = Ends { tally, dead: DeadLetters::default(), places, answers };
    ends.tally.transformed = flow.transformed.iter().filter(|&&origin| origin < limit).count() as u64;
    settle_fates(plan, route, flow, original, limit, &mut ends);
    let mut parcels = targets(plan, route, flow, original, limit, &mut ends);
    if let Some(sink) = &route.dead_letter {
        parcels.extend(ends.dead.parcel(route, sink));
    }
    (parcels, ends.tally)
}

/// How events of a batch end on one route, as it is collected.
struct Ends<'a> {
    tally: RouteTally,
    dead: DeadLetters,
    places: &'a Places<'a>,
    answers: &'a mut Answers,
}

fn targets(
    plan: &Plan,
    route: &Arc<RoutePlan>,
    flow: &Flow<'_>,
    original: &[Event],
    limit: u32,
    ends: &mut Ends<'_>,
) -> Vec<Parcel> {
    let Ends { tally, dead, places, answers } = ends;
    let mut matched = vec![false; flow.rows_end()];
    let mut parcels = Vec::with_capacity(route.targets.len());
    for (position, wanted) in flow.wanted() {
        let target = &route.targets[position];
        // Names choose among them; otherwise the target takes all.
        let expected = if target.names.is_none() { wanted.len() } else { 0 };
        let (mut events, mut origins) = (Vec::with_capacity(expected), Vec::with_capacity(expected));
        for outgoing in wanted.filter(|outgoing| outgoing.origin < limit) {
            let name = target.names.as_ref().map(|names| outgoing.names.iter().find(|name| names.fits(name)));
            if name == Some(None) {
                continue;
            }
            matched[outgoing.row as usize] = true;
            match addressed(outgoing.event, target, name.flatten()) {
                Ok(event) => {
                    events.push(if route.stamp { stamped(event, &plan.generation) } else { event });
                    origins.push(outgoing.origin);
                }
                Err(reason) => {
                    answers.dead_lettered(outgoing.origin, &target.id, || reason.as_str().into());
                    let cause = cause(plan, route, "undeliverable", &reason, &target.id, "");
                    dead.push(outgoing.origin, &original[outgoing.origin as usize], &target.id, cause, places);
                }
            }
        }
        if !events.is_empty() {
            let lot = Lot { route: route.clone(), to: Destination::Target(target.id.clone()), origins };
            parcels.push(Parcel { sink: target.sink.clone(), lot, events });
        }
    }
    let unwanted = |outgoing: &Outgoing<'_>| outgoing.origin < limit && !matched[outgoing.row as usize];
    for outgoing in flow.outgoing().filter(unwanted) {
        let (by, reason) = (&route.id, "no target of the route wants it");
        match (route.unmatched, &route.dead_letter) {
            (Unmatched::Reject, _) if answers.wanted() => {
                bump(&mut tally.rejected, by, &"unmatched".into(), 1);
                answers.rejected(outgoing.origin, by, reason);
            }
            (Unmatched::DeadLetter | Unmatched::Reject, Some(_)) => {
                answers.dead_lettered(outgoing.origin, by, || reason.into());
                let cause = cause(plan, route, "unmatched", reason, by, "");
                dead.push(outgoing.origin, &original[outgoing.origin as usize], by, cause, places);
            }
            (Unmatched::Drop | Unmatched::DeadLetter | Unmatched::Reject, _) => {
                answers.dropped(outgoing.origin, by, || Some(reason.into()));
                tally.unmatched += 1;
            }
        }
    }
    parcels
}

/// The event as it goes to a target, with the topic there.
fn addressed(event: &Event, target: &TargetPlan, name: Option<&Arc<str>>) -> Result<Event, String> {
    let event = event.clone();
    match &target.topic {
        None => Ok(event),
        Some(topic) => {
            let topic = topic.fill(&event, name.map(|name| &**name))?;
            Ok(event.with_context(&[(DESTINATION, &topic)]))
        }
    }
}

/// The event with the generation that decided it. One that has as many extensions as there may be goes as it is.
fn stamped(event: Event, generation: &str) -> Event {
    let plain = event.clone();
    event.with_extensions(&[(deadletter::GENERATION, generation)]).unwrap_or(plain)
}

fn settle_fates(
    plan: &Plan,
    route: &Arc<RoutePlan>,
    flow: &Flow<'_>,
    original: &[Event],
    limit: u32,
    ends: &mut Ends<'_>,
) {
    let Ends { tally, dead, places, answers } = ends;
    let none: Arc<str> = "".into();
    // Most drops of a batch share policy and reason: count runs of them.
    let mut run: Option<(usize, Arc<str>, u64)> = None;
    for (origin, fate) in flow.fates.iter().filter(|(origin, _)| *origin < limit) {
        match fate {
            Fate::Dropped { stage, reason } => {
                answers.dropped(*origin, &route.stages[*stage].policy, || reason.clone());
                let reason = reason.as_ref().unwrap_or(&none);
                match &mut run {
                    Some((at, why, count)) if *at == *stage && why == reason => *count += 1,
                    _ => {
                        count_drops(route, run.take(), tally);
                        run = Some((*stage, reason.clone(), 1));
                    }
                }
            }
            Fate::DroppedByFailure { stage, cause, .. } => {
                answers.dropped(*origin, &route.stages[*stage].policy, || Some((*cause).into()));
                bump(&mut tally.dropped_by_failure, &route.stages[*stage].policy, &(*cause).into(), 1);
            }
            Fate::Bypassed { stage, cause, .. } => {
                bump(&mut tally.bypassed, &route.stages[*stage].policy, &(*cause).into(), 1);
            }
            Fate::Rejected { stage, cause, reason } => {
                let policy = &route.stages[*stage].policy;
                bump(&mut tally.rejected, policy, &(*cause).into(), 1);
                answers.rejected(*origin, policy, &told(cause, reason));
            }
            Fate::DeadLetter { stage, cause: word, reason } => {
                answers.dead_lettered(*origin, &route.stages[*stage].policy, || told(word, reason).into());
                let stage = &route.stages[*stage];
                let cause = cause(plan, route, word, reason, &stage.policy, stage.digest());
                dead.push(*origin, &original[*origin as usize], &stage.policy, cause, places);
            }
        }
    }
    count_drops(route, run, tally);
}

/// What a sender is told: the guest's own words where it refused, else what went wrong with it.
fn told(cause: &str, reason: &str) -> String {
    match (cause, reason) {
        (_, "") => cause.to_owned(),
        ("reject", reason) => reason.to_owned(),
        (cause, reason) => format!("{cause}: {reason}"),
    }
}

fn count_drops(route: &RoutePlan, run: Option<(usize, Arc<str>, u64)>, tally: &mut RouteTally) {
    if let Some((stage, reason, count)) = run {
        bump(&mut tally.dropped, &route.stages[stage].policy, &reason, count);
    }
}

/// What becomes of malformed messages: the route they are counted on, and the parcel where they go to a dead letter.
pub(crate) fn malformed(
    plan: &Plan,
    source: &SourcePlan,
    source_id: &str,
    messages: &[Malformed],
    limit: u32,
) -> Option<(Option<Parcel>, Arc<str>, u64)> {
    // Those right before the held row come again together with it.
    let settled: Vec<&Malformed> = messages.iter().filter(|message| message.before < limit as usize).collect();
    let dead_letter = source.routes.iter().find_map(|route| Some((route, route.dead_letter.as_ref()?)));
    let first = source.routes.first()?;
    // Once a batch what is wrong with many of it: a sender of nonsense must not fill the log.
    let mut problems: BTreeMap<&str, (&str, u64)> = BTreeMap::new();
    for message in &settled {
        problems.entry(&message.problem).and_modify(|(_, more)| *more += 1).or_insert((&message.place, 0));
    }
    for (problem, (place, more)) in problems {
        tracing::warn!(source = source_id, place, more, "not an event: {problem}");
    }
    let count = settled.len() as u64;
    let Some((route, sink)) = dead_letter.filter(|_| source.malformed == MalformedRule::DeadLetter) else {
        return Some((None, first.id.clone(), count));
    };
    let by: Arc<str> = source_id.into();
    let mut letters = DeadLetters::default();
    for message in settled {
        let cause = cause(plan, route, "malformed", &message.problem, source_id, "");
        if let Some(event) = deadletter::malformed(message, source_id, cause) {
            letters.events.push(event);
            letters.origins.push(u32::try_from(message.before).unwrap_or(u32::MAX));
            letters.causes.push((by.clone(), "malformed".into()));
        }
    }
    Some((letters.parcel(route, sink), route.id.clone(), count))
}

pub(crate) fn cause<'a>(
    plan: &'a Plan,
    route: &'a RoutePlan,
    cause: &'a str,
    reason: &'a str,
    by: &'a str,
    digest: &'a str,
) -> Cause<'a> {
    Cause { cause, reason, by, digest, route: &route.id, generation: &plan.generation }
}
