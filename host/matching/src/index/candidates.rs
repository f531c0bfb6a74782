//! The rules that may hold for the events of a batch, by event and by rule; and what was read of payloads.

use std::ops::Range;

use tidegate_cesql::FailureKind;
use tidegate_event::Event;

use super::{Index, Rule, first_within};
use crate::{
    Matcher,
    payload::Arena,
    seen::{Payload, Seen},
};

/// What an index finds for a batch. Kept from batch to batch, so that this allocates nothing.
///
/// Events are known by their row: in the batch as it came, or in what took its place ([`Version`]). [`Candidates::begin`], then
/// [`Candidates::next`] and [`Candidates::rows`] rule by rule: what no event has is never come by.
#[derive(Debug, Default)]
pub struct Candidates {
    rows: Vec<Row>,
    /// Rules of rows.
    found: Vec<u32>,
    /// Rows that came: the others took the place of some.
    original: usize,
    views: [View; 2],
    /// By rule; all 0 between two uses.
    counts: Vec<u32>,
    scratch: Scratch,
    arena: Arena,
}

/// Which events are meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Version {
    /// The batch as it came.
    Original,
    /// What took its place.
    Changed,
}

/// What is known of an event.
#[derive(Clone, Copy, Debug)]
struct Row {
    /// Its part of what was found.
    found: (u32, u32),
    /// Some rule may want its payload looked up.
    open: bool,
    /// It was.
    inside: bool,
    payload: Payload,
}

impl Row {
    /// Of which nothing is known but that it begins here in what was found.
    fn unknown(index: &Index, at: u32) -> Row {
        Row { found: (at, at), open: index.always_parsed, inside: false, payload: Payload::Unread }
    }
}

fn narrow(at: usize) -> u32 {
    // A batch has at most 1,024 events, and documents are bounded far below.
    u32::try_from(at).unwrap_or(u32::MAX)
}

fn wide((from, to): (u32, u32)) -> Range<usize> {
    from as usize..to as usize
}

/// What was found, by rule.
#[derive(Debug, Default)]
struct View {
    /// Its first row.
    first: usize,
    /// Other rules are none of its business.
    within: Range<u32>,
    /// Rules that were found, ascending.
    rules: Vec<u32>,
    /// For each of them, where its rows end.
    ends: Vec<u32>,
    /// Ascending for each rule; counted from the view's first.
    rows: Vec<u32>,
}

/// The rules found for one event.
#[derive(Debug, Default)]
pub(super) struct Scratch {
    found: Vec<u32>,
    /// For each rule the last round that found it: it is found once a round.
    rounds: Vec<u32>,
    round: u32,
}

impl Scratch {
    fn start(&mut self, rules: usize) {
        self.found.clear();
        self.round = self.round.wrapping_add(1);
        if self.rounds.len() < rules || self.round == 0 {
            self.rounds = vec![0; rules.max(self.rounds.len())];
            self.round = 1;
        }
    }

    pub(super) fn find(&mut self, rules: &[u32]) {
        for &rule in rules {
            let last = &mut self.rounds[rule as usize];
            if *last != self.round {
                *last = self.round;
                self.found.push(rule);
            }
        }
    }
}

impl Candidates {
    /// Looks up the attributes of a batch. What was found for others is forgotten.
    pub fn begin(&mut self, index: &Index, events: &[Event]) {
        self.rows.clear();
        self.found.clear();
        self.arena.clear();
        self.counts.resize(index.rules.len().max(self.counts.len()), 0);
        if index.fields.has_attributes() {
            for event in events {
                let row = self.look(index, event);
                self.rows.push(row);
            }
        } else {
            self.rows.resize(events.len(), Row::unknown(index, 0));
        }
        self.original = events.len();
        self.views[0].first = 0;
        self.views[0].within = 0..index.gate();
        self.sort(Version::Original);
    }

    /// Other events take the place of those of a version. `same`: for each, the row it was before; `None`: it is another event, which
    /// is looked up. Only rules `within` are asked for from now on.
    pub fn follow(
        &mut self,
        index: &Index,
        version: Version,
        within: Range<u32>,
        events: &[Event],
        same: &[Option<u32>],
    ) {
        let (before, first) = (self.views[version as usize].first, self.rows.len());
        for (event, same) in events.iter().zip(same) {
            let row = match same {
                Some(row) => self.rows[before + *row as usize],
                None if index.fields.has_attributes() => self.look(index, event),
                None => Row::unknown(index, 0),
            };
            self.rows.push(row);
        }
        self.views[1].first = first;
        self.views[1].within = within;
        self.sort(Version::Changed);
    }

    /// Forgets what took the place of the batch.
    pub fn rewind(&mut self) {
        self.rows.truncate(self.original);
    }

    /// The next rule `within` that may hold for some event. `inside`: whether payloads were looked up for all that are left
    /// ([`Candidates::look_inside`]); until then rules that are looked up there may hold.
    pub fn next(&self, index: &Index, version: Version, within: Range<u32>, inside: bool) -> Option<u32> {
        let asked = first_within(&index.asked, &within);
        let found = first_within(&self.views[version as usize].rules, &within);
        let unknown = if inside { None } else { first_within(&index.inside, &within) };
        [asked, found, unknown].into_iter().flatten().min()
    }

    /// Whether a rule is looked up in the payload.
    pub fn is_inside(index: &Index, rule: u32) -> bool {
        index.inside.binary_search(&rule).is_ok()
    }

