//! Goes through dead letters, a page at a time: never more than that is held.

use std::{
    collections::VecDeque,
    path::Path,
    time::{Duration, Instant},
};

use tidegate_connector::{SourceError, connector::Record};

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

/// The entries that are meant, oldest first within a lane.
pub(super) struct Scan {
    held: VecDeque<(Held, Noted)>,
    filter: Filter,
    /// Entries asked for by name that were met.
    met: Vec<bool>,
}

impl Scan {
    pub(super) fn new(held: Vec<Held>, filter: Filter, state_dir: &Path) -> anyhow::Result<Scan> {
        let mut with_notes = VecDeque::new();
        for held in held {
            let noted = Noted::load(state_dir, &held.sink)?;
            with_notes.push_back((held, noted));
        }
        let met = vec![false; filter.entries.len()];
        Ok(Scan { held: with_notes, filter, met })
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
            let entries = records.into_iter().map(entry);
            let meant: Vec<Entry> =
                entries.filter(|entry| entry.is_dead_letter() && self.filter.wants(entry)).collect();
            for (wanted, met) in self.filter.entries.iter().zip(&mut self.met) {
                *met |= meant.iter().any(|entry| *wanted == entry.place() || *wanted == entry.id());
            }
            if !meant.is_empty() {
                return Ok(Some(meant));
            }
        }
        Ok(None)
    }

    /// Whether entries were asked for by name.
    pub(super) fn by_name(&self) -> bool {
        !self.filter.entries.is_empty()
    }

    /// At the end: an error where an entry was asked for by name and is not there.
    pub(super) fn all_met(&self) -> anyhow::Result<()> {
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
