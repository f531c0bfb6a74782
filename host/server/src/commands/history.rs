//! `tidegate history`: who changed what on a host, when, and how it ended.

use std::io::Write;

use serde_json::Value;

use crate::{
    cli::Ending,
    client::HostArgs,
    listing::{Form, items, text},
    table::{Align, Table},
};

/// Options of `history`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
The last 200 changes are remembered, over restarts; routes that were paused and resumed, and taps that showed what events carry, are \
among them. `kept` are the generations that `tidegate rollback` can bring back.")]
pub struct Args {
    /// So many changes, the newest
    #[arg(short = 'n', long, value_name = "N", default_value_t = 20)]
    limit: usize,
    /// How to write it
    #[arg(short, long, value_name = "FORM", default_value = "table")]
    output: Form,
    #[command(flatten)]
    host: HostArgs,
}

/// Asks and shows.
pub fn run(args: Args, out: &mut dyn Write) -> anyhow::Result<Ending> {
    let (history, kept) = super::asked(async {
        let history = args.host.get(&format!("/v1/history?limit={}", args.limit)).await?;
        Ok((history, args.host.get("/v1/generations").await?))
    })?;
    if args.output.written(&history, out)? {
        return Ok(Ending::Fine);
    }
    let left = |name| (name, Align::Left);
    let columns = ["change", "at", "who", "did", "documents", "generation", "outcome", "reason"];
    let mut table = Table::new(columns.map(left));
    let kept: Vec<String> = items(&kept, "generations").iter().map(|found| text(found, "id")).collect();
    for change in items(&history, "changes") {
        let generation = text(change, "generation");
        let shown = if kept.contains(&generation) { format!("{generation} kept") } else { generation };
        table.row([
            text(change, "number"),
            // To the second.
            text(change, "at").chars().take(19).collect(),
            text(change, "who"),
            text(change, "action"),
            super::difference(&change["documents"]),
            shown,
            outcome(change),
            text(change, "reason"),
        ]);
    }
    table.write(0, out)?;
    for change in items(&history, "changes") {
        for reason in items(change, "reasons").iter().filter_map(Value::as_str) {
            writeln!(
                out,
                "\nchange {}: {}",
                text(change, "number"),
                crate::human::plain(reason).replace('\n', "\n  ")
            )?;
        }
    }
    Ok(Ending::Fine)
}

fn outcome(change: &Value) -> String {
    match change["outcome"].as_str() {
        Some("rolled_back") => format!("rolled back by {}", text(change, "rolledBackBy")),
        Some(other) => other.to_owned(),
        None => String::new(),
    }
}
