//! `tidegate rollback`: an earlier generation live again, in one command and without compiling.

use std::io::Write;

use serde_json::json;

use crate::cli::Ending;

/// Options of `rollback`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Where a folder owns the documents the generation is held until the folder changes again, over restarts as well; `tidegate status` says \
so. Where the admin API owns them they are what they were then.")]
pub struct Args {
    /// A kept generation, or the beginning of its id [default: the one before]
    #[arg(value_name = "GENERATION")]
    to: Option<String>,
    #[command(flatten)]
    change: super::ChangeArgs,
}

/// Asks and shows.
pub fn run(args: Args, out: &mut dyn Write) -> anyhow::Result<Ending> {
    let body = json!({"generation": args.to, "reason": args.change.reason});
    let changed = super::asked(args.change.host.post("/v1/rollback", &body))?;
    super::changed(&changed, "live again", args.change.output, out)?;
    Ok(Ending::Fine)
}
