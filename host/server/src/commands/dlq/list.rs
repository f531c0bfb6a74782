//! `dlq list`: a table of what rests.

use std::io::Write;

use serde_json::json;
use tidegate_pipeline::deadletter;

use super::{
    DocumentArgs, documents,
    entry::{Entry, Filter},
    scan::Scan,
};
use crate::{
    cli::Ending,
    commands::Output,
    connectors, human,
    table::{Align, Table},
};

/// Rows of a table where nothing else is said: what a person reads, and what is held to line it up.
const ROWS: usize = 100;
/// Characters of a cell.
const CELL_CHARS: usize = 48;

/// Options of `dlq list`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    documents: DocumentArgs,
    #[command(flatten)]
    filter: Filter,
    /// Entries that were replayed or dropped too
    #[arg(short, long)]
    all: bool,
    /// Entries shown at most, oldest first [default: 100 in a table]
    #[arg(short = 'n', long, value_name = "N")]
    limit: Option<usize>,
    /// How the result is written; json is one object a line
    #[arg(short, long, value_name = "FORMAT", default_value = "table")]
    output: Output,
}

pub(super) async fn run(args: Args, out: &mut dyn Write) -> anyhow::Result<Ending> {
    let registry = connectors::registry();
    let checked = documents::check(&args.documents, &registry)?;
    let held = documents::open(&checked, args.filter.sink.as_deref(), &registry, &args.documents)?;
    let several = held.len() > 1;
    let mut scan = Scan::new(held, args.filter, &args.documents.state_dir())?;
    let limit = args.limit.unwrap_or(match args.output {
        Output::Table => ROWS,
        Output::Json => usize::MAX,
    });
    let mut shown = Vec::new();
    let mut count = 0;
    while let Some(entries) = scan.next().await? {
        for entry in entries.into_iter().filter(|entry| args.all || entry.became.is_none()) {
            if count < limit {
                match args.output {
                    Output::Table => shown.push(cells(&entry, several, args.all)),
                    Output::Json => writeln!(out, "{}", as_json(&entry))?,
                }
            }
            count += 1;
        }
    }
    if args.output == Output::Table {
        table(shown, count, several, args.all, out)?;
    }
    scan.all_met()?;
    Ok(Ending::Fine)
}

fn table(rows: Vec<Vec<String>>, count: usize, several: bool, all: bool, out: &mut dyn Write) -> anyhow::Result<()> {
    let names = ["entry", "event", "time", "cause", "by", "reason", "route", "generation"];
    let names = several.then_some("sink").into_iter().chain(names).chain(all.then_some("became"));
    let mut table = Table::new(names.map(|name| (name, Align::Left)));
    let shown = rows.len();
    rows.into_iter().for_each(|row| table.row(row));
    if !table.is_empty() {
        table.write(0, out)?;
        writeln!(out)?;
    }
    let entries = human::counted(count, "entry");
    match (count, shown) {
        (0, _) => writeln!(out, "Nothing rests here.")?,
        (count, shown) if shown < count => writeln!(out, "{entries}; the oldest {shown} are shown (--limit).")?,
        _ => writeln!(out, "{entries}.")?,
    }
    Ok(())
}

fn cells(entry: &Entry, several: bool, all: bool) -> Vec<String> {
    let attribute = |name| entry.attribute(name).into_owned();
    let mut cells = Vec::new();
    if several {
        cells.push(entry.sink.to_string());
    }
    cells.extend([entry.place(), entry.id().to_owned()]);
    let names = [deadletter::TIME, deadletter::CAUSE, deadletter::BY, deadletter::REASON, deadletter::ROUTE];
    cells.extend(names.map(attribute));
    cells.push(attribute(deadletter::GENERATION));
    if all {
        cells.push(entry.became.map_or("", |became| became.word()).to_owned());
    }
    cells.iter().map(|cell| shortened(cell)).collect()
}

/// On one line, and not longer than it helps.
pub(super) fn shortened(text: &str) -> String {
    let text = human::plain(text).replace('\n', " ");
    match text.char_indices().nth(CELL_CHARS) {
        None => text,
        Some(_) => text.chars().take(CELL_CHARS - 1).chain(['…']).collect(),
    }
}

/// What is known of an entry, without its payload.
pub(super) fn as_json(entry: &Entry) -> serde_json::Value {
    let attribute = |name| Some(entry.attribute(name)).filter(|text| !text.is_empty());
    json!({
        "sink": &*entry.sink,
        "entry": entry.place(),
        "event": entry.id(),
        "time": attribute(deadletter::TIME),
        "cause": attribute(deadletter::CAUSE),
        "by": attribute(deadletter::BY),
        "reason": attribute(deadletter::REASON),
        "route": attribute(deadletter::ROUTE),
        "generation": attribute(deadletter::GENERATION),
        "digest": attribute(deadletter::DIGEST),
        "origin": attribute(deadletter::ORIGIN),
        "became": entry.became.map(|became| became.word()),
    })
}
