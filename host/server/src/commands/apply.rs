//! `tidegate apply`: documents and their modules onto a host whose documents the admin API owns.

pub(crate) mod upload;

use std::{io::Write, path::PathBuf};

use serde_json::json;

use crate::cli::Ending;

/// Options of `apply`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
All documents go live, or none. A module beside its document is uploaded, and its digest is written into the document on the way. \
Other files that documents name are not: relative paths start from generations/documents in the state directory of the host, so write \
absolute ones.")]
pub struct Args {
    /// Document files, or folders of them (*.yaml, *.yml, *.json)
    #[arg(required = true, value_name = "PATH")]
    paths: Vec<PathBuf>,
    /// Take out documents that are not among these
    #[arg(long)]
    prune: bool,
    /// Only if the documents are still those with this tag
    #[arg(long, value_name = "TAG")]
    if_match: Option<String>,
    #[command(flatten)]
    change: super::ChangeArgs,
}

/// Uploads, applies, and shows.
pub fn run(args: Args, out: &mut dyn Write) -> anyhow::Result<Ending> {
    let changed = super::asked(async {
        let put = upload::documents(&args.change.host, &args.paths).await?;
        let body = json!({"put": put, "replace": args.prune, "reason": args.change.reason});
        let tag = args.if_match.as_ref().map(|tag| format!("\"{}\"", tag.trim_matches('"')));
        let headers: Vec<(&str, &str)> = tag.iter().map(|tag| ("if-match", tag.as_str())).collect();
        args.change.host.call("POST", "/v1/documents", &headers, body.to_string().into()).await?.fine()
    })?;
    super::changed(&changed, "live", args.change.output, out)?;
    Ok(Ending::Fine)
}
