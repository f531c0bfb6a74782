//! One batch on one route: match, filter, transform, name. Decides; sends nothing and retries nothing.

pub mod dry;
pub mod shadow;

use std::{collections::HashMap, ops::Range, sync::Arc, time::SystemTime};

use tidegate_engine::{Applied, Assigned, Decision, Fault, FaultCause, Guest, Kind, Worker};
use tidegate_event::{
    Event,
    flat::{FlatBatch, Needs, Outputs},
};
use tidegate_matching::{Candidates, Index, Version};
use tokio::time::Instant;

use crate::{
    circuit::{Ask, CIRCUIT_OPEN},
    memory::Memory,
    meter::{Meter, Weighed},
    plan::{Body, FailureRule, Stage},
    rules::Ruled,
    tap::{Asked, Tapping},
    trace::Call,
};

/// What a lane keeps between batches: instances and buffers.
#[derive(Debug, Default)]
pub(crate) struct Workbench {
    /// One worker a guest, whatever the number of routes that use it.
    workers: HashMap<usize, Weighed>,
    batch: FlatBatch,
    /// What `batch` was assembled from, so that the next stage with the same needs can use it again.
    assembled: Option<Assembled>,
    flows: u64,
    /// Which conditions may hold for which events.
    candidates: Candidates,
    /// What the lane remembers, where a policy of it does.
    pub(crate) memory: Option<Arc<Memory>>,
    /// Who looks at the batch.
    pub(crate) tapping: Option<Tapping>,
    /// Somebody traces the batch: when stages run is kept.
    pub(crate) traced: bool,
    /// Nothing is sent: what is asked is not counted, and tells circuits nothing.
    pub(crate) dry: bool,
    /// Whose stages run.
    route: Arc<str>,
}

#[derive(Debug, PartialEq)]
struct Assembled {
    flow: u64,
    version: u32,
    needs: Needs,
    now_ms: u64,
    rows: Vec<u32>,
}

impl Workbench {
    /// Lets go of workers whose guest is not among those that are used now.
    pub(crate) fn retain(&mut self, used: impl Fn(usize) -> bool) {
        for (_, mut weighed) in self.workers.extract_if(|id, _| !used(*id)) {
            weighed.worker.discard(); // off the lane: dropping a large memory takes milliseconds
        }
    }

    /// For when there is nothing to do: gives back instances that have grown, and room for batches.
    pub(crate) fn idle(&mut self) {
        self.candidates = Candidates::default();
        for weighed in self.workers.values_mut() {
            weighed.worker.shrink();
            weighed.weigh(None);
        }
    }

    /// Looks up a batch, for all routes of its source. To be called before any [`Flow`] of the batch runs.
    pub(crate) fn begin(&mut self, index: &Index, events: &[Event]) {
        self.candidates.begin(index, events);
    }

    fn worker(&mut self, guest: &Guest) -> (&mut Worker, &FlatBatch) {
        let weighed = self.workers.entry(guest.id()).or_insert_with(|| Weighed::new(Worker::new(guest)));
        (&mut weighed.worker, &self.batch)
    }

    fn weigh(&mut self, guest: &Guest, meter: &Arc<Meter>) {
        if let Some(weighed) = self.workers.get_mut(&guest.id()) {
            weighed.weigh(Some(meter));
        }
    }

    fn assemble(&mut self, flow: &Flow<'_>, rows: &[u32], needs: Needs) {
        if let Some(last) = &mut self.assembled
            && (last.flow, last.version, last.needs, last.now_ms) == (flow.id, flow.version, needs, flow.now_ms)
        {
            if last.rows == rows {
                return;
            }
            // Values of rows that are gone stay where they are: cheap while attributes only, or while few are gone.
            if (!needs.data || rows.len() * 2 > last.rows.len()) && subset(rows, &last.rows) {
                let mut wanted = rows.iter().copied().peekable();
                let before = std::mem::replace(&mut last.rows, rows.to_vec());
                self.batch.retain(|row| wanted.next_if_eq(&before[row]).is_some());
                return;
            }
        }
        self.batch.assemble(flow.events(), rows, needs, flow.now_ms);
        let rows = rows.to_vec();
        self.assembled = Some(Assembled { flow: flow.id, version: flow.version, needs, now_ms: flow.now_ms, rows });
    }
}

