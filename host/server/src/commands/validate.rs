//! `tidegate validate`: all that a host would refuse, without running anything.

use std::{io::Write, path::PathBuf};

use serde_json::json;
use tidegate_control::Verified;
use tidegate_policy::{
    Diagnostic, Documents, Report,
    spec::{Capability, State},
};

use crate::{
    cli::Ending,
    commands::Output,
    host, human,
    runtime::{self, runtime},
    table::{Align, Table},
};

/// Options of `validate`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Modules are loaded, their config checked by their own schema, and configured once, exactly as before a swap.")]
pub struct Args {
    /// Document files, or folders of them (*.yaml, *.yml, *.json)
    #[arg(required = true, value_name = "PATH")]
    paths: Vec<PathBuf>,
    /// Let documents leave out the digests of modules, as `run --dev` does
    #[arg(long)]
    dev: bool,
    /// How the result is written
    #[arg(short, long, value_name = "FORMAT", default_value = "table")]
    output: Output,
}

/// Prints every mistake, or what was checked.
pub fn run(args: Args, out: &mut dyn Write) -> anyhow::Result<Ending> {
    let runtime = runtime(runtime::THREADS)?;
    let _inside = runtime.enter();
    let (control, set) = host::checker(&args.paths, args.dev)?;
    let checked = runtime.block_on(control.verify(&set));
    match (&checked, args.output) {
        (Ok(verified), Output::Table) => table(verified, set.files.len(), out)?,
        (Ok(verified), Output::Json) => writeln!(out, "{:#}", fine(verified))?,
        (Err(report), Output::Table) => mistakes(report, out)?,
        (Err(report), Output::Json) => writeln!(out, "{:#}", refused(report))?,
    }
    Ok(if checked.is_ok() { Ending::Fine } else { Ending::Refused })
}

fn table(verified: &Verified, files: usize, out: &mut dyn Write) -> anyhow::Result<()> {
    let documents = verified.documents();
    let mut table = Table::new([("kind", Align::Left), ("name", Align::Left), ("", Align::Left)]);
    for source in &documents.sources {
        table.row(["Source".into(), source.meta.id.to_string(), source.connector.name.clone()]);
    }
    for sink in &documents.sinks {
        table.row(["Sink".into(), sink.meta.id.to_string(), sink.connector.name.clone()]);
    }
    for route in &documents.routes {
        let names = |ids: Vec<String>| ids.join(", ");
        let from = names(route.from.iter().map(|id| id.name.to_string()).collect());
        let to = names(route.to.iter().map(|target| target.sink.name.to_string()).collect());
        table.row(["Route".into(), route.meta.id.to_string(), format!("{from} → {to}")]);
    }
    for policy in verified.policies() {
        let named = human::plain(&format!("{} {}", policy.module, policy.version));
        let state = state_of(documents, &policy.policy).map(kept).unwrap_or_default();
        let module = format!("{named} {}{state}", human::digest(&policy.digest));
        table.row(["FilterPolicy".into(), policy.policy.to_string(), module]);
    }
    table.write(0, out)?;
    writeln!(out)?;
    for unused in documents.unused() {
        writeln!(out, "warning: {unused}")?;
    }
    for found in verified.unindexed() {
        writeln!(
            out,
            "note: {} {}, {}: every event is held against it, for it has nothing to look up",
            found.kind, found.name, found.pointer
        )?;
    }
    let files = human::counted(files, "file");
    writeln!(out, "No mistakes in {files}. As generation {} it can go live.", verified.generation())?;
    Ok(())
}

/// What a policy may keep, where it is granted to keep anything.
fn state_of<'a>(documents: &'a Documents, policy: &str) -> Option<&'a State> {
    let document = documents.policies.iter().find(|document| document.meta.id.to_string() == policy)?;
    document.is_granted(Capability::State).then_some(&document.state)
}

fn kept(state: &State) -> String {
    let until =
        state.ttl.map_or_else(|| "as long as it says".to_owned(), |ttl| format!("{} at most", human::span(ttl)));
    format!(", keeps {} a lane, {until}", human::size(state.max_bytes))
}

fn mistakes(report: &Report, out: &mut dyn Write) -> anyhow::Result<()> {
    let mistakes = human::counted(report.diagnostics.len(), "mistake");
    let places = match report.files() {
        0 => String::new(),
        files => format!(" in {}", human::counted(files, "file")),
    };
    writeln!(out, "{report}\n\n{mistakes}{places}")?;
    Ok(())
}

fn fine(verified: &Verified) -> serde_json::Value {
    let documents = verified.documents();
    let policies: Vec<_> = verified
        .policies()
        .iter()
        .map(|p| {
            let state = state_of(documents, &p.policy).map(
                |state| json!({"maxBytes": state.max_bytes, "ttlMs": state.ttl.map(|ttl| ttl.as_millis() as u64)}),
            );
            json!({"name": &*p.policy, "module": p.module, "version": p.version, "digest": p.digest, "state": state})
        })
        .collect();
    json!({
        "valid": true,
        "generation": &**verified.generation(),
        "sources": documents.sources.iter().map(|d| d.meta.id.to_string()).collect::<Vec<_>>(),
        "sinks": documents.sinks.iter().map(|d| d.meta.id.to_string()).collect::<Vec<_>>(),
        "routes": documents.routes.iter().map(|d| d.meta.id.to_string()).collect::<Vec<_>>(),
        "policies": policies,
        "unindexed": verified
            .unindexed()
            .iter()
            .map(|found| json!({"kind": found.kind, "name": &*found.name, "pointer": found.pointer}))
            .collect::<Vec<_>>(),
        "warnings": documents.unused().iter().map(ToString::to_string).collect::<Vec<_>>(),
    })
}

fn refused(report: &Report) -> serde_json::Value {
    let mistake = |d: &Diagnostic| {
        json!({
            "code": d.code,
            "message": d.message,
            "file": d.place.as_ref().map(|place| &place.file),
            "line": d.place.as_ref().map(|place| place.line),
            "column": d.place.as_ref().map(|place| place.column),
            "hint": d.hint,
        })
    };
    json!({"valid": false, "mistakes": report.diagnostics.iter().map(mistake).collect::<Vec<_>>()})
}
