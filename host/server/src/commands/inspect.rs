//! `tidegate inspect`: what a module is, before anything trusts it.
//!
//! Nothing of the module runs: what it is stands in its type and on its label, which `tidegate build` writes and a host compares with
//! the module's own words when it verifies it. Only `--config` runs it, in the engine's limits and with nothing granted but what it
//! imports.

use std::{io::Write, path::PathBuf};

use serde_json::{Value, json};
use tidegate_engine::{Capability, Guest, Label, Module, StateLimits, VerifyError};
use tidegate_event::flat::{Needs, Rights};

use crate::{
    cli::Ending,
    commands::{
        Output,
        module_file::{interface, load, parse_config, spec, verify_hint},
    },
    host::{self, Room},
    human,
    runtime::{self, runtime},
};

/// Options of `inspect`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// A component (.wasm)
    #[arg(value_name = "MODULE")]
    file: PathBuf,
    /// Run it, configured with this JSON, or @FILE: what a module reads of an event it only says then
    #[arg(long, value_name = "JSON", value_parser = parse_config)]
    config: Option<Value>,
    /// How the result is written
    #[arg(short, long, value_name = "FORMAT", default_value = "table")]
    output: Output,
}

/// Prints what the module is.
pub fn run(args: Args, out: &mut dyn Write) -> anyhow::Result<Ending> {
    let runtime = runtime(runtime::THREADS)?;
    let look = runtime.block_on(look(&args))?;
    match args.output {
        Output::Table => table(&look, out)?,
        Output::Json => writeln!(out, "{:#}", as_json(&look))?,
    }
    Ok(Ending::Fine)
}

/// What was seen.
struct Look {
    module: Module,
    /// Running it, where that was asked for.
    ran: Option<Result<Guest, VerifyError>>,
}

impl Look {
    fn label(&self) -> Option<&Label> {
        self.module.label()
    }

    fn guest(&self) -> Option<&Guest> {
        self.ran.as_ref().and_then(|ran| ran.as_ref().ok())
    }

    /// By its own word, if it was asked, else by its label.
    fn name_and_version(&self) -> Option<(&str, &str)> {
        let told = self.guest().map(|guest| (guest.info().name.as_str(), guest.info().version.as_str()));
        told.or_else(|| self.label().map(|label| (label.name.as_str(), label.version.as_str())))
    }

    fn config_schema(&self) -> Option<&str> {
        match self.guest() {
            Some(guest) => guest.info().config_schema.as_deref(),
            None => self.label().and_then(|label| label.config_schema.as_deref()),
        }
    }
}

async fn look(args: &Args) -> anyhow::Result<Look> {
    let engine = host::engine(None, Room::default())?;
    let module = load(&engine, &args.file).await?;
    let ran = match &args.config {
        None => None,
        Some(config) => {
            // Granted what it imports: looking at a module must not depend on a policy.
            let spec = spec(config, module.imports().clone(), Rights { emit: 1, ..Rights::default() });
            Some(Guest::verify(&engine, &module, spec).await)
        }
    };
    Ok(Look { module, ran })
}

fn table(look: &Look, out: &mut dyn Write) -> anyhow::Result<()> {
    let module = &look.module;
    let mut line =
        |name: &str, value: &str| writeln!(out, "{}", format!("{name:<12}{}", human::plain(value)).trim_end());
    let unknown = || "not known: it has no label (`tidegate build` gives one); `--config` asks the module".to_owned();
    let name = look.name_and_version().map(|(name, version)| format!("{name} {version}"));
    line("name", &name.unwrap_or_else(unknown))?;
    line("interfaces", &interfaces(module).join(", "))?;
    line("contract", module.contract())?;
    line("imports", &or(imports(module).join(", "), "none: a pure module"))?;
    if module.imports().contains(&Capability::State) {
        let StateLimits { max_bytes, .. } = StateLimits::default();
        let most = human::size(max_bytes);
        line(
            "state",
            &format!("{most} a lane, as long as the module says; a policy bounds both: `state: {{maxBytes, ttl}}`"),
        )?;
    }
    match &look.ran {
        None => line("needs", "not known without running it: give `--config`")?,
        Some(Ok(guest)) => line("needs", &or(names(guest.needs()).join(", "), "nothing of an event"))?,
        Some(Err(error)) => {
            line("needs", &format!("not known: {error}"))?;
            line("", &format!("hint: {}", verify_hint(error)))?;
        }
    }
    line("size", &human::size(module.size() as u64))?;
    line("digest", module.digest())?;
    if let Some(label) = look.label() {
        for (name, value) in origin(label) {
            line(name, value.unwrap_or("not told"))?;
        }
    }
    match look.config_schema() {
        None if look.name_and_version().is_none() => line("config", "not known")?,
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

fn as_json(look: &Look) -> Value {
    let module = &look.module;
    let (name, version) = look.name_and_version().unzip();
    let mut json = json!({
        "name": name,
        "version": version,
        "interfaces": interfaces(module),
        "contract": module.contract(),
        "imports": imports(module),
        "needs": look.guest().map(|guest| names(guest.needs())),
        "size": module.size(),
        "digest": module.digest(),
        "configSchema": look.config_schema().map(|text| serde_json::from_str(text).unwrap_or_else(|_| json!(text))),
    });
    for (name, value) in look.label().into_iter().flat_map(origin) {
        json[name] = value.into();
    }
    json
}

/// Where it comes from, by its label.
fn origin(label: &Label) -> [(&'static str, Option<&str>); 3] {
    [("source", label.source.as_deref()), ("sdk", label.sdk.as_deref()), ("toolchain", label.toolchain.as_deref())]
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
