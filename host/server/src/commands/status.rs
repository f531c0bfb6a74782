//! `tidegate status`: what a running host is about, what is wrong with it, and what it runs.

use std::io::Write;

use serde_json::Value;

use crate::{
    cli::Ending,
    client::HostArgs,
    human,
    listing::{Form, items, text},
    table::{Align, Table},
};

/// Options of `status`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Conditions are those of the newest documents, in the order they meet them: Accepted, Resolved, Compiled, Verified, Programmed (they \
decide what flows). Degraded says what runs and does not do well. Conditions of documents that no index can look up, because they \
name no value, beginning or end, are listed: every event that gets so far is held against each of them.")]
pub struct Args {
    /// How to write it
    #[arg(short, long, value_name = "FORM", default_value = "table")]
    output: Form,
    #[command(flatten)]
    host: HostArgs,
}

/// Asks and shows.
pub fn run(args: Args, out: &mut dyn Write) -> anyhow::Result<Ending> {
    let status = super::asked(args.host.get("/v1/status"))?;
    if !args.output.written(&status, out)? {
        shown(&status, out)?;
    }
    Ok(Ending::Fine)
}

fn shown(status: &Value, out: &mut dyn Write) -> anyhow::Result<()> {
    let owner = text(status, "owner");
    writeln!(
        out,
        "{}, generation {}, documents owned by the {owner}",
        text(status, "phase"),
        text(status, "generation")
    )?;
    if !status["pin"].is_null() {
        let (pin, who) = (text(&status["pin"], "generation"), text(&status["pin"], "who"));
        writeln!(out, "{pin} is held by a rollback of {who}, until the folder of documents changes")?;
    }
    writeln!(out)?;
    let mut table = Table::new([("condition", Align::Left), ("status", Align::Left), ("reason", Align::Left)]);
    for found in items(status, "conditions") {
        table.row([text(found, "type"), text(found, "status"), text(found, "reason")]);
    }
    table.write(0, out)?;
    let wrong = |found: &&Value| (text(found, "status") == "True") == (text(found, "type") == "Degraded");
    for found in items(status, "conditions").iter().filter(wrong) {
        for line in text(found, "message").lines() {
            writeln!(out, "  {line}")?;
        }
    }
    let mut table = Table::new([("policy", Align::Left), ("module", Align::Left), ("digest", Align::Left)]);
    for policy in items(status, "policies") {
        let module = format!("{} {}", text(policy, "module"), text(policy, "version"));
        table.row([text(policy, "policy"), module, human::digest(&text(policy, "digest")).to_owned()]);
    }
    section(&table, out)?;
    let mut table = Table::new([("held against every event", Align::Left), ("condition", Align::Left)]);
    for found in items(status, "unindexed") {
        table.row([format!("{} {}", text(found, "kind"), text(found, "name")), text(found, "pointer")]);
    }
    section(&table, out)?;
    let mut table = Table::new([("route", Align::Left), ("behind", Align::Right), ("state", Align::Left)]);
    for route in items(status, "routes") {
        let name = text(route, "route");
        let paused = items(status, "paused").iter().find(|paused| text(paused, "route") == name);
        let state = paused.map_or("running".to_owned(), |paused| format!("paused by {}", text(paused, "who")));
        table.row([name, behind(&route["lag"]), state]);
    }
    section(&table, out)?;
    let mut table = Table::new([("sink", Align::Left), ("waiting", Align::Right), ("trouble", Align::Left)]);
    for sink in items(status, "sinks") {
        table.row([text(sink, "sink"), text(sink, "pending"), text(sink, "trouble")]);
    }
    section(&table, out)
}

fn behind(lag: &Value) -> String {
    match (lag["events"].as_u64(), lag["bytes"].as_u64()) {
        (Some(events), _) => human::count(events),
        (None, Some(bytes)) => human::size(bytes),
        (None, None) => String::new(),
    }
}

fn section(table: &Table, out: &mut dyn Write) -> anyhow::Result<()> {
    if !table.is_empty() {
        writeln!(out)?;
        table.write(0, out)?;
    }
    Ok(())
}