    /// Looks up the payloads of rows, each once.
    pub fn look_inside(&mut self, index: &Index, version: Version, events: &[Event], rows: &[u32]) {
        let mut more = false;
        for &row in rows {
            let at = self.views[version as usize].first + row as usize;
            let known = self.rows[at];
            if known.inside {
                continue;
            }
            self.rows[at].inside = true;
            if !known.open {
                continue;
            }
            let mut seen = seen(index, &events[row as usize], &mut self.arena, &mut self.rows[at].payload);
            let Some(data) = seen.data() else { continue };
            let before = &self.found[wide(known.found)];
            self.scratch.start(index.rules.len() + 1);
            self.scratch.find(before);
            index.fields.find_data(data, &mut self.scratch);
            if self.scratch.found.len() > before.len() {
                let start = narrow(self.found.len());
                self.found.extend_from_slice(&self.scratch.found);
                self.rows[at].found = (start, narrow(self.found.len()));
                more = true;
            }
        }
        if more {
            self.sort(version);
        }
    }

    /// The rows of `live` (ascending) that a rule holds for.
    pub fn rows(&mut self, index: &Index, version: Version, rule: u32, events: &[Event], live: &[u32]) -> Vec<u32> {
        let Rule { matcher, sure } = &index.rules[rule as usize];
        if matcher.is_all() {
            return live.to_vec();
        }
        let Candidates { rows, views, arena, .. } = self;
        let view = &views[version as usize];
        let mut holds = |row: &u32| {
            let payload = &mut rows[view.first + *row as usize].payload;
            matcher.holds_for(&mut seen(index, &events[*row as usize], arena, payload))
        };
        if index.asked.binary_search(&rule).is_ok() {
            return live.iter().copied().filter(|row| holds(row)).collect();
        }
        let mut left = live;
        let found = view.of(rule).iter().copied().filter(|row| {
            left = &left[left.partition_point(|other| other < row)..];
            left.first() == Some(row) && (*sure || holds(row))
        });
        found.collect()
    }

    /// Whether a condition that decides by itself holds for a row; see [`Matcher::decides`].
    ///
    /// # Errors
    /// As there.
    pub fn decides(
        &mut self,
        index: &Index,
        version: Version,
        matcher: &Matcher,
        row: u32,
        event: &Event,
    ) -> Result<bool, FailureKind> {
        let payload = &mut self.rows[self.views[version as usize].first + row as usize].payload;
        matcher.decides_for(&mut seen(index, event, &mut self.arena, payload))
    }

    /// All rules that hold for one event, ascending.
    pub fn matches(&mut self, index: &Index, event: &Event) -> Vec<u32> {
        let events = std::slice::from_ref(event);
        self.begin(index, events);
        let (mut holding, mut within, mut inside) = (Vec::new(), 0..index.gate(), false);
        while let Some(rule) = self.next(index, Version::Original, within.clone(), inside) {
            if Candidates::is_inside(index, rule) && !inside {
                self.look_inside(index, Version::Original, events, &[0]);
                inside = true;
                continue;
            }
            if !self.rows(index, Version::Original, rule, events, &[0]).is_empty() {
                holding.push(rule);
            }
            within.start = rule + 1;
        }
        holding
    }

    /// How many payloads of the batch were parsed, or found to be none.
    pub fn parsed(&self) -> usize {
        self.rows.iter().take(self.original).filter(|row| row.payload != Payload::Unread).count()
    }

    /// What the attributes of an event say.
    fn look(&mut self, index: &Index, event: &Event) -> Row {
        let gate = index.gate();
        let mut row = Row::unknown(index, narrow(self.found.len()));
        self.scratch.start(index.rules.len() + 1);
        index.fields.find_attributes(event, &mut self.scratch);
        let found = &self.scratch.found;
        row.open |= found.contains(&gate);
        self.found.extend(found.iter().filter(|rule| **rule != gate));
        row.found.1 = narrow(self.found.len());
        row
    }

    /// What was found, by rule: counted first, so that every list has its place.
    fn sort(&mut self, version: Version) {
        let Candidates { rows, found, views, counts, .. } = self;
        let view = &mut views[version as usize];
        view.rules.clear();
        view.ends.clear();
        view.rows.clear();
        if found.is_empty() {
            return;
        }
        let rows = match version {
            Version::Original => &rows[..self.original],
            Version::Changed => &rows[view.first..],
        };
        let of = |row: &Row| {
            let within = view.within.clone();
            found[wide(row.found)].iter().copied().filter(move |rule| within.contains(rule))
        };
        for rule in rows.iter().flat_map(of) {
            let count = &mut counts[rule as usize];
            if *count == 0 {
                view.rules.push(rule);
            }
            *count += 1;
        }
        view.rules.sort_unstable();
        let mut end = 0;
        for rule in &view.rules {
            let start = end;
            end += std::mem::replace(&mut counts[*rule as usize], start);
            view.ends.push(end);
        }
        view.rows.resize(end as usize, 0);
        for (at, row) in (0u32..).zip(rows) {
            for rule in of(row) {
                let place = &mut counts[rule as usize];
                view.rows[*place as usize] = at;
                *place += 1;
            }
        }
        for rule in &view.rules {
            counts[*rule as usize] = 0;
        }
    }
}

impl View {
    /// The rows that a rule was found for.
    fn of(&self, rule: u32) -> &[u32] {
        let Ok(at) = self.rules.binary_search(&rule) else { return &[] };
        let start = at.checked_sub(1).map_or(0, |before| self.ends[before]);
        &self.rows[start as usize..self.ends[at] as usize]
    }
}

fn seen<'s>(index: &'s Index, event: &'s Event, arena: &'s mut Arena, payload: &'s mut Payload) -> Seen<'s> {
    Seen { event, wanted: Some(&index.wanted), arena, payload }
}
