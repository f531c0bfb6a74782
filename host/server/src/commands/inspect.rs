//! `tidegate inspect`: what a module is, before anything trusts it.

use std::{io::Write, path::PathBuf};

use serde_json::{Value, json};
use tidegate_engine::{Capability, Guest, Info, Module, VerifyError};
use tidegate_event::flat::{Needs, Rights};

use crate::{
    cli::Ending,
    commands::{
        Output,
        module_file::{interface, load, parse_config, spec, verify_hint},
    },
    host::{self, Room},
    human,
    problem::because,
    runtime::{self, runtime},
};

/// Options of `inspect`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// A component (.wasm)
    #[arg(value_name = "MODULE")]
    file: PathBuf,
    /// Configure it with this JSON, or @FILE: what a module reads of an event can depend on it
    #[arg(long, value_name = "JSON", default_value = "{}", value_parser = parse_config)]
    config: Value,
    /// How the result is written
    #[arg(short, long, value_name = "FORMAT", default_value = "table")]
    output: Output,
}

/// Prints what the module is.
pub fn run(args: Args, out: &mut dyn Write) -> anyhow::Result<Ending> {
    let runtime = runtime(runtime::THREADS)?;
    let (module, info, needs) = runtime.block_on(look(&args))?;
    match args.output {
        Output::Table => table(&module, &info, needs, out)?,
        Output::Json => writeln!(out, "{:#}", as_json(&module, &info, needs.ok()))?,
    }
    Ok(Ending::Fine)
}

async fn look(args: &Args) -> anyhow::Result<(Module, Info, Result<Needs, VerifyError>)> {
    let engine = host::engine(None, Room::default())?;
    let module = load(&engine, &args.file).await?;
    let info = Guest::describe(&engine, &module).await.map_err(|error| {
        let hint = verify_hint(&error);
        because(error, format!("{} cannot be asked what it is", args.file.display()), hint)
    })?;
    // Granted what it imports: looking at a module must not depend on a policy.
    let spec = spec(&args.config, module.imports().clone(), Rights { emit: 1, ..Rights::default() });
    let needs = Guest::verify(&engine, &module, spec).await.map(|guest| guest.needs());
    Ok((module, info, needs))
}

fn table(module: &Module, info: &Info, needs: Result<Needs, VerifyError>, out: &mut dyn Write) -> anyhow::Result<()> {
    let mut line =
        |name: &str, value: &str| writeln!(out, "{}", format!("{name:<12}{}", human::plain(value)).trim_end());
    line("name", &format!("{} {}", info.name, info.version))?;
    line("interfaces", &interfaces(module).join(", "))?;
    line("contract", module.contract())?;
    line("imports", &or(imports(module).join(", "), "none: a pure module"))?;
    match needs {
        Ok(needs) => line("needs", &or(names(needs).join(", "), "nothing of an event"))?,
        Err(error) => {
            line("needs", &format!("not known: {error}"))?;
            line("", &format!("hint: {}", verify_hint(&error)))?;
        }
    }
    line("size", &human::size(module.size() as u64))?;
    line("digest", module.digest())?;
    match &info.config_schema {
        None => line("config", "no schema")?,
        Some(schema) => {
            line("config", "")?;
            for row in pretty(schema).lines() {
                line("", row)?;
            }
        }
    }
    Ok(())
}

fn as_json(module: &Module, info: &Info, needs: Option<Needs>) -> Value {
    let schema = info.config_schema.as_ref();
    json!({
        "name": info.name,
        "version": info.version,
        "interfaces": interfaces(module),
        "contract": module.contract(),
        "imports": imports(module),
        "needs": needs.map(names),
        "size": module.size(),
        "digest": module.digest(),
        "configSchema": schema.map(|text| serde_json::from_str(text).unwrap_or_else(|_| json!(text))),
    })
}

fn interfaces(module: &Module) -> Vec<&'static str> {
    module.kinds().iter().map(|kind| interface(*kind)).collect()
}

fn imports(module: &Module) -> Vec<&'static str> {
    module.imports().iter().map(|capability: &Capability| capability.as_str()).collect()
}

fn names(needs: Needs) -> Vec<&'static str> {
    let Needs { attributes, extensions, data, context } = needs;
    let all = [(attributes, "attributes"), (extensions, "extensions"), (data, "data"), (context, "context")];
    all.into_iter().filter_map(|(needed, name)| needed.then_some(name)).collect()
}

fn or(text: String, instead: &str) -> String {
    if text.is_empty() { instead.to_owned() } else { text }
}

/// A schema that is not JSON is shown as it is: `verify` refuses it, looking at it is what this command is for.
fn pretty(schema: &str) -> String {
    let parsed = serde_json::from_str::<Value>(schema);
    parsed.map_or_else(|_| schema.to_owned(), |value| format!("{value:#}"))
}
