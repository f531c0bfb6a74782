//! `dlq drop`: notes entries as done with.

use std::{collections::HashMap, io::Write, sync::Arc};

use super::{
    DocumentArgs, documents,
    entry::{Entry, Filter},
    noted::{Became, Notes},
    scan::Scan,
};
use crate::{cli::Ending, connectors, human, problem::problem};

/// Options of `dlq drop`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
The entries stay where they are, as evidence: it is noted that they are done with, and `list` without --all, `replay` and `drop` \
pass them over.")]
pub(super) struct Args {
    #[command(flatten)]
    documents: DocumentArgs,
    #[command(flatten)]
    filter: Filter,
    /// Everything, where neither entries nor filters are given
    #[arg(long)]
    all: bool,
    /// Only say what would be dropped
    #[arg(long)]
    dry_run: bool,
}

pub(super) async fn run(args: Args, out: &mut dyn Write) -> anyhow::Result<Ending> {
    if !args.filter.is_given() && !args.all {
        return Err(problem(
            "nothing says what to drop",
            "name entries (--entry) or filters (--route, --cause, --by, --since, --sink), or say --all",
        ));
    }
    let registry = connectors::registry();
    let checked = documents::check(&args.documents, &registry)?;
    let held = documents::open(&checked, args.filter.sink.as_deref(), &registry, &args.documents)?;
    let state_dir = args.documents.state_dir();
    let mut notes: HashMap<Arc<str>, Notes> = HashMap::new();
    if !args.dry_run {
        for held in &held {
            notes.insert(held.sink.clone(), Notes::open(&state_dir, &held.sink)?);
        }
    }
    let mut scan = Scan::new(held, args.filter, &state_dir)?;
    let mut count = 0;
    while let Some(entries) = scan.next().await? {
        let entries: Vec<Entry> = entries.into_iter().filter(|entry| entry.became.is_none()).collect();
        let Some(first) = entries.first() else { continue };
        if let Some(notes) = notes.get_mut(&first.sink) {
            notes.add(entries.iter().map(|entry| (&*entry.record.lane, entry.record.position, Became::Dropped)))?;
        }
        count += entries.len();
    }
    scan.all_met()?;
    let would = if args.dry_run { " would be" } else { "" };
    writeln!(out, "{}{would} dropped.", human::counted(count, "entry"))?;
    Ok(Ending::Fine)
}