/// Whether ascending `rows` all occur in ascending `among`.
fn subset(rows: &[u32], among: &[u32]) -> bool {
    let mut rest = among.iter();
    rows.iter().all(|row| rest.any(|other| other == row))
}

/// How far one batch got on one route.
#[derive(Debug)]
pub(crate) struct Flow<'a> {
    id: u64,
    now_ms: u64,
    sender: Sender,
    original: &'a [Event],
    /// Once a transform has changed something: the events and the original row of each.
    changed: Option<(Vec<Event>, Vec<u32>)>,
    version: u32,
    /// Rows of `events()` that still go on, ascending.
    live: Vec<u32>,
    /// The payloads of all that are left have been looked up, as far as conditions want that.
    inside: bool,
    /// What matchers named, by row; empty as long as none did.
    names: Vec<Vec<Arc<str>>>,
    /// Targets whose condition holds for some of what came through, ascending; and for which rows: `None` for all.
    wanted: Vec<(usize, Option<Vec<u32>>)>,
    /// Events that do not go on, in no particular order.
    pub(crate) fates: Vec<(u32, Fate)>,
    /// Original rows that each stage was asked about.
    asked: Vec<(usize, Vec<u32>)>,
    /// When stages ran, where somebody traces the batch.
    pub(crate) calls: Vec<Call>,
    /// Original rows of outputs that a transform made.
    pub(crate) transformed: Vec<u32>,
    /// Of those that are not as they were: stage, and original row.
    pub(crate) changes: Vec<(u32, u32)>,
    /// The first row from which on nothing may go on, and why.
    pub(crate) hold: Option<Hold>,
    /// Stages whose failure rule holds something.
    failing: Vec<(usize, HoldWhy)>,
    /// A search for guilty events was given up.
    gave_up: bool,
    /// For policies that only look on.
    pub(crate) shadowed: Vec<shadow::Reserved>,
}

/// Why an event does not go on (or, for `Bypassed`, went on all the same). `stage` is the position of the policy.
#[derive(Clone, Debug)]
pub(crate) enum Fate {
    Dropped { stage: usize, reason: Option<Arc<str>> },
    DroppedByFailure { stage: usize, cause: &'static str, reason: Arc<str> },
    DeadLetter { stage: usize, cause: &'static str, reason: Arc<str> },
    Rejected { stage: usize, cause: &'static str, reason: Arc<str> },
    Bypassed { stage: usize, cause: &'static str, reason: Arc<str> },
}

impl Fate {
    /// The position of the policy.
    pub(crate) fn stage(&self) -> usize {
        match self {
            Fate::Dropped { stage, .. }
            | Fate::DroppedByFailure { stage, .. }
            | Fate::DeadLetter { stage, .. }
            | Fate::Rejected { stage, .. }
            | Fate::Bypassed { stage, .. } => *stage,
        }
    }

    /// Why the policy did not decide, or `reject`; `None`: it dropped the event, as intended.
    pub(crate) fn cause(&self) -> Option<&'static str> {
        match self {
            Fate::Dropped { .. } => None,
            Fate::DroppedByFailure { cause, .. }
            | Fate::DeadLetter { cause, .. }
            | Fate::Rejected { cause, .. }
            | Fate::Bypassed { cause, .. } => Some(cause),
        }
    }

    /// What the policy said, in the words of cases: `drop`, `reject`, `fail`; `not asked` where its circuit was open.
    pub(crate) fn verdict(&self) -> &'static str {
        match self.cause() {
            None => "drop",
            Some("reject") => "reject",
            Some(CIRCUIT_OPEN) => "not asked",
            Some(_) => "fail",
        }
    }

    /// What became of the event.
    pub(crate) fn word(&self) -> &'static str {
        match self {
            Fate::Dropped { .. } => "dropped",
            Fate::DroppedByFailure { .. } => "lost",
            Fate::DeadLetter { .. } => "dead_lettered",
            Fate::Rejected { .. } => "rejected",
            Fate::Bypassed { .. } => "bypassed",
        }
    }

    /// The policy's own words; where it did not decide, the cause, and what there is to say about it.
    pub(crate) fn why(&self) -> Option<Arc<str>> {
        match self {
            Fate::Dropped { reason, .. } => reason.clone(),
            Fate::DroppedByFailure { cause, reason, .. }
            | Fate::DeadLetter { cause, reason, .. }
            | Fate::Rejected { cause, reason, .. }
            | Fate::Bypassed { cause, reason, .. } => Some(match (*cause, &**reason) {
                (cause, "") => cause.into(),
                ("reject", _) => reason.clone(),
                (cause, reason) => format!("{cause}: {reason}").into(),
            }),
        }
    }
}

/// Why a policy ended an event, in its own words; where it did not decide, also what its failure rule made of it. `verdict` and `word` are
/// those of [`Fate`].
pub(crate) fn in_words(verdict: &str, why: &str, word: &str) -> String {
    match verdict {
        "drop" | "reject" => why.to_owned(),
        _ => format!("{why}; {} by its failure rule", word.replace('_', "-")),
    }
}

/// Whether whoever sent the events waits for an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sender {
    /// An event can be refused to its sender.
    Answered,
    /// There is nobody to refuse anything to.
    Gone,
}

