//! `tidegate explain`: which policies met an event, in which order, what each decided, and why.

use std::{io::Write, path::PathBuf};

use serde_json::{Value, json};

use crate::{
    cli::Ending,
    client::{HostArgs, escaped},
    event_text, human,
    listing::{Form, items, text},
    table::{Align, Table},
};

/// Options of `explain`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
An id is looked up in the decision log of the host: every event that was dropped, refused, lost or dead-lettered, and a sample of the \
others, as far back as 64 MiB reach. The log is kept in memory: what was decided before the host started is not known. A decision `fail` \
means that the policy could not decide; the reason says why, and what its failure rule did. With --event the policies that are live are asked once more, and nothing is sent anywhere.")]
pub struct Args {
    /// The id of an event that the host has decided
    #[arg(value_name = "EVENT-ID", required_unless_present = "event", conflicts_with = "event")]
    id: Option<String>,
    /// The `source` of that event, where several have the id
    #[arg(long, value_name = "URI", requires = "id")]
    source: Option<String>,
    /// A file with an event (CloudEvents JSON), to be put through what is live; `-` is stdin
    #[arg(long, value_name = "FILE")]
    event: Option<PathBuf>,
    /// How to write it
    #[arg(short, long, value_name = "FORM", default_value = "table")]
    output: Form,
    #[command(flatten)]
    host: HostArgs,
}

/// Asks and shows. Refused where nothing is known of the event.
pub fn run(args: Args, out: &mut dyn Write) -> anyhow::Result<Ending> {
    if let Some(file) = &args.event {
        let mut explained = Vec::new();
        for event in event_text::read(file)? {
            let mut text = Vec::new();
            tidegate_event::json::encode(&event, &mut text);
            let body = json!({"event": serde_json::from_slice::<Value>(&text)?});
            explained.push(super::asked(args.host.post("/v1/explain", &body))?);
        }
        if !args.output.written(&Value::from(explained.clone()), out)? {
            explained.iter().try_for_each(|explained| shown(explained, out))?;
        }
        return Ok(Ending::Fine);
    }
    let id = args.id.unwrap_or_default();
    let source = args.source.map(|source| format!("&source={}", escaped(&source))).unwrap_or_default();
    let found = super::asked(args.host.get(&format!("/v1/decisions?id={}{source}", escaped(&id))))?;
    let known = !items(&found, "decisions").is_empty();
    if !args.output.written(&found, out)? {
        for decision in items(&found, "decisions") {
            writeln!(out, "{} from {}, at {}", text(decision, "id"), text(decision, "source"), text(decision, "at"))?;
            shown(decision, out)?;
        }
        if !known {
            let since = text(&found, "since");
            let since = if since.is_empty() { String::new() } else { format!(", which reaches back to {since}") };
            writeln!(out, "not retained: {} is not in the decision log{since}", human::plain(&id))?;
            writeln!(
                out,
                "  every drop and dead letter is noted, and a sample of the rest; with --event the policies are asked again"
            )?;
        }
    }
    Ok(if known { Ending::Fine } else { Ending::Refused })
}

/// One event on its routes.
fn shown(explained: &Value, out: &mut dyn Write) -> anyhow::Result<()> {
    for route in items(explained, "routes") {
        let sinks: Vec<&str> = items(route, "sinks").iter().filter_map(Value::as_str).collect();
        let to = if sinks.is_empty() { String::new() } else { format!(" to {}", sinks.join(", ")) };
        let by = match (text(route, "by"), text(route, "reason")) {
            (by, _) if by.is_empty() => String::new(),
            (by, reason) if reason.is_empty() => format!(" by {by}"),
            (by, reason) => format!(" by {by}: {reason}"),
        };
        let fate = text(route, "fate").replace('_', "-");
        writeln!(out, "route {}, generation {}: {fate}{to}{by}", text(route, "route"), text(explained, "generation"))?;
        let mut table =
            Table::new(["policy", "matched", "decision", "reason", "digest"].map(|name| (name, Align::Left)));
        for step in items(route, "steps") {
            let matched = match step["matched"].as_bool() {
                Some(true) => "yes",
                Some(false) => "no",
                None => "not known",
            };
            let changed = if step["changed"] == Value::Bool(true) { ", changed" } else { "" };
            let decision = format!("{}{changed}", text(step, "decision"));
            let digest = text(step, "digest");
            table.row([
                text(step, "policy"),
                matched.to_owned(),
                decision,
                text(step, "reason"),
                human::digest(&digest).to_owned(),
            ]);
        }
        table.write(2, out)?;
    }
    Ok(())
}
