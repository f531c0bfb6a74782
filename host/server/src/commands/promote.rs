//! `tidegate promote`: a policy's rollout to more keys, or to all of them.

use std::io::Write;

use serde_json::json;

use crate::{cli::Ending, client::escaped};

/// Options of `promote`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
With --percent the rollout goes on; without, it is done: the module decides about all events, and `rollout` is taken out of the document. A \
rollout that the host has taken back begins again. One that promotes itself goes on from there, and with --percent 0 stops. Where a folder owns the documents nothing is changed: it says what to write there.")]
pub struct Args {
    /// The policy, NAMESPACE/NAME or NAME [default namespace: default]
    #[arg(value_name = "POLICY")]
    policy: String,
    /// Of the keys, 0 to 100, that meet the module
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u8).range(0..=100))]
    percent: Option<u8>,
    /// Verify and show what would change, and change nothing
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    change: super::ChangeArgs,
}

/// Asks and shows.
pub fn run(args: Args, out: &mut dyn Write) -> anyhow::Result<Ending> {
    let (namespace, name) = super::namespace_and_name(&args.policy);
    let path = format!("/v1/policies/{}/{}/promote?dryRun={}", escaped(namespace), escaped(name), args.dry_run);
    let body = json!({"percent": args.percent, "reason": args.change.reason});
    let changed = super::asked(args.change.host.post(&path, &body))?;
    super::changed(&changed, if args.dry_run { "what it would be" } else { "live" }, args.change.output, out)?;
    Ok(Ending::Fine)
}
