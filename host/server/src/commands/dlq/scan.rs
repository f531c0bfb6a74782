//! Goes through dead letters, a page at a time: never more than that is held.

use std::{
    collections::{BTreeSet, VecDeque},
    io::{Write as _, stderr},
    path::Path,
    time::{Duration, Instant},
};

use tidegate_connector::{SourceError, connector::Record};
use tidegate_pipeline::deadletter;

use super::{
    documents::Held,
    entry::{Entry, Filter},
    noted::Noted,
};
use crate::{
    human,
    problem::{because, problem},
};

/// How long it is tried to read on before it is given up; a broker that does not answer takes 10 seconds for each try.
const PATIENCE: Duration = Duration::from_secs(10);
/// Between two tries.
const PAUSE: Duration = Duration::from_millis(250);
/// Causes are a closed set of words, but a dead letter may hold anything.
const CAUSES_MAX: usize = 32;

/// The entries that are meant, oldest first within a lane.
pub(super) struct Scan {
    held: VecDeque<(Held, Noted)>,
    filter: Filter,
    /// Entries asked for by name that were met.
    met: Vec<bool>,
    /// Causes that were met.
    causes: BTreeSet<String>,
}

impl Scan {
    pub(super) fn new(held: Vec<Held>, filter: Filter, state_dir: &Path) -> anyhow::Result<Scan> {
        let mut with_notes = VecDeque::new();
        for held in held {
            let noted = Noted::load(state_dir, &held.sink)?;
            with_notes.push_back((held, noted));
        }
        let met = vec![false; filter.entries.len()];
        Ok(Scan { held: with_notes, filter, met, causes: BTreeSet::new() })
    }

    /// Entries of one page that are meant, noted ones too; `None` at the end.
    pub(super) async fn next(&mut self) -> anyhow::Result<Option<Vec<Entry>>> {
        while let Some((held, noted)) = self.held.front_mut() {
            let Some(records) = read(held).await? else {
                self.held.pop_front();
                continue;
            };
            let entry = |record: Record| Entry {
                sink: held.sink.clone(),
                became: noted.get(&record.lane, record.position),
                record,
            };
            let mut meant: Vec<Entry> = records.into_iter().map(entry).filter(Entry::is_dead_letter).collect();
            self.note_causes(&meant);
            meant.retain(|entry| self.filter.wants(entry));
            for (wanted, met) in self.filter.entries.iter().zip(&mut self.met) {
                *met |= meant.iter().any(|entry| *wanted == entry.place() || *wanted == entry.id());
            }
            if !meant.is_empty() {
                return Ok(Some(meant));
            }
        }
        Ok(None)
    }

    /// For who asks for one that is not there.
    fn note_causes(&mut self, entries: &[Entry]) {
        let Some(wanted) = &self.filter.cause else { return };
        for cause in entries.iter().map(|entry| entry.attribute(deadletter::CAUSE)) {
            let room = self.causes.len() < CAUSES_MAX || *cause == **wanted;
            if room && !self.causes.contains(&*cause) {
                self.causes.insert(cause.into_owned());
            }
        }
    }

    /// Whether entries were asked for by name.
    pub(super) fn by_name(&self) -> bool {
        !self.filter.entries.is_empty()
    }

    /// At the end: an error where an entry was asked for by name and is not there, and a word about a cause that no entry has.
    pub(super) fn all_met(&self) -> anyhow::Result<()> {
        if let Some(cause) = self.filter.cause.as_ref().filter(|cause| !self.causes.contains(*cause))
            && !self.causes.is_empty()
        {
            let causes = self.causes.iter().map(|cause| human::plain(cause)).collect::<Vec<_>>().join(", ");
            writeln!(stderr().lock(), "no entry has the cause `{}`; there are: {causes}", human::plain(cause))?;
        }
        let missing = self.filter.entries.iter().zip(&self.met).find(|(_, met)| !**met);
        match missing {
            None => Ok(()),
            Some((entry, _)) => Err(problem(
                format!("no entry `{}` rests in the dead letter", human::plain(entry)),
                "`tidegate dlq list --all` shows the places of all entries",
            )),
        }
    }
}

async fn read(held: &mut Held) -> anyhow::Result<Option<Vec<Record>>> {
    let began = Instant::now();
    loop {
        match held.back.next().await {
            Ok(records) => return Ok(records),
            Err(SourceError::Transient { .. }) if began.elapsed() < PATIENCE => tokio::time::sleep(PAUSE).await,
            Err(error) => {
                return Err(because(error, format!("the dead letter {} cannot be read", held.sink), ""));
            }
        }
    }
}