/// Nothing from `row` on may go on for now.
#[derive(Clone, Debug)]
pub(crate) struct Hold {
    pub(crate) row: u32,
    pub(crate) why: HoldWhy,
    /// Who holds it, and what it said.
    pub(crate) by: Arc<str>,
    pub(crate) reason: Arc<str>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum HoldWhy {
    /// Try again, with backoff.
    Retry,
    /// Wait for other documents.
    Pause,
}

impl Hold {
    /// The earlier of two holds; a pause is stronger than a retry at the same row.
    pub(crate) fn earlier(a: Option<Hold>, b: Option<Hold>) -> Option<Hold> {
        match (a, b) {
            (Some(a), Some(b)) if (b.row, b.why == HoldWhy::Retry) < (a.row, a.why == HoldWhy::Retry) => Some(b),
            (Some(a), _) => Some(a),
            (None, b) => b,
        }
    }
}

/// What a module of any kind said.
#[derive(Default)]
struct Answer {
    decisions: Vec<Decision>,
    outputs: Outputs,
    names: Vec<Arc<str>>,
    pairs: Vec<(u32, u32)>,
}

/// An event that came through, on its way to targets.
#[derive(Debug)]
pub(crate) struct Outgoing<'f> {
    pub(crate) row: u32,
    pub(crate) origin: u32,
    pub(crate) event: &'f Event,
    pub(crate) names: &'f [Arc<str>],
}

