//! `tidegate plan`: what documents would change on a host, and what they would do to events. Changes nothing.

use std::{io::Write, path::PathBuf, time::Duration};

use serde_json::{Value, json};

use super::apply::upload;
use crate::{
    cli::Ending,
    client::HostArgs,
    event_text, human,
    listing::{Form, items, text},
    table::{Align, Table},
};

/// Options of `plan`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
The host verifies the documents as if they were applied. Events of --sample are put through what is live and through what would be, \
without being sent anywhere.")]
pub struct Args {
    /// Document files, or folders of them (*.yaml, *.yml, *.json)
    #[arg(required = true, value_name = "PATH")]
    paths: Vec<PathBuf>,
    /// Documents that are not among these would be taken out
    #[arg(long)]
    prune: bool,
    /// Recorded events to try it on: CloudEvents in JSON, one a line
    #[arg(long, value_name = "FILE")]
    sample: Option<PathBuf>,
    /// How to write it
    #[arg(short, long, value_name = "FORM", default_value = "table")]
    output: Form,
    #[command(flatten)]
    host: HostArgs,
}

/// Asks and shows.
pub fn run(args: Args, out: &mut dyn Write) -> anyhow::Result<Ending> {
    let events = args.sample.as_deref().map(event_text::read).transpose()?.unwrap_or_default();
    let mut sample = Vec::with_capacity(events.len());
    for event in &events {
        let mut text = Vec::new();
        tidegate_event::json::encode(event, &mut text);
        sample.push(serde_json::from_slice::<Value>(&text)?);
    }
    let planned = super::asked(async {
        let put = upload::documents(&args.host, &args.paths).await?;
        let body = json!({"put": put, "replace": args.prune, "sample": sample});
        args.host.post("/v1/documents?dryRun=true", &body).await
    })?;
    if !args.output.written(&planned, out)? {
        shown(&planned, out)?;
        let id = |example: &Value| {
            let at = example["event"].as_u64().and_then(|at| usize::try_from(at).ok());
            at.and_then(|at| events.get(at)).map(|event| event.id().to_string()).unwrap_or_default()
        };
        examples(&planned["sample"], &id, out)?;
    }
    Ok(Ending::Fine)
}

fn shown(planned: &Value, out: &mut dyn Write) -> anyhow::Result<()> {
    super::documents_changed(&planned["documents"], usize::MAX, out)?;
    for policy in items(planned, "policies") {
        let (module, version) = (text(policy, "module"), text(policy, "version"));
        let digest = text(policy, "digest");
        writeln!(out, "  {} runs {module} {version} {}", text(policy, "policy"), human::digest(&digest))?;
        let rollout = &policy["rollout"];
        if policy["shadow"] == true {
            writeln!(out, "    in shadow: it decides nothing, and what it would decide is counted")?;
        }
        if let Some(percent) = rollout["percent"].as_u64() {
            let baseline = text(rollout, "baseline");
            writeln!(out, "    for {percent} % of its keys, {} for the others", human::digest(&baseline))?;
            steps(rollout, out)?;
        }
    }
    let difference = super::difference(&planned["documents"]);
    writeln!(out, "generation {} would be live: {difference}", text(planned, "generation"))?;
    let sample = &planned["sample"];
    if sample.is_null() {
        return Ok(());
    }
    writeln!(out)?;
    let mut table = Table::new([("of the sample, by route", Align::Left), ("events", Align::Right)]);
    let rows = [
        ("as before", "unchanged"),
        ("now dropped", "dropped"),
        ("now dead-lettered", "deadLettered"),
        ("now rejected", "rejected"),
        ("now held", "held"),
        ("now delivered", "delivered"),
        ("delivered elsewhere", "rerouted"),
        ("delivered with other content", "changed"),
        ("on a route that is new", "newRoutes"),
        ("on a route that is gone", "goneRoutes"),
    ];
    for (name, key) in rows {
        let count = sample[key].as_u64().unwrap_or_default();
        if count > 0 || key == "unchanged" {
            table.row([name.to_owned(), human::count(count)]);
        }
    }
    table.write(0, out)?;
    if sample["tried"] != sample["events"] {
        writeln!(out, "there was time for {} of {} events", text(sample, "tried"), text(sample, "events"))?;
    }
    Ok(())
}

/// What comes by itself.
fn steps(rollout: &Value, out: &mut dyn Write) -> anyhow::Result<()> {
    let steps: Vec<String> = items(rollout, "steps").iter().map(|step| format!("{step} %")).collect();
    if !steps.is_empty() {
        let after = Duration::from_secs_f64(rollout["afterSeconds"].as_f64().unwrap_or_default());
        writeln!(out, "    by itself on to {}, each after {} that goes well", steps.join(", "), human::span(after))?;
    }
    Ok(())
}

fn examples(sample: &Value, id: &dyn Fn(&Value) -> String, out: &mut dyn Write) -> anyhow::Result<()> {
    let mut table = Table::new(["event", "route", "before", "after", "why"].map(|name| (name, Align::Left)));
    for example in items(sample, "examples") {
        let (before, after) = (&example["before"], &example["after"]);
        let why = match (text(after, "by"), text(after, "reason")) {
            (by, reason) if reason.is_empty() => by,
            (by, reason) => format!("{by}: {reason}"),
        };
        table.row([human::plain(&id(example)), text(example, "route"), fate(before), fate(after), why]);
    }
    if !table.is_empty() {
        writeln!(out)?;
        table.write(0, out)?;
    }
    Ok(())
}

fn fate(end: &Value) -> String {
    let sinks: Vec<&str> = items(end, "sinks").iter().filter_map(Value::as_str).collect();
    let word = text(end, "fate").replace('_', "-");
    if sinks.is_empty() { word } else { format!("{word} to {}", sinks.join(", ")) }
}
