//! One batch of a lane: decided by one plan, sent, and settled.

use std::{
    collections::VecDeque,
    sync::Arc,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use tidegate_connector::{Delivery, Malformed, Settled, Settlement};

use crate::{
    Plan,
    answers::Answers,
    decisions,
    dispatch::{self, Parcel},
    failures,
    flow::{Flow, Hold, HoldWhy, Sender, Workbench},
    lane::{Context, RETRY},
    memory::Memory,
    meter::Metered,
    plan::{MalformedRule, SourcePlan},
    rollout,
    tally::RouteTally,
    trace::{self, Decided},
    transaction::Together,
    window::{InFlight, Progress, Window, located},
};

impl Context {
    /// Has one delivery decided by every route of its source and sends what came through.
    pub(crate) async fn decide(
        &self,
        plan: &Arc<Plan>,
        delivery: Delivery,
        bench: &mut Workbench,
        window: &mut Window,
        tries: &mut u32,
    ) -> Option<Hold> {
        let Some(source) = plan.sources.get(&self.source) else {
            drop(delivery);
            let reason = "no route names it any more".into();
            return Some(Hold { row: 0, why: HoldWhy::Pause, by: self.source.clone(), reason });
        };
        let Delivery { events, malformed, settlement } = delivery;
        let since = settlement.since().unwrap_or_else(SystemTime::now);
        let now_ms = now_ms();
        let tracer = self.live.tracer().map(|tracer| (tracer, SystemTime::now()));
        let mut answers = Answers::new(settlement.answers());
        let sender = if answers.wanted() { Sender::Answered } else { Sender::Gone };
        bench.tapping = self.live.taps().tapping(plan);
        bench.traced = tracer.is_some();
        let mut hold = self.malformed_hold(source, &malformed);
        let mut seen = &events[..];
        let (mut flows, staged) = loop {
            let staged = bench.memory.as_ref().map(Memory::begin);
            let mut flows = Vec::with_capacity(source.routes.len());
            bench.begin(&source.rules().index, seen);
            for route in source.ruled() {
                let mut flow = Flow::new(seen, now_ms, sender, bench);
                flow.run(route, bench).await;
                hold = Hold::earlier(hold, flow.hold.take().map(|hold| located_hold(hold, &*settlement)));
                flows.push((route.route, flow));
            }
            let go_on = hold.as_ref().map_or(seen.len(), |hold| hold.row as usize);
            if go_on >= seen.len() || staged.as_ref().is_none_or(|staged| staged.is_empty()) {
                break (flows, staged);
            }
            // What was remembered of events that are held would be remembered twice: decided again, without them.
            seen = &events[..go_on];
        };
        let limit = hold.as_ref().map_or(u32::MAX, |hold| hold.row);
        let rows = u32::try_from(events.len()).unwrap_or(u32::MAX).min(limit);
        let mut parcels: Vec<Parcel> = Vec::new();
        let mut tallies: Vec<(Arc<str>, RouteTally)> = Vec::new();
        let mut metered = Metered::default();
        let mut shadowed = Vec::new();
        for (route, flow) in &mut flows {
            let route = *route;
            shadowed.append(&mut flow.shadowed);
            rollout::count(route, flow, rows);
            let places = |row: u32| settlement.place(row as usize);
            let (sends, mut tally) = dispatch::route(plan, route, flow, &events, rows, &places, &mut answers);
            failures::tell(route, flow, &events, rows, &places);
            tally.retried = events.len() as u64 - u64::from(rows);
            metered.note(route, flow, rows);
            if let Some(tapping) = &bench.tapping {
                tapping.decided(route, flow, &events, rows, &sends);
            }
            let unwanted = tally.unmatched > 0 || !tally.rejected.is_empty();
            self.live.decisions().note(&decisions::Batch {
                plan,
                route,
                flow,
                events: &events,
                limit: rows,
                parcels: &sends,
                unwanted,
                now_ms,
            });
            parcels.extend(sends);
            tallies.push((route.id.clone(), tally));
        }
        if !malformed.is_empty()
            && let Some((parcel, route, count)) = dispatch::malformed(plan, source, &self.source, &malformed, limit)
        {
            parcels.extend(parcel);
            if let Some((_, tally)) = tallies.iter_mut().find(|(id, _)| *id == route) {
                tally.malformed += count;
            }
        }
        let traced = tracer.map(|(tracer, began)| {
            let (events, hold) = (&events[..], hold.as_ref());
            let (flows, parcels) = (&flows[..], &parcels[..]);
            tracer.decided(&Decided { context: self, plan, flows, parcels, hold, began, events, rows })
        });
        drop(flows);
        if let Some(traced) = &traced {
            trace::carry(&mut parcels, traced.carried());
        }
        let mut sendings = VecDeque::with_capacity(parcels.len());
        let mut together = None;
        if settlement.is_transactional() {
            together = Some(Together::new(parcels));
        } else {
            for parcel in parcels {
                sendings.push_back(parcel.send().await);
            }
        }
        *tries = match &hold {
            Some(hold) if hold.row == 0 => tries.saturating_add(1),
            Some(_) => 1,
            None => 0,
        };
        if let Some(hold) = &hold {
            answers.held(rows, &hold.by, &hold.reason);
        }
        let outcome = match &hold {
            None => Settled::Ack,
            Some(hold) => {
                let delay = if hold.why == HoldWhy::Retry { RETRY.delay(*tries) } else { Duration::ZERO };
                Settled::Nack { events: rows as usize, delay }
            }
        };
        let staged_bytes = staged.as_ref().map_or(0, |staged| staged.bytes());
        let bytes = events.iter().map(tidegate_event::Event::size).sum::<usize>() + staged_bytes;
        window.push(Box::new(InFlight {
            plan: plan.clone(),
            originals: events,
            bytes,
            since,
            number: None,
            settlement,
            outcome,
            sendings,
            together,
            staged,
            tallies,
            metered,
            answers,
            shadowed,
            traced,
        }));
        hold
    }

    /// Takes a batch one step on. A hold means: it is settled as far as it could be, the rest comes again.
    pub(crate) async fn settle(
        &self,
        window: &mut Window,
        mut batch: Box<InFlight>,
        progress: Progress,
    ) -> Option<Hold> {
        let mut hold = None;
        match progress {
            Progress::Durable => {}
            Progress::DeadLetter(parcel) => {
                self.live.decisions().undelivered(&batch.plan, &parcel, &batch.originals, now_ms());
                let sending = parcel.send().await;
                batch.sendings.push_back(sending);
                window.put_back(batch);
                return None;
            }
            Progress::Stuck { row, by, reason, told } => {
                // What was remembered cannot be taken apart by rows.
                let row = if batch.staged.as_ref().is_some_and(|staged| !staged.is_empty()) { 0 } else { row };
                batch.outcome = Settled::Nack { events: row as usize, delay: Duration::ZERO };
                batch.answers.held(row, &by, &told);
                batch.taken_back(row);
                // A sink of other documents than those of today: today's may do better.
                let old = batch.plan.generation != self.live.load().generation;
                let why = if old { HoldWhy::Retry } else { HoldWhy::Pause };
                hold = Some(Hold { row, why, by, reason: reason.into() });
            }
            Progress::Aborted { reason } => {
                batch.outcome = Settled::Nack { events: 0, delay: RETRY.delay(0) };
                batch.taken_back(0);
                let (by, reason) = (self.source.clone(), reason.into());
                hold = Some(Hold { row: 0, why: HoldWhy::Retry, by, reason });
            }
        }
        let trouble = hold.as_ref().map(|hold| (&*hold.by, &*hold.reason));
        match batch.settle(trouble).await {
            Ok(_) => hold,
            Err(error) => {
                let reason = format!("the position could not be stored: {error}").into();
                Some(hold.unwrap_or(Hold { row: 0, why: HoldWhy::Retry, by: self.source.clone(), reason }))
            }
        }
    }

    fn malformed_hold(&self, source: &SourcePlan, malformed: &[Malformed]) -> Option<Hold> {
        let message = malformed.first().filter(|_| source.malformed == MalformedRule::Pause)?;
        Some(Hold {
            row: u32::try_from(message.before).unwrap_or(u32::MAX),
            why: HoldWhy::Pause,
            by: self.source.clone(),
            reason: format!("{}: {}", message.place, message.problem).into(),
        })
    }
}

/// Says of the held event where it stands.
fn located_hold(hold: Hold, settlement: &dyn Settlement) -> Hold {
    match settlement.place(hold.row as usize) {
        None => hold,
        place => Hold { reason: located(hold.reason.to_string(), place).into(), ..hold },
    }
}

pub(crate) fn now_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}