impl<'a> Flow<'a> {
    pub(crate) fn new(original: &'a [Event], now_ms: u64, sender: Sender, bench: &mut Workbench) -> Flow<'a> {
        bench.flows += 1;
        let rows = u32::try_from(original.len()).unwrap_or(u32::MAX);
        Flow {
            id: bench.flows,
            now_ms,
            sender,
            original,
            changed: None,
            version: 0,
            live: (0..rows).collect(),
            inside: false,
            names: Vec::new(),
            wanted: Vec::new(),
            fates: Vec::new(),
            asked: Vec::new(),
            calls: Vec::new(),
            transformed: Vec::new(),
            changes: Vec::new(),
            hold: None,
            failing: Vec::new(),
            gave_up: false,
            shadowed: Vec::new(),
        }
    }

    /// Runs every stage of the route, in order, and asks its targets; a stage sees only what earlier ones kept.
    pub(crate) async fn run(&mut self, route: Ruled<'_>, bench: &mut Workbench) {
        self.start(route, bench);
        let mut position = 0;
        while let Some(next) = self.next(route, route.stages_from(position), bench) {
            let before = position;
            position = (next - route.stage(0)) as usize;
            let tapped = Asked::note(self, route, position, bench);
            // Stages that are passed over have changed nothing.
            self.shadow(route.route, before..=position);
            let began = bench.traced.then(SystemTime::now);
            self.stage(route, position, bench).await;
            self.calls.extend(began.map(|began| Call { stage: position, began, ended: SystemTime::now() }));
            if let Some(tapped) = tapped {
                tapped.show(self, route.route, &route.route.stages[position]);
            }
            position += 1;
        }
        self.shadow(route.route, position..=route.route.stages.len());
        for (stage, why) in &self.failing {
            if let Some(share) = &route.route.stages[*stage].share {
                share.held(*why);
            }
        }
        self.ask_targets(route, bench);
    }

    fn start(&mut self, route: Ruled<'_>, bench: &mut Workbench) {
        bench.route = route.route.id.clone();
        bench.candidates.rewind();
    }

    /// The next rule that may hold for some event.
    fn next(&self, route: Ruled<'_>, within: Range<u32>, bench: &Workbench) -> Option<u32> {
        if self.live.is_empty() {
            return None;
        }
        bench.candidates.next(route.index, self.matched_as(), within, self.inside)
    }

    fn ask_targets(&mut self, route: Ruled<'_>, bench: &mut Workbench) {
        let (first, mut within) = (route.targets().start, route.targets());
        while let Some(rule) = self.next(route, within.clone(), bench) {
            let position = (rule - first) as usize;
            let rows = match route.route.targets[position].when.is_all() {
                true => None,
                false => Some(self.rows(route, rule, bench)),
            };
            if rows.as_ref().is_none_or(|rows| !rows.is_empty()) {
                self.wanted.push((position, rows));
            }
            within.start = rule + 1;
        }
    }

    fn matched_as(&self) -> Version {
        if self.changed.is_some() { Version::Changed } else { Version::Original }
    }

    /// What came through, in input order, then output order.
    pub(crate) fn outgoing(&self) -> impl Iterator<Item = Outgoing<'_>> {
        self.these(&self.live)
    }

    /// Positions of targets whose condition holds, ascending, with what they want of [`Flow::outgoing`].
    pub(crate) fn wanted(&self) -> impl Iterator<Item = (usize, impl ExactSizeIterator<Item = Outgoing<'_>>)> {
        self.wanted.iter().map(|(target, rows)| (*target, self.these(rows.as_deref().unwrap_or(&self.live))))
    }

    /// One more than the highest row of [`Flow::outgoing`].
    pub(crate) fn rows_end(&self) -> usize {
        self.live.last().map_or(0, |row| *row as usize + 1)
    }

    fn these<'f>(&'f self, rows: &'f [u32]) -> impl ExactSizeIterator<Item = Outgoing<'f>> {
        let events = self.events();
        rows.iter().map(move |&row| Outgoing {
            row,
            origin: self.origin(row),
            event: &events[row as usize],
            names: self.names.get(row as usize).map_or(&[], Vec::as_slice),
        })
    }

    fn events(&self) -> &[Event] {
        self.changed.as_ref().map_or(self.original, |(events, _)| events)
    }

    fn origin(&self, row: u32) -> u32 {
        self.changed.as_ref().map_or(row, |(_, origins)| origins[row as usize])
    }

    fn origins(&self, rows: &[u32]) -> Vec<u32> {
        match &self.changed {
            None => rows.to_vec(),
            Some((_, origins)) => rows.iter().map(|&row| origins[row as usize]).collect(),
        }
    }

    /// Original rows that each stage was asked about, by its position.
    pub(crate) fn asked(&self) -> &[(usize, Vec<u32>)] {
        &self.asked
    }

