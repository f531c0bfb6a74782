//! The account of a demo as the host keeps it: what each generation settled, in a table.

use std::{
    io::{self, Write},
    sync::Arc,
};

use tidegate_control::Generation;
use tidegate_pipeline::RouteTally;

use crate::{
    human::count,
    table::{Align, Table},
};

/// What one generation settled on the demo's route.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    /// From 1.
    pub(crate) number: u64,
    pub(crate) id: Arc<str>,
    /// Version of the filter that is swapped.
    pub(crate) filter: String,
    pub(crate) tally: RouteTally,
}

impl Entry {
    /// `filter` is the policy (`namespace/name`) whose version tells the generations apart.
    pub(crate) fn of(generation: &Generation, filter: &str, route: &str) -> Entry {
        let version = generation.policies.iter().find(|policy| *policy.policy == *filter);
        let tally = generation.tally.snapshot().remove(route).unwrap_or_default();
        Entry {
            number: generation.number,
            id: generation.id.clone(),
            filter: version.map(|policy| policy.version.clone()).unwrap_or_default(),
            tally,
        }
    }

    pub(crate) fn dropped(&self) -> u64 {
        self.tally.dropped.values().sum()
    }

    pub(crate) fn delivered(&self, sink: &str) -> u64 {
        self.tally.delivered.get(sink).copied().unwrap_or(0)
    }

    /// Everything that should not happen in a demo.
    pub(crate) fn mishaps(&self) -> u64 {
        let RouteTally { malformed, dropped_by_failure, bypassed, rejected, dead_lettered, .. } = &self.tally;
        [dropped_by_failure, bypassed, rejected, dead_lettered].iter().flat_map(|causes| causes.values()).sum::<u64>()
            + malformed
    }
}

/// Writes the account: one line a generation, a line of sums, and why events were dropped.
pub(crate) fn write(entries: &[Entry], sinks: &[&str], out: &mut dyn Write) -> io::Result<()> {
    let short = |id: &str| id.rsplit('/').next().unwrap_or(id).to_owned();
    let routed: Vec<String> = sinks.iter().map(|sink| format!("to {}", short(sink))).collect();
    let numbers = ["received", "dropped", "passed", "transformed"].into_iter().chain(routed.iter().map(String::as_str));
    let columns = [("generation", Align::Left), ("order-guard", Align::Left)].into_iter();
    let mut table = Table::new(columns.chain(numbers.chain(["to nobody"]).map(|name| (name, Align::Right))));
    let cells = |entry: &Entry| {
        let tally = &entry.tally;
        let passed = tally.received - entry.dropped();
        let mut cells = vec![tally.received, entry.dropped(), passed, tally.transformed];
        cells.extend(sinks.iter().map(|sink| entry.delivered(sink)));
        cells.push(tally.unmatched);
        cells
    };
    let mut sums = vec![0; 5 + sinks.len()];
    for entry in entries {
        let cells = cells(entry);
        sums.iter_mut().zip(&cells).for_each(|(sum, cell)| *sum += cell);
        let names = [format!("{}  {}", entry.number, entry.id), entry.filter.clone()];
        table.row(names.into_iter().chain(cells.into_iter().map(count)));
    }
    table.row(["all".to_owned(), String::new()].into_iter().chain(sums.into_iter().map(count)));
    table.write(2, out)?;

    let columns = [("dropped by", Align::Left), ("because", Align::Left)].into_iter();
    let names: Vec<String> = entries.iter().map(|entry| format!("generation {}", entry.number)).collect();
    let mut table = Table::new(columns.chain(names.iter().map(|name| (name.as_str(), Align::Right))));
    let mut reasons: Vec<&(Arc<str>, Arc<str>)> = entries.iter().flat_map(|entry| entry.tally.dropped.keys()).collect();
    reasons.sort();
    reasons.dedup();
    for reason in reasons {
        let dropped = entries.iter().map(|entry| count(entry.tally.dropped.get(reason).copied().unwrap_or(0)));
        table.row([short(&reason.0), reason.1.to_string()].into_iter().chain(dropped));
    }
    if !table.is_empty() {
        writeln!(out)?;
        table.write(2, out)?;
    }
    Ok(())
}
