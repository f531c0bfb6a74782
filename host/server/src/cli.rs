//! The command line: which commands there are, and how a run of one ends.
//!
//! Exit codes: 0 fine, 1 refused or failed, 2 wrong usage. Results go to stdout, everything else to stderr.

use std::{
    io::{self, Write as _},
    process::ExitCode,
};

use clap::{Parser, Subcommand};

use crate::{
    commands::{build, demo, dlq, eval, inspect, run, validate},
    logging::Logging,
    problem,
};

/// Runs WebAssembly policies over streams of CloudEvents: filters, transforms and matchers, deployed as documents and
/// swapped while events flow
#[derive(Debug, Parser)]
#[command(
    name = "tidegate",
    version,
    propagate_version = false,
    disable_help_subcommand = true,
    max_term_width = 100,
    after_help = "Start with `tidegate demo`. Exit codes: 0 fine, 1 refused or failed, 2 wrong usage."
)]
struct Cli {
    #[command(subcommand)]
    command: Command,
    #[command(flatten)]
    logging: Logging,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run a host: pull events, apply policies, deliver; documents may change while it runs
    Run(run::Args),
    /// See it work: example filters on a stream of orders, one swapped mid-flow, every order accounted for
    Demo(demo::Args),
    /// Check documents and modules without running them; reports every mistake at once
    Validate(validate::Args),
    /// Show what a module is: interfaces, imports, needs, size, digest, config schema
    Inspect(inspect::Args),
    /// Build a Rust filter folder into a component
    Build(build::Args),
    /// Dead letters: list them, look at them, replay them, drop them
    Dlq(dlq::Args),
    /// Put events through one module and show what it decides
    Eval(eval::Args),
}

/// How a command ended that did not fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// Exit code 0.
    Fine,
    /// Exit code 1; what was wrong has been said.
    Refused,
}

/// Parses the command line, runs the command, and says what went wrong.
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    let default = match cli.command {
        // The connector says what goes wrong with a connection; its client says it again, for each try.
        Command::Run(_) | Command::Eval(_) => "info,async_nats=off",
        // What happens is told on stdout.
        Command::Demo(_) | Command::Validate(_) | Command::Inspect(_) | Command::Build(_) | Command::Dlq(_) => "warn",
    };
    if let Err(error) = cli.logging.start(default) {
        return fail(&error);
    }
    let mut out = io::stdout().lock();
    let ended = match cli.command {
        Command::Run(args) => run::run(args),
        Command::Demo(args) => demo::run(args, &mut out),
        Command::Validate(args) => validate::run(args, &mut out),
        Command::Inspect(args) => inspect::run(args, &mut out),
        Command::Build(args) => build::run(args, &mut out),
        Command::Dlq(args) => dlq::run(args, &mut out),
        Command::Eval(args) => eval::run(args, &mut out),
    };
    let ended = ended.and_then(|ending| {
        out.flush()?;
        Ok(ending)
    });
    match ended {
        Ok(Ending::Fine) => ExitCode::SUCCESS,
        Ok(Ending::Refused) => ExitCode::FAILURE,
        // Whoever reads has seen enough (`tidegate inspect … | head`).
        Err(error) if is_broken_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => fail(&error),
    }
}

fn fail(error: &anyhow::Error) -> ExitCode {
    // If stderr is closed there is nobody left to tell.
    let _ = problem::show(error, &mut io::stderr().lock());
    ExitCode::FAILURE
}

fn is_broken_pipe(error: &anyhow::Error) -> bool {
    error.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe)
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    #[test]
    fn the_command_line_is_consistent() {
        super::Cli::command().debug_assert();
    }
}