    async fn stage(&mut self, route: Ruled<'_>, position: usize, bench: &mut Workbench) {
        let stage = &route.route.stages[position];
        let rows = self.taken(route, position, bench);
        if rows.is_empty() {
            return;
        }
        self.asked.push((position, self.origins(&rows)));
        let before = self.matched_as();
        let mut changed = None;
        match &stage.body {
            Body::Condition(verdict) => {
                let events = self.events();
                let decide = |row: &u32| {
                    let event = &events[*row as usize];
                    verdict.decision(bench.candidates.decides(route.index, before, &verdict.matcher, *row, event))
                };
                let decisions = rows.iter().map(decide).collect();
                self.keep(position, stage, &rows, decisions);
            }
            Body::Wasm { guest, kind } => {
                let ask = match &stage.circuit {
                    None => Ask::All,
                    Some(circuit) if bench.dry => circuit.rule().map_or(Ask::All, |_| Ask::None),
                    Some(circuit) => circuit.ask(Instant::now),
                };
                let asked = match ask {
                    Ask::All => &rows[..],
                    Ask::One(_) => &rows[..1],
                    Ask::None => return self.keep(position, stage, &rows, vec![Decision::Undecided; rows.len()]),
                };
                let memory = bench.memory.clone().filter(|_| guest.uses_state());
                let route = bench.route.clone();
                bench.assemble(self, asked, guest.needs());
                let (worker, batch) = bench.worker(guest);
                match memory.as_ref().map(|memory| memory.view(&route, guest)) {
                    None => {}
                    Some(Ok(view)) => worker.remember(view),
                    Some(Err(error)) => {
                        return self.hold_at(self.origin(rows[0]), HoldWhy::Retry, stage, error.to_string().into());
                    }
                }
                let begin = Instant::now();
                let answer = match kind {
                    Kind::Filter => Answer { decisions: worker.evaluate(batch).await, ..Answer::default() },
                    Kind::Matcher => {
                        let Assigned { decisions, names, pairs } = worker.assign(batch).await;
                        Answer { decisions, names, pairs, ..Answer::default() }
                    }
                    Kind::Transform => {
                        let Applied { decisions, outputs } = worker.apply(batch, self.events(), asked).await;
                        Answer { decisions, outputs, ..Answer::default() }
                    }
                };
                let end = Instant::now();
                let took = end - begin;
                if let Some(memory) = memory {
                    memory.keep(&route, &stage.policy, worker.written());
                }
                let gave_up = worker.gave_up();
                if !bench.dry {
                    stage.meter.called(took);
                    if let Some(share) = &stage.share {
                        share.called(took);
                    }
                    bench.weigh(guest, &stage.meter);
                }
                let Answer { mut decisions, outputs, names, pairs } = answer;
                if let Some(circuit) = stage.circuit.as_ref().filter(|_| !bench.dry) {
                    circuit.tell(&ask, &decisions, gave_up, end);
                    decisions.resize(rows.len(), Decision::Undecided);
                    if let (Ask::One(_), None, Some(&next)) = (&ask, circuit.rule(), rows.get(1)) {
                        let reason = "one event went well: its module is asked about the others again".into();
                        self.hold_at(self.origin(next), HoldWhy::Retry, stage, reason);
                    }
                }
                match kind {
                    Kind::Filter => self.keep(position, stage, &rows, decisions),
                    Kind::Matcher => {
                        self.name(&rows, &names, &pairs);
                        self.keep(position, stage, &rows, decisions);
                    }
                    Kind::Transform => changed = self.transform(position, stage, &rows, decisions, outputs),
                }
            }
        }
        if let Some(same) = changed {
            bench.candidates.follow(route.index, before, route.all(), self.events(), &same);
            self.inside = false;
        }
    }

    /// What a stage is going to be asked about: original row, and the event.
    pub(crate) fn asked_about(
        &mut self,
        route: Ruled<'_>,
        position: usize,
        bench: &mut Workbench,
    ) -> Vec<(u32, Event)> {
        let rows = self.taken(route, position, bench);
        rows.into_iter().map(|row| (self.origin(row), self.events()[row as usize].clone())).collect()
    }

    /// The rows that a stage is for: its conditions hold, and they are of its share.
    fn taken(&mut self, route: Ruled<'_>, position: usize, bench: &mut Workbench) -> Vec<u32> {
        let mut rows = self.rows(route, route.stage(position), bench);
        if let Some(share) = &route.route.stages[position].share {
            rows.retain(|&row| share.takes(&self.original[self.origin(row) as usize]));
        }
        rows
    }

