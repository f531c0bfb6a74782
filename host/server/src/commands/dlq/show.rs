//! `dlq show`: all there is about an entry, with the event as it came.

use std::{io::Write, path::Path};

use serde_json::value::RawValue;
use tidegate_event::{Event, json};
use tidegate_pipeline::deadletter;

use super::{
    DocumentArgs, documents,
    entry::{Entry, Filter},
    list,
    noted::noted_at,
    scan::Scan,
};
use crate::{cli::Ending, commands::Output, connectors, human};

/// Options of `dlq show`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    documents: DocumentArgs,
    /// The entry: its place, or the id of its event (may be repeated)
    #[arg(short, long = "entry", value_name = "ENTRY", required = true)]
    entries: Vec<String>,
    /// Only in this dead-letter sink
    #[arg(long, value_name = "SINK")]
    sink: Option<String>,
    /// Write nothing but the payload, byte for byte as it came
    #[arg(long, conflicts_with = "output")]
    payload: bool,
    /// How the result is written; json is one object a line
    #[arg(short, long, value_name = "FORMAT", default_value = "table")]
    output: Output,
}

pub(super) async fn run(args: Args, out: &mut dyn Write) -> anyhow::Result<Ending> {
    let registry = connectors::registry();
    let checked = documents::check(&args.documents, &registry)?;
    let held = documents::open(&checked, args.sink.as_deref(), &registry, &args.documents)?;
    let state_dir = args.documents.state_dir();
    let mut scan = Scan::new(held, Filter::entries(args.entries, args.sink), &state_dir)?;
    while let Some(entries) = scan.next().await? {
        for entry in entries {
            match args.output {
                _ if args.payload => out.write_all(&entry.payload())?,
                Output::Table => text(&entry, &state_dir, out)?,
                Output::Json => as_json(&entry, out)?,
            }
        }
    }
    scan.all_met()?;
    Ok(Ending::Fine)
}

fn text(entry: &Entry, state_dir: &Path, out: &mut dyn Write) -> anyhow::Result<()> {
    let mut line = |name: &str, value: &str| match value {
        "" => Ok(()),
        value => writeln!(out, "{name:<16}{}", human::plain(value).replace('\n', " ")),
    };
    line("entry", &format!("{} in {}", entry.place(), entry.sink))?;
    for (name, attribute) in [
        ("time", deadletter::TIME),
        ("cause", deadletter::CAUSE),
        ("reason", deadletter::REASON),
        ("by", deadletter::BY),
        ("digest", deadletter::DIGEST),
        ("route", deadletter::ROUTE),
        ("generation", deadletter::GENERATION),
        ("origin", deadletter::ORIGIN),
    ] {
        line(name, &entry.attribute(attribute))?;
    }
    if let Some(became) = entry.became {
        let at = noted_at(state_dir, &entry.sink, &entry.record.lane, entry.record.position).unwrap_or_default();
        line("became", &format!("{} {at}", became.word()))?;
    }
    let message = entry.record.message.as_ref();
    if let Ok(event) = message
        && let Ok(original) = deadletter::original(event)
    {
        writeln!(out)?;
        attributes(&original, out)?;
    }
    payload(entry, out)
}

fn attributes(event: &Event, out: &mut dyn Write) -> anyhow::Result<()> {
    let names = ["id", "source", "type", "subject", "time", "datacontenttype", "dataschema"];
    let extensions = event.extensions().map(|(name, _)| name);
    for name in names.into_iter().chain(extensions) {
        if let Some(value) = event.attribute(name) {
            writeln!(out, "{name:<16}{}", human::plain(&value).replace('\n', " "))?;
        }
    }
    Ok(())
}

fn payload(entry: &Entry, out: &mut dyn Write) -> anyhow::Result<()> {
    let payload = entry.payload();
    let bytes = human::size(payload.len() as u64);
    match std::str::from_utf8(&payload) {
        _ if payload.is_empty() => writeln!(out, "\nNo data.")?,
        Ok(text) => writeln!(out, "\n{}", human::plain(text).trim_end_matches('\n'))?,
        Err(_) => writeln!(out, "\n{bytes} of data that is no text: `--payload` writes it.")?,
    }
    Ok(())
}

/// The original stands in it byte for byte.
fn as_json(entry: &Entry, out: &mut dyn Write) -> anyhow::Result<()> {
    let known = list::as_json(entry).to_string();
    let original = entry.record.message.as_ref().ok().and_then(|event| deadletter::original(event).ok());
    let (name, value) = match original {
        Some(original) => {
            let mut text = Vec::new();
            json::encode(&original, &mut text);
            ("original", String::from_utf8(text).ok().and_then(|text| RawValue::from_string(text).ok()))
        }
        None => {
            let text = String::from_utf8_lossy(&entry.payload()).into_owned();
            ("message", serde_json::value::to_raw_value(&text).ok())
        }
    };
    let known = known.trim_end_matches('}');
    writeln!(out, "{known},\"{name}\":{}}}", value.as_deref().map_or("null", RawValue::get))?;
    Ok(())
}
