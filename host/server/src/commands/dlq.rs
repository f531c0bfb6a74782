//! `tidegate dlq`: what rests in the dead letters of documents: listed, looked at, replayed, dropped.
//!
//! A dead letter is whatever a dead-letter sink has written; it is read back through the sink's connector and never
//! changed. What became of an entry is noted beside the positions, in the state directory.

mod documents;
mod drop;
mod dry;
mod entry;
mod feed;
mod list;
mod noted;
mod replay;
mod scan;
mod show;

use std::{io::Write, path::PathBuf};

use clap::Subcommand;
use tidegate_policy::Report;

use crate::{
    cli::Ending,
    runtime::{self, runtime},
};

/// Options of `dlq`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
An entry is known by its place (LANE@POSITION, from `list`) or by the id of its event. Nothing is taken out of a dead letter: what \
was replayed or dropped is noted in the state directory, and `list --all` shows it still. A host may run meanwhile.")]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Show what rests: place, time, cause, who is to blame, route, generation
    List(list::Args),
    /// Show all there is about an entry, with the event as it came
    Show(show::Args),
    /// Put entries through the policies of their route once more, and on to its sinks
    Replay(replay::Args),
    /// Note entries as done with, without delivering them
    Drop(drop::Args),
}

/// Which documents, and where their state is.
#[derive(Debug, clap::Args)]
struct DocumentArgs {
    /// Document files, or folders of them (*.yaml, *.yml, *.json)
    #[arg(required = true, value_name = "PATH")]
    paths: Vec<PathBuf>,
    /// Let documents leave out the digests of modules, as `run --dev` does
    #[arg(long)]
    dev: bool,
    /// Where it is noted what became of entries: that of the host [default: as `run`]
    #[arg(long, value_name = "DIR", env = "TIDEGATE_STATE_DIR", hide_env_values = true)]
    state_dir: Option<PathBuf>,
}

impl DocumentArgs {
    fn state_dir(&self) -> PathBuf {
        self.state_dir.clone().unwrap_or_else(super::run::default_state_dir)
    }
}

/// Runs the command. Refused where an entry that was asked for was not dealt with.
pub fn run(args: Args, out: &mut dyn Write) -> anyhow::Result<Ending> {
    let runtime = runtime(runtime::THREADS)?;
    let ended = runtime.block_on(async {
        match args.command {
            Command::List(args) => list::run(args, out).await,
            Command::Show(args) => show::run(args, out).await,
            Command::Replay(args) => replay::run(args, out).await,
            Command::Drop(args) => drop::run(args, out).await,
        }
    });
    // A sink that hangs must not keep the program from ending.
    runtime.shutdown_background();
    match ended {
        Err(error) => match error.downcast::<Report>() {
            Ok(report) => {
                writeln!(std::io::stderr().lock(), "{report}")?;
                Ok(Ending::Refused)
            }
            Err(error) => Err(error),
        },
        ended => ended,
    }
}
