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
        table.row([text(found, "type"), text(found, "status"), words(&text(found, "reason"))]);
    }
    table.write(0, out)?;
    let wrong = |found: &&Value| (text(found, "status") == "True") == (text(found, "type") == "Degraded");
    for found in items(status, "conditions").iter().filter(wrong) {
        for line in text(found, "message").lines() {
            writeln!(out, "  {line}")?;
        }
    }
    section(&policies(status), out)?;
    let mut table = Table::new([("held against every event", Align::Left), ("condition", Align::Left)]);
    for found in items(status, "unindexed") {
        table.row([format!("{} {}", text(found, "kind"), text(found, "name")), text(found, "pointer")]);
    }
    section(&table, out)?;
    section(&rollouts(status), out)?;
    steps(status, out)?;
    shadows(status, out)?;
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

/// What decides for each policy, and about which events; where there are two modules, what decides about most or all comes first.
fn policies(status: &Value) -> Table {
    let mut table = Table::new(["policy", "module", "digest", "decides about"].map(|name| (name, Align::Left)));
    for policy in items(status, "policies") {
        let (id, rollout, about) = (text(policy, "policy"), &policy["rollout"], super::decides(policy));
        let digest = |of: &Value| human::digest(&text(of, "digest")).to_owned();
        let module = format!("{} {}", text(policy, "module"), text(policy, "version"));
        let Some(percent) = rollout["percent"].as_u64() else {
            table.row([id, module, digest(policy), about]);
            continue;
        };
        let others =
            if percent == 0 { "all events".to_owned() } else { format!("{} % of the keys", 100 - percent.min(100)) };
        let baseline = human::digest(&text(rollout, "baseline")).to_owned();
        let mut rows = [
            [id.clone(), "baseline".to_owned(), baseline, others],
            [id, format!("candidate {module}"), digest(policy), about],
        ];
        if percent > 50 {
            rows.reverse();
        }
        rows.into_iter().for_each(|row| table.row(row));
    }
    table
}

/// Both versions of each policy that has two.
fn rollouts(status: &Value) -> Table {
    let counts = ["events", "failed", "refused"];
    let columns = [("rollout", Align::Left), ("keys", Align::Right), ("version", Align::Left)];
    let mut table = Table::new(columns.into_iter().chain(counts.map(|count| (count, Align::Right))));
    for found in items(status, "rollouts").iter().filter(|found| found["promote"]["done"] != true) {
        let percent = found["percent"].as_u64().unwrap_or_default();
        for (version, keys) in [("candidate", percent), ("baseline", 100 - percent.min(100))] {
            let decided = &found["decided"][version];
            let counts = counts.map(|count| human::count(decided[count].as_u64().unwrap_or_default()));
            let row = [text(found, "policy"), format!("{keys} %"), version.to_owned()];
            table.row(row.into_iter().chain(counts));
        }
    }
    table
}

/// How far rollouts that promote themselves have got, and what comes next.
fn steps(status: &Value, out: &mut dyn Write) -> anyhow::Result<()> {
    let promoting = |found: &&Value| found["promote"].is_object() && found["takenBack"].is_null();
    for found in items(status, "rollouts").iter().filter(promoting) {
        let (promote, percent) = (&found["promote"], text(found, "percent"));
        let next = &promote["next"];
        let said = match (text(promote, "heldBy"), next["done"].as_bool()) {
            _ if promote["done"] == true => "is done: its `rollout` can be taken out of the document".to_owned(),
            (who, _) if !who.is_empty() => format!("stays at {percent} %: a rollback of {who} ended there"),
            (_, None) => format!("stays at {percent} %, its last step"),
            (_, Some(done)) => {
                let to = if done { "is done".to_owned() } else { format!("goes on to {} %", text(next, "percent")) };
                let [events, least] =
                    ["events", "minEvents"].map(|count| human::count(promote[count].as_u64().unwrap_or_default()));
                format!("{to} at {} or later, with {least} events or more ({events} so far)", text(next, "notBefore"))
            }
        };
        writeln!(out, "  {} {said}", text(found, "policy"))?;
    }
    Ok(())
}

/// What policies in shadow would do differently.
fn shadows(status: &Value, out: &mut dyn Write) -> anyhow::Result<()> {
    const OUTCOMES: [&str; 8] = ["same", "drop", "reject", "hold", "keep", "reroute", "change", "fail"];
    let columns = [("shadow", Align::Left)].into_iter().chain(OUTCOMES.map(|outcome| (outcome, Align::Right)));
    let mut table = Table::new(columns.chain([("skipped", Align::Right)]));
    let mut examples = Table::new(["would", "event", "route", "why"].map(|name| (name, Align::Left)));
    for found in items(status, "shadows") {
        let count = |value: &Value| human::count(value.as_u64().unwrap_or_default());
        let counts = OUTCOMES.map(|outcome| count(&found["outcomes"][outcome]));
        table.row([text(found, "policy")].into_iter().chain(counts).chain([count(&found["skipped"])]));
        for example in items(found, "examples") {
            let id = human::plain(&text(example, "id"));
            examples.row([
                text(example, "outcome"),
                id,
                text(example, "route"),
                human::plain(&text(example, "reason")),
            ]);
        }
    }
    section(&table, out)?;
    section(&examples, out)
}

/// `circuit open`, of `CircuitOpen`: programs read the one, people the other.
fn words(reason: &str) -> String {
    let mut words = String::new();
    for c in reason.chars() {
        if c.is_uppercase() && !words.is_empty() {
            words.push(' ');
        }
        words.extend(c.to_lowercase());
    }
    words
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
