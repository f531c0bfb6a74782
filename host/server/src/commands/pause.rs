//! `tidegate pause` and `resume`: routes held where they stand, and let go on from there.

use std::io::Write;

use serde_json::json;

use crate::{
    cli::Ending,
    client::{HostArgs, escaped},
};

/// Options of `pause` and `resume`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
What is held are the sources of the route: what they have in flight is settled, and nothing more is taken. Other routes of the same \
sources wait with it, for an event is settled once, on all of its routes. It holds over restarts. `tidegate status` shows routes that are held, `tidegate history` \
who held them, and who let them go on.")]
pub struct Args {
    /// Routes, NAMESPACE/NAME; of the namespace `default` the name will do
    #[arg(required = true, value_name = "ROUTE")]
    routes: Vec<String>,
    /// Why; stands in the history
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
    #[command(flatten)]
    host: HostArgs,
}

/// What is to become of routes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// They wait.
    Paused,
    /// They go on.
    Running,
}

/// One route after the other.
pub fn run(args: Args, wanted: Wanted, out: &mut dyn Write) -> anyhow::Result<Ending> {
    let (verb, done) = match wanted {
        Wanted::Paused => ("pause", "paused: its sources keep their position"),
        Wanted::Running => ("resume", "goes on"),
    };
    for route in &args.routes {
        let (namespace, name) = super::namespace_and_name(route);
        let path = format!("/v1/routes/{}/{}/{verb}", escaped(namespace), escaped(name));
        super::asked(args.host.post(&path, &json!({"reason": args.reason})))?;
        writeln!(out, "{namespace}/{name} {done}")?;
    }
    Ok(Ending::Fine)
}