    /// The rows that a rule holds for.
    fn rows(&mut self, route: Ruled<'_>, rule: u32, bench: &mut Workbench) -> Vec<u32> {
        let version = self.matched_as();
        if !self.inside && Candidates::is_inside(route.index, rule) {
            bench.candidates.look_inside(route.index, version, self.events(), &self.live);
            self.inside = true;
        }
        bench.candidates.rows(route.index, version, rule, self.events(), &self.live)
    }

    /// Takes out of `live` the rows that were not kept. `rows` is a subsequence of `live`.
    fn keep(&mut self, position: usize, stage: &Stage, rows: &[u32], decisions: Vec<Decision>) {
        // What most stages do with most batches.
        if decisions.iter().all(|decision| matches!(decision, Decision::Keep)) {
            return;
        }
        let live = std::mem::take(&mut self.live);
        let mut decided = rows.iter().copied().zip(decisions).peekable();
        let mut kept = Vec::with_capacity(live.len());
        for row in live {
            let goes_on = match decided.next_if(|(decided, _)| *decided == row) {
                None | Some((_, Decision::Keep)) => true,
                Some((_, decision)) => self.goes_on(position, stage, row, decision),
            };
            if goes_on {
                kept.push(row);
            }
        }
        self.live = kept;
    }

    fn name(&mut self, rows: &[u32], names: &[Arc<str>], pairs: &[(u32, u32)]) {
        let len = self.events().len();
        self.names.resize(len, Vec::new());
        for &(row, name) in pairs {
            self.names[rows[row as usize] as usize].push(names[name as usize].clone());
        }
    }

    /// Puts the outputs in the place of the rows they stem from. `outputs` refer to positions in `rows`, ascending. Where that makes
    /// other rows, for each the one that it was before, or `None` where it is another event.
    fn transform(
        &mut self,
        position: usize,
        stage: &Stage,
        rows: &[u32],
        decisions: Vec<Decision>,
        outputs: Outputs,
    ) -> Option<Vec<Option<u32>>> {
        // Whoever looks at all events and changes none leaves them where they are: rows ascend, so these are the kept ones.
        if outputs.all_unchanged() && outputs.rows().is_sorted_by(|a, b| a < b) {
            let kept = outputs.rows().map(|at| self.origin(rows[at as usize]));
            self.transformed.extend(kept.collect::<Vec<_>>());
            self.keep(position, stage, rows, decisions);
            return None;
        }
        let mut decided = rows.iter().copied().zip(decisions).enumerate().peekable();
        let mut outputs = outputs.into_iter().peekable();
        let live = std::mem::take(&mut self.live);
        let mut events = Vec::with_capacity(live.len());
        let mut origins = Vec::with_capacity(live.len());
        let mut same = Vec::with_capacity(live.len());
        let mut names = Vec::with_capacity(if self.names.is_empty() { 0 } else { live.len() });
        for row in live {
            let origin = self.origin(row);
            let named = self.names.get_mut(row as usize).map(std::mem::take);
            match decided.next_if(|(_, (decided, _))| *decided == row) {
                Some((at, (_, Decision::Keep))) => {
                    while let Some((_, made)) = outputs.next_if(|(from, _)| *from as usize == at) {
                        if made.is_some() {
                            self.changes.push((position as u32, origin));
                        }
                        same.push(made.is_none().then_some(row));
                        events.push(made.unwrap_or_else(|| self.events()[row as usize].clone()));
                        origins.push(origin);
                        names.extend(named.clone());
                        self.transformed.push(origin);
                    }
                }
                Some((_, (_, decision))) if !self.goes_on(position, stage, row, decision.clone()) => {}
                Some(_) | None => {
                    same.push(Some(row));
                    events.push(self.events()[row as usize].clone());
                    origins.push(origin);
                    names.extend(named);
                }
            }
        }
        self.live = (0..u32::try_from(events.len()).unwrap_or(u32::MAX)).collect();
        self.names = names;
        self.changed = Some((events, origins));
        self.version += 1;
        Some(same)
    }

