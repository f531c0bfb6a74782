//! `tidegate rollback`: an earlier generation live again, in one command and without compiling.

use std::io::Write;

use serde_json::json;

use crate::{cli::Ending, client::HostArgs, listing::Form};

/// Options of `rollback`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Where a folder owns the documents the generation is held until the folder changes again, over restarts as well; `tidegate status` says \
so. Where the admin API owns them they are what they were then.")]
pub struct Args {
    /// A kept generation, or the beginning of its id [default: the one before]
    #[arg(value_name = "GENERATION")]
    to: Option<String>,
    /// Why; stands in the history
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
    /// How to write what changed
    #[arg(short, long, value_name = "FORM", default_value = "table")]
    output: Form,
    #[command(flatten)]
    host: HostArgs,
}

/// Asks and shows.
pub fn run(args: Args, out: &mut dyn Write) -> anyhow::Result<Ending> {
    let body = json!({"generation": args.to, "reason": args.reason});
    let changed = super::asked(args.host.post("/v1/rollback", &body))?;
    super::changed(&changed, "live again", args.output, out)?;
    Ok(Ending::Fine)
}
