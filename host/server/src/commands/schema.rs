//! `tidegate schema`: the JSON Schema of documents, or of a module's configuration.

use std::{io::Write, path::PathBuf};

use serde_json::Value;
use tidegate_engine::Guest;

use crate::{
    cli::Ending,
    commands::module_file::{load, verify_hint},
    connector_schemas,
    host::{self, Room},
    problem::{OrProblem as _, because, problem},
    runtime::{self, runtime},
};

/// Options of `schema`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
For an editor with the YAML language server: `tidegate schema > tidegate.schema.json`, and as the first line of a document \
`# yaml-language-server: $schema=tidegate.schema.json`.")]
pub struct Args {
    /// A component (.wasm): print the schema of its configuration instead
    #[arg(value_name = "MODULE")]
    module: Option<PathBuf>,
}

/// Prints the schema.
pub fn run(args: Args, out: &mut dyn Write) -> anyhow::Result<Ending> {
    let schema = match &args.module {
        None => tidegate_policy::schema(&connector_schemas::all()),
        Some(path) => {
            let runtime = runtime(runtime::THREADS)?;
            runtime.block_on(of_module(path))?
        }
    };
    writeln!(out, "{schema:#}")?;
    Ok(Ending::Fine)
}

async fn of_module(path: &std::path::Path) -> anyhow::Result<Value> {
    let engine = host::engine(None, Room::default())?;
    let module = load(&engine, path).await?;
    let shown = path.display();
    let info = Guest::describe(&engine, &module).await.map_err(|error| {
        let hint = verify_hint(&error);
        because(error, format!("{shown} cannot be asked for its schema"), hint)
    })?;
    let hint = "in Rust: `#[filter(config_schema = \"../schema.json\")]`";
    let schema =
        info.config_schema.ok_or_else(|| problem(format!("{shown} gives no schema of its configuration"), hint))?;
    serde_json::from_str(&schema)
        .or_problem(format!("the schema of {shown} is not JSON"), "this is a mistake in the module")
}