    /// Whether the event goes on; notes its fate otherwise.
    fn goes_on(&mut self, stage: usize, plan: &Stage, row: u32, decision: Decision) -> bool {
        let origin = self.origin(row);
        match decision {
            Decision::Keep => true,
            Decision::Drop(reason) => {
                self.fates.push((origin, Fate::Dropped { stage, reason }));
                false
            }
            Decision::Reject(reason) => {
                let reason = reason.unwrap_or_else(|| "".into());
                self.failed(stage, plan, origin, plan.failure.on_reject, "reject", reason)
            }
            Decision::Retry(reason) => {
                self.hold_at(origin, HoldWhy::Retry, plan, reason.unwrap_or_else(|| "retry later".into()));
                false
            }
            Decision::Fault(fault) => {
                let rule = match fault.cause {
                    FaultCause::Timeout => plan.failure.on_timeout,
                    FaultCause::Trap
                    | FaultCause::Memory
                    | FaultCause::Error
                    | FaultCause::Reply
                    | FaultCause::TooLarge => plan.failure.on_trap,
                };
                self.failed(stage, plan, origin, rule, cause_word(&fault), fault.message.as_str().into())
            }
            Decision::Undecided => match plan.circuit.as_ref().and_then(|circuit| circuit.rule()) {
                Some((rule, reason)) => self.past(stage, plan, origin, rule, reason),
                None => {
                    self.gave_up = true;
                    let reason = "it fails on so many events that looking for the guilty ones was given up".into();
                    self.hold_at(origin, HoldWhy::Retry, plan, reason);
                    false
                }
            },
        }
    }

    /// An event that the module is not asked about, for its circuit is open.
    fn past(&mut self, stage: usize, plan: &Stage, origin: u32, rule: FailureRule, reason: Arc<str>) -> bool {
        let waits = match rule {
            FailureRule::Pause | FailureRule::Retry => true,
            FailureRule::Reject => self.sender == Sender::Gone,
            FailureRule::DeadLetter | FailureRule::Drop | FailureRule::Bypass => false,
        };
        if waits {
            self.failing.push((stage, HoldWhy::Pause));
            // Not until a person acts: one event is tried now and then.
            self.hold_at(origin, HoldWhy::Retry, plan, reason);
            return false;
        }
        self.failed(stage, plan, origin, rule, CIRCUIT_OPEN, reason)
    }

    fn failed(
        &mut self,
        stage: usize,
        plan: &Stage,
        origin: u32,
        rule: FailureRule,
        cause: &'static str,
        reason: Arc<str>,
    ) -> bool {
        match rule {
            FailureRule::Bypass => {
                self.fates.push((origin, Fate::Bypassed { stage, cause, reason }));
                return true;
            }
            FailureRule::Drop => self.fates.push((origin, Fate::DroppedByFailure { stage, cause, reason })),
            FailureRule::DeadLetter => self.fates.push((origin, Fate::DeadLetter { stage, cause, reason })),
            FailureRule::Retry => {
                self.failing.push((stage, HoldWhy::Retry));
                self.hold_at(origin, HoldWhy::Retry, plan, reason);
            }
            FailureRule::Reject if self.sender == Sender::Answered => {
                self.fates.push((origin, Fate::Rejected { stage, cause, reason }));
            }
            FailureRule::Pause | FailureRule::Reject => {
                self.failing.push((stage, HoldWhy::Pause));
                self.hold_at(origin, HoldWhy::Pause, plan, reason);
            }
        }
        false
    }

    fn hold_at(&mut self, row: u32, why: HoldWhy, plan: &Stage, reason: Arc<str>) {
        let hold = Hold { row, why, by: plan.policy.clone(), reason };
        self.hold = Hold::earlier(self.hold.take(), Some(hold));
    }
}

/// The word for a fault in dead letters, metrics and tables.
fn cause_word(fault: &Fault) -> &'static str {
    match fault.cause {
        FaultCause::Trap => "trap",
        FaultCause::Timeout => "timeout",
        FaultCause::Memory => "memory limit",
        FaultCause::Error => "error",
        FaultCause::Reply => "invalid reply",
        FaultCause::TooLarge => "too large",
    }
}
